"""Neuron resonance in trained Bias Adaptation: is recovery a band of the target frequency, and does it widen with d?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.edges import half_of_best
from simulations.evidence.scorecard.effects import (
    UNKNOWN,
    Effect,
    by_seed,
    greatest,
    least,
    over_seeds,
    slope_over_seeds,
)
from simulations.evidence.scorecard.reading import arm, named, where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
    MIN_SEEDS,
    SUPPORTED,
    UNDECIDED,
    Finding,
    above,
    below,
    remarks,
    too_few,
)

RECOVERED, CHANCE = "feature_recovery_rate", "chance_recovery_rate"
HALF = 0.5  # of the best recovery: what a band's ends stay below, and what the best itself should reach
MOST_CHANCE = 0.05  # chance recovery, above which recovery tells nothing
LOW_END = 0.105  # over n: the lowest p has to be 0.1/n, rounded; a grid that ends above tells nothing of that end
FEWEST = 3  # target frequencies of a dimension
LONGER = ", longer"  # end of the arms that are trained longer
ARRIVED = 1.5  # times p: where control has arrived the median neuron fires at most so often
EARLY = 0.75  # share of the steps by which nine in ten neurons have to fire at most 1.25 times p
HELD = "two-sided"  # the control under which a neuron does not fire less than p either
CONTROLS = ("one-sided", HELD)


def band(rows: pd.DataFrame, *, control: str) -> Finding:
    """Return the share of its best recovery that trained BA keeps at the ends of p, greatest over n and d >= sqrt(n).

    The ends are the target frequencies 0.1/n and 0.5, each after the longest training there is; only dimensions at
    which the best recovery is a half on average and chance explains nothing.  An end at which control has not arrived
    in every seed, or that the grid does not reach, tells nothing of p: it neither supports nor conflicts.
    """
    told = longest(rows, control)
    # At which p recovery is best is decided by all seeds: a seed's own best is its luck.
    shares, n_late = {}, 0
    for (n, d), cells in told.groupby(["n_features", "d_model"]):
        best = _best(cells)
        if best is None:
            continue
        for end in (cells["target_frequency"].min(), cells["target_frequency"].max()):
            at = cells[cells["target_frequency"] == end]
            reached = end >= HALF or end * n <= LOW_END
            if reached and arrived(at, held=control == HELD).all():
                shares[n, d, end] = by_seed(at, RECOVERED) / best
            else:
                n_late += 1
    effects = [over_seeds(each, len(shares)) for each in shares.values()]
    effect: Effect = greatest(effects) if effects else UNKNOWN
    verdict, late = below(effect, HALF), ""
    if n_late:
        late = f"at {n_late} of {n_late + len(shares)} ends control has not arrived"
        verdict = UNDECIDED if verdict == SUPPORTED else verdict
    few = "" if late and effect.n_seeds >= MIN_SEEDS else too_few(effect, verdict)
    return Finding(effect, verdict, remarks(late, few), where(told))


def widening(rows: pd.DataFrame) -> Finding:
    """Return the slope over log (d / sqrt(n)) of the log of the range of p that recovers, least over n and control.

    The range of a seed is the p at which recovery is half of its best above the best p, over that below, within the p
    at which control has arrived in every seed and at every d; only d >= sqrt(n) as in `band`, and n with several of
    them.  A range that goes on at either end of those p may widen there: then nothing conflicts.
    """
    lines, n_open, n_ranges = [], 0, 0
    for control in CONTROLS:
        for _, part in longest(rows, control).groupby("n_features"):
            table = _ranges(part, control)
            n_open, n_ranges = n_open + int(table["open"].sum()), n_ranges + len(table)
            if len(set(table["d"])) > 1:
                lines.append(table)
    effect = least(slope_over_seeds(each["d"], each["range"], each["seed"], comparisons=len(lines)) for each in lines)
    verdict, note = above(effect, 0.0), f"{n_open} of {n_ranges} ranges go on beyond those p" if n_open else ""
    verdict = UNDECIDED if n_open and verdict == CONFLICTS else verdict
    told = rows[named(rows).str.removesuffix(LONGER).isin(CONTROLS)]
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), where(told))


def _ranges(part: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return by d and seed the logs of d / sqrt(n) and of the range of p, and whether it is open, of one n."""
    p, d = "target_frequency", "d_model"
    there = part[arrived(part, held=control == HELD).groupby([part[d], part[p]]).transform("all")]
    judged = [cells for _, cells in there.groupby(d) if _best(cells) is not None]
    common = set.intersection(*(set(cells[p]) for cells in judged)) if judged else set()
    found = []
    for each in judged:
        cells = each[each[p].isin(common)]
        low, high = (half_of_best(cells, below=below) for below in (True, False))
        x = float(np.log(cells[d].iloc[0]) - np.log(cells["n_features"].iloc[0]) / 2)
        found += [(x, np.log(high[k] / low[k]), k, low[k] <= min(common) or high[k] >= max(common)) for k in low.index]
    return pd.DataFrame(found, columns=["d", "range", "seed", "open"])


def longest(rows: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the longest training under a control at each n, d and p, of d >= sqrt(n) where chance explains nothing.

    Raises ValueError when there is none under that control.
    """
    part = pd.concat([arm(rows, control), rows[named(rows) == control + LONGER]])
    part = part[(part["d_model"] ** 2 >= part["n_features"]) & (part[CHANCE] <= MOST_CHANCE)]
    most = part.groupby(["n_features", "d_model", "target_frequency"])["n_steps"].transform("max")
    kept: pd.DataFrame = part[part["n_steps"] == most]
    return kept


def _best(cells: pd.DataFrame) -> pd.Series | None:
    """Return recovery by seed at the p that is best on average; None where it is below a half, or there are few p."""
    means = cells.groupby("target_frequency")[RECOVERED].mean()
    if len(means) < FEWEST:
        return None
    best = by_seed(cells[cells["target_frequency"] == means.idxmax()], RECOVERED)
    return best if float(best.mean()) >= HALF else None


def arrived(rows: pd.DataFrame, *, held: bool) -> pd.Series:
    """Return whether control has arrived in each row: whether its neurons fire as often as their target frequency says.

    The median neuron fires at most ARRIVED times p at the end, and where neurons are `held` at p at least p / ARRIVED;
    where they are not, nine in ten have fired at most 1.25 times p by the share EARLY of the steps: what p does to
    recovery takes time.
    """
    target, middle = (rows["target_profile"].astype(str).str.split(":").str[k].astype(float) for k in (0, 2))
    ratio = middle / target
    if held:
        return (ratio <= ARRIVED) & (ratio >= 1 / ARRIVED)
    return (ratio <= ARRIVED) & (rows["steps_to_target"] <= EARLY * rows["n_steps"])
