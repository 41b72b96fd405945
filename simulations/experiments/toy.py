"""The mixed-sparsity data of the paper's table: half of the rows with 3, half with 20 of 128 features."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import FRESH, METHODS, SEARCH, searched, trials, varied

WORLD: dict[str, Any] = {"n_features": 128, "d_model": 42, "support_law": "mixed", "batch_size": 64}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 128, "n_steps": 500},
    "standard": {"n_neurons": 192, "n_steps": 4_000},
    "paper": {"n_neurons": 512, "n_steps": 20_000},
}
WIDTHS = {"n_neurons": (128, 192, 256)}
TRUE_FREQUENCY = {"target_frequency": 0.09}  # each feature is in 11.5 of 128 rows
FIXED: dict[str, Point] = {"ba": TRUE_FREQUENCY}
# Which trial of the search won, by recovery at 0.8 plus recovery at 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {
    "gba": 0,
    "ba": 1,
    "topk": 8,
    "topk-untied": 5,
    "batchtopk": 4,
    "batchtopk-untied": 9,
    "matryoshka": 1,
    "l1-untied": 5,
    "jumprelu-untied": 2,
    "gated": 0,
}
# How wide is the range that works?  One knob at a time, the others as in the winner; of GBA with control that has
# arrived, from the sparse start of the defaults and from each neuron's own target.
HTF = ("high_target_frequency", (0.0015, 0.006, 0.02, 0.06, 0.2, 0.6))
SWEEPS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("gba-arrived", *HTF),
    ("gba-own-start", *HTF),
    ("gba-arrived", "low_target_frequency", (0.0002, 0.004, 0.02, 0.06)),
    ("topk", "k", (2, 4, 6, 9, 14, 24, 50)),
)
FORMS = ("gba-arrived", "gba-own-start", "gba-high", "gba-low")  # of GBA, not searched
QUICK = ("gba", "gba-high", "gba-low", "ba", "topk", "l1-untied")


def _trials(name: str) -> list[Point]:
    return trials(name, FIXED.get(name), WIDTHS)


def _quick() -> list[Point]:
    world = WORLD | SIZES["quick"]
    return [world | trial | {"arm": f"{name}, trial 0"} for name in QUICK for trial in _trials(name)[:1]]


def _all(preset: str) -> list[Point]:
    world = WORLD | SIZES[preset]
    found = {name: _trials(name) for name in METHODS}
    points = searched(world, found | {name: found[name][:1] for name in FORMS}, BEST)
    for name, knob, values in SWEEPS:
        if name in FORMS or name in BEST:
            replicas = (SEARCH, *FRESH) if knob == "k" else FRESH  # the best K is searched as well
            points += varied(world, name, found[name][BEST.get(name, 0)], knob, values, replicas)
    return points


EXPERIMENT = Experiment(
    "toy",
    "The paper: on mixed-sparsity data GBA recovers every feature, TopK only with the right K, GBA not with wrong "
    "frequencies (every method at the best of the same open search)",
    order=120,
    grids={"quick": _quick, "standard": lambda: _all("standard"), "paper": lambda: _all("paper")},
    smoke=True,
)
