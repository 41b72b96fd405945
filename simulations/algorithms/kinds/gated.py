"""The Gated SAE of Rajamanoharan et al., arXiv 2404.16014: which neurons are active, and how much, apart.

With W_mag = exp(r_mag) W_gate (eq. 7), pi = W_gate (x - b_dec) + b_gate:
    f(x) = 1(pi > 0) ReLU(W_mag (x - b_dec) + b_mag)  (eq. 6);  xhat(f) = W_dec f + b_dec, unit columns of W_dec;
    loss = ||x - xhat(f)||^2 + penalty |ReLU(pi)|_1 + ||x - xhat_frozen(ReLU(pi))||^2  (eq. 8),
xhat_frozen with a copy of W_dec and b_dec that no gradient reaches.
As in dictionary_learning's trainer of it, beta_1 of Adam is 0, the gradient of W_dec is taken across its columns, and
nothing is clipped: from the same weights it takes the same steps (tests/saelens/test_dictionary_learning.py).  Ours: no
warm-up of the rate, there 1,000 steps, and of the penalty, there 2,000 (`warm_up` does the former).
W_gate starts as the transpose of W_dec, its rows of norm `initial_norm`, as one of the authors advises since (in the
discussion of the paper), after Anthropic's update of April 2024.  From norm 1 the first xhat is about (M/2d) x, and
Adam, which remembers its squared gradients for a thousand steps, stalls in a dense code, whatever beta_1, a clipped
gradient or a rate that rises slowly do: recovery at 0.9 was at most 0.01, against 0.69 from 0.1 (n = 128, d = 32,
M = 512, 1,500 steps of 256).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulations.algorithms.autoencoders.base import Autoencoder, beta1, initial_norm, penalty
from simulations.algorithms.autoencoders.network import Export, Network, Seen, Tensors, across, unit_rows
from simulations.algorithms.base import register

if TYPE_CHECKING:
    from torch import Tensor


class GatedNetwork(Network):
    """Parameters: decoder (R, M, d) with unit rows, gate (R, M, d), r_mag, b_gate, b_mag (R, M), pre_bias b_dec."""

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return the decoder along the given directions, its small transpose as the gate, and r_mag and biases 0."""
        zeros = {name: start.new_zeros(start.shape[:2]) for name in ("r_mag", "b_gate", "b_mag")}
        gate = start * self.value("initial_norm")[:, :, None]
        return {"decoder": start.clone(), "gate": gate, "pre_bias": self.start_of_pre_bias(mean)} | zeros

    def _both(self, p: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return pi and f, both (R, B, M)."""
        u = self.encoded(x - p["pre_bias"][:, None], p["gate"])
        pi = u + p["b_gate"][:, None]
        return pi, (pi > 0) * (u * p["r_mag"].exp()[:, None] + p["b_mag"][:, None]).relu()

    def forward(self, parameters: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f and xhat(f)."""
        codes = self._both(parameters, x)[1]
        return codes, self.decoded(codes, parameters["decoder"]) + parameters["pre_bias"][:, None]

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return eq. 8, averaged over x, and f."""
        p = parameters
        pi, codes = self._both(p, x)
        gated = pi.relu()
        output = self.decoded(codes, p["decoder"]) + p["pre_bias"][:, None]
        frozen = self.decoded(gated, p["decoder"].detach()) + p["pre_bias"].detach()[:, None]
        errors = (x - output).square().sum((1, 2)) + (x - frozen).square().sum((1, 2))
        return (errors + self.value("penalty")[:, 0] * gated.sum((1, 2))) / x.shape[1], codes

    def gradients(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensors, Seen]:
        """Return autograd's, that of the decoder without its part along the decoder's rows."""
        found, seen = super().gradients(parameters, memory, x)
        found["decoder"] = across(found["decoder"], parameters["decoder"])
        return found, seen

    def project(self, parameters: Tensors) -> Tensor:
        """Put the decoder back on the unit sphere."""
        norm = unit_rows(parameters["decoder"])
        return super().project(parameters) + norm.sum((1, 2))

    def dictionary(self, parameters: Tensors) -> Tensor:
        """Return the decoder."""
        return parameters["decoder"]

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return the parts of SAELens' gated architecture."""
        own = {name: each[r].double() for name, each in parameters.items()}
        parts = {"W_enc": own["gate"].T, "W_dec": own["decoder"], "b_dec": own["pre_bias"]}
        return Export("gated", parts | {name: own[name] for name in ("b_gate", "b_mag", "r_mag")}, {})


@register("gated")
@dataclass(frozen=True, kw_only=True, repr=False)
class Gated(Autoencoder):
    """Gated SAE: which neurons are active, and how much, apart."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Autoencoder.batch_axes, "penalty", "initial_norm")
    network_class: ClassVar[type[Network]] = GatedNetwork

    beta1: float = beta1(0.0)
    initial_norm: float = initial_norm()

    penalty: float = penalty(1.0, "lambda, weight of |ReLU(pi_gate)|_1 in the loss")
