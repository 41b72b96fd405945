"""What recovery costs each method, in samples and in seconds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.methods import METHODS, OURS

TRAINED: dict[str, dict[str, Any]] = {
    **{name: METHODS[name] for name in ("gba", "gba-quantile", "gba-below")},
    "ba": METHODS["ba"] | {"target_frequency": 0.01},
    **{name: METHODS[name] for name in ("topk", "batchtopk", "l1", "jumprelu")},
}
CLASSICAL = "dictionary-learning"
# The provable algorithm needs no gradient but width: eight times that of the trained ones.
PROVABLE: dict[str, Any] = {"bias_policy": "tracking", "target_frequency": 0.006, "center": True, "n_steps": 8}
PROVABLE_WIDTH = 8
RATE: dict[str, Any] = {"learning_rate": 3e-3, "schedule": "constant"}
SHARES = (0.1, 0.3, 1)  # of `samples`, given to the provable algorithm


def _each(n_steps: int, few: int, samples: int, seeds: int, n_neurons: int, **same: Any) -> list[Point]:
    """Return every method, the classical one with few steps, the provable one on shares of the samples."""
    same = same | {"n_neurons": n_neurons}
    wide = {"arm": "provable", "n_neurons": PROVABLE_WIDTH * n_neurons}
    learned = same | {"n_evaluations": 100}
    classical = {"arm": CLASSICAL, "algorithm": CLASSICAL, "batch_size": 256, "n_steps": few}
    points = [
        *(PROVABLE | same | wide | {"n_samples": int(share * samples)} for share in SHARES),
        *(TRAINED[arm] | learned | {"arm": arm, "n_steps": n_steps} | RATE for arm in TRAINED),
        learned | classical,
    ]
    return [point | {"seed": seed} for seed in range(seeds) for point in points]


EXPERIMENT = Experiment(
    "time_to_recovery",
    f"What recovery costs each method, in samples and in seconds, at one setting of each ({OURS})",
    order=170,
    grids={
        "quick": lambda: _each(1_200, 20, 10_000, 1, n_features=128, d_model=64, n_neurons=512),
        "standard": lambda: _each(4_000, 80, 50_000, 3, n_features=512, d_model=128, n_neurons=2_048),
        "paper": lambda: _each(40_000, 800, 500_000, 3, n_features=4_096, d_model=512, n_neurons=16_384),
    },
    smoke=True,
)
