"""What is said of a dictionary outside a row: named numbers with and without ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from simulations.data.matrices import Array


@dataclass(frozen=True, repr=False)
class Numbers(Mapping[str, Any]):
    """Named numbers, as attributes and as a mapping; the mapping leaves out what is not known (None)."""

    title: ClassVar[str] = ""

    def __getitem__(self, name: str) -> Any:
        if name in self:
            return getattr(self, name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in fields(self) if getattr(self, each.name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        width = max(map(len, self))
        return "\n".join([self.title, *(f"  {name:<{width}}  {_short(value)}" for name, value in self.items())])


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        told = ", ".join(f"{each:.4g}" for each in value[:8].tolist())
        return f"[{told}{', ...' if len(value) > 8 else ''}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, repr=False)
class Score(Numbers):
    """How well M directions match n true features, of cosine above 0.9 unless told otherwise; None is not known.

    Of the directions alone: feature_recovery_rate (and at 0.8), chance_recovery_rate of as many random directions,
    matched_recovery_rate (a neuron counts for one feature at most), mean_max_cosine, max_angle_degrees,
    neurons_per_feature (splitting), polysemantic_fraction (neurons on no feature), lost and lost_features (how many
    features no neuron finds, and which), mcc and uniqueness (both of |cosine|, as in SAELens).  With b_pre: recovery up
    to the shift that it allows.  With codes (on held-out samples): the rest.
    """

    title: ClassVar[str] = "score against the true features"

    n_features: int
    n_neurons: int
    d_model: int
    feature_recovery_rate: float
    feature_recovery_rate_080: float
    chance_recovery_rate: float
    matched_recovery_rate: float
    mean_max_cosine: float
    max_angle_degrees: float
    neurons_per_feature: float
    polysemantic_fraction: float
    lost: int
    lost_features: Array
    mcc: float
    uniqueness: float
    recovery_up_to_shift: float | None = None
    recovery_up_to_shift_080: float | None = None
    true_l0: float | None = None
    sae_l0: float | None = None
    dead_latents: int | None = None
    shrinkage: float | None = None
    explained_variance: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1_score: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, repr=False)
class Consistency(Numbers):
    """How far two dictionaries agree, which is no evidence of truth: two runs may share a mistake.

    consistency is the share of neurons, of either, with a cosine above 0.9 in the other; consistency_chance the same
    for random directions; consistency_mean_cosine the mean of the best cosines; mcc over the best one-to-one matching.
    """

    title: ClassVar[str] = "agreement of two dictionaries (no ground truth)"

    ground_truth: bool
    consistency: float
    consistency_chance: float
    consistency_mean_cosine: float
    mcc: float


@dataclass(frozen=True, repr=False)
class Frequencies(Numbers):
    """How often M neurons fire, which says nothing of whether they are features.

    frequency (M,) is the share of samples on which each fires; sae_l0 the mean number that fire in a sample.
    """

    title: ClassVar[str] = "firing of the neurons (no ground truth)"

    ground_truth: bool
    n_samples: int
    sae_l0: float
    dead_latents: int
    dead_fraction: float
    median_frequency: float
    frequency: Array
