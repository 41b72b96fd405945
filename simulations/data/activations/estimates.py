"""What collecting and training take, from sizes alone: estimates, not measurements."""

from __future__ import annotations

from typing import NamedTuple

GIB = 2**30


class Machine(NamedTuple):
    """What a machine does: floating-point operations a second on the products at hand, which is less than its peak."""

    name: str
    operations: float


# Ours: a core with AVX2 in float32; a large GPU in bfloat16 at a third of its peak.
CORE = Machine("one CPU core", 4e10)
GPU = Machine("one large GPU", 2.5e14)


class Shape(NamedTuple):
    """A transformer: its name on the hub, parameters, dimension and blocks."""

    model: str
    n_parameters: float
    d_model: int
    n_layers: int


# Of the paper's models and two small ones; numbers of their model cards.
SHAPES = (
    Shape("all-MiniLM-L6-v2", 2.27e7, 384, 6),
    Shape("openai-community/gpt2", 1.24e8, 768, 12),
    Shape("Qwen/Qwen2.5-1.5B", 1.54e9, 1_536, 28),
    Shape("google/gemma-2-2b", 2.61e9, 2_304, 26),
)


class Estimate(NamedTuple):
    """Bytes on disk and in memory, and operations of collecting and of one training."""

    disk: float
    model_memory: float
    training_memory: float
    collecting: float
    training: float

    def hours(self, machine: Machine) -> tuple[float, float]:
        """Return the hours of collecting and of one training on a machine."""
        collecting, training = (each / machine.operations / 3_600 for each in (self.collecting, self.training))
        return collecting, training


def estimate(shape: Shape, tokens: int, n_neurons: int, *, trained: int, batch_size: int = 4_096) -> Estimate:
    """Return what `tokens` collected tokens take, and one autoencoder of M neurons trained on `trained` of them.

    Disk: float16 rows, and 20 bytes of a token.  A forward pass costs 2 operations a parameter and token; a step of an
    untied autoencoder 12 B d M (encoder and decoder, forward and twice backward), with 16 bytes for each of its 2 d M
    weights (weight, gradient, two moments) and 48 for each of the B M entries of a batch.  The model is in bfloat16.
    """
    d, width = shape.d_model, n_neurons
    return Estimate(
        disk=tokens * (2 * d + 20),
        model_memory=2 * shape.n_parameters,
        training_memory=32.0 * d * width + 48.0 * batch_size * width,
        collecting=2 * shape.n_parameters * tokens,
        training=12.0 * trained * d * width,
    )


def lines(tokens: int = 100_000_000, n_neurons: int = 65_536, trained: int = 200_000_000) -> str:
    """Return the Markdown table of estimates for SHAPES, one training each."""
    head = (
        f"| model | layer | disk, {tokens / 1e6:,.0f}M tokens | memory, model | memory, M = {n_neurons:,} | "
        f"collecting, {GPU.name} | a training on {trained / 1e6:,.0f}M tokens, {GPU.name} |"
    )
    rows = [head, "|---" * 7 + "|"]
    for shape in SHAPES:
        found = estimate(shape, tokens, n_neurons, trained=trained)
        collecting, training = found.hours(GPU)
        cells = [f"`{shape.model}`", str(shape.n_layers // 2), *(f"{each / GIB:,.1f} GiB" for each in found[:3])]
        rows.append("| " + " | ".join([*cells, f"{collecting:.2f} h", f"{training:.1f} h"]) + " |")
    return "\n".join(rows)
