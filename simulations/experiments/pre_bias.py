"""What b_pre does: learned, frozen at zero or at the mean of the data, under four methods on three worlds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.basins import QUICK, WORLDS, sized

VALUES = ("zero", "learned", "mean")
METHODS: dict[str, Point] = {
    "GBA": {"algorithm": "gba"},
    "BA": {"algorithm": "ba"},
    "TopK": {"algorithm": "topk", "schedule": "linear", "learning_rate": 5e-3},
    "L1": {"algorithm": "l1", "schedule": "linear", "learning_rate": 3e-3},
}
K = {"toy": 9, "canonical": 3, "Zipf": 4}  # near the mean number of active features, below it in the toy


def _points(seeds: int, worlds: tuple[str, ...], methods: tuple[str, ...], **same: Any) -> list[Point]:
    """Return every b_pre under every method on every world."""
    return [
        METHODS[name]
        | ({"k": K[world]} if name == "TopK" else {})
        | sized(world)
        | same
        | {"pre_bias": value, "arm": f"{world}, {name}", "seed": seed}
        for seed in range(seeds)
        for world in worlds
        for name in methods
        for value in VALUES
    ]


EXPERIMENT = Experiment(
    "pre_bias",
    "Ours: a learned b_pre drifts along a common shift that no loss sees, and takes the neurons with it",
    order=166,
    grids={
        "quick": lambda: _points(1, ("canonical",), ("GBA", "TopK"), **QUICK),
        "standard": lambda: _points(5, tuple(WORLDS), tuple(METHODS), n_steps=2_000),
        "paper": lambda: _points(5, tuple(WORLDS), tuple(METHODS), n_steps=20_000),
    },
    smoke=True,
)
