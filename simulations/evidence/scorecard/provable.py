"""Effects that bear on the theorem, measured in rows of the provable algorithm and its probes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import LEARNABLE, Points, critical, groups
from simulations.evidence.scorecard.verdicts import (
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
from simulations.experiments.provable import band_centre
from theory.conditions import band
from theory.scaling import CRITICAL_DIMENSION_EXPONENT, upper_edge_exponent
from theory.transitions import crossing

NORMAL = 1.96  # of intervals of level 95 %
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


def steps_needed(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return n and the steps to nine tenths of the best recovery, of the runs that recover a half: each (k,)."""
    found = []
    for n, text in rows[["n_features", "recovery_per_step"]].to_numpy():
        history = np.array([float(each) for each in str(text).split()])
        if history.max() >= 0.5:
            found.append((n, np.argmax(history >= 0.9 * history.max())))
    n, steps = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return n, steps


def constant_steps(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the slope over log2 n of the steps to nine tenths of the best recovery, for runs that recover a half."""
    n, steps = steps_needed(rows)
    effect = slope(np.log2(n), steps)
    return effect, equal(effect, 0.0, 0.25)


def upper_edge(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the least excess of the slope of log critical p over log n, at d = n/2, above the theorem's exponent."""
    effects = []
    cuts = rows[2 * rows["d_model"] == rows["n_features"]]
    for (s, _), part in groups(cuts, "sparsity", "center"):
        points = critical(part, "target_frequency")
        if len(points.x) > 2:
            exponent = upper_edge_exponent(s)
            effects.append(Effect(*(each - exponent for each in points.exponent())))
    return _least(effects, lambda effect: above(effect, 0.0))


def critical_dimension(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the slope of log critical d over log n along the cut at p = 1/n, with centred data where there are any."""
    cut = rows[2 * rows["d_model"] != rows["n_features"]]
    cut = cut[cut["center"] == cut["center"].max()]
    effect = critical(cut, "d_model", falling=False).exponent()
    return effect, equal(effect, CRITICAL_DIMENSION_EXPONENT, 0.15)


def _least(effects: list[Effect], verdict: Callable[[Effect], str]) -> tuple[Effect, str]:
    """Return the least effect, and the verdict on all of them."""
    if not effects:
        return UNKNOWN, verdict(UNKNOWN)
    return min(effects, key=lambda each: each.value), both(*map(verdict, effects))


def widths(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of probes in which the required width and its interval are known."""
    names = ("log10_required_width", "log10_required_width_low", "log10_required_width_high")
    known = np.logical_and.reduce([np.isfinite(pd.to_numeric(rows[name], errors="coerce")) for name in names])
    part: pd.DataFrame = rows[(rows["instrument"] == "width") & known]
    return part


def width_slices(known: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows over n, at the centre of the band for each n, and the others, over p at one n."""
    centre = [band_centre(*map(int, each)) for each in known[["n_features", "d_model", "sparsity"]].to_numpy()]
    over_n = np.isclose(known["target_frequency"], centre, rtol=1e-6)
    return known[over_n], known[~over_n]


def width_points(part: pd.DataFrame, x: pd.Series) -> Points:
    """Return the required width over `x`, its error from the interval."""
    span = part["log10_required_width_high"] - part["log10_required_width_low"]
    errors = np.maximum(span.to_numpy(dtype=float) * math.log(10) / (2 * NORMAL), 1e-6)
    return Points(x.to_numpy(dtype=float), 10 ** part["log10_required_width"].to_numpy(dtype=float), errors)


def width_in_frequency(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the largest over s and centring of the exponent of M* over 1/p, divided by s."""
    effects = []
    _, over_p = width_slices(widths(rows))
    for (s, *_), part in groups(over_p, "sparsity", "n_features", "center"):
        found = width_points(part, 1 / part["target_frequency"]).exponent()
        if np.isfinite(found.value):
            effects.append(Effect(*(-each / s for each in (found.value, found.high, found.low))))
    effect, verdict = _least(effects, lambda each: above(each, -1.0))
    return Effect(-effect.value, -effect.high, -effect.low), verdict


def width_in_n(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the larger over centring of the exponent of M* over n, p at the centre of the band."""
    effects = []
    over_n, _ = width_slices(widths(rows))
    for _, part in groups(over_n, "sparsity", "center"):
        found = width_points(part, part["n_features"]).exponent()
        if np.isfinite(found.value):
            effects.append(Effect(*(-each for each in (found.value, found.high, found.low))))
    effect, verdict = _least(effects, lambda each: above(each, -1.0))
    return Effect(-effect.value, -effect.high, -effect.low), verdict


def critical_cooccurrence(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return n and the rho_2 at which half of the recovery without planting is left, by seed, where it falls so far."""
    found = []
    for (n, s, _), part in groups(rows, "n_features", "sparsity", "seed"):
        q = (s - 1) / (n - 1)
        planted = part["support_law"].str.partition(":")[2].astype(float)
        rho = q + 2 * planted / s * (1 - q) * (1 - (s - 2) / (n - 3))
        rates = part.groupby(rho)[RECOVERED].mean()
        found.append((n, crossing(rates.index.to_numpy(), rates.to_numpy() / rates.iloc[0])))
    table = np.array(found).reshape(-1, 2)
    n, rho = table[np.isfinite(table[:, 1])].T
    return n, rho


def cooccurrence(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the mean over n and seeds of log2(critical rho_2 sqrt(n)), where half of the recovery without is left."""
    n, rho = critical_cooccurrence(rows)
    effect = mean(np.log2(rho * np.sqrt(n)))
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
