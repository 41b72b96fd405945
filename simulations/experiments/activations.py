"""The provable algorithm with three activations, over the target frequency."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

NAMES = {"relu": "ReLU", "smooth-relu": "smooth ReLU", "jumprelu": "JumpReLU"}


def _each(**axes: Any) -> list[Point]:
    points = product(**axes)
    return [point | {"arm": NAMES[point["activation"]]} for point in points]


EXPERIMENT = Experiment(
    "activations",
    "The paper: recovery is the same with ReLU, smooth ReLU and JumpReLU",
    order=50,
    grids={
        "quick": lambda: _each(
            seed=(0, 1), n_features=64, d_model=32, n_samples=3_200, n_neurons=256, center=True,
            activation=tuple(NAMES), target_frequency=grid(1e-3, 0.1, 6),
        ),
        "standard": lambda: _each(
            seed=(0, 1, 2, 3, 4), n_features=128, d_model=64, n_samples=12_800, n_neurons=1_024, center=True,
            activation=tuple(NAMES), target_frequency=grid(3e-4, 0.1, 9),
        ),
        "paper": lambda: _each(
            seed=(0, 1, 2, 3, 4), n_features=4_096, d_model=1_024, n_samples=400_000, n_neurons=65_536, n_steps=8,
            center=(False, True), activation=tuple(NAMES), target_frequency=grid(3e-5, 0.1, 12),
        ),
    },
)  # fmt: skip
