"""Recovery of rare features beside frequent ones."""

from __future__ import annotations

from simulations.experiments.base import Experiment, Point
from simulations.experiments.cooccurrence import tracked


def _two_levels(ratios: tuple[float, ...], n_features: int, samples: int, neurons: int, seeds: int) -> list[Point]:
    laws = tuple(f"two-level:0.2:{each:g}" for each in ratios)
    return [point | {"arm": "two levels"} for point in tracked(laws, (n_features,), samples, neurons, seeds)]


EXPERIMENT = Experiment(
    "balance",
    "The paper: features much rarer than the most frequent one are not recovered",
    order=70,
    grids={
        "quick": lambda: _two_levels((1, 2, 4, 8, 16, 32), 256, 60, 4, 1),
        "standard": lambda: _two_levels((1, 2, 4, 8, 16, 32, 64), 512, 200, 16, 3),
        "paper": lambda: _two_levels((1, 2, 4, 8, 16, 32, 64), 4_096, 200, 16, 3),
    },
)
