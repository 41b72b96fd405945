"""Effects over seeds: a seed, one draw of the world and of the starts, is the unit, and gives one number.

Cells of one grid under one seed share their data, so they are no replicates: they are summed up within each seed, and
no interval comes from them.  One seed gives a value without an interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

LEVEL = 0.95


class Effect(NamedTuple):
    """A measured effect, its 95 % interval, and over how many seeds; nan where it is not known."""

    value: float
    low: float = math.nan
    high: float = math.nan
    n_seeds: int = 0

    def minus(self, number: float) -> Effect:
        """Return the effect less a known number."""
        return self._replace(value=self.value - number, low=self.low - number, high=self.high - number)

    def negative(self) -> Effect:
        """Return minus the effect."""
        return self._replace(value=-self.value, low=-self.high, high=-self.low)


UNKNOWN = Effect(math.nan)


def _quantile(freedom: int, comparisons: int) -> float:
    """Return Student's quantile of a two-sided interval at LEVEL, of Bonferroni's for several made together."""
    return float(student.ppf(1 - (1 - LEVEL) / 2 / max(comparisons, 1), freedom))


def over_seeds(values: pd.Series, comparisons: int = 1) -> Effect:
    """Return the mean of one number per seed (index: seeds) with its t-interval; numbers that are not known drop out.

    `comparisons` is among how many effects the largest or least is taken (Bonferroni).  Raises ValueError for two
    numbers of one seed.
    """
    if not values.index.is_unique:
        raise ValueError(f"seeds {sorted(values.index[values.index.duplicated()])} give several numbers each")
    x = values.to_numpy(dtype=np.float64)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return Effect(float(x[0]), n_seeds=1) if x.size else UNKNOWN
    half = _quantile(x.size - 1, comparisons) * float(x.std(ddof=1)) / math.sqrt(x.size)
    value = float(x.mean())
    return Effect(value, value - half, value + half, x.size)


def paired(left: pd.Series, right: pd.Series, comparisons: int = 1) -> Effect:
    """Return the mean over the seeds that both have of left - right, with its t-interval."""
    return over_seeds((left - right).dropna(), comparisons)


def slope_over_seeds(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    seeds: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    comparisons: int = 1,
) -> Effect:
    """Return the least-squares slope of y (k,) over x (k,) with a cluster-robust interval: clusters are seeds (k,).

    The error is the jackknife's over seeds (CR3), with Student's t of as many degrees of freedom as there are seeds but
    one: where every seed has the same x and weights, that is t over the slopes of the seeds.  Weights (k,) are only
    those of the fit.  No interval from one seed, or where a seed alone has a second x; nothing from a single x.
    """
    table = [np.asarray(each, dtype=np.float64) for each in (x, y)]
    weight = np.ones(len(table[0])) if weights is None else np.asarray(weights, dtype=np.float64)
    known = np.isfinite(table[0]) & np.isfinite(table[1]) & np.isfinite(weight)
    (x, y), weight, seeds = (each[known] for each in table), weight[known], np.asarray(seeds)[known]
    each_seed = np.unique(seeds)
    value, n = _slope(x, y, weight), len(each_seed)
    if math.isnan(value) or n < 2:
        return Effect(value, n_seeds=n)
    without = np.array([_slope(x[seeds != k], y[seeds != k], weight[seeds != k]) for k in each_seed])
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    half = _quantile(n - 1, comparisons) * error
    return Effect(value, value - half, value + half, n)


def _slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> float:
    if len(x) < 2 or np.ptp(x) == 0:
        return math.nan
    centred = x - np.average(x, weights=weight)
    return float((weight * centred) @ y / ((weight * centred) @ centred))


def least(effects: Iterable[Effect]) -> Effect:
    """Return the least of several effects, with an interval of it: made of the least ends of their intervals.

    It holds the least true effect as often as it says where each interval was made with `comparisons` = how many there
    are.  Its seeds are those of the effect with the fewest; unknown as soon as no effect is known.
    """
    known = [each for each in effects if not math.isnan(each.value)]
    if not known:
        return UNKNOWN
    low, high = (min(getattr(each, end) for each in known) for end in ("low", "high"))
    if any(math.isnan(each.low) for each in known):
        low = high = math.nan
    return Effect(min(each.value for each in known), low, high, min(each.n_seeds for each in known))


def greatest(effects: Iterable[Effect]) -> Effect:
    """Return the greatest of several effects, as `least` does."""
    return least(each.negative() for each in effects).negative()


def farthest(effects: Sequence[Effect], target: float) -> Effect:
    """Return the effect whose value is farthest from a target; its interval is its own."""
    known = [each for each in effects if not math.isnan(each.value)]
    return max(known, key=lambda each: abs(each.value - target), default=UNKNOWN)


def by_seed(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return the mean of a column over the rows of each seed, indexed by seed."""
    means: pd.Series = rows.groupby("seed")[column].mean()
    return means
