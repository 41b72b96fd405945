"""Phase diagram of the provable algorithm over target frequency and sparsity."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, by_centring, grid, product

SPARSITIES = (1, 2, 3, 4, 5, 6, 8, 10, 14)
SEEDS, FRESH = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
JUDGED = "s = 2 and 3, fresh seeds"  # drawn after the rule of `below_three` was written


def _standard(**axes: Any) -> list[Point]:
    same = {"n_features": 256, "d_model": 128, "n_samples": 12_800, "n_neurons": 1_024, "center": True}
    return product(**same, **axes, target_frequency=grid(3e-5, 0.2, 14))


EXPERIMENT = Experiment(
    "sparsity",
    "The theorem's band of target frequencies depends on the sparsity and is empty below s = 3; is recovery's?",
    order=20,
    grids={
        "quick": lambda: by_centring(
            product(
                n_features=128, d_model=64, n_samples=10_000, n_neurons=512, center=(False, True),
                sparsity=(1, 2, 3, 4, 6, 8), target_frequency=grid(1e-4, 0.3, 12),
            )
        ),
        "standard": lambda: [
            *by_centring(_standard(seed=SEEDS, sparsity=SPARSITIES)),
            *_standard(arm=JUDGED, seed=FRESH, sparsity=(2, 3)),
        ],
        "paper": lambda: by_centring(
            product(
                seed=SEEDS, n_features=4_096, d_model=1_024, n_samples=400_000, n_neurons=65_536, n_steps=8,
                center=(False, True), sparsity=SPARSITIES, target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
    },
)  # fmt: skip
