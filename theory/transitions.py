"""Where a measured curve crosses a level, and how sharply: critical values from rows, without a fit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from theory.checks import at_least, real

LEVELS = (0.25, 0.75)  # between which the transition width is measured


def crossing(x: npt.ArrayLike, y: npt.ArrayLike, level: float = 0.5, *, falling: bool = True) -> float:
    """Return the x at which y passes `level`: its last fall (or its first rise), linear in log x; NaN if it does not.

    x (k,) positive, in any order; y (k,).  Ours.  Raises ValueError for other shapes or an x that is not positive.
    """
    x, y = at_least("x", x, np.finfo(float).tiny), real("y", y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x {x.shape} and y {y.shape}, but should have one shape (k,)")
    order = np.argsort(x)
    u, v = np.log(x[order]), y[order]
    before, after = (v[:-1] >= level, v[1:] < level) if falling else (v[:-1] < level, v[1:] >= level)
    places = np.flatnonzero(before & after)
    if not len(places):
        return math.nan
    k = places[-1 if falling else 0]
    share = (level - v[k]) / (v[k + 1] - v[k])
    return float(np.exp(u[k] + share * (u[k + 1] - u[k])))


def transition_width(x: npt.ArrayLike, y: npt.ArrayLike, *, falling: bool = True) -> float:
    """Return log(x at 1/4) - log(x at 3/4) in size, the width of the transition in natural units of log x; NaN if open.

    Arguments and errors as in `crossing`.
    """
    low, high = (crossing(x, y, level, falling=falling) for level in LEVELS)
    return abs(math.log(low) - math.log(high)) if math.isfinite(low) and math.isfinite(high) else math.nan
