"""TopK as its authors train it: Gao et al., arXiv 2406.04093, and openai/sparse_autoencoder.

    z = TopK(W_enc (x - b_pre) + b_enc), ReLU after it;  f(x) = W_dec z + b_pre, unit columns of W_dec  (sec. 2.3);
    loss = 1/2 ||x - f(x)||^2 + alpha/2 ||e - ehat||^2, e = x - f(x) without gradient, ehat = W_dec z_aux with the k_aux
    largest latents among the dead, those that fired on none of the last dead_samples samples  (AuxK, app. A.2).
W_enc starts as the transpose of W_dec (app. A.1), which is normalised after each step; the part of its gradient along
its columns is removed before.  decoder_norm "free" is SAELens' way: that part stays, and norms go on into the encoder,
which leaves f as it is, so that the decoder, too, learns how large codes are.
Constant rate, 1/32 = alpha, k_aux about d/2 (app. B.1), no clipping: as in train.py of openai/sparse_autoencoder,
commit 4a32f5e, whose 1e-4 at M = 32,768 is, by its law M^(-1/2), 1e-3 at M = 330.
Ours: the mean of x where they take the geometric median, b_pre's start; W_enc of norm 1, where theirs is scaled so that
first outputs are as long as x ("no effect or a weak negative effect", app. A.1); eps of Adam 1e-8 for 6.25e-10; and
ehat's error as in the paper, which the code divides by the variance of e.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from simulations.algorithms.autoencoders.base import Autoencoder, k_setting, pre_bias, weight
from simulations.algorithms.autoencoders.network import (
    Export,
    Network,
    Seen,
    Tensors,
    across,
    largest,
    unit_rows,
)
from simulations.algorithms.base import register
from simulations.base import checks
from simulations.base.settings import setting

if TYPE_CHECKING:
    from torch import Tensor


class UntiedTopKNetwork(Network):
    """Parameters: encoder and decoder (R, M, d), the latter with unit rows, bias (R, M) and pre_bias (R, d).

    Its memory: `silent`, the samples since a latent fired (R, M).
    """

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return the authors' start on the given directions."""
        bias = start.new_zeros(start.shape[:2])
        return {"decoder": start.clone(), "encoder": start.clone(), "bias": bias,
                "pre_bias": self.start_of_pre_bias(mean)}  # fmt: skip

    def memory(self, parameters: Tensors) -> Tensors:
        """Return that no latent has been silent yet."""
        return {"silent": parameters["bias"].new_zeros(parameters["bias"].shape)}

    def _latents(self, p: Tensors, x: Tensor) -> Tensor:
        return self.encoded(x - p["pre_bias"][:, None], p["encoder"]) + p["bias"][:, None]

    def _codes(self, latents: Tensor) -> Tensor:
        return latents * largest(latents.detach(), [each.k for each in self.cells])

    def forward(self, parameters: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and f(x)."""
        codes = self._codes(self._latents(parameters, x))
        return codes, self.decoded(codes, parameters["decoder"]) + parameters["pre_bias"][:, None]

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss with AuxK, and z."""
        latents = self._latents(parameters, x)
        codes = self._codes(latents)
        error = x - (self.decoded(codes, parameters["decoder"]) + parameters["pre_bias"][:, None])
        total = error.square().sum((1, 2))
        dead = (memory["silent"] >= self.settings.dead_samples)[:, None]
        if x.device.type == "cpu" and not dead.any():
            return total / (2 * x.shape[1]), codes
        chosen = largest(latents.detach().masked_fill(~dead, 0), [self.settings.k_aux] * len(x))
        rest = error.detach() - self.decoded(latents * chosen, parameters["decoder"])
        weight = self.value("auxiliary")[:, 0] * dead.any(2)[:, 0]  # no dead latents, no loss
        return (total + weight * rest.square().sum((1, 2))) / (2 * x.shape[1]), codes

    def gradients(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensors, Seen]:
        """Return autograd's, that of a decoder of unit norms without its part along the decoder's rows."""
        found, seen = super().gradients(parameters, memory, x)
        if self.settings.decoder_norm == "unit":
            found["decoder"] = across(found["decoder"], parameters["decoder"])
        return found, seen

    def project(self, parameters: Tensors) -> Tensor:
        """Put the decoder back on the unit sphere; where its norms are free, the encoder gets them."""
        norm = unit_rows(parameters["decoder"])
        if self.settings.decoder_norm == "free":
            parameters["encoder"].mul_(norm)
            parameters["bias"].mul_(norm[:, :, 0])
        return super().project(parameters) + norm.sum((1, 2))

    def remember(self, parameters: Tensors, memory: Tensors, seen: Seen, rows: int, step: int) -> None:
        """Count the samples since each latent fired."""
        memory["silent"].add_(rows).masked_fill_(seen.fired > 0, 0)

    def dictionary(self, parameters: Tensors) -> Tensor:
        """Return the decoder."""
        return parameters["decoder"]

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return the parts of SAELens' topk architecture."""
        own = {name: each[r].double() for name, each in parameters.items()}
        parts = {"W_enc": own["encoder"].T, "W_dec": own["decoder"], "b_enc": own["bias"], "b_dec": own["pre_bias"]}
        return Export("topk", parts, {"k": self.cells[r].k, "rescale_acts_by_decoder_norm": False})


def _half_of_d(whole: Any) -> int:
    return int(min(max(1, whole.d_model // 2), whole.n_neurons))


@register("topk-untied")
@dataclass(frozen=True, kw_only=True, repr=False)
class UntiedTopK(Autoencoder):
    """TopK with an encoder of its own, a bias per latent, and AuxK for dead latents."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Autoencoder.batch_axes, "k", "auxiliary")
    network_class: ClassVar[type[Network]] = UntiedTopKNetwork

    k: int = k_setting()
    pre_bias: str = pre_bias("learned-mean")
    auxiliary: float = setting(1 / 32, "alpha, weight of the AuxK loss", weight)
    k_aux: int = setting(64, "dead latents that AuxK uses; default d/2", checks.at_most_neurons, derived=_half_of_d)
    dead_samples: int = setting(
        100_000, "samples without firing after which a latent is dead (ours; the authors' 10^7)", checks.count(1)
    )
    decoder_norm: str = setting(
        "unit", "of the decoder's steps: unit, none along its rows; free, any, and norms go on into the encoder",
        checks.names("unit", "free"),
    )  # fmt: skip
