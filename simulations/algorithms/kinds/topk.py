"""TopK (arXiv 1312.5663, 2406.04093) and BatchTopK (Bussmann et al., arXiv 2412.06410), both tied.

b_pre is zero by default: with K active neurons of nearly equal codes, a common shift c of all w_m and one of b_pre
cancel, so that a learned b_pre drifts without end, away from the features (TopK does, at a constant rate).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulations.algorithms.autoencoders.base import Tied, k_setting, pre_bias
from simulations.algorithms.base import register


@register("topk")
@dataclass(frozen=True, kw_only=True, repr=False)
class TopK(Tied):
    """The K largest positive y of a sample are active; of equal ones those of the first neurons."""

    batch_axes: ClassVar[tuple[str, ...]] = (*Tied.batch_axes, "k")

    k: int = k_setting()
    pre_bias: str = pre_bias("zero")


@register("batchtopk")
@dataclass(frozen=True, kw_only=True, repr=False)
class BatchTopK(TopK):
    """The K B largest positive y of a batch of B are active; of equal ones those of the first samples, then neurons."""
