"""The tied sparse autoencoder f(x) = sum_m a_m w_m z_m + b_pre of most algorithms, and its dense gradients.

u = W (x - b_pre), y = u + b.  What is active and what it passes is the gate: GBA, BA and L1 pass y > 0, TopK the K
largest positive y of a sample, BatchTopK the K B largest of a batch, and of equal ones those of the lowest index, so
that there are exactly as many; ReLU passes z = y, JumpReLU z = u.  The loss is 1/2 ||f(x) - x||^2 (mean over samples)
and, of L1, + penalty sum |a_m z_m|; of JumpReLU, + penalty (number of active neurons, or sum tanh(4 |a_m z_m|)), with a
straight-through gradient to the threshold theta = -b (Rajamanoharan et al., arXiv 2407.14435):
d 1(u > theta) / d theta = -(1/eps) 1(|u - theta| < eps/2).  All arrays carry a leading axis of R replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from simulations.algorithms.autoencoders.network import Seen, largest

TANH_SLOPE = 4.0
WITH_K = ("topk", "batchtopk")


class Parameters(NamedTuple):
    """W (R, M, d) unit rows, output scales a (R, M), biases b (R, M) and b_pre (R, d)."""

    weights: Tensor
    scale: Tensor
    bias: Tensor
    pre_bias: Tensor


class Gradients(NamedTuple):
    """Of the mean loss in W, a, b and b_pre; that of b is used by algorithms that learn it (l1, jumprelu)."""

    weights: Tensor
    scale: Tensor
    bias: Tensor
    pre_bias: Tensor


class Gate:
    """What of y is active and what it passes, for replicas that differ in k and penalty at most."""

    def __init__(self, cells: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        first = cells[0]
        self.algorithm: str = first.name
        self.jump: bool = first.jump
        self.learns_bias = self.algorithm in ("l1", "jumprelu")
        self.straight_through = self.algorithm == "jumprelu"
        self.tanh = self.straight_through and first.penalty_kind == "tanh"
        self.bandwidth: float = first.bandwidth if self.straight_through else 0.0
        self.k: list[int] = [each.k if self.algorithm in WITH_K else 0 for each in cells]
        penalties = [each.penalty if self.learns_bias else 0.0 for each in cells]
        self.penalty = torch.tensor(penalties, device=device, dtype=dtype)[:, None, None]

    def active(self, y: Tensor) -> Tensor:
        """Return which of y (R, B, M) are active."""
        if self.algorithm == "topk":
            return largest(y, self.k)
        if self.algorithm == "batchtopk":
            counts = [k * y.shape[1] for k in self.k]
            return largest(y.flatten(1)[:, None], counts).view(y.shape)
        return y > 0

    def passed(self, u: Tensor, y: Tensor, active: Tensor) -> Tensor:
        """Return z (R, B, M), 0 where nothing is active."""
        return (u if self.jump else y) * active


def pre_activations(parameters: Parameters, x: Tensor) -> Tensor:
    """Return u = W (x - b_pre), (R, B, M), of x (R, B, d)."""
    return torch.bmm(x - parameters.pre_bias[:, None], parameters.weights.transpose(1, 2))


def dense_gradients(parameters: Parameters, gate: Gate, x: Tensor, keep: bool = False) -> tuple[Gradients, Seen]:
    """Return the gradients of the mean loss over x (R, B, d), by five dense products: any device, many replicas.

    What is seen holds u, where that is to be kept.
    """
    W, a, b, b_pre = parameters
    rows = x.shape[1]
    centred = x - b_pre[:, None]
    u = torch.bmm(centred, W.transpose(1, 2))
    y = u + b[:, None]
    active = gate.active(y)
    z = gate.passed(u, y, active)
    code = z * a[:, None]
    error = torch.baddbmm(-centred, code, W)
    pull = torch.bmm(error, W.transpose(1, 2))  # <e, w_m>
    slope = pull + gate.penalty * _penalty_slope(gate, code, a)  # of the loss in the code a z
    delta = slope * a[:, None] * active  # of the loss in u
    scale = (slope * z).sum(1)
    bias = delta.sum(1)
    weights = torch.baddbmm(torch.bmm(delta.transpose(1, 2), centred), code.transpose(1, 2), error)
    pre_bias = error.sum(1) - torch.bmm(bias[:, None], W)[:, 0]
    if gate.straight_through:
        near = (y.abs() < gate.bandwidth / 2) / gate.bandwidth
        height = slope * a[:, None] * -b[:, None] + (0.0 if gate.tanh else gate.penalty)
        bias = (height * near).sum(1)
    loss = error.square().sum((1, 2)) / (2 * rows)
    fired = active.to(y.dtype).sum(1)
    n_active = int(fired.sum()) if x.device.type == "cpu" else 0
    seen = Seen(loss, fired, (y * active).amax(1), n_active, u if keep else None)
    return Gradients(weights / rows, scale / rows, bias / rows, pre_bias / rows), seen


def _penalty_slope(gate: Gate, code: Tensor, a: Tensor) -> Tensor:
    """Return the slope of the penalty in the code: of |code| for l1, of tanh for jumprelu with tanh, 0 otherwise."""
    if gate.algorithm == "l1":
        return torch.sign(code)
    if gate.tanh:
        sign = torch.where(a[:, None] < 0, -1.0, 1.0)  # that of the code, at 0 of the code once the neuron is on
        return TANH_SLOPE * sign * (1 - torch.tanh(TANH_SLOPE * code).square())
    return torch.zeros_like(code)


def reconstruct(parameters: Parameters, gate: Gate, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes z (R, B, M) and f(x) (R, B, d)."""
    u = pre_activations(parameters, x)
    y = u + parameters.bias[:, None]
    z = gate.passed(u, y, gate.active(y))
    return z, torch.bmm(z * parameters.scale[:, None], parameters.weights) + parameters.pre_bias[:, None]
