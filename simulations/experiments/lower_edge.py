"""Recovery far below the theorem's lower edge p = 1/n, with the number of samples as second axis."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product


def _below(n: int, ratios: tuple[int, ...], frequencies: tuple[float, ...], **axes: Any) -> list[Point]:
    """Return simulations over p, without and with centred data, at so many samples a feature."""
    return [
        point | {"arm": f"N = {ratio} n", "n_samples": ratio * n}
        for ratio in ratios
        for point in product(n_features=n, d_model=n // 2, center=(False, True), **axes, target_frequency=frequencies)
    ]


EXPERIMENT = Experiment(
    "lower_edge",
    "The theorem asks for p above 1/n: does recovery end there, or where the samples run out?",
    order=15,
    grids={
        "quick": lambda: _below(64, (25, 100), grid(1e-5, 0.1, 7), n_neurons=512),
        "standard": lambda: _below(128, (25, 100, 400), grid(1e-6, 0.1, 9), n_neurons=1_024, seed=(0, 1, 2, 3, 4)),
        "paper": lambda: _below(1_024, (25, 100, 400), grid(1e-8, 0.1, 15), n_neurons=16_384, seed=(0, 1, 2, 3, 4)),
    },
)
