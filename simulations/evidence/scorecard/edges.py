"""Effects that bear on the theorem's band: which p hold and recover features, at which d and s, in rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import LEARNABLE, RECOVERED, Array, groups
from simulations.evidence.scorecard.effects import (
    Effect,
    by_seed,
    farthest,
    least,
    over_seeds,
    paired,
    slope_over_seeds,
)
from simulations.evidence.scorecard.reading import arm, named, where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
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
from simulations.experiments.learnability import LONG
from simulations.experiments.sparsity import JUDGED
from simulations.experiments.width_check import HELD, INSIDE, SHARE
from theory.conditions import band
from theory.transitions import crossing

RECOVERS = 0.5  # recovery from which a run counts as one that recovers
CHANCE = 0.05  # chance recovery, above which recovery tells nothing


def edges(rows: pd.DataFrame) -> tuple[Array, Array]:
    """Return the lower and the upper edge of the theorem's band at eps = zeta = 0, each (rows,)."""
    found = band(rows["n_features"], rows["d_model"], rows["sparsity"], epsilon=0.0, zeta=0.0)
    return np.asarray(found.lower), np.asarray(found.upper)


def inside_band(rows: pd.DataFrame) -> Finding:
    """Return the learnable fraction inside the band at the largest n, least over d/n, s and centring.

    Where it is too small but rises with n, the sizes decide nothing: the theorem is about large n.  Rows whose p lie
    around the critical one, and not all over the band, do not count.
    """
    rows = rows[named(rows) != f"over d, {LONG} steps"]
    lower, upper = edges(rows)
    inside = rows[(rows["target_frequency"] > lower) & (rows["target_frequency"] < upper)]
    largest = inside[inside["n_features"] == inside["n_features"].max()]
    parts = [part for _, part in largest.groupby(["d_model", "sparsity", "center"])]
    effect = least(over_seeds(part.groupby("seed")[LEARNABLE].mean(), len(parts)) for part in parts)
    verdict, note = above(effect, 0.95), ""
    if verdict == CONFLICTS and above(_rise(inside), 0.0) == SUPPORTED:
        verdict, note = UNDECIDED, "too small, but it rises with n"
    return Finding(effect, verdict, note or too_few(effect, verdict), where(largest))


def inside_band_simulated(rows: pd.DataFrame) -> Finding:
    """Return simulated recovery less SHARE of the features that hold neurons, at the largest n: the least.

    By as many neurons as theory asks for that share.
    """
    recovered, held = (arm(rows, name) for name in (INSIDE, HELD))
    largest = recovered[recovered["n_features"] == recovered["n_features"].max()]
    names = ["n_features", "d_model", "target_frequency", "center"]
    shares = {key: by_seed(part, LEARNABLE) for key, part in held.groupby(names)}
    parts = list(largest.groupby(names))
    effect = least(paired(by_seed(part, RECOVERED), SHARE * shares[key], len(parts)) for key, part in parts)
    verdict = above(effect, -0.1)
    return Finding(effect, verdict, too_few(effect, verdict), where(largest))


def _rise(inside: pd.DataFrame) -> Effect:
    """Return the slope of the learnable fraction over log n, at the same s and centring, d/n or d/sqrt(n)."""
    n, d = inside["n_features"], inside["d_model"]
    same = [inside["sparsity"], inside["center"], np.where((d - np.sqrt(n)).abs() < 1, -1.0, d / n)]
    cells = inside[n.groupby(same).transform("nunique") > 1]
    return slope_over_seeds(np.log(cells["n_features"]), cells[LEARNABLE], cells["seed"])


def lower_edge(rows: pd.DataFrame) -> Finding:
    """Return how many decades below 1/n simulated recovery still is a half of its best, least over d, s and centring.

    Only where the band is not empty, chance explains nothing, and half recovers on average.  Where the smallest p of
    the grid recovers, the decades are at least those to it.
    """
    lower, upper = edges(rows)
    cells = rows[(lower < upper) & (rows["chance_recovery_rate"] < CHANCE)]
    slices = [
        np.log10(1 / (part["n_features"].iloc[0] * half_of_best(part, below=True, floor=0.0)))
        for _, part in groups(cells, "n_features", "d_model", "sparsity", "center")
        if recovering(part)
    ]
    effect = least(over_seeds(each, len(slices)) for each in slices)
    verdict = sufficient(effect)
    return Finding(effect, verdict, remarks(loose(effect, "decades"), too_few(effect, verdict)), where(cells))


