"""The methods of the comparisons, and the one protocol by which all of them are searched and judged.

Protocol: a method gets N_TRIALS settings, the first its default as shipped, the others a Latin hypercube over its knobs
(each knob takes one value from each ninth of its range, in an order drawn by a named stream); rate and schedule are
knobs of every method, and its own come on top.  All trials see as many samples.  The search runs at replicate 0; its
winner and the default are judged at the FRESH replicates.  Which trial won is kept in each experiment (BEST) and
compared with the committed rows by a test.  An arm is "METHOD, trial K".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from simulations.base.streams import stream
from simulations.experiments.base import Point

N_TRIALS = 10
SEARCH, FRESH = 0, (1, 2, 3, 4, 5)  # replicates


class Range(NamedTuple):
    """Values from low to high, equally likely in logarithms."""

    low: float
    high: float
    whole: bool = False

    def at(self, share: float) -> float | int:
        """Return the value at a share of the range, to three digits."""
        value = math.exp((1 - share) * math.log(self.low) + share * math.log(self.high))
        return round(value) if self.whole else float(f"{value:.3g}")


Knob = Range | tuple[Any, ...]


@dataclass(frozen=True)
class Method:
    """A method: the settings that make it what it is, and its own knobs, beside the rate and the schedule."""

    settings: Point
    knobs: Mapping[str, Knob]


SCHEDULES = ("constant", "linear")
DEFAULT_RATE, DEFAULT_RATES = 1e-3, {"gba": 0.01, "ba": 0.01}  # of trial 0; a test compares them
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # of the rate, in the second search
COMMON: dict[str, Knob] = {"learning_rate": Range(1e-4, 3e-2), "schedule": SCHEDULES}
CONTROL: dict[str, Knob] = {"start_frequency": Range(1e-4, 0.5), "gain": Range(0.001, 0.3)}
GROUPS: dict[str, Knob] = {
    "n_groups": Range(3, 40, whole=True),
    "high_target_frequency": Range(0.02, 0.9),
    "low_target_frequency": Range(1e-4, 0.005),
}
K: dict[str, Knob] = {"k": Range(2, 50, whole=True)}
AUXK: dict[str, Knob] = K | {"dead_samples": Range(2_000, 200_000, whole=True)}


def _penalised(algorithm: str, low: float, high: float, **others: Knob) -> Method:
    """Return a method whose penalty is searched over three decades about its default."""
    return Method({"algorithm": algorithm}, {"penalty": Range(low, high), **others})


ARRIVED: Point = {"algorithm": "gba", "gain": 0.1}
METHODS: Mapping[str, Method] = {
    "gba": Method({"algorithm": "gba"}, CONTROL | GROUPS),
    # Control that has arrived: at the default gain, the paper's 0.01, biases are still on their way after 80 updates.
    "gba-arrived": Method(ARRIVED, {}),
    "gba-own-start": Method(ARRIVED | {"start_frequency": 0.9}, {}),  # every neuron starts at its own target
    # Wrong frequencies (ours): a range far above, and one far below, those at which neurons at features fire.
    "gba-high": Method(ARRIVED | {"high_target_frequency": 0.5, "low_target_frequency": 0.3}, {}),
    "gba-low": Method(ARRIVED | {"high_target_frequency": 0.002, "low_target_frequency": 0.0002}, {}),
    "ba": Method({"algorithm": "ba"}, CONTROL | {"target_frequency": Range(0.002, 0.2)}),
    "topk": Method({"algorithm": "topk"}, K),
    "topk-untied": Method({"algorithm": "topk-untied"}, AUXK),
    "batchtopk": Method({"algorithm": "batchtopk"}, K),
    "batchtopk-untied": Method({"algorithm": "batchtopk-untied"}, AUXK),
    "matryoshka": Method({"algorithm": "matryoshka"}, AUXK),
    "l1-untied": _penalised("l1-untied", 0.004, 4),
    "jumprelu-untied": _penalised("jumprelu-untied", 3e-4, 0.3, bandwidth=Range(0.001, 0.1)),
    "gated": _penalised("gated", 0.03, 30),
}


@cache
def drawn(name: str, knobs: tuple[tuple[str, Knob], ...], n: int = N_TRIALS - 1, **turn: str) -> tuple[Point, ...]:
    """Return n trials of a method (all but its first): one value from each equal part of each knob's range.

    Another `turn` draws others.
    """
    points: list[Point] = [{} for _ in range(n)]
    for knob, values in knobs:
        rng = stream("search", 0, method=name, knob=knob, **turn)
        for point, share in zip(points, (rng.permutation(n) + rng.random(n)) / n, strict=True):
            point[knob] = values.at(share) if isinstance(values, Range) else values[int(share * len(values))]
    return tuple(points)


def trials(name: str, fixed: Point | None = None, extra: Mapping[str, Knob] | None = None) -> list[Point]:
    """Return the settings of each trial of a method; what is `fixed` is no knob, `extra` knobs are the experiment's."""
    own, same = METHODS[name], fixed or {}
    knobs = {knob: values for knob, values in {**COMMON, **own.knobs, **(extra or {})}.items() if knob not in same}
    return [own.settings | same | point for point in ({}, *drawn(name, tuple(knobs.items())))]


def arm(name: str, trial: int) -> str:
    """Return the arm of a trial."""
    return f"{name}, trial {trial}"


def of_rate(name: str, start: Point) -> list[Point]:
    """Return a second search of a method, of rate and schedule, about a trial."""
    rate = start.get("learning_rate", DEFAULT_RATES.get(name, DEFAULT_RATE))
    rates = [float(f"{factor * rate:.3g}") for factor in FACTORS]
    return [start | {"learning_rate": each, "schedule": schedule} for each in rates for schedule in SCHEDULES]


def of_others(name: str, start: Point, but: str) -> list[Point]:
    """Return a third search, of a method's own knobs but one, about a trial; none for a method without others."""
    knobs = tuple((knob, values) for knob, values in METHODS[name].knobs.items() if knob != but)
    return [start | point for point in drawn(name, knobs, N_TRIALS, turn="third")] if knobs else []


def searched(
    world: Point, found: Mapping[str, Sequence[Point]], best: Mapping[str, int], fresh: Iterable[int] = FRESH
) -> list[Point]:
    """Return the trials of each method at the replicate of the search, its default and its winner at fresh ones."""
    points = [
        world | trial | {"arm": arm(name, k), "seed": SEARCH}
        for name, each in found.items()
        for k, trial in enumerate(each)
    ]
    return points + [
        world | each[k] | {"arm": arm(name, k), "seed": seed}
        for seed in fresh
        for name, each in found.items()
        for k in sorted({0, best.get(name, 0)})
    ]


def varied(
    world: Point, name: str, start: Point, knob: str, values: Iterable[Any], fresh: Iterable[int] = FRESH
) -> list[Point]:
    """Return cells in which one knob leaves a setting `start`, as arms "METHOD, KNOB VALUE", without its own value."""
    others = [value for value in values if value != start.get(knob)]
    points = [world | start | {knob: value, "arm": f"{name}, {knob} {value:g}"} for value in others]
    return [point | {"seed": seed} for seed in fresh for point in points]
