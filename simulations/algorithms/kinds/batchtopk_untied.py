"""BatchTopK with an encoder of its own, and Matryoshka BatchTopK, its sum over nested dictionaries.

BatchTopK (Bussmann et al., arXiv 2412.06410): topk-untied (arXiv 2406.04093) in which the K B largest positive latents
of a batch of B are active; elsewhere, a fixed threshold, E min { z > 0 }, stands for that rule.  As in
bartbussmann/BatchTopK (alpha 1/32, constant rate, no clipping), but for ours: beta_2 0.999 of Adam for 0.99, b_pre from
the mean for 0, and dead after dead_samples for 5 batches.
Matryoshka (Bussmann et al., arXiv 2503.17547): for sizes m_1 < .. < m_L = M, with x_m the reconstruction by the first m
latents,  loss = 1/2 sum_l ||x - x_{m_l}||^2 + AuxK  (eq. 3).  Its authors' code, matryoshka_batch_top_k.py of
dictionary_learning, takes the same steps from the same weights (tests/saelens/test_dictionary_learning.py); besides, it
clips gradients at norm 1, which ours do not reach (0.45 at most; n = 128, d = 64, M = 256), and its rate rises over the
first 1,000 steps to 2e-4 (2^14/M)^(1/2), 1.6e-3 at M = 256.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from simulations.algorithms.autoencoders.network import Export, Network, Tensors, largest, smallest_code
from simulations.algorithms.base import register
from simulations.algorithms.kinds.untied_topk import UntiedTopK, UntiedTopKNetwork
from simulations.base.settings import setting

if TYPE_CHECKING:
    from torch import Tensor


class UntiedBatchTopKNetwork(UntiedTopKNetwork):
    """The parameters and the memory of UntiedTopKNetwork."""

    def _codes(self, latents: Tensor) -> Tensor:
        counts = [each.k * latents.shape[1] for each in self.cells]
        return latents * largest(latents.detach().flatten(1)[:, None], counts).view(latents.shape)

    def threshold(self, parameters: Tensors, x: Tensor) -> Tensor:
        """Return the smallest active latent of a batch (R,), averaged over batches of x (R, rows, d)."""
        return smallest_code(lambda part: self.forward(parameters, part)[0], x)

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return the parts of SAELens' jumprelu architecture, with the threshold."""
        import torch

        parts = super().export(parameters, r, threshold).tensors
        return Export("jumprelu", parts | {"threshold": torch.full_like(parts["b_enc"], threshold or 0.0)}, {})


@register("batchtopk-untied")
@dataclass(frozen=True, kw_only=True, repr=False)
class UntiedBatchTopK(UntiedTopK):
    """BatchTopK with an encoder of its own, a bias per latent, and AuxK for dead latents."""

    network_class: ClassVar[type[Network]] = UntiedBatchTopKNetwork


def check_widths(name: str, value: Any, leaf: Any) -> None:
    """Refuse sizes, as 16/64/256, that do not rise, or do not end with the width."""
    parts = str(value).split("/")
    sizes = [int(each) for each in parts] if all(each.isdigit() for each in parts) else []
    if not sizes or sizes[0] < 1 or sizes != sorted(set(sizes)) or sizes[-1] != leaf.n_neurons:
        allowed = f"rising sizes that end with n_neurons={leaf.n_neurons}, as 16/64/{leaf.n_neurons}"
        raise ValueError(f"{name}={value!r}, but should be {allowed}")


def nested(whole: Any) -> str:
    """Return M/8, M/4, M/2 and M, without those below 1."""
    sizes = sorted({whole.n_neurons // part for part in (8, 4, 2, 1)} - {0})
    return "/".join(map(str, sizes))


def matryoshka_widths() -> Any:
    """Declare the sizes of nested dictionaries."""
    text = "sizes of the nested dictionaries, as 16/64/256; default M/8, M/4, M/2, M"
    return setting("", text, check_widths, derived=nested)


class MatryoshkaNetwork(UntiedBatchTopKNetwork):
    """The parameters and the memory of UntiedTopKNetwork."""

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss over all sizes with AuxK, and z."""
        total, codes = super().loss(parameters, memory, x)
        *inner, _ = map(int, self.settings.matryoshka_widths.split("/"))
        for width in inner:
            part = self.decoded(codes[..., :width], parameters["decoder"][:, :width]) + parameters["pre_bias"][:, None]
            total = total + (x - part).square().sum((1, 2)) / (2 * x.shape[1])
        return total, codes


@register("matryoshka")
@dataclass(frozen=True, kw_only=True, repr=False)
class Matryoshka(UntiedBatchTopK):
    """BatchTopK whose first latents reconstruct on their own too, so that frequent features come first."""

    network_class: ClassVar[type[Network]] = MatryoshkaNetwork

    matryoshka_widths: str = matryoshka_widths()
