"""Effects that bear on the width condition, measured in rows of the width instrument."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import Points, groups
from simulations.evidence.scorecard.effects import Effect, greatest, least, over_seeds
from simulations.evidence.scorecard.reading import arm, named, where
from simulations.evidence.scorecard.verdicts import (
    MIN_SEEDS,
    NOT_TESTED,
    UNDECIDED,
    Finding,
    below,
    loose,
    remarks,
    too_few,
    trivially,
)

NORMAL = 1.96  # of intervals of level 95 %
KNOWN = 0.9  # share of the widths that have to be known: the others may be infinite
REQUIRED = "log10_required_width"
SLICES = ("over p", "over n", "over n, fixed p")


def slice_of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of a slice; that over n at fixed p has the rows over p with its s and p as well.

    Raises ValueError when there are none.
    """
    if name != SLICES[2]:
        return arm(rows, name)
    names = named(rows)
    own = rows[names == name]
    same = pd.Series(True, index=rows.index)
    for each in ("sparsity", "target_frequency", "center"):
        same &= rows[each].isin(own[each].unique())
    return pd.concat([own, rows[(names == SLICES[0]) & same]])


def known_widths(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in which the required width and its interval are known."""
    names = (REQUIRED, f"{REQUIRED}_low", f"{REQUIRED}_high")
    known = np.logical_and.reduce([np.isfinite(pd.to_numeric(rows[name], errors="coerce")) for name in names])
    part: pd.DataFrame = rows[known]
    return part


def width_points(part: pd.DataFrame, x: pd.Series) -> Points:
    """Return the required width over `x`, its error within a seed from the interval."""
    span = part[f"{REQUIRED}_high"] - part[f"{REQUIRED}_low"]
    errors = np.maximum(span.to_numpy(dtype=float) * math.log(10) / (2 * NORMAL), 1e-6)
    y = 10 ** part[REQUIRED].to_numpy(dtype=float)
    return Points(x.to_numpy(dtype=float), y, errors, part["seed"].to_numpy())


def spare(known: pd.DataFrame) -> tuple[Effect, Effect]:
    """Return the decades between the required width and the sufficient n p^(-s), least and greatest over cells.

    Cells in which the widths of too few seeds are known do not count where there are others.
    """
    n, s, p = (known[name].astype(float) for name in ("n_features", "sparsity", "target_frequency"))
    decades = known.assign(spare=np.log10(n) - s * np.log10(p) - known[REQUIRED])
    names = ["n_features", "sparsity", "target_frequency", "center"]
    parts = [part for _, part in decades.groupby(names)]
    whole = [part for part in parts if len(part) >= MIN_SEEDS]  # the others are counted as not known
    parts = whole or parts
    effects = [over_seeds(part.set_index("seed")["spare"], len(parts)) for part in parts]
    return least(effects), greatest(effects)


def _finding(effects: list[Effect], threshold: float, known: pd.DataFrame, n_rows: int) -> Finding:
    """Return the greatest of slopes that should be below a threshold, with the decades to spare."""
    effect, (decades, most) = greatest(effects), spare(known)
    verdict = trivially(below(effect, threshold), decades)
    lost = f"{n_rows - len(known)} of {n_rows} widths are not known" if len(known) < n_rows else ""
    if len(known) < KNOWN * n_rows:
        verdict = NOT_TESTED if verdict == NOT_TESTED else UNDECIDED
    few = too_few(effect, verdict) if not lost or effect.n_seeds < MIN_SEEDS else ""
    told = loose(decades, "decades")
    told += f" at least, {most.value:.2g} at most" if told and most.value - decades.value > 1 else ""
    return Finding(effect, verdict, remarks(told, lost, few), where(known))


def width_in_frequency(rows: pd.DataFrame) -> Finding:
    """Return the greatest over s and centring of the exponent of M* over 1/p, divided by s."""
    cut = arm(rows, "over p")
    known = known_widths(cut)
    lines = []
    for (s, _), part in groups(known, "sparsity", "center"):
        points = width_points(part, 1 / part["target_frequency"])
        if len(np.unique(points.x)) > 1:
            lines.append((points, s))
    found = [(points.exponent(comparisons=len(lines)), s) for points, s in lines]
    effects = [each._replace(value=each.value / s, low=each.low / s, high=each.high / s) for each, s in found]
    return _finding(effects, 1.0, known, len(cut))


def width_in_n(rows: pd.DataFrame) -> Finding:
    """Return the greatest over s and centring of the exponent of M* over n, less that of n p^(-s) there."""
    cut = arm(rows, "over n")
    known = known_widths(cut)
    lines = []
    for (s, _), part in groups(known, "sparsity", "center"):
        points = width_points(part, part["n_features"])
        if len(np.unique(points.x)) > 1:
            lines.append((points, sufficient_exponent(part, s)))
    effects = [points.exponent(comparisons=len(lines)).minus(exponent) for points, exponent in lines]
    return _finding(effects, 0.0, known, len(cut))


def width_at_fixed_frequency(rows: pd.DataFrame) -> Finding:
    """Return the greatest over s and centring of the exponent of M* over n at fixed p, less 1."""
    cut = slice_of(rows, SLICES[2])
    known = known_widths(cut)
    lines = [width_points(part, part["n_features"]) for _, part in groups(known, "sparsity", "center")]
    lines = [each for each in lines if len(np.unique(each.x)) > 1]
    effects = [points.exponent(comparisons=len(lines)).minus(1.0) for points in lines]
    return _finding(effects, 0.25, known, len(cut))


def sufficient_exponent(part: pd.DataFrame, s: float) -> float:
    """Return the exponent of n in n p^(-s), with p as it moves over n in these rows."""
    cells = part[["n_features", "target_frequency"]].astype(float).drop_duplicates()
    log_n, log_p = np.log(cells["n_features"]), np.log(cells["target_frequency"])
    return 1 - s * float(np.polyfit(log_n, log_p, 1)[0])
