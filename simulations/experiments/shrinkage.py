"""How large codes are beside the true coefficients: each method where the frontier's searches had it, in two worlds.

In the frontier's world features overlap, in which case tied weights take less of each for a reason of their own
(simulations.measures.shrinkage).  Orthogonal features, in as many dimensions, have no overlap: what is too small
there is the method's.  Settings are those of the winners of `frontier`'s searches at the size of its standard preset,
not searched again; of Gated, which is not in them, its defaults, which won on `toy`.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments import frontier
from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import FRESH, METHODS, varied

WORLD = frontier.WORLD
ORTHOGONAL: Point = WORLD | {"dictionary_law": "orthogonal", "d_model": WORLD["n_features"]}
PREFIX = "orthogonal: "  # of the arms of that world
Values = dict[str, tuple[Any, ...]]
# GBA and L1 along their knobs, as in `frontier`; the others where they have about the L0 of GBA or of the truth, 6.
ALONG: Values = {
    "gba": frontier.LINES["gba"].along,
    "ba": (0.02,),
    "topk": (8, 6),
    "topk-untied": (8, 6),
    "batchtopk-untied": (8, 6),
    "l1-untied": frontier.LINES["l1-untied"].along,
    "jumprelu-untied": (0.0015, 0.003),
    "gated": (0.3, 0.5),
}
APART: Values = {
    "gba": (0.2,), "ba": (0.02,), "topk": (6,), "topk-untied": (6,), "batchtopk-untied": (6,),
    "l1-untied": (0.1, 0.2, 0.3), "jumprelu-untied": (0.003,), "gated": (0.3,),
}  # fmt: skip
QUICK: Values = {"gba": (0.2,), "topk": (8,), "l1-untied": (0.1, 0.3)}
KNOBS = {name: line.knob for name, line in frontier.LINES.items()} | {"gated": "penalty"}


def start(name: str) -> Point:
    """Return the settings of a method at the best of its searches, without its knob."""
    if name not in frontier.LINES:
        return METHODS[name].settings
    best = frontier.tried(name, frontier.LINES[name])[frontier.LINES[name].best]
    return {knob: value for knob, value in best.items() if knob != KNOBS[name]}


def _world(world: Point, values: Values, fresh: tuple[int, ...], prefix: str = "") -> list[Point]:
    found = [
        point for name, each in values.items() for point in varied(world, name, start(name), KNOBS[name], each, fresh)
    ]
    return [point | {"arm": prefix + point["arm"]} for point in found]


def _all(preset: str) -> list[Point]:
    size = frontier.SIZES[preset]
    apart = ORTHOGONAL | size | {"d_model": size.get("n_features", ORTHOGONAL["n_features"])}
    return _world(WORLD | size, ALONG, FRESH) + _world(apart, APART, FRESH, PREFIX)


EXPERIMENT = Experiment(
    "shrinkage",
    "Public summaries of the paper: L1 makes codes smaller than the truth, and GBA does not",
    order=145,
    grids={
        "quick": lambda: _world(WORLD | frontier.SIZES["quick"], QUICK, (0,)),
        "standard": lambda: _all("standard"),
        "paper": lambda: _all("paper"),
    },
    smoke=True,
)
