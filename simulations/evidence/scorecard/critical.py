"""Critical values in rows: where a measured rate passes a level, by seed and by the value of another setting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.effects import Effect, slope_over_seeds
from theory.transitions import LEVELS, crossing, crossing_error, transition_width

LEARNABLE, RECOVERED = "learnable_fraction", "feature_recovery_rate"
Array = np.ndarray[Any, np.dtype[np.float64]]


class Points(NamedTuple):
    """Positive values y over positive x, one of a seed, with the standard errors of log y within a seed: each (k,)."""

    x: Array
    y: Array
    errors: Array
    seeds: np.ndarray[Any, Any]

    def exponent(self, from_x: float = 0.0, comparisons: int = 1) -> Effect:
        """Return the slope of log y over log x, over seeds, for x of at least `from_x`.

        Every seed has the same weights: the inverse of the mean squared error at that x.
        """
        kept = self.x >= from_x
        x, y, errors, seeds = (each[kept] for each in self)
        variance = pd.Series(errors**2).groupby(x).transform("mean").to_numpy()
        return slope_over_seeds(np.log(x), np.log(y), seeds, 1 / variance, comparisons)


def groups(rows: pd.DataFrame, *by: str) -> Iterator[tuple[tuple[float, ...], pd.DataFrame]]:
    """Yield the rows of each combination of values of numeric columns."""
    for key, part in rows.groupby(list(by)):
        values: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
        yield tuple(float(each) for each in values), part


class _Rates(NamedTuple):
    """Learnable fractions y over x, their binomial errors (half a probe added on each side), how many probes."""

    x: Array
    y: Array
    errors: Array
    probes: Array


def _rates(part: pd.DataFrame, along: str) -> _Rates:
    x, place = np.unique(part[along].to_numpy(dtype=float), return_inverse=True)
    y = np.bincount(place, part[LEARNABLE].to_numpy(dtype=float)) / np.bincount(place)
    # There are no more probes than features.
    each = np.minimum(part["n_probes"].to_numpy(dtype=float), part["n_features"].to_numpy(dtype=float))
    probes: Array = np.bincount(place, each).astype(np.float64)
    inner = (y * probes + 0.5) / (probes + 1)
    return _Rates(x, y, np.sqrt(inner * (1 - inner) / probes), probes)


def critical(rows: pd.DataFrame, along: str, over: str = "n_features", *, falling: bool = True) -> Points:
    """Return where the learnable fraction along a setting passes 1/2, for each seed and value of `over` where it does.

    It can only fall (or rise): the nearest monotone curve is read, weighted by probes.
    """
    found = []
    for (value, seed), part in rows.groupby([over, "seed"]):
        rates = _rates(part, along)
        way = {"falling": falling, "weights": rates.probes}
        error = crossing_error(rates.x, rates.y, rates.errors, **way)  # type: ignore[arg-type]
        found.append((value, crossing(rates.x, rates.y, **way), error, seed))  # type: ignore[arg-type]
    return _known(found)


def ends(rows: pd.DataFrame, along: str) -> pd.DataFrame:
    """Return by seed where the learnable fraction falls through 1/2, or the end of the grid that it does not reach.

    Columns: seed, value, and side: 0, or -1 where fewer are learnable everywhere (value is the most that it can be),
    or 1 where more are (the least).
    """
    found = []
    for seed, part in rows.groupby("seed"):
        rates = _rates(part, along)
        value, side = crossing(rates.x, rates.y, weights=rates.probes), 0
        if math.isnan(value):
            # Nowhere crossed, the nearest monotone curve is on one side of 1/2 throughout, and so is its mean.
            side = 1 if np.average(rates.y, weights=rates.probes) >= 0.5 else -1
            value = float(rates.x[-1 if side > 0 else 0])
        found.append((seed, value, side))
    return pd.DataFrame(found, columns=["seed", "value", "side"])


def sharpness(rows: pd.DataFrame, along: str, over: str = "n_features") -> Points:
    """Return the width of the fall of the learnable fraction from 3/4 to 1/4, in units of the log of `along`."""
    found = []
    for (value, seed), part in rows.groupby([over, "seed"]):
        rates = _rates(part, along)
        width = transition_width(rates.x, rates.y, weights=rates.probes)
        low, high = (crossing_error(rates.x, rates.y, rates.errors, level, weights=rates.probes) for level in LEVELS)
        found.append((value, width, math.hypot(low, high) / width if width else math.nan, seed))
    return _known(found)


def _known(points: list[tuple[Any, float, float, Any]]) -> Points:
    table = np.array([each[:3] for each in points], dtype=np.float64).reshape(-1, 3)
    known = np.isfinite(table).all(axis=1) & (table[:, 2] > 0)
    x, y, errors = table[known].T
    return Points(x, y, errors, np.array([each[3] for each in points], dtype=object)[known])
