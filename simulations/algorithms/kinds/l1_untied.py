"""ReLU with an L1 penalty as its authors train it: Anthropic, Circuits Updates of April 2024, and SAELens' "standard".

    z = ReLU(W_enc (x - b_pre) + b_enc);  f(x) = W_dec z + b_pre;
    loss = ||x - f(x)||^2 + penalty sum_m z_m ||w_dec,m||,
columns of W_dec of any norm, which the penalty weighs, so that it cannot be evaded by large ones.  W_enc starts as the
transpose of W_dec, whose columns start with norm `initial_norm`, 0.1; the penalty rises from 0 over the first twentieth
of the steps, the learning rate falls over the last fifth, and gradients are clipped at norm 1.  Ours: x of mean norm 1,
not sqrt(d), so that a penalty here is one there over sqrt(d).
Of random directions f(x) is about (M/2d) initial_norm^2 x at the start.  Far above x (at norm 1 and M = 16d: 8 x) it
makes gradients that are hundreds of times the later ones, and Adam, whose second moments remember a thousand steps,
then hardly moves: recovery at 0.9 was 1.00, 1.00, 0.88, 0.00 from norms 0.1, 0.35, 0.5, 1 (f(x) = 0.08, 1, 2, 8 x;
n = 128, d = 32, M = 512), and from norm 1 in the tied form 0.95 with second moments of twenty steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulations.algorithms.autoencoders.base import (
    Autoencoder,
    clip_norm,
    initial_norm,
    penalty,
    schedule,
)
from simulations.algorithms.autoencoders.network import Export, Network, Seen, Tensors
from simulations.algorithms.base import register
from simulations.base import checks
from simulations.base.settings import setting

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, repr=False)
class Untied(Autoencoder):
    """An autoencoder with an encoder of its own and a decoder of any norm, under a penalty."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Autoencoder.batch_axes, "penalty", "initial_norm")

    initial_norm: float = initial_norm()
    penalty_warm_up: float = setting(
        0.05, "share of the steps over which the penalty rises from 0", checks.number(0, 1)
    )


class UntiedNetwork(Network):
    """Parameters: encoder and decoder (R, M, d), bias (R, M) and pre_bias (R, d).  Memory: `done`, the steps (R,)."""

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return small transposes of each other along the given directions."""
        small = start * self.value("initial_norm")[:, :, None]
        bias = start.new_zeros(start.shape[:2])
        return {"encoder": small, "decoder": small.clone(), "bias": bias, "pre_bias": self.start_of_pre_bias(mean)}

    def memory(self, parameters: Tensors) -> Tensors:
        """Return that no step is done."""
        return {"done": parameters["bias"].new_zeros(len(self.cells))}

    def remember(self, parameters: Tensors, memory: Tensors, seen: Seen, rows: int, step: int) -> None:
        """Count the steps, on which the weight of the penalty depends."""
        memory["done"].add_(1)

    def weight(self, memory: Tensors) -> Tensor:
        """Return the weight of the penalty (R,) in the next step."""
        steps = self.settings.penalty_warm_up * self.settings.n_steps
        rise: Tensor = ((memory["done"] + 1) / max(1.0, steps)).clamp(max=1)
        return self.value("penalty")[:, 0] * rise

    def pre_activations(self, p: Tensors, x: Tensor) -> Tensor:
        """Return W_enc (x - b_pre) + b_enc, (R, B, M)."""
        return self.encoded(x - p["pre_bias"][:, None], p["encoder"]) + p["bias"][:, None]

    def codes(self, p: Tensors, x: Tensor) -> Tensor:
        """Return z (R, B, M)."""
        return self.pre_activations(p, x).relu()

    def reconstruction(self, p: Tensors, codes: Tensor, where: Tensor | None = None) -> Tensor:
        """Return f(x) of codes, which have a gradient `where` is not 0, by default they."""
        return self.decoded(codes, p["decoder"], where) + p["pre_bias"][:, None]

    def forward(self, parameters: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and f(x)."""
        codes = self.codes(parameters, x)
        return codes, self.reconstruction(parameters, codes)

    def dictionary(self, parameters: Tensors) -> Tensor:
        """Return the directions of the decoder; one of norm 0 stays 0."""
        W = parameters["decoder"]
        norm: Tensor = W.norm(dim=2, keepdim=True).clamp(min=1e-30)
        return W / norm

    def decoder(self, parameters: Tensors) -> Tensor:
        """Return the decoder, of any norm."""
        return parameters["decoder"]

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return the parts of SAELens' standard architecture."""
        own = {name: each[r].double() for name, each in parameters.items()}
        parts = {"W_enc": own["encoder"].T, "W_dec": own["decoder"], "b_enc": own["bias"], "b_dec": own["pre_bias"]}
        return Export("standard", parts, {})


class UntiedL1Network(UntiedNetwork):
    """The autoencoder of `l1-untied`."""

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, averaged over x, and z."""
        codes, output = self.forward(parameters, x)
        norms = parameters["decoder"].norm(dim=2)
        sparsity = (codes.sum(1) * norms).sum(1)  # z >= 0
        return ((output - x).square().sum((1, 2)) + self.weight(memory) * sparsity) / x.shape[1], codes


@register("l1-untied")
@dataclass(frozen=True, kw_only=True, repr=False)
class UntiedL1(Untied):
    """ReLU autoencoder with an L1 penalty weighted by the norms of the decoder."""

    network_class: ClassVar[type[Network]] = UntiedL1Network

    schedule: str = schedule("tail")
    clip_norm: float = clip_norm(1.0)
    penalty: float = penalty(0.12, "lambda, weight of sum z ||w_dec|| in the loss, x of mean norm 1")
