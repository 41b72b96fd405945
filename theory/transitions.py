"""Where a measured curve crosses a level, and how sharply: critical values from rows, without a fit.

A rate that can only fall (or only rise) along x is measured with noise; before a crossing is read off, the nearest
monotone curve takes its place (isotonic regression), so that one noisy point does not decide where the curve crosses.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from theory.checks import at_least, real

LEVELS = (0.25, 0.75)  # between which the transition width is measured


class _Crossing(NamedTuple):
    """The two pooled runs of points around a crossing: their points, the log x of their near ends, their values."""

    runs: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    log_x: tuple[float, float]
    values: tuple[float, float]


def crossing(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    level: float = 0.5,
    *,
    falling: bool = True,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Return the x at which y passes `level`, falling (or rising) with x, linear in log x; NaN if it does not.

    x (k,) positive, in any order; y (k,); weights (k,) positive, of the points in the monotone curve nearest to y,
    equal by default (for rates: the numbers of trials).  A monotone y is taken as it is.  Ours.
    Raises ValueError for other shapes, or an x or a weight that is not positive.
    """
    found = _find(x, y, weights, level, falling)
    if found is None:
        return math.nan
    (left, right), (start, end) = found.log_x, found.values
    return float(np.exp(left + (right - left) * (level - start) / (end - start)))


def crossing_error(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    errors: npt.ArrayLike,
    level: float = 0.5,
    *,
    falling: bool = True,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Return the standard error of log(crossing) that follows, to first order, from independent errors (k,) of y.

    NaN where y does not cross.  Other arguments and errors as in `crossing`.
    """
    found = _find(x, y, weights, level, falling)
    if found is None:
        return math.nan
    (left, right), (start, end) = found.log_x, found.values
    error = at_least("errors", errors, 0)
    if error.shape != np.shape(y):
        raise ValueError(f"errors {error.shape}, but should have the shape of y, {np.shape(y)}")
    weight = np.ones_like(error) if weights is None else at_least("weights", weights, np.finfo(float).tiny)
    pooled = [float(np.hypot.reduce(weight[run] * error[run]) / weight[run].sum()) for run in found.runs]
    slopes = np.array([end - level, level - start]) * (right - left) / (end - start) ** 2
    return float(np.hypot(*(slopes * pooled)))


def _find(
    x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None, level: float, falling: bool
) -> _Crossing | None:
    """Return where the monotone curve nearest to y passes the level, or None where it does not."""
    x, y = at_least("x", x, np.finfo(float).tiny), real("y", y)
    weight = np.ones_like(x) if weights is None else at_least("weights", weights, np.finfo(float).tiny)
    if x.ndim != 1 or not x.shape == y.shape == weight.shape:
        raise ValueError(f"x {x.shape}, y {y.shape} and weights {weight.shape}, but should have one shape (k,)")
    if not len(x):
        return None
    order = np.argsort(x, kind="stable")
    pooled = isotonic_regression(y[order], weights=weight[order], increasing=not falling)
    starts, v = pooled.blocks, pooled.x[pooled.blocks[:-1]]
    above = v >= level
    places = np.flatnonzero(above[:-1] != above[1:])
    if not len(places):
        return None
    k = int(places[0])  # there is one at most: v is monotone
    first, second = (order[starts[j] : starts[j + 1]] for j in (k, k + 1))
    near = first[-1], second[0]
    # Equal neighbours were not pooled for being out of order: the near one tells alone, as in a monotone curve.
    first, second = (run if np.ptp(y[run]) else np.array([one]) for run, one in zip((first, second), near, strict=True))
    return _Crossing((first, second), (math.log(x[near[0]]), math.log(x[near[1]])), (float(v[k]), float(v[k + 1])))


class Stretch(NamedTuple):
    """Where a curve lies above a level: its lowest and highest x there (NaN for none), and over how many decades."""

    low: float
    high: float
    decades: float


def stretch_above(x: npt.ArrayLike, y: npt.ArrayLike, level: float) -> Stretch:
    """Return where y, linear in log x between its points, is at least `level`: a window may have gaps.

    x (k,) positive, in any order; y (k,).  Ours.  Raises ValueError for other shapes, or an x that is not positive.
    """
    x, y = at_least("x", x, np.finfo(float).tiny), real("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x {x.shape} and y {y.shape}, but should have one shape (k,)")
    order = np.argsort(x, kind="stable")
    log_x, over = np.log10(x[order]), y[order] - level + 1e-12  # a rate is a fraction, rounded, and may be the level
    some = (over[:-1] >= 0) | (over[1:] >= 0)  # the pieces that reach the level
    if not some.any():
        return Stretch(math.nan, math.nan, 0.0)
    (start, left), (end, right) = ((over[part][some], log_x[part][some]) for part in (slice(None, -1), slice(1, None)))
    falls = np.where(start == end, 1.0, start - end)
    at = left + (right - left) * start / falls  # where a piece passes the level, if it does
    first, last = np.where(start >= 0, left, at), np.where(end >= 0, right, at)
    return Stretch(float(10 ** first.min()), float(10 ** last.max()), float((last - first).sum()))


def transition_width(
    x: npt.ArrayLike, y: npt.ArrayLike, *, falling: bool = True, weights: npt.ArrayLike | None = None
) -> float:
    """Return log(x at 1/4) - log(x at 3/4) in size, the width of the transition in natural units of log x; NaN if open.

    Arguments and errors as in `crossing`.
    """
    low, high = (crossing(x, y, level, falling=falling, weights=weights) for level in LEVELS)
    return abs(math.log(low) - math.log(high)) if math.isfinite(low) and math.isfinite(high) else math.nan
