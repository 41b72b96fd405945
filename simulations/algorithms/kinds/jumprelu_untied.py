"""JumpReLU with an encoder of its own: Rajamanoharan et al., arXiv 2407.14435.

    u = W_enc (x - b_pre) + b_enc;  z = u 1(u > theta);  f(x) = W_dec z + b_pre  (eq. 1 to 3);
    loss = ||x - f(x)||^2 + penalty sum_m 1(u_m > theta_m)  (eq. 9),
with straight-through gradients to theta alone, of bandwidth eps and rectangular kernel (eq. 11 and 12):
    d z / d theta = -(theta/eps) 1(|u - theta| < eps/2),   d 1(u > theta) / d theta = -(1/eps) 1(|u - theta| < eps/2).
Theta's start, the bandwidth and beta_1 = 0 of Adam are the published ones (app. I), for x of norm about 1, and as in
dictionary_learning's trainer of it and in SAELens gradients are clipped at norm 1: where u is near theta those of theta
are of order 1/eps, and without it recovery was 0.52 against 0.69 (the mean of 5 seeds; `implementations`, bernoulli).
As in SAELens theta >= 0 is itself the parameter (the authors take its logarithm, which Adam moves too slowly for short
runs), columns of W_dec have any norm, and they and those of W_enc start with norm `initial_norm`: with the authors' 1
the first output is far above x, and short runs stall (see l1_untied).  With the same start SAELens' trainer takes the
same 30 steps (tests/saelens/test_identical.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulations.algorithms.autoencoders.base import beta1, clip_norm, penalty, positive, weight
from simulations.algorithms.autoencoders.network import Export, Network, Tensors
from simulations.algorithms.base import register
from simulations.algorithms.kinds.l1_untied import Untied, UntiedNetwork
from simulations.base.settings import setting

if TYPE_CHECKING:
    from torch import Tensor


class UntiedJumpReLUNetwork(UntiedNetwork):
    """The parameters of UntiedNetwork, and threshold (R, M)."""

    def parameters(self, start: Tensor, mean: Tensor) -> Tensors:
        """Return small transposes of each other along the given directions, and equal thresholds."""
        import torch

        found = super().parameters(start, mean)
        return found | {"threshold": torch.full_like(found["bias"], self.settings.initial_threshold)}

    def codes(self, p: Tensors, x: Tensor) -> Tensor:
        """Return z (R, B, M)."""
        u = self.pre_activations(p, x)
        return u * (u > p["threshold"][:, None])

    def loss(self, parameters: Tensors, memory: Tensors, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, averaged over x, and z; its gradients to theta are the straight-through ones.

        To forward values of 0, terms are added whose gradients to theta are those of eq. 11 and 12: near the threshold,
        (theta0/eps) (theta0 - theta) to z, and (1/eps) (theta0 - theta) to the number of active neurons.
        """
        u = self.pre_activations(parameters, x)
        theta = parameters["threshold"][:, None]
        width = self.settings.bandwidth
        near = ((u - theta).abs() < width / 2).detach() / width
        moved = near * (theta.detach() - theta)
        active = (u > theta).to(u.dtype)
        codes = u * active + theta.detach() * moved
        count = (active + moved).sum((1, 2))
        errors = (self.reconstruction(parameters, codes, active + near) - x).square().sum((1, 2))
        return (errors + self.weight(memory) * count) / x.shape[1], codes

    def project(self, parameters: Tensors) -> Tensor:
        """Keep thresholds at 0 or above: below, negative values would pass."""
        parameters["threshold"].clamp_(min=0)
        return super().project(parameters)

    def export(self, parameters: Tensors, r: int, threshold: float | None) -> Export:
        """Return the parts of SAELens' jumprelu architecture."""
        found = super().export(parameters, r, threshold).tensors
        return Export("jumprelu", found | {"threshold": parameters["threshold"][r].double()}, {})


@register("jumprelu-untied")
@dataclass(frozen=True, kw_only=True, repr=False)
class UntiedJumpReLU(Untied):
    """JumpReLU autoencoder with an L0 penalty."""

    network_class: ClassVar[type[Network]] = UntiedJumpReLUNetwork

    beta1: float = beta1(0.0)
    clip_norm: float = clip_norm(1.0)
    penalty: float = penalty(0.01, "lambda, weight of the number of active neurons in the loss, x of mean norm 1")
    initial_threshold: float = setting(0.001, "theta at the start", weight)
    bandwidth: float = setting(0.001, "of jumprelu's straight-through threshold", positive)
