"""Reconstruction and recovery against sparsity: each method along the knob that moves it, on Zipf supports.

Each method is searched three times, always at the seed of the search: ten trials over all its knobs; then, at the value
of its knob at which its L0 is about that of the others, fourteen of rate and schedule about the best; then ten of its
other knobs, where it has any, about the best of these.  Best is the least FVU times L0, of what explains half of the
variance.  Without the second a rival keeps, at the L0 where it is compared, a rate that won at another; without the
third GBA keeps the gain that it has.  The winner is judged at fresh seeds along the knob.  `consistency` trains the
winners of the first search, by recovery, again from several starts.
One width for all, for more neurons reconstruct better.  Tied weights (GBA, BA, topk) pay for
the crosstalk of features with a share of about s / d of the variance, which an encoder of its own learns to remove:
so both forms of TopK are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import of_others, of_rate, searched, trials, varied


class Line(NamedTuple):
    """A method along its knob: the values judged, the one of the searches after the first, and which trials won.

    Trials are numbered on: `start` won the first search, `refined` the second, `best` all of them.
    """

    knob: str
    along: tuple[Any, ...]
    near: Any
    start: int
    refined: int
    best: int


Lines = Mapping[str, Line]

WORLD: dict[str, Any] = {
    "n_features": 128, "d_model": 64, "support_law": "zipf:1", "sparsity": 6, "batch_size": 64,
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 128, "n_steps": 400},
    "standard": {"n_neurons": 256, "n_steps": 4_000},
    "paper": {"n_features": 4_096, "d_model": 256, "n_neurons": 8_192, "n_steps": 20_000, "batch_size": 512},
}
# From dense to sparse, past both ends of where the others are compared with GBA.
LINES: Lines = {
    "gba": Line("high_target_frequency", (0.9, 0.2, 0.04, 0.01), 0.2, 1, 19, 19),
    "ba": Line("target_frequency", (0.2, 0.06, 0.02, 0.006), 0.02, 5, 19, 19),
    "topk": Line("k", (12, 8, 6, 4), 8, 3, 15, 15),
    "topk-untied": Line("k", (12, 8, 6, 4), 8, 7, 17, 33),
    "batchtopk-untied": Line("k", (12, 8, 6, 4), 8, 6, 15, 29),
    "l1-untied": Line("penalty", (0.1, 0.2, 0.3, 0.5), 0.3, 9, 21, 21),
    "jumprelu-untied": Line("penalty", (0.0015, 0.003, 0.006), 0.003, 4, 17, 17),
}
# Which trial of the first search won by recovery at 0.8 plus recovery at 0.9; a test compares both with the rows.
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


def smoke_points(world: Point, lines: Lines) -> list[Point]:
    """Return every second value of the knobs of three methods, at their defaults and one replicate."""
    points: list[Point] = []
    for name in QUICK:
        line = lines[name]
        points += varied(world, name, trials(name)[0], line.knob, line.along[1::2], fresh=(0,))
    return points


def tried(name: str, line: Line) -> list[Point]:
    """Return the trials of all searches of a method."""
    found = trials(name)
    found += of_rate(name, found[line.start] | {line.knob: line.near})
    return found + of_others(name, found[line.refined], line.knob)


def all_points(world: Point, lines: Lines) -> list[Point]:
    """Return the searches of every method, and the values of its knob about the winner at fresh replicates.

    The sizes of the world are those of the searches too.
    """
    found = {name: tried(name, line) for name, line in lines.items()}
    points = searched(world, found, {}, fresh=())
    for name, line in lines.items():
        start = {knob: value for knob, value in found[name][line.best].items() if knob != line.knob}
        points += varied(world, name, start, line.knob, line.along)
    return points


def _all(preset: str) -> list[Point]:
    return all_points(WORLD | SIZES[preset], LINES)


EXPERIMENT = Experiment(
    "frontier",
    "The paper: GBA lies on or near the TopK frontier of reconstruction against sparsity, ahead of L1 and BA (every "
    "method at the best of the same open search)",
    order=140,
    grids={
        "quick": lambda: smoke_points(WORLD | SIZES["quick"], LINES),
        "standard": lambda: _all("standard"),
        "paper": lambda: _all("paper"),
    },
    smoke=True,
)
