"""The theorem's exponents (Theorem 6.1, arXiv 2506.14002v1), and the measured slopes that are set beside them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from theory.checks import at_least, real

TAIL = 0.975  # of intervals of level 95%


class Slope(NamedTuple):
    """A slope with its 95 % interval; nan where it is not known."""

    value: float
    low: float = math.nan
    high: float = math.nan


def fit_slope(x: npt.ArrayLike, y: npt.ArrayLike, errors: npt.ArrayLike | None = None) -> Slope:
    """Return the slope of y (k,) over x (k,) by (weighted) least squares, with its interval.

    The interval is Student's with k - 2 degrees of freedom, so nothing is known from fewer than three points.  Without
    `errors` its scale is that of the residuals.  With `errors` (k,), the standard errors of y, weights are their
    inverse squares and the scale is theirs, times Birge's ratio sqrt(chi^2 / (k - 2)) where the points scatter more: it
    covers at least as often as it says, whatever one factor the errors are too small by.  Unknown for a single x.
    Points have to be independent draws.  Raises ValueError for other shapes, values that are not finite or errors not
    positive.
    """
    x, y = real("x", x), real("y", y)
    spread = np.ones_like(x) if errors is None else at_least("errors", errors, np.finfo(float).tiny)
    if x.ndim != 1 or not x.shape == y.shape == spread.shape:
        raise ValueError(f"x {x.shape}, y {y.shape} and errors {spread.shape}, but should have one shape (k,)")
    if x.size < 3 or np.ptp(x) == 0:
        return Slope(math.nan)
    weight = spread**-2.0
    centred = x - np.average(x, weights=weight)
    information = float(weight @ centred**2)
    value = float(weight * centred @ y) / information
    freedom = x.size - 2
    birge = float(weight @ (y - np.average(y, weights=weight) - value * centred) ** 2) / freedom
    scale = math.sqrt((birge if errors is None else max(1.0, birge)) / information)
    half = float(student.ppf(TAIL, freedom)) * scale
    return Slope(value, value - half, value + half)


def upper_edge_exponent(sparsity: float) -> float:
    """Return the exponent of n in the band's upper edge without its term in d: -max((1 + 1/s)/2, 2/s) at eps = 0.

    The edge is min(n^(-(1 + 1/s)/2), n^(-2/s)): at eps = 0 the smaller one has the larger size of exponent.
    """
    s = float(at_least("sparsity", sparsity, 1))
    return -max((1 + 1 / s) / 2, 2 / s)


LOWER_EDGE_EXPONENT = -1.0  # p above 1/n
CRITICAL_DIMENSION_EXPONENT = 0.5  # the change at d = sqrt(n)
WIDTH_EXPONENT_IN_N = 1.0  # M above n p^(-s)


def width_exponent_in_frequency(sparsity: float) -> float:
    """Return the exponent of p in the width condition at eps = 0: -s."""
    return -float(at_least("sparsity", sparsity, 1))
