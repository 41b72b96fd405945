"""Activation functions phi and the weight psi that the first-order update gives to a sample (DESIGN: section 4)."""

from __future__ import annotations

import torch
from torch import Tensor

RELU, SMOOTH_RELU, JUMPRELU = 0, 1, 2
ACTIVATION_CODES = {"relu": RELU, "smooth-relu": SMOOTH_RELU, "jumprelu": JUMPRELU}
SHARPNESS = 10.0  # ours: softplus(SHARPNESS * y) / SHARPNESS
# Below this y the smooth ReLU weighs less than exp(-40) = 4e-18, which float64 cannot add to anything that matters.
SMOOTH_CUTOFF = -40.0 / SHARPNESS


def firing_margin(activation: int) -> float:
    """Return the y = u + b above which psi is not (numerically) zero: 0, or the cut-off of the smooth ReLU."""
    return SMOOTH_CUTOFF if activation == SMOOTH_RELU else 0.0


def psi(u: Tensor, bias: Tensor, activation: int) -> Tensor:
    """Return phi(u + b) + u phi'(u + b), elementwise; `bias` broadcasts against `u`.

    Implements: Modified Bias Adaptation, arXiv 2506.14002v1.  ReLU: (2u + b) 1(u > -b); JumpReLU: 2u 1(u > -b);
    smooth ReLU: softplus(k y)/k + u sigmoid(k y) with y = u + b and k = SHARPNESS.
    """
    if activation == SMOOTH_RELU:
        y = u + bias
        scaled = SHARPNESS * y
        weight = torch.nn.functional.softplus(scaled) / SHARPNESS + u * torch.sigmoid(scaled)
        return weight.masked_fill_(y <= SMOOTH_CUTOFF, 0.0)
    weight = torch.add(bias, u, alpha=2) if activation == RELU else 2 * u
    return weight.masked_fill_(u <= -bias, 0.0)
