"""The upper edge of the theorem's band over d: how it moves, and how far from the theorem's it is, in rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import Points, critical, ends, groups
from simulations.evidence.scorecard.edges import CHANCE, RECOVERS, half_of_best, recovering
from simulations.evidence.scorecard.effects import UNKNOWN, Effect, greatest, least, over_seeds, slope_over_seeds
from simulations.evidence.scorecard.reading import named, where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
    MIN_SEEDS,
    SUPPORTED,
    UNDECIDED,
    Finding,
    above,
    below,
    loose,
    remarks,
    sufficient,
    too_few,
)
from theory.conditions import band

BEYOND = 2.0  # times sqrt(n), from where on d is beyond the change
FEW = 3  # cells that are told one by one
LESS = 0.4  # recovery, another floor: tells how much a slope owes to the first


class Slice(NamedTuple):
    """The critical p over d at one n, s and number of steps."""

    n: float
    s: float
    n_steps: float
    points: Points


def slices_over_d(rows: pd.DataFrame) -> list[Slice]:
    """Return the critical p over d, for every n, s and number of steps of the slices over d."""
    cut = cut_over_d(rows)
    names = ("n_features", "sparsity", "n_steps")
    found = [
        Slice(n, s, n_steps, critical(part, "target_frequency", "d_model"))
        for (n, s, n_steps), part in groups(cut, *names)
    ]
    return [each for each in found if len(each.points.x)]


def cut_over_d(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the slices over d."""
    cut: pd.DataFrame = rows[named(rows).str.match("over d|both")]
    return cut


