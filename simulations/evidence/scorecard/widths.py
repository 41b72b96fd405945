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
    loose,
    remarks,
    sufficient,
    too_few,
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


def spare(rows: pd.DataFrame) -> Effect:
    """Return the decades from the width of half recovery, where it is known, up to the sufficient n p^(-s): the least.

    A mean over seeds in each cell of n, s, p and centring.  The error within a seed is no part of its interval.
    """
    names = ["n_features", "sparsity", "target_frequency", "center"]
    n, s, p = (rows[name].astype(float) for name in names[:3])
    decades = rows[[*names, "seed"]].copy()
    decades["spare"] = np.log10(n) - s * np.log10(p) - pd.to_numeric(rows[REQUIRED], errors="coerce")
    parts = [part for _, part in decades[np.isfinite(decades["spare"])].groupby(names)]
    return least(over_seeds(part.set_index("seed")["spare"], len(parts)) for part in parts)


def _lines(known: pd.DataFrame, over: str) -> list[tuple[float, pd.DataFrame, Points]]:
    """Return s, rows and points of the required width over a column, for each s and centring with two values of it."""
    parts = [(s, part) for (s, _), part in groups(known, "sparsity", "center") if len(part[over].unique()) > 1]
    return [(s, part, width_points(part, part[over])) for s, part in parts]


def _shown(effect: Effect) -> str:
    return f"{effect.value:.2g} ({effect.low:.2g} to {effect.high:.2g})" if math.isfinite(effect.low) else ""


def enough(rows: pd.DataFrame, name: str) -> Finding:
    """Return by how many decades n p^(-s) neurons are more than half recovery takes, least over a slice of the rows.

    In words, how fast the required width grows, greatest over s and centring: an upper bound says nothing of that.
    """
    cut = slice_of(rows, name)
    decades, over = spare(cut), "target_frequency" if name == SLICES[0] else "n_features"
    verdict = sufficient(decades)
    n_lost = len(cut) - int(np.isfinite(pd.to_numeric(cut[REQUIRED], errors="coerce")).sum())
    if n_lost > (1 - KNOWN) * len(cut) and verdict != NOT_TESTED:
        verdict = UNDECIDED
    lost = f"{n_lost} of {len(cut)} widths are not known" if n_lost else ""
    few = "" if lost and decades.n_seeds >= MIN_SEEDS else too_few(decades, verdict)
    return Finding(decades, verdict, remarks(loose(decades, "decades"), _growth(cut, over), lost, few), where(cut))


def _growth(cut: pd.DataFrame, over: str) -> str:
    """Return how fast the required width grows with 1/p or n in a slice, and the bound n p^(-s) at the same points."""
    lines = _lines(known_widths(cut), over)
    if over == "n_features":
        slopes = [(points.exponent(comparisons=len(lines)), sufficient_exponent(part, s)) for s, part, points in lines]
    else:
        slopes = [(points.exponent(comparisons=len(lines)).negative(), s) for s, _, points in lines]
    told = [each for each in slopes if _shown(each[0])]
    if not told:
        return ""
    effect, bounds = greatest(each for each, _ in told), sorted({f"{each:.2g}" for _, each in told})
    base = "n" if over == "n_features" else "(1/p)"
    return f"M* ~ {base}^{_shown(effect)} at most, beside {base}^{' to '.join(dict.fromkeys((bounds[0], bounds[-1])))}"


def sufficient_exponent(part: pd.DataFrame, s: float) -> float:
    """Return the exponent of n in n p^(-s), with p as it moves over n in these rows."""
    cells = part[["n_features", "target_frequency"]].astype(float).drop_duplicates()
    log_n, log_p = np.log(cells["n_features"]), np.log(cells["target_frequency"])
    return 1 - s * float(np.polyfit(log_n, log_p, 1)[0])
