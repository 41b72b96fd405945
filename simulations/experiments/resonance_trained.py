"""Recovery of trained Bias Adaptation over target frequency and dimension, and over the frequencies of features."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product
from simulations.experiments.methods import METHODS

EVEN, UNEVEN = "uniform", ("two-level:0.2:8", "zipf:1")


def _laws(d_model: tuple[int, ...], n_features: int, **axes: Any) -> list[Point]:
    """Return uniform supports over d, and uneven ones at d = n/2; the law is the arm."""
    same = METHODS["ba"] | {"schedule": "linear", "learning_rate": 3e-3, "n_features": n_features} | axes
    target = same.pop("target_frequency")
    points = [
        *product(**same, support_law=EVEN, d_model=d_model, target_frequency=target),
        *product(**same, support_law=UNEVEN, d_model=n_features // 2, target_frequency=target),
    ]
    return [point | {"arm": point["support_law"]} for point in points]


EXPERIMENT = Experiment(
    "resonance_trained",
    "The paper: trained BA recovers in a band of p near the feature frequency, wide for d above sqrt(n)",
    order=130,
    grids={
        "quick": lambda: _laws((8, 16, 32, 64), 128, n_neurons=256, n_steps=800, target_frequency=grid(1e-3, 0.5, 7)),
        "standard": lambda: _laws(
            (4, 6, 8, 11, 16, 23, 32, 64, 128),
            n_features=256,
            n_neurons=512,
            n_steps=4_000,
            target_frequency=grid(3e-4, 0.5, 12),
        ),
        "paper": lambda: _laws(
            (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
            n_features=4_096,
            n_neurons=8_192,
            n_steps=20_000,
            seed=(0, 1, 2),
            target_frequency=grid(3e-5, 0.5, 16),
        ),
    },
    smoke=True,
)
