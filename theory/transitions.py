"""Where a measured curve crosses a level, and how sharply: critical values from rows, without a fit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, at_least, real

LEVELS = (0.25, 0.75)  # between which the transition width is measured


def crossing(x: npt.ArrayLike, y: npt.ArrayLike, level: float = 0.5, *, falling: bool = True) -> float:
    """Return the x at which y passes `level`: its last fall (or its first rise), linear in log x; NaN if it does not.

    x (k,) positive, in any order; y (k,).  Ours.  Raises ValueError for other shapes or an x that is not positive.
    """
    found = _bracket(x, y, level, falling)
    if found is None:
        return math.nan
    _, (left, right), (start, end) = found
    return float(np.exp(left + (right - left) * (level - start) / (end - start)))


def crossing_error(
    x: npt.ArrayLike, y: npt.ArrayLike, errors: npt.ArrayLike, level: float = 0.5, *, falling: bool = True
) -> float:
    """Return the standard error of log(crossing) that follows, to first order, from independent errors (k,) of y.

    NaN where y does not cross.  Other arguments and errors as in `crossing`.
    """
    found = _bracket(x, y, level, falling)
    if found is None:
        return math.nan
    places, (left, right), (start, end) = found
    error = at_least("errors", errors, 0)[places]
    slopes = np.array([end - level, level - start]) * (right - left) / (end - start) ** 2
    return float(np.hypot(*(slopes * error)))


def _bracket(
    x: npt.ArrayLike, y: npt.ArrayLike, level: float, falling: bool
) -> tuple[npt.NDArray[np.intp], FloatArray, FloatArray] | None:
    """Return the places of the two points around the crossing, their log x and their y, or None without one."""
    x, y = at_least("x", x, np.finfo(float).tiny), real("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x {x.shape} and y {y.shape}, but should have one shape (k,)")
    order = np.argsort(x)
    v = y[order]
    before, after = (v[:-1] >= level, v[1:] < level) if falling else (v[:-1] < level, v[1:] >= level)
    places = np.flatnonzero(before & after)
    if not len(places):
        return None
    k = places[-1 if falling else 0]
    pair = order[k : k + 2]
    return pair, np.log(x[pair]), y[pair]


def transition_width(x: npt.ArrayLike, y: npt.ArrayLike, *, falling: bool = True) -> float:
    """Return log(x at 1/4) - log(x at 3/4) in size, the width of the transition in natural units of log x; NaN if open.

    Arguments and errors as in `crossing`.
    """
    low, high = (crossing(x, y, level, falling=falling) for level in LEVELS)
    return abs(math.log(low) - math.log(high)) if math.isfinite(low) and math.isfinite(high) else math.nan
