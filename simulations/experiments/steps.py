"""Recovery of the provable algorithm step by step, as the number of features grows."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.dimension import at_band_centre


def _half(samples: int, neurons: int, seeds: int, n_steps: int, sizes: tuple[int, ...]) -> list[Point]:
    """Return the points at d = n/2, replicates outermost."""
    axes: dict[str, Any] = {"center": (False, True), "n_steps": n_steps}
    centred = {n: at_band_centre(samples, neurons, **axes, n_features=n, d_model=n // 2) for n in sizes}
    return [centred[n][k] | {"seed": seed} for seed in range(seeds) for k in (0, 1) for n in sizes]


EXPERIMENT = Experiment(
    "steps",
    "The paper: the number of steps to recovery stays constant as n grows",
    order=40,
    grids={
        "quick": lambda: _half(80, 8, 3, 10, (64, 128, 256, 512)),
        "standard": lambda: _half(100, 16, 5, 16, (64, 128, 256, 512, 1_024, 2_048)),
        "paper": lambda: _half(100, 16, 5, 16, (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192)),
    },
)
