"""Neuron resonance in trained Bias Adaptation: is recovery a band of the target frequency, with two ends?"""

from __future__ import annotations

import pandas as pd

from simulations.evidence.scorecard.effects import UNKNOWN, Effect, by_seed, greatest, over_seeds
from simulations.evidence.scorecard.reading import arm, named, where
from simulations.evidence.scorecard.verdicts import MIN_SEEDS, SUPPORTED, UNDECIDED, Finding, below, remarks, too_few

RECOVERED, CHANCE = "feature_recovery_rate", "chance_recovery_rate"
HALF = 0.5  # of the best recovery: what a band's ends stay below, and what the best itself should reach
MOST_CHANCE = 0.05  # chance recovery, above which recovery tells nothing
LONGER = ", longer"  # end of the arms that are trained longer
ARRIVED = 1.5  # times p: where control has arrived the median neuron fires at most so often
EARLY = 0.75  # share of the steps by which nine in ten neurons have to fire at most 1.25 times p
HELD = "two-sided"  # the control under which a neuron does not fire less than p either


def band(rows: pd.DataFrame, *, control: str) -> Finding:
    """Return the share of its best recovery that trained BA keeps at the ends of p, the greatest over d >= sqrt(n).

    The ends are the lowest and the highest target frequency of the grid, 0.1/n and 0.5, each after the longest training
    there is; only dimensions at which the best recovery is a half on average and chance explains nothing.  An end at
    which control has not arrived in every seed tells nothing of p: it neither supports nor conflicts.
    """
    part = _told(arm(rows, control))
    longer = _told(rows[named(rows) == control + LONGER])
    # At which p recovery is best is decided by all seeds: a seed's own best is its luck.
    shares, n_late = {}, 0
    for key, cells in part.groupby(["n_features", "d_model"]):
        means = cells.groupby("target_frequency")[RECOVERED].mean()
        best = by_seed(cells[cells["target_frequency"] == means.idxmax()], RECOVERED)
        if len(means) < 3 or float(best.mean()) < HALF:
            continue
        same = pd.concat([cells, longer[(longer["n_features"] == key[0]) & (longer["d_model"] == key[1])]])
        for end in (means.index.min(), means.index.max()):
            at = same[same["target_frequency"] == end]
            at = at[at["n_steps"] == at["n_steps"].max()]
            if arrived(at, held=control == HELD).all():
                shares[key, end] = by_seed(at, RECOVERED) / best
            else:
                n_late += 1
    effects = [over_seeds(each, len(shares)) for each in shares.values()]
    effect: Effect = greatest(effects) if effects else UNKNOWN
    verdict, late = below(effect, HALF), ""
    if n_late:
        late = f"at {n_late} of {n_late + len(shares)} ends control has not arrived"
        verdict = UNDECIDED if verdict == SUPPORTED else verdict
    few = "" if late and effect.n_seeds >= MIN_SEEDS else too_few(effect, verdict)
    return Finding(effect, verdict, remarks(late, few), where(pd.concat([part, longer])))


def _told(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of d >= sqrt(n) in which chance explains nothing."""
    kept: pd.DataFrame = part[(part["d_model"] ** 2 >= part["n_features"]) & (part[CHANCE] <= MOST_CHANCE)]
    return kept


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
