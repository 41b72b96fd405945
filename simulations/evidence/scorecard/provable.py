"""Effects that bear on the theorem, measured in rows of the provable algorithm and its probes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import LEARNABLE, Array, critical, groups
from simulations.evidence.scorecard.effects import (
    UNKNOWN,
    Effect,
    by_seed,
    farthest,
    least,
    over_seeds,
    paired,
    slope_over_seeds,
)
from simulations.evidence.scorecard.reading import arm, where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
    NOT_TESTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    above,
    both,
    equal,
    loose,
    remarks,
    sufficient,
    too_few,
)
from theory.conditions import band
from theory.scaling import upper_edge_exponent
from theory.transitions import crossing

RECOVERED = "feature_recovery_rate"
RECOVERS = 0.5  # recovery from which a run counts as one that recovers
CHANCE = 0.05  # chance recovery, above which recovery tells nothing
SURVIVE = 0.9  # share of the runs that have to recover, for what is measured in those that do


def edges(rows: pd.DataFrame) -> tuple[Array, Array]:
    """Return the lower and the upper edge of the theorem's band at eps = zeta = 0, each (rows,)."""
    found = band(rows["n_features"], rows["d_model"], rows["sparsity"], epsilon=0.0, zeta=0.0)
    return np.asarray(found.lower), np.asarray(found.upper)


def inside_band(rows: pd.DataFrame) -> Finding:
    """Return the learnable fraction inside the band, at the largest n that has the most samples per feature.

    Where it is too small but rises with n, the sizes decide nothing: the theorem is about large n.
    """
    lower, upper = edges(rows)
    inside = rows[(rows["target_frequency"] > lower) & (rows["target_frequency"] < upper)]
    per_feature = inside["n_samples"] / inside["n_features"]
    inside = inside[per_feature >= 0.999 * per_feature.max()]
    largest = inside[inside["n_features"] == inside["n_features"].max()]
    effect = over_seeds(by_seed(largest, LEARNABLE))
    verdict, note = above(effect, 0.95), ""
    if verdict == CONFLICTS and above(_rise(inside), 0.0) == SUPPORTED:
        verdict, note = UNDECIDED, "too small, but it rises with n"
    return Finding(effect, verdict, note or too_few(effect, verdict), where(largest))


def _rise(inside: pd.DataFrame) -> Effect:
    """Return the slope of the learnable fraction over log n, at the ratios d/n that occur at several n."""
    ratio = inside["d_model"] / inside["n_features"]
    cells = inside[inside["n_features"].groupby(ratio).transform("nunique") > 1]
    return slope_over_seeds(np.log(cells["n_features"]), cells[LEARNABLE], cells["seed"])


def lower_edge(rows: pd.DataFrame) -> Finding:
    """Return how many decades below 1/n simulated recovery still is a half of its best, least over d, s and centring.

    Only where the band is not empty, chance explains nothing, and something recovers.  Where the smallest p of the grid
    recovers, the decades are at least those to it.
    """
    lower, upper = edges(rows)
    cells = rows[(lower < upper) & (rows["chance_recovery_rate"] < CHANCE)]
    slices = [_below_edge(part) for _, part in groups(cells, "n_features", "d_model", "sparsity", "center")]
    known = [each for each in slices if len(each)]
    effect = least(over_seeds(each, len(known)) for each in known)
    verdict = sufficient(effect)
    return Finding(effect, verdict, remarks(loose(effect, "decades"), too_few(effect, verdict)), where(cells))


def _below_edge(cells: pd.DataFrame) -> pd.Series:
    """Return by seed the decades from the smallest p that recovers up to 1/n, where anything does."""
    found = {}
    for seed, part in cells.groupby("seed"):
        rates = part.groupby("target_frequency")[RECOVERED].mean()
        rising = rates.loc[: rates.idxmax()]
        if rates.max() < RECOVERS:
            continue
        half = rates.max() / 2
        p = rising.index[0] if rising.iloc[0] >= half else crossing(rising.index, rising, half, falling=False)
        found[seed] = -math.log10(p * part["n_features"].iloc[0])
    return pd.Series(found, dtype=float)


def steps_needed(rows: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Return n, the steps to nine tenths of the best recovery, and the seed of the runs that recover: each (k,)."""
    found = []
    for n, text, seed in rows[["n_features", "recovery_per_step", "seed"]].to_numpy():
        history = np.array([float(each) for each in str(text).split()])
        if history.max(initial=0.0) >= RECOVERS:
            found.append((float(n), float(np.argmax(history >= 0.9 * history.max())), seed))
    n, steps, seeds = (np.array([each[k] for each in found]) for k in range(3))
    return n, steps, seeds


def constant_steps(rows: pd.DataFrame) -> Finding:
    """Return the slope over log2 n of the steps to nine tenths of the best recovery, for runs that recover a half."""
    n, steps, seeds = steps_needed(rows)
    effect = slope_over_seeds(np.log2(n), steps, seeds)
    verdict, lost = equal(effect, 0.0, 0.25), ""
    if len(n) < SURVIVE * len(rows):
        lost = f"{len(n)} of {len(rows)} runs recover a half"
        verdict = NOT_TESTED if verdict == NOT_TESTED else UNDECIDED
    return Finding(effect, verdict, lost or too_few(effect, verdict), where(rows))


def upper_edge(rows: pd.DataFrame) -> Finding:
    """Return the least excess over s and centring of the slope of log critical p over log n above the theorem's."""
    cuts = arm(rows, "over p")
    lines = []
    for (s, _), part in groups(cuts, "sparsity", "center"):
        points = critical(part, "target_frequency")
        if len(np.unique(points.x)) > 2:
            lines.append((points, upper_edge_exponent(s)))
    effect = least(points.exponent(comparisons=len(lines)).minus(exponent) for points, exponent in lines)
    verdict = above(effect, 0.0)
    note = loose(effect, "powers of n") if verdict != CONFLICTS else ""
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), where(cuts))


