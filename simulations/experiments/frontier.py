"""Reconstruction and recovery against sparsity: each method along the knob that moves it, on Zipf supports.

The other settings are those of the winner of the search, which is over this world; winners are run again, from several
starts, in `consistency`.  One width for all, for more neurons reconstruct better.  Tied weights (GBA, BA, topk) pay for
the crosstalk of features with a share of about s / d of the variance, which an encoder of its own learns to remove:
so both forms of TopK are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import searched, trials, varied

Knobs = Mapping[str, tuple[str, tuple[Any, ...]]]  # of a method: the name of a setting, and its values

WORLD: dict[str, Any] = {
    "n_features": 128, "d_model": 64, "support_law": "zipf:1", "sparsity": 6, "batch_size": 64,
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 128, "n_steps": 400},
    "standard": {"n_neurons": 256, "n_steps": 4_000},
    "paper": {"n_features": 4_096, "d_model": 256, "n_neurons": 8_192, "n_steps": 20_000, "batch_size": 512},
}
# From dense to sparse, past both ends of what is useful.
KNOBS: Knobs = {
    "gba": ("high_target_frequency", (0.9, 0.2, 0.04, 0.01)),
    "ba": ("target_frequency", (0.2, 0.06, 0.02, 0.006)),
    "topk": ("k", (20, 8, 6, 3)),
    "topk-untied": ("k", (20, 8, 3, 1)),
    "batchtopk-untied": ("k", (20, 8, 3, 1)),
    "l1-untied": ("penalty", (0.03, 0.1, 0.3, 1.0)),
    "jumprelu-untied": ("penalty", (0.0015, 0.005, 0.015, 0.05)),
}
# Which trial of the search won, by recovery at 0.8 plus recovery at 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {
    "gba": 1,
    "ba": 5,
    "topk": 3,
    "topk-untied": 7,
    "batchtopk-untied": 1,
    "l1-untied": 9,
    "jumprelu-untied": 4,
}
QUICK = ("gba", "batchtopk-untied", "l1-untied")


def smoke_points(world: Point, knobs: Knobs) -> list[Point]:
    """Return every second value of the knobs of three methods, at their defaults and one replicate."""
    points: list[Point] = []
    for name in QUICK:
        knob, values = knobs[name]
        points += varied(world, name, trials(name)[0], knob, values[1::2], fresh=(0,))
    return points


def all_points(world: Point, knobs: Knobs, best: Mapping[str, int]) -> list[Point]:
    """Return the search of every method, and the values of its knob about its winner at fresh replicates."""
    tried = {name: trials(name) for name in knobs}
    points = searched(world, tried, {}, fresh=())
    for name, (knob, values) in knobs.items():
        if name in best:
            points += varied(world, name, tried[name][best[name]], knob, values)
    return points


def _all(preset: str) -> list[Point]:
    return all_points(WORLD | SIZES[preset], KNOBS, BEST)


EXPERIMENT = Experiment(
    "frontier",
    "The paper: GBA lies on or near the TopK frontier of reconstruction against sparsity, ahead of L1 and BA (every "
    "method at the best of the same open search)",
    order=140,
    grids={
        "quick": lambda: smoke_points(WORLD | SIZES["quick"], KNOBS),
        "standard": lambda: _all("standard"),
        "paper": lambda: _all("paper"),
    },
    smoke=True,
)
