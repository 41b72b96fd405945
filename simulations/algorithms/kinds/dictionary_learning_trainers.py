"""The trainers of the library dictionary_learning (Marks, Karvonen, Mueller; MIT): `dictionary-learning:topk`, ...

Settings bear its names and have the defaults of its release 0.1, but for what is sized for language models: its 1,000
and 2,000 steps of warm-up, and of the memory of thresholds, are at most a tenth and a fifth of the steps here, and K
and target_l0 are s.  x has mean norm 1, nearly its own normalisation to mean square 1.  Its package asks for another
torch and for nnsight, which its trainers do not need: `pip install --no-deps dictionary-learning`, and einops, do.
Light: it is loaded when used.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from simulations.algorithms.autoencoders import base
from simulations.algorithms.autoencoders.base import positive, weight
from simulations.algorithms.base import Algorithm, Fitted, Runtime, adapter
from simulations.algorithms.kinds.batchtopk_untied import matryoshka_widths
from simulations.algorithms.streamed import Streamed
from simulations.base import checks
from simulations.base.settings import setting
from simulations.data.source import Source

PREFIX = "dictionary-learning"
LR = "learning rate of Adam"


@dataclass(frozen=True, kw_only=True, repr=False)
class Trained(Streamed):
    """What all kinds share; `trainer` is its module and class, and `rises` what starts at a step of its own."""

    trainer: ClassVar[str] = ""
    rises: ClassVar[dict[str, tuple[int, int]]] = {}  # default in steps, and of how many steps it is one at most
    ours: ClassVar[tuple[str, ...]] = ("n_neurons", "n_steps", "batch_size", "n_evaluations", "n_restarts")

    n_evaluations: int = base.n_evaluations()
    n_restarts: int = base.n_restarts()

    def check_ready(self) -> None:
        """Raise ValueError where dictionary_learning is not installed."""
        if importlib.util.find_spec("dictionary_learning") is None:
            needs = "needs dictionary_learning: pip install --no-deps dictionary-learning, and einops"
            raise ValueError(f"algorithm={self.name!r} {needs}")

    def config(self) -> dict[str, Any]:
        """Return what its trainer is told, by its names."""
        told: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in self.own() if each.name not in self.ours
        }
        steps = {"warmup_steps": (1_000, 10)} | self.rises
        told |= {name: min(most, self.n_steps // share) for name, (most, share) in steps.items()}
        return told | {"steps": max(1, self.n_steps), "dict_size": self.n_neurons}

    @classmethod
    def learner(cls) -> Callable[[Any, Source, Runtime], Fitted]:
        """Return its training."""
        from simulations.algorithms.dictionary_learning import fit

        return fit


@dataclass(frozen=True, kw_only=True, repr=False)
class Standard(Trained):
    """ReLU with an L1 penalty and unit columns of the decoder (Towards Monosemanticity)."""

    trainer: ClassVar[str] = "standard.StandardTrainer"
    rises: ClassVar[dict[str, tuple[int, int]]] = {"sparsity_warmup_steps": (2_000, 5)}

    lr: float = setting(0.001, LR, positive)
    l1_penalty: float = setting(0.1, "weight of the L1 penalty", weight)


@dataclass(frozen=True, kw_only=True, repr=False)
class Gated(Standard):
    """Gated SAE (arXiv 2404.16014)."""

    trainer: ClassVar[str] = "gdm.GatedSAETrainer"

    lr: float = setting(5e-5, LR, positive)


@dataclass(frozen=True, kw_only=True, repr=False)
class JumpReLU(Trained):
    """JumpReLU (arXiv 2407.14435) whose penalty is sparsity_penalty (L0 / target_l0 - 1)^2."""

    trainer: ClassVar[str] = "jumprelu.JumpReluTrainer"
    rises: ClassVar[dict[str, tuple[int, int]]] = Standard.rises

    lr: float = setting(7e-5, LR, positive)
    bandwidth: float = setting(0.001, "of the straight-through threshold", positive)
    sparsity_penalty: float = setting(1.0, "weight of the penalty", weight)
    target_l0: float = setting(3.0, "L0 that is wanted; default s", positive, derived=base.k_default)


@dataclass(frozen=True, kw_only=True, repr=False)
class TopK(Trained):
    """TopK (arXiv 2406.04093)."""

    trainer: ClassVar[str] = "top_k.TopKTrainer"
    rises: ClassVar[dict[str, tuple[int, int]]] = {"threshold_start_step": (1_000, 10)}

    lr: float = setting(0.001, f"{LR}; default 2e-4 (2^14/M)^(1/2)", positive,
                        derived=lambda whole: 2e-4 * (2**14 / whole.n_neurons) ** 0.5)  # fmt: skip
    k: int = base.k_setting()
    auxk_alpha: float = setting(1 / 32, "weight of the loss of dead latents (AuxK)", weight)

    def config(self) -> dict[str, Any]:
        """Return what its trainer is told; the inference threshold remembers as many steps as it waits for."""
        told = super().config()
        return told | {"threshold_beta": 1 - 1 / max(1, told["threshold_start_step"])}


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchTopK(TopK):
    """BatchTopK (arXiv 2412.06410), with its inference threshold."""

    trainer: ClassVar[str] = "batch_top_k.BatchTopKTrainer"


@dataclass(frozen=True, kw_only=True, repr=False)
class Matryoshka(TopK):
    """Matryoshka BatchTopK: the code that arXiv 2503.17547 names as its own."""

    trainer: ClassVar[str] = "matryoshka_batch_top_k.MatryoshkaBatchTopKTrainer"

    matryoshka_widths: str = matryoshka_widths()

    def config(self) -> dict[str, Any]:
        """Return what its trainer is told, the sizes as shares of the width that each adds."""
        told = super().config()
        sizes = [0, *map(int, told.pop("matryoshka_widths").split("/"))]
        return told | {"group_fractions": [(high - low) / sizes[-1] for low, high in pairwise(sizes)]}


KINDS: dict[str, type[Trained]] = {
    "standard": Standard,
    "gated": Gated,
    "jumprelu": JumpReLU,
    "topk": TopK,
    "batchtopk": BatchTopK,
    "matryoshka": Matryoshka,
}
for _name, _kind in KINDS.items():
    _kind.name = f"{PREFIX}:{_name}"


@adapter(PREFIX)
def dictionary_learning(kind: str) -> type[Algorithm]:
    """Return the algorithm of a trainer of the library dictionary_learning, as topk or gated.

    Raises ValueError, suggesting the nearest, for an unknown one.
    """
    checks.one_of(f"algorithm={PREFIX}", kind, KINDS)
    return KINDS[kind]
