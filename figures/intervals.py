"""Means over seeds with their 95 % t-intervals, and how they are drawn."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from scipy import stats

LEVEL = 0.95
FEWEST = 3  # ours: with two seeds the interval is thirteen times their half distance, and says nothing


class Mean(NamedTuple):
    """A mean of `n_values` numbers, and the ends of its interval (the mean itself where there are too few)."""

    value: float
    low: float
    high: float
    n_values: int


def mean(values: npt.ArrayLike, low: float = -math.inf, high: float = math.inf) -> Mean:
    """Return the mean of the finite values with its 95 % t-interval, cut at what the quantity can be; nan of none."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return Mean(math.nan, math.nan, math.nan, 0)
    middle = float(finite.mean())
    half = 0.0
    if finite.size >= FEWEST:
        half = float(stats.t.isf((1 - LEVEL) / 2, finite.size - 1) * finite.std(ddof=1) / math.sqrt(finite.size))
    return Mean(middle, max(low, middle - half), min(high, middle + half), int(finite.size))


def log_mean(values: npt.ArrayLike) -> Mean:
    """Return the geometric mean of the positive values with the interval of the mean of their logarithms."""
    finite = np.asarray(values, dtype=float)
    found = mean(np.log(finite[finite > 0]))
    return Mean(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n_values)


def slope(x: npt.ArrayLike, y: npt.ArrayLike, errors: npt.ArrayLike, seeds: npt.ArrayLike) -> Mean:
    """Return the slope of y (k,) over x (k,) with its interval over seeds (k,), the jackknife's; nan from a single x.

    Weights are the inverse of the mean squared error at each x, so that all seeds have the same.
    """
    x, y, spread = (np.asarray(each, dtype=float) for each in (x, y, errors))
    seeds = np.asarray(seeds)
    weight = np.array([1 / np.mean(spread[x == each] ** 2) for each in x])

    def fitted(kept: npt.NDArray[np.bool_]) -> float:
        if np.unique(x[kept]).size < 2:
            return math.nan
        centred = x[kept] - np.average(x[kept], weights=weight[kept])
        return float((weight[kept] * centred) @ y[kept] / ((weight[kept] * centred) @ centred))

    value, names = fitted(np.ones(x.size, dtype=bool)), np.unique(seeds)
    half = 0.0
    if names.size >= FEWEST:
        without = np.array([fitted(seeds != each) for each in names])
        half = float(stats.t.isf((1 - LEVEL) / 2, names.size - 1) * math.sqrt((names.size - 1) * without.var()))
    return Mean(value, value - half, value + half, int(names.size))


def note(n_seeds: int) -> str:
    """Return what a title says of the bars; nothing where there are none."""
    return f"bars: 95 % intervals over {n_seeds} seeds" if n_seeds >= FEWEST else ""


def bar(axes: Axes, x: Mean | float, y: Mean | float, **style: Any) -> None:
    """Draw the intervals of a point as bars; nothing where an interval has no length."""
    across = x if isinstance(x, Mean) else Mean(x, x, x, 1)
    up = y if isinstance(y, Mean) else Mean(y, y, y, 1)
    keywords = {"linewidth": 0.9, "solid_capstyle": "butt", "marker": "", "linestyle": "-", "zorder": 2.5, **style}
    if across.high > across.low:
        axes.plot([across.low, across.high], [up.value] * 2, **keywords)
    if up.high > up.low:
        axes.plot([across.value] * 2, [up.low, up.high], **keywords)
