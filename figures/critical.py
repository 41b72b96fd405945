"""The critical p in rows, with its interval over seeds, and what the recursion says, both read off in the same way."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from figures import intervals, phase, predicted, series
from theory.transitions import crossing

Array = npt.NDArray[np.float64]
HISTORIES = {0.8: "recovery_per_step_080", 0.9: "recovery_per_step", 0.95: "recovery_per_step_095"}  # by threshold tau
FIRST_STEP = 2
SETTING = ("n_features", "d_model", "sparsity", "n_samples", "n_steps", "center")


def measured(part: pd.DataFrame, tau: float = 0.9) -> dict[int, intervals.Mean]:
    """Return the critical p after each step from the second on, where the mean share over the seeds passes 1/2.

    Its interval is the jackknife's: each seed is left out once.  NaN where none is, or the interval has no end.
    """
    name = HISTORIES[tau]
    shares = np.stack([series.points(text, name).ravel() for text in part[name]])
    p, place = np.unique(part["target_frequency"].to_numpy(dtype=float), return_inverse=True)
    seed = part["seed"].to_numpy()

    def log_critical(kept: npt.NDArray[np.bool_]) -> Array:
        there = np.unique(place[kept])
        means = np.stack([shares[kept & (place == k)].mean(axis=0) for k in there])
        return np.log([crossing(p[there], column) for column in means.T[FIRST_STEP:]])

    found, seeds = log_critical(np.ones(len(seed), bool)), np.unique(seed)
    half = np.zeros_like(found)
    if len(seeds) > 1:
        without = np.stack([log_critical(seed != each) for each in seeds])
        error = np.sqrt((len(seeds) - 1) * without.var(axis=0))
        half = error * stats.t.isf((1 - intervals.LEVEL) / 2, len(seeds) - 1)
    low, high = np.exp(found - half), np.exp(found + half)
    known = np.where(np.isfinite(half), np.exp(found), np.nan)
    return {
        step: intervals.Mean(float(known[k]), float(low[k]), float(high[k]), len(seeds))
        for k, step in enumerate(range(FIRST_STEP, FIRST_STEP + len(found)))
    }


def by_theory(part: pd.DataFrame, tau: float = 0.9) -> list[float]:
    """Return the critical p of the recursion after 0 .. T steps, read off its shares at as many p as the rows have."""
    n, d, s, n_samples, steps, center = part[list(SETTING)].iloc[0]
    p = phase.distinct(part["target_frequency"])
    spaced = tuple(float(each) for each in np.geomspace(p[0], p[-1], len(p)))
    return predicted.critical_by_step(int(n), int(d), int(s), spaced, int(n_samples), int(steps), bool(center), tau)


def agreement(logs: npt.ArrayLike) -> str:
    """Return in words what the logarithms of predicted over measured say."""
    known = np.asarray(logs, dtype=float)
    worst = float(np.exp(known[np.abs(known).argmax()]))
    rms = math.exp(float(np.sqrt(np.mean(known**2))))
    return f"a factor of {rms:.2f} (rms), mean {np.exp(known.mean()):.2f}, worst {worst:.2f}"


def last_ratios(rows: pd.DataFrame) -> Array:
    """Return log predicted over measured critical p (tau = 0.9) after the last step, of each setting that has one."""
    found = []
    for _, part in rows.groupby(list(SETTING)):
        seen, told = list(measured(part).values())[-1].value, by_theory(part)[-1]
        found.append(math.log(told / seen) if math.isfinite(seen) else math.nan)
    return np.asarray(found)[np.isfinite(found)]
