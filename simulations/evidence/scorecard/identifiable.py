"""Identifiability: whether another sparse factorisation of the same data has the same features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED
from simulations.evidence.scorecard.effects import by_seed, paired
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
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), where(rows))
