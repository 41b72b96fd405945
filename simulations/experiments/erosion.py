"""How the critical p falls with the number of steps, at several numbers of samples: cosines erode, step by step."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

STANDARD = ((1_024, 25), (1_024, 100), (1_024, 400), (4_096, 25), (4_096, 100))  # n and N/n
SEEDS = (0, 1, 2, 3, 4)
SMALL = (32, 64, 128)  # dimensions at which the kept share falls slowly in p, and varies from dataset to dataset:
MANY_SEEDS = tuple(range(60))  # so many leave a standard error of about 0.01 of the share


def _points(sizes: tuple[tuple[int, int], ...], **axes: Any) -> list[Point]:
    return [
        {"arm": f"N = {ratio} n", "n_features": n, "d_model": n // 2, "n_samples": ratio * n} | point
        for n, ratio in sizes
        for point in product(instrument="learnability", sparsity=3, center=True, **axes)
    ]


EXPERIMENT = Experiment(
    "erosion",
    "The critical p falls with T at every tau and N/n, as the recursion says: it is no phase boundary",
    order=104,
    grids={  # the rows hold cosines after every step: one T is all T up to it
        "quick": lambda: _points(((256, 25), (256, 100)), n_steps=6, n_probes=64, target_frequency=grid(1e-3, 0.3, 8)),
        "standard": lambda: [
            *_points(STANDARD, seed=SEEDS, n_steps=12, n_probes=100, target_frequency=grid(1e-3, 0.2, 9)),
            *_points(((1_024, 100),), arm="small d", seed=MANY_SEEDS, d_model=SMALL, n_steps=12, n_probes=100,
                     target_frequency=grid(2e-3, 0.05, 5)),
        ],
        "paper": lambda: _points(
            tuple((16_384, ratio) for ratio in (25, 100, 400)),
            seed=SEEDS,
            n_steps=12,
            n_probes=1_024,
            target_frequency=grid(1e-3, 0.3, 29),
        ),
    },
)  # fmt: skip
