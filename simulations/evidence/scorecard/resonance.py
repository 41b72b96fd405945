"""Neuron resonance in trained Bias Adaptation: is recovery a band of the target frequency, with two ends?"""

from __future__ import annotations

import pandas as pd

from simulations.evidence.scorecard.effects import UNKNOWN, Effect, by_seed, greatest, over_seeds
from simulations.evidence.scorecard.reading import arm, where
from simulations.evidence.scorecard.verdicts import Finding, below, too_few

RECOVERED, CHANCE = "feature_recovery_rate", "chance_recovery_rate"
HALF = 0.5  # of the best recovery: what a band's ends stay below, and what the best itself should reach
MOST_CHANCE = 0.05  # chance recovery, above which recovery tells nothing


def band(rows: pd.DataFrame, *, control: str) -> Finding:
    """Return the share of its best recovery that trained BA keeps at the ends of p, the greatest over d >= sqrt(n).

    The ends are the lowest and the highest target frequency of the grid, 0.1/n and 0.5; only dimensions at which the
    best recovery is a half on average and chance explains nothing.
    """
    part = arm(rows, control)
    part = part[(part["d_model"] ** 2 >= part["n_features"]) & (part[CHANCE] <= MOST_CHANCE)]
    # At which p recovery is best is decided by all seeds: a seed's own best is its luck.
    shares = {}
    for key, cells in part.groupby(["n_features", "d_model"]):
        means = cells.groupby("target_frequency")[RECOVERED].mean()
        best = by_seed(cells[cells["target_frequency"] == means.idxmax()], RECOVERED)
        if len(means) > 2 and float(best.mean()) >= HALF:
            for end in (means.index.min(), means.index.max()):
                shares[key, end] = by_seed(cells[cells["target_frequency"] == end], RECOVERED) / best
    effects = [over_seeds(each, len(shares)) for each in shares.values()]
    effect: Effect = greatest(effects) if effects else UNKNOWN
    verdict = below(effect, HALF)
    return Finding(effect, verdict, too_few(effect, verdict), where(part))
