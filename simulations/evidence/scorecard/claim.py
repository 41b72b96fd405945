"""What a claim is: a statement, the rows that bear on it, and the rule of its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from simulations.evidence.scorecard.verdicts import Finding

OURS = "not in the paper"  # as the source of a claim

Test = Callable[[pd.DataFrame], Finding]


@dataclass(frozen=True)
class Claim:
    """A claim: its name, what is judged, where the paper says it, the experiment, the rule in words, and the test.

    "At its best": at the best settings of a search at one seed, which is not judged.
    """

    name: str
    statement: str
    source: str
    experiment: str
    rule: str
    test: Test