def dimension(rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the upper edge over log d beyond 2 sqrt(n) at the largest n, greatest over s.

    After the most steps there are: far above d features a neuron stays for some steps wherever it starts.  In words,
    the slope at each n and s, also after the fewest steps.
    """
    slices = [each for each in slices_over_d(rows) if (np.unique(each.points.x) >= _beyond(each.n)).sum() > 2]
    times = sorted({each.n_steps for each in slices})
    effect, told = UNKNOWN, []
    for n_steps in times[:1] + times[-1:] * (len(times) > 1):
        own = [each for each in slices if each.n_steps == n_steps]
        largest = [each.n == max(other.n for other in own) for each in own]
        effects = [each.points.exponent(_beyond(each.n), sum(largest)) for each in own]
        effect = greatest(slope for slope, judged in zip(effects, largest, strict=True) if judged)
        values = [f"{slope.value:.2g}" for slope in effects]
        at = ", ".join(f"{v} (n = {each.n:,.0f}, s = {each.s:g})" for v, each in zip(values, own, strict=True))
        told.append(f"after {n_steps:.0f} steps {at}")
    verdict, lost = below(effect, 0.25), ""
    if verdict == CONFLICTS and above(_fall(slices), 0.0) == SUPPORTED:
        verdict, lost = UNDECIDED, "too steep, but less so as n grows"
    few = too_few(effect, verdict) if effect.n_seeds < MIN_SEEDS or not lost else ""
    return Finding(effect, verdict, remarks(lost, *reversed(told), few), where(cut_over_d(rows)))


def _fall(slices: list[Slice]) -> Effect:
    """Return by how much the slope beyond 2 sqrt(n) falls with log n, after the most steps, least over s."""
    longest = max(each.n_steps for each in slices)
    lines: dict[float, list[tuple[float, float, Any]]] = {}
    for n, s, _, points in (each for each in slices if each.n_steps == longest):
        for seed in np.unique(points.seeds):
            kept = (points.seeds == seed) & (points.x >= _beyond(n))
            if kept.sum() > 1:
                slope = float(np.polyfit(np.log(points.x[kept]), np.log(points.y[kept]), 1)[0])
                lines.setdefault(s, []).append((math.log(n), slope, seed))
    several = [each for each in lines.values() if len({n for n, _, _ in each}) > 1]
    tables = [pd.DataFrame(each, columns=["n", "slope", "seed"]) for each in several]
    return least(slope_over_seeds(each["n"], -each["slope"], each["seed"], comparisons=len(tables)) for each in tables)


def _beyond(n: float) -> float:
    """Return the d from which on the picture has the upper edge rise no further."""
    return BEYOND * math.sqrt(n)


def widening(rows: pd.DataFrame) -> Finding:
    """Return the slope over log d of the log of the range of p that recovers, least over s and centring.

    Only d at which half recovers on average.  In words, which these are, the slope with those at which LESS recovers,
    and how many ranges go on below the grid: where one does it may widen there, and nothing conflicts.
    """
    cells = rows[rows["chance_recovery_rate"] < CHANCE]
    lines = _spans(cells, RECOVERS)
    effect, more = _slope_of(lines), _slope_of(_spans(cells, LESS))
    verdict = above(effect, 0.0)
    notes = []
    if lines:
        told, root = pd.concat(lines), math.sqrt(rows["n_features"].max())
        d, n_open = told["d"], int(told["open"].sum())
        notes = [f"of d from {d.min():,.0f} to {d.max():,.0f}, {d.min() / root:.2g} sqrt(n) on"]
        notes += [f"from where {LESS:g} recovers: {more.value:.2g} ({more.low:.2g} to {more.high:.2g})"]
        notes += [f"{n_open} of {len(told)} ranges go on below the grid"] * bool(n_open)
        verdict = UNDECIDED if n_open and verdict == CONFLICTS else verdict
    return Finding(effect, verdict, remarks(*notes, too_few(effect, verdict)), where(cells))


def _spans(cells: pd.DataFrame, floor: float) -> list[pd.DataFrame]:
    """Return d, range of p, seed and whether it reaches the smallest p, of each s and centring with three d or more."""
    lines = []
    for _, part in cells.groupby(["sparsity", "center"]):
        spans = []
        for (d,), each in groups(part, "d_model"):
            if recovering(each, floor):
                low, high = (half_of_best(each, below=below, floor=0.0) for below in (True, False))
                first = each["target_frequency"].min()
                spans += [(d, high[seed] / low[seed], seed, low[seed] <= first) for seed in low.index]
        table = pd.DataFrame(spans, columns=["d", "span", "seed", "open"])
        if table["d"].nunique() > 2:
            lines.append(table)
    return lines


def _slope_of(lines: list[pd.DataFrame]) -> Effect:
    return least(
        slope_over_seeds(np.log(each["d"]), np.log(each["span"]), each["seed"], comparisons=len(lines))
        for each in lines
    )


def edge(rows: pd.DataFrame) -> Finding:
    """Return log_n of the critical p over the band's upper edge, least over d from sqrt(n) on, n, s and steps.

    Where at every p of the grid fewer than half hold neurons the critical p is at most the smallest, and where more do
    at least the largest: the interval is open at that side.
    """
    found, below_grid = [], []
    for (n, s, d, n_steps), part in _slices(rows):
        critical_p = ends(part, "target_frequency")
        upper = float(band(n, d, s, epsilon=0.0, zeta=0.0).upper)
        spare = np.log(critical_p["value"] / upper) / math.log(n)
        found.append((spare.set_axis(critical_p["seed"]), critical_p["side"]))
        if (critical_p["side"] < 0).any():
            below_grid.append((n, d, s, n_steps))
    effect = least(_open(over_seeds(spare, len(found)), side) for spare, side in found)
    verdict = sufficient(effect)
    short = "ends before the edge, with its constants taken as one" if effect.high < 0 else ""
    lost = f"at most: below the smallest p of the grid at {_cells(below_grid)}" if below_grid else ""
    few = "" if short and effect.n_seeds >= MIN_SEEDS else too_few(effect, verdict)
    return Finding(effect, verdict, remarks(loose(effect, "powers of n"), short, lost, few), where(cut_over_d(rows)))


def _cells(cells: list[tuple[float, float, float, float]]) -> str:
    """Return n, d, s and number of steps of cells: of each where they are few, else between which values these are."""
    if len(cells) <= FEW:
        return "; ".join(f"n = {n:,.0f}, d = {d:,.0f}, s = {s:g}, T = {n_steps:.0f}" for n, d, s, n_steps in cells)
    spans = [(min(each), max(each)) for each in zip(*cells, strict=True)]
    texts = [f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}" for low, high in spans]
    return f"{len(cells)} cells, " + ", ".join(f"{name} = {text}" for name, text in zip("ndsT", texts, strict=True))


def _slices(rows: pd.DataFrame) -> Iterator[tuple[tuple[float, ...], pd.DataFrame]]:
    """Yield n, s, d and number of steps, and the rows, of the slices over d, from sqrt(n) on."""
    cut = cut_over_d(rows)
    yield from groups(cut[cut["d_model"] ** 2 >= cut["n_features"]], "n_features", "sparsity", "d_model", "n_steps")


def _open(effect: Effect, side: pd.Series) -> Effect:
    """Return the effect as "at most" or "at least" where a seed's number is: without that end of its interval."""
    if math.isnan(effect.low):
        return effect
    low, high = -math.inf if (side < 0).any() else effect.low, math.inf if (side > 0).any() else effect.high
    return effect._replace(low=low, high=high)
