"""Critical values in rows: where a measured rate passes a level, for each value of another setting, with its error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.verdicts import Effect, slope
from theory.transitions import LEVELS, crossing, crossing_error, transition_width

LEARNABLE = "learnable_fraction"


class Points(NamedTuple):
    """Positive values y over positive x, with the standard errors of log y: each (k,)."""

    x: np.ndarray
    y: np.ndarray
    errors: np.ndarray

    def exponent(self, least: float = 0.0) -> Effect:
        """Return the weighted slope of log y over log x, for x of at least `least`."""
        kept = self.x >= least
        return slope(np.log(self.x[kept]), np.log(self.y[kept]), self.errors[kept])


def groups(rows: pd.DataFrame, *by: str) -> Iterator[tuple[tuple[float, ...], pd.DataFrame]]:
    """Yield the rows of each combination of values of numeric columns."""
    for key, part in rows.groupby(list(by)):
        values: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
        yield tuple(float(each) for each in values), part


def _rates(part: pd.DataFrame, along: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values of `along`, learnable fractions and their binomial errors, half a probe added on each side."""
    means = part.groupby(along)[LEARNABLE].mean()
    probes = part[["n_probes", "n_features"]].min(axis=1).groupby(part[along]).sum().to_numpy(dtype=float)
    y = means.to_numpy(dtype=float)
    inner = (y * probes + 0.5) / (probes + 1)
    return means.index.to_numpy(dtype=float), y, np.sqrt(inner * (1 - inner) / probes)


def critical(rows: pd.DataFrame, along: str, over: str = "n_features", *, falling: bool = True) -> Points:
    """Return where the learnable fraction along a setting passes 1/2, for each value of `over` where it does."""
    found = []
    for (value,), part in groups(rows, over):
        x, y, errors = _rates(part, along)
        found.append((value, crossing(x, y, falling=falling), crossing_error(x, y, errors, falling=falling)))
    return _known(found)


def sharpness(rows: pd.DataFrame, along: str, over: str = "n_features") -> Points:
    """Return the width of the fall of the learnable fraction from 3/4 to 1/4, in units of the log of `along`."""
    found = []
    for (value,), part in groups(rows, over):
        x, y, errors = _rates(part, along)
        width = transition_width(x, y)
        low, high = (crossing_error(x, y, errors, level) for level in LEVELS)
        found.append((value, width, math.hypot(low, high) / width if width else math.nan))
    return _known(found)


def _known(points: list[tuple[float, float, float]]) -> Points:
    table = np.array(points, dtype=np.float64).reshape(-1, 3)
    return Points(*table[np.isfinite(table).all(axis=1) & (table[:, 2] > 0)].T)