def critical_dimension(rows: pd.DataFrame) -> Finding:
    """Return the slope of log critical d over log n along the cut at p = 1/n, with centred data where there are any."""
    cut = arm(rows, "over d")
    cut = cut[cut["center"] == cut["center"].max()]
    effect = critical(cut, "d_model", falling=False).exponent()
    verdict = equal(effect, 0.5, 0.15)
    return Finding(effect, verdict, too_few(effect, verdict), where(cut))


def critical_cooccurrence(rows: pd.DataFrame) -> pd.DataFrame:
    """Return n, seed and the rho_2 of the law at which half of the recovery without planting is left, where it falls.

    rho_2 of a planted partner in expectation.  Draws that recover nothing without planting have no half to lose.
    """
    found = []
    for (n, s), cells in groups(rows, "n_features", "sparsity"):
        q = (s - 1) / (n - 1)
        planted = cells["support_law"].astype(str).str.partition(":")[2].astype(float)
        rho = q + 2 * planted / s * (1 - q) * (1 - (s - 2) / (n - 3))
        for seed, part in cells.assign(rho=rho).groupby("seed"):
            rates = part.groupby("rho")[RECOVERED].mean()
            if rates.iloc[0] > 0:
                found.append((n, seed, crossing(rates.index, rates / rates.iloc[0])))
    table = pd.DataFrame(found, columns=["n_features", "seed", "rho"])
    return table[np.isfinite(table["rho"].astype(float))]


def cooccurrence(rows: pd.DataFrame) -> Finding:
    """Return the mean over seeds of log2(critical rho_2 sqrt(n)), at the n where it is farthest from 0."""
    table = critical_cooccurrence(rows)
    scaled = table.assign(scaled=np.log2(table["rho"] * np.sqrt(table["n_features"])))
    parts = [part for _, part in scaled.groupby("n_features")]
    effects = [over_seeds(part.set_index("seed")["scaled"], len(parts)) for part in parts]
    effect, verdict = farthest(effects, 0.0), both(*(equal(each, 0.0, 1.0) for each in effects))
    pairs = len(rows.groupby(["n_features", "seed"]))
    lost = f"{pairs - len(table)} of {pairs} draws do not fall to a half" if len(table) < pairs else ""
    return Finding(effect, verdict, remarks(lost, _fewest(effects, verdict)), where(rows))


def _fewest(effects: list[Effect], verdict: str) -> str:
    """Return why several effects decide nothing, by the one with the fewest seeds."""
    return too_few(min(effects, key=lambda each: each.n_seeds, default=UNKNOWN), verdict)


def balance(rows: pd.DataFrame) -> Finding:
    """Return how much recovery the rarest quarter of the features loses when ten times rarer than the most frequent."""
    points = rows["frequency_profile"].map(_profile)
    read = rows.assign(relative=[each[0] for each in points], recovered=[each[1] for each in points])
    even = by_seed(read[read["relative"] > 0.5], "recovered")
    rare = by_seed(read[read["relative"] <= 0.15], "recovered")
    effect = paired(even, rare)
    verdict = above(effect, 0.25)
    return Finding(effect, verdict, too_few(effect, verdict), where(rows))


def _profile(text: object) -> tuple[float, float]:
    """Return the least frequency over the greatest, and the recovery of the rarest quarter of the features."""
    points = np.array([[float(number) for number in point.split(":")] for point in str(text).split()])
    return float(points[0, 0] / points[-1, 0]), float(points[: max(1, len(points) // 4), 1].mean())


def activations_alike(rows: pd.DataFrame, left: str, right: str) -> Finding:
    """Return recovery with one activation minus another, at the p and centring where it is farthest from 0."""
    cells = rows[rows["activation"].isin((left, right))]
    table = cells.pivot_table(index=["center", "target_frequency", "seed"], columns="activation", values=RECOVERED)
    if not {left, right} <= set(table.columns):
        raise ValueError(f"no rows of both {left} and {right}")
    gaps = (table[left] - table[right]).dropna()
    parts = [part for _, part in gaps.groupby(["center", "target_frequency"])]
    effects = [over_seeds(part.droplevel(["center", "target_frequency"]), len(parts)) for part in parts]
    verdict = both(*(equal(each, 0.0, 0.1) for each in effects))
    return Finding(farthest(effects, 0.0), verdict, _fewest(effects, verdict), where(cells))
