"""Effects that bear on the theorem, measured in rows of the provable algorithm and its probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from simulations.scorecard.verdicts import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    UNKNOWN,
    Effect,
    above,
    below,
    both,
    equal,
    mean,
    slope,
)
from theory.conditions import band
from theory.scaling import CRITICAL_DIMENSION_EXPONENT, upper_edge_exponent
from theory.transitions import crossing

LEARNABLE = "learnable_fraction"
RECOVERED = "feature_recovery_rate"


def _band(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    edges = band(rows["n_features"], rows["d_model"], rows["sparsity"], epsilon=0.0, zeta=0.0)
    return np.asarray(edges.lower), np.asarray(edges.upper)


def inside_band(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the learnable fraction of cells inside the band, at the largest n that has such cells.

    Where it is too small but rises with n, the sizes decide nothing: the theorem is about large n.
    """
    lower, upper = _band(rows)
    inside = rows[(rows["target_frequency"] > lower) & (rows["target_frequency"] < upper)]
    largest = inside[inside["n_features"] == inside["n_features"].max()]
    effect = mean(largest[LEARNABLE])
    verdict = above(effect, 0.95)
    rises = above(slope(np.log(inside["n_features"]), inside[LEARNABLE]), 0.0) == SUPPORTED
    return effect, UNDECIDED if verdict == CONTRADICTED and rises else verdict


def below_the_band(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the learnable fraction of cells below half the band's lower edge, where the band is not empty."""
    lower, upper = _band(rows)
    effect = mean(rows[(rows["target_frequency"] < lower / 2) & (lower < upper)][LEARNABLE])
    return effect, below(effect, 0.5)


def constant_steps(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the slope over log2 n of the steps to nine tenths of the best recovery, for runs that recover a half."""
    x, y = [], []
    for n, text in rows[["n_features", "recovery_per_step"]].to_numpy():
        history = np.array([float(each) for each in str(text).split()])
        if history.max() >= 0.5:
            x.append(np.log2(n))
            y.append(int(np.argmax(history >= 0.9 * history.max())))
    effect = slope(x, y)
    return effect, equal(effect, 0.0, 0.25)


def groups(rows: pd.DataFrame, *by: str) -> Iterator[tuple[tuple[float, ...], pd.DataFrame]]:
    """Yield the rows of each combination of values of numeric columns."""
    for key, part in rows.groupby(list(by)):
        values: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
        yield tuple(float(each) for each in values), part


def _critical(rows: pd.DataFrame, along: str, falling: bool) -> np.ndarray:
    """Return (n, critical value of `along` at a learnable fraction of 1/2) for each n that has one, (k, 2)."""
    points = []
    for (n,), part in groups(rows, "n_features"):
        rates = part.groupby(along)[LEARNABLE].mean()
        critical = crossing(rates.index.to_numpy(), rates.to_numpy(), falling=falling)
        points += [(n, critical)] if np.isfinite(critical) else []
    return np.array(points).reshape(-1, 2)


def upper_edge(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the least excess of the slope of log critical p over log n, at d = n/2, above the theorem's exponent."""
    effects = []
    cuts = rows[2 * rows["d_model"] == rows["n_features"]]
    for (s, _), part in groups(cuts, "sparsity", "center"):
        points = _critical(part, "target_frequency", falling=True)
        if len(points) > 2:
            found, exponent = slope(*np.log(points).T), upper_edge_exponent(s)
            effects.append(Effect(*(each - exponent for each in found)))
    return _least(effects, lambda effect: above(effect, 0.0))


def critical_dimension(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the slope of log critical d over log n along the cut at p = 1/n, with centred data where there are any."""
    cut = rows[2 * rows["d_model"] != rows["n_features"]]
    cut = cut[cut["center"] == cut["center"].max()]
    effect = slope(*np.log(_critical(cut, "d_model", falling=False)).T)
    return effect, equal(effect, CRITICAL_DIMENSION_EXPONENT, 0.15)


def _least(effects: list[Effect], verdict: Callable[[Effect], str]) -> tuple[Effect, str]:
    """Return the least effect, and the verdict on all of them."""
    if not effects:
        return UNKNOWN, verdict(UNKNOWN)
    return min(effects, key=lambda each: each.value), both(*map(verdict, effects))


def _widths(rows: pd.DataFrame) -> pd.DataFrame:
    known: pd.DataFrame = rows[(rows["instrument"] == "width") & np.isfinite(rows["log10_required_width"])]
    return known


def width_in_frequency(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the largest over s of the slope of log M* over log(1/p), divided by s."""
    effects = []
    for (s, *_), part in groups(_widths(rows), "sparsity", "n_features", "d_model", "center"):
        found = slope(-np.log10(part["target_frequency"]), part["log10_required_width"])
        if np.isfinite(found.value):
            effects.append(Effect(*(-each / s for each in (found.value, found.high, found.low))))
    effect, verdict = _least(effects, lambda each: above(each, -1.0))
    return Effect(-effect.value, -effect.high, -effect.low), verdict


def width_in_n(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the slope of log M* over log n at the sparsity that is measured at most n, each p times n apart."""
    widths = _widths(rows)
    if widths.empty:
        return UNKNOWN, below(UNKNOWN, 1.0)
    sizes = widths.groupby("sparsity")["n_features"].nunique()
    part = widths[widths["sparsity"] == sizes.idxmax()]
    best = np.array([(n, group["log10_required_width"].min()) for (n,), group in groups(part, "n_features")])
    effect = slope(np.log10(best[:, 0]), best[:, 1])
    return effect, below(effect, 1.0)


def cooccurrence(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the mean over n of log2(critical rho_2 sqrt(n)); critical where half of the recovery without is left."""
    found = []
    for (n, s), part in groups(rows, "n_features", "sparsity"):
        q = (s - 1) / (n - 1)
        planted = part["support_law"].str.partition(":")[2].astype(float)
        rho = q + 2 * planted / s * (1 - q) * (1 - (s - 2) / (n - 3))
        rates = part.groupby(rho)[RECOVERED].mean()
        critical = crossing(rates.index.to_numpy(), rates.to_numpy() / rates.iloc[0])
        found.append(np.log2(critical * np.sqrt(n)))
    effect = mean([each for each in found if np.isfinite(each)])
    return effect, equal(effect, 0.0, 1.0)


def balance(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return how much recovery the rarest quarter of the features loses when ten times rarer than the most frequent."""
    even, rare = [], []
    for text in rows["frequency_profile"]:
        points = np.array([[float(number) for number in point.split(":")] for point in str(text).split()])
        relative, recovered = points[0, 0] / points[-1, 0], points[: max(1, len(points) // 4), 1].mean()
        if relative > 0.5:
            even.append(recovered)
        elif relative <= 0.15:
            rare.append(recovered)
    if not even or not rare:
        return UNKNOWN, above(UNKNOWN, 0.25)
    effect = mean(np.mean(even) - np.asarray(rare))
    return effect, above(effect, 0.25)


def activations(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the difference in recovery between the best and the worst activation at the p where it is largest."""
    table = rows.pivot_table(index=["center", "target_frequency", "seed"], columns="activation", values=RECOVERED)
    if table.shape[1] < 2:
        return UNKNOWN, below(UNKNOWN, 0.1)
    spread = table.max(axis=1) - table.min(axis=1)
    effects = [mean(part) for _, part in spread.groupby(["center", "target_frequency"])]
    effect = max(effects, key=lambda each: each.value)
    return effect, below(effect, 0.1)