def recovering(cells: pd.DataFrame, floor: float = RECOVERS) -> bool:
    """Return whether as much as the floor is recovered on average over seeds, at the p at which most is.

    A floor for each seed would drop the unlucky ones, and judge the others alone.
    """
    return bool(cells.groupby("target_frequency")[RECOVERED].mean().max() >= floor)


def half_of_best(cells: pd.DataFrame, *, below: bool, floor: float = RECOVERS) -> pd.Series:
    """Return by seed the p at which recovery is half of its best, below the best p or above it.

    Only for seeds whose best is above nothing and at least `floor`; the end of the grid where recovery is more
    throughout.
    """
    found = {}
    for seed, part in cells.groupby("seed"):
        rates = part.groupby("target_frequency")[RECOVERED].mean()
        if rates.max() < floor or rates.max() <= 0:
            continue
        side = rates.loc[: rates.idxmax()] if below else rates.loc[rates.idxmax() :]
        half, end = rates.max() / 2, side.index[0] if below else side.index[-1]
        found[seed] = end if side.loc[end] >= half else crossing(side.index, side, half, falling=not below)
    return pd.Series(found, dtype=float)


def lower_edge_needed(rows: pd.DataFrame) -> Finding:
    """Return the slope of log p at the lower end of recovery over log N, at fixed n, greatest in size over centring."""
    lines = []
    for _, part in rows.groupby("center"):
        points = [
            (n_samples, p, seed)
            for n_samples, each in part.groupby("n_samples")
            if recovering(each)
            for seed, p in half_of_best(each, below=True, floor=0.0).items()
        ]
        if points:
            lines.append(pd.DataFrame(points, columns=["n", "p", "seed"]))
    effects = [
        slope_over_seeds(np.log(each["n"]), np.log(each["p"]), each["seed"], comparisons=len(lines)) for each in lines
    ]
    verdict = both(*(equal(each, 0.0, 0.25) for each in effects))
    effect = farthest(effects, 0.0)
    note = "it ends where p N is constant: the samples run out" if equal(effect, -1.0, 0.25) == SUPPORTED else ""
    return Finding(effect, verdict, remarks(note, _ends(rows, lines), too_few(effect, verdict)), where(rows))


def _ends(rows: pd.DataFrame, lines: list[pd.DataFrame]) -> str:
    """Return in words between which p, in 1/n, the lower end is at the least and at the most samples, over centring."""
    if not lines:
        return ""
    points, features, told = pd.concat(lines), float(rows["n_features"].iloc[0]), []
    for n_samples in dict.fromkeys((points["n"].min(), points["n"].max())):
        p = points.loc[points["n"] == n_samples, "p"] * features
        told.append(f"{p.min():.2g} to {p.max():.2g} times 1/n at N/n = {n_samples / features:.3g}")
    return f"half of the best is left at {', '.join(told)}"


def below_three(rows: pd.DataFrame) -> Finding:
    """Return recovery at s = 2, at the best p of the other seeds, least over centring; in words, less that at s = 3.

    In the seeds that were drawn to judge it, where there are such.
    """
    fresh = rows[rows["arm"] == JUDGED]
    rows = fresh if len(fresh) else rows
    parts = [part for _, part in rows.groupby("center")]
    two, three = ([at_best_frequency(part[part["sparsity"] == s]) for part in parts] for s in (2, 3))
    effect = least(over_seeds(each, len(parts)) for each in two)
    less = least(paired(a, b, len(parts)) for a, b in zip(two, three, strict=True))
    told = f"s = 2 minus s = 3: {less.value:.2g} ({less.low:.2g} to {less.high:.2g})"
    verdict = above(effect, 0.5)
    kept = rows[rows["sparsity"].isin((2, 3))]
    return Finding(effect, verdict, remarks(told, too_few(effect, verdict)), where(kept))


def at_best_frequency(rows: pd.DataFrame, column: str = RECOVERED) -> pd.Series:
    """Return by seed the result at the target frequency that is best in the other seeds (in its own where alone)."""
    table = rows.pivot_table(index="seed", columns="target_frequency", values=column).dropna(axis=1)
    if table.empty:
        raise ValueError("no target frequency that every seed has")
    values, found = table.to_numpy(dtype=float), []
    for k in range(len(values)):
        others = np.delete(values, k, axis=0) if len(values) > 1 else values
        found.append(float(values[k, int(np.argmax(others.mean(axis=0)))]))
    return pd.Series(found, index=table.index, dtype=float)
