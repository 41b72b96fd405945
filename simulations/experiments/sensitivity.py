"""How much tuning does a method need: one choice at a time over two decades, the others as in the winner of a search.

The world is that of the toy at half its size, and the budget one at which the winners of all three have converged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import searched, trials, varied

WORLD: dict[str, Any] = {"n_features": 64, "d_model": 24, "support_law": "mixed:3:10", "batch_size": 64}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 64, "n_steps": 400},
    "standard": {"n_neurons": 128, "n_steps": 4_000},
    "paper": {"n_neurons": 256, "n_steps": 20_000},
}
# Two decades of each, as many values; of K, which ends at d or so, what there is.
RATES = ("learning_rate", (0.0006, 0.0035, 0.02))
CHOICES: Mapping[str, tuple[tuple[str, tuple[Any, ...]], ...]] = {
    "gba": (
        RATES,
        ("n_groups", (1, 8, 64)),
        ("high_target_frequency", (0.014, 0.11, 0.9)),
        ("low_target_frequency", (0.0002, 0.0015, 0.013)),
        ("gain", (0.003, 0.025, 0.2)),
        ("initial_bias", (0.0, -0.2, -0.4)),
    ),
    "topk": (RATES, ("k", (2, 8, 30))),
    "l1-untied": (RATES, ("penalty", (0.025, 0.22, 2.0))),
}
# Which trial of the search won, by recovery at 0.8 plus recovery at 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {
    "gba": 8,
    "topk": 8,
    "l1-untied": 5,
}
INSTEAD = {"initial_bias": "start_frequency"}  # a start is one or the other


def _start(name: str, knob: str, best: int) -> Point:
    found = dict(trials(name)[best])
    found.pop(INSTEAD.get(knob, ""), None)
    return found


def _quick() -> list[Point]:
    world, points = WORLD | SIZES["quick"], []
    for name, choices in CHOICES.items():
        for knob, values in (choices[0], choices[-1]):
            points += varied(world, name, _start(name, knob, 0), knob, values[::2], fresh=(0,))
    return points


def _all(preset: str) -> list[Point]:
    world = WORLD | SIZES[preset]
    points = searched(world, {name: trials(name) for name in CHOICES}, BEST)
    for name, best in BEST.items():
        for knob, values in CHOICES[name]:
            points += varied(world, name, _start(name, knob, best), knob, values)
    return points


EXPERIMENT = Experiment(
    "sensitivity",
    "The paper: GBA is nearly tuning-free.  How does recovery depend on each choice, and on those of TopK and L1, "
    "around the best of the same open search?",
    order=160,
    grids={"quick": _quick, "standard": lambda: _all("standard"), "paper": lambda: _all("paper")},
    smoke=True,
)
