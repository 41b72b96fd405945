"""How the critical p falls with the number of steps, at several numbers of samples: cosines erode, step by step."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

RATIOS = (25, 100, 400)  # N/n


def _points(n: int, ratios: tuple[int, ...], **axes: Any) -> list[Point]:
    return [
        point | {"arm": f"N = {ratio} n", "n_features": n, "d_model": n // 2, "n_samples": ratio * n}
        for ratio in ratios
        for point in product(instrument="learnability", sparsity=3, center=True, **axes)
    ]


EXPERIMENT = Experiment(
    "erosion",
    "The critical p for tau = 0.9 falls with T at every N/n, as the recursion says: it is no phase boundary",
    order=104,
    grids={  # the rows hold the share after every step: one T is all T up to it
        "quick": lambda: _points(256, (25, 100), n_steps=6, n_probes=64, target_frequency=grid(1e-3, 0.3, 8)),
        "standard": lambda: _points(
            4_096, RATIOS, seed=(0, 1, 2), n_steps=12, n_probes=200, target_frequency=grid(1e-3, 0.3, 15)
        ),
        "paper": lambda: _points(
            16_384, RATIOS, seed=(0, 1, 2, 3, 4), n_steps=12, n_probes=1_024, target_frequency=grid(1e-3, 0.3, 29)
        ),
    },
)
