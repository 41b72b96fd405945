"""Effects that bear on the theorem, measured in rows of the provable algorithm and its probes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED, Array, critical, groups
from simulations.evidence.scorecard.edges import RECOVERS, at_best_frequency
from simulations.evidence.scorecard.effects import (
    UNKNOWN,
    Effect,
    farthest,
    least,
    over_seeds,
    paired,
    slope_over_seeds,
)
from simulations.evidence.scorecard.reading import arm, where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
    NOT_TESTED,
    UNDECIDED,
    Finding,
    above,
    both,
    equal,
    loose,
    remarks,
    too_few,
)
from theory.scaling import upper_edge_exponent

SURVIVE = 0.9  # share of the runs that have to recover, for what is measured in those that do


def steps_needed(rows: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Return n, the steps to nine tenths of the best recovery, and the seed of the runs that recover: each (k,)."""
    found = []
    for n, text, seed in rows[["n_features", "recovery_per_step", "seed"]].to_numpy():
        history = np.array([float(each) for each in str(text).split()])
        if history.max(initial=0.0) >= RECOVERS:
            found.append((float(n), float(np.argmax(history >= 0.9 * history.max())), seed))
    n, steps, seeds = (np.array([each[k] for each in found]) for k in range(3))
    return n, steps, seeds


def constant_steps(rows: pd.DataFrame) -> Finding:
    """Return the slope over log2 n of the steps to nine tenths of the best recovery, greatest in size over s.

    Of neurons started at the depth of the theorem's width; for runs in which a half arrives.
    """
    rows = arm(rows, "probes")
    lines = [steps_needed(part) for _, part in rows.groupby("sparsity")]
    effects = [slope_over_seeds(np.log2(each[0]), each[1], each[2], comparisons=len(lines)) for each in lines]
    effect = farthest(effects, 0.0)
    verdict, lost = both(*(equal(each, 0.0, 0.25) for each in effects)), ""
    n_recover = sum(len(each[0]) for each in lines)
    if n_recover < SURVIVE * len(rows):
        lost = f"{n_recover} of {len(rows)} runs recover a half"
        verdict = NOT_TESTED if verdict == NOT_TESTED else UNDECIDED
    return Finding(effect, verdict, remarks(lost or too_few(effect, verdict), _arrival(rows, lines)), where(rows))


def _arrival(rows: pd.DataFrame, lines: list[tuple[Array, Array, Array]]) -> str:
    """Return in words how many steps it takes at the least and the largest n, and from which cosines, if rows tell."""
    n, steps = (np.concatenate([each[k] for each in lines]) for k in (0, 1))
    if not len(n):
        return ""
    told = [f"{steps[n == each].mean():.1f} at n = {each:,.0f}" for each in dict.fromkeys((n.min(), n.max()))]
    cosines = rows.groupby("n_features")["start_cosine"].mean() if "start_cosine" in rows else pd.Series(dtype=float)
    start = f", from a cosine of {cosines.iloc[0]:.2f} and {cosines.iloc[-1]:.2f}" if cosines.notna().any() else ""
    return f"steps: {' and '.join(told)}{start}"


def upper_edge(rows: pd.DataFrame) -> Finding:
    """Return the least excess over s and centring of the slope of log critical p over log n above the theorem's."""
    cuts = arm(rows, "over p")
    lines = []
    for (s, _), part in groups(cuts, "sparsity", "center"):
        points = critical(part, "target_frequency")
        if len(np.unique(points.x)) > 2:
            lines.append((points, upper_edge_exponent(s)))
    effect = least(points.exponent(comparisons=len(lines)).minus(exponent) for points, exponent in lines)
    verdict = above(effect, 0.0)
    note = loose(effect, "powers of n") if verdict != CONFLICTS else ""
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), where(cuts))


def activations_at_equal(rows: pd.DataFrame, left: str, right: str) -> Finding:
    """Return recovery with one activation minus another at equal p, where it is farthest from 0 over p and centring."""
    cells = _both(rows, left, right)
    table = cells.pivot_table(index=["center", "target_frequency", "seed"], columns="activation", values=RECOVERED)
    gaps = (table[left] - table[right]).dropna()
    parts = [part for _, part in gaps.groupby(["center", "target_frequency"])]
    effects = [over_seeds(part.droplevel(["center", "target_frequency"]), len(parts)) for part in parts]
    verdict = both(*(equal(each, 0.0, 0.1) for each in effects))
    return Finding(farthest(effects, 0.0), verdict, _fewest(effects, verdict), where(cells))


def activations_at_best(rows: pd.DataFrame, left: str, right: str) -> Finding:
    """Return recovery with one activation minus another, each at its own best p of the other seeds, by centring."""
    cells = _both(rows, left, right)
    parts = [part for _, part in cells.groupby("center")]
    best = [{name: at_best_frequency(part[part["activation"] == name]) for name in (left, right)} for part in parts]
    effects = [paired(each[left], each[right], len(parts)) for each in best]
    verdict = both(*(equal(each, 0.0, 0.1) for each in effects))
    return Finding(farthest(effects, 0.0), verdict, _fewest(effects, verdict), where(cells))


def _both(rows: pd.DataFrame, left: str, right: str) -> pd.DataFrame:
    if not {left, right} <= set(rows["activation"]):
        raise ValueError(f"no rows of both {left} and {right}")
    cells: pd.DataFrame = rows[rows["activation"].isin((left, right))]
    return cells


def _fewest(effects: list[Effect], verdict: str) -> str:
    """Return why several effects decide nothing, by the one with the fewest seeds."""
    return too_few(min(effects, key=lambda each: each.n_seeds, default=UNKNOWN), verdict)
