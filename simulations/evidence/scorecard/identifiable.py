"""Identifiability: whether another sparse factorisation of the same data has the same features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED
from simulations.evidence.scorecard.effects import by_seed, paired
from simulations.evidence.scorecard.meeting import REALISED
from simulations.evidence.scorecard.reading import where
from simulations.evidence.scorecard.verdicts import (
    NOT_TESTED,
    SUPPORTED,
    UNDECIDED,
    Finding,
    above,
    below,
    remarks,
    too_few,
)
from theory.cooccurrence import cluster_law

UNEXPLAINED = "fraction_variance_unexplained"


def same_features(rows: pd.DataFrame) -> Finding:
    """Return recovery where features seldom meet, minus that where they always do.

    A factorisation that is less exact there tells nothing: log10 of the variance unexplained has to fall.
    """
    probability = rows["support_law"].map(lambda text: cluster_law(str(text))[1])
    seldom, always = (rows[probability == each] for each in (probability.min(), probability.max()))
    effect = paired(by_seed(seldom, RECOVERED), by_seed(always, RECOVERED))
    exact = paired(np.log10(by_seed(always, UNEXPLAINED)), np.log10(by_seed(seldom, UNEXPLAINED)))
    verdict = above(effect, 0.25)
    if verdict != NOT_TESTED and below(exact, 0.0) != SUPPORTED:
        verdict = UNDECIDED
    note = f"variance unexplained {10**exact.value:.2g} times as large there"
    between = rows[(probability > probability.min()) & (probability < probability.max())]
    return Finding(effect, verdict, remarks(note, _beyond(between), too_few(effect, verdict)), where(rows))


def _beyond(rows: pd.DataFrame) -> str:
    """Return in words what is recovered at each rho_2 above the 1/sqrt(n) of Definition 5.2, where its rows tell it."""
    if REALISED not in rows:
        return ""
    means = rows.groupby("support_law")[[REALISED, RECOVERED]].mean().sort_values(REALISED)
    enough = float(1 / np.sqrt(rows["n_features"].max()))
    rates, rho = ([f"{each:.2f}" for each in means.loc[means[REALISED] > enough, k]] for k in (RECOVERED, REALISED))
    told = f"H3 is loose: recovery {', '.join(rates)} at rho_2 = {', '.join(rho)}, beside 1/sqrt(n) = {enough:.3g}"
    return told if rates else ""
