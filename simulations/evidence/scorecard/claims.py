"""The paper's claims, each with the rows that bear on it, the effect measured in them, and the rule of its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from simulations.evidence.scorecard import provable, trained
from simulations.evidence.scorecard.verdicts import Effect

Test = Callable[[pd.DataFrame], tuple[Effect, str]]


@dataclass(frozen=True)
class Claim:
    """A claim: its name, what is claimed, where, the experiment that tests it, the rule in words, and the test."""

    name: str
    statement: str
    source: str
    experiment: str
    rule: str
    test: Test


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "recovery_inside_band",
        "Every feature is recovered inside the band at sufficient width",
        "Theorem 6.1",
        "learnability",
        "learnable fraction of cells inside the band at the largest n: above 0.95; undecided where it rises with n",
        provable.inside_band,
    ),
    Claim(
        "constant_steps",
        "The number of steps does not grow with n",
        "Theorem 6.1",
        "steps",
        "steps to nine tenths of the best recovery, per doubling of n: within 0.25 of 0",
        provable.constant_steps,
    ),
    Claim(
        "upper_edge",
        "Recovery holds up to p ~ n^(-max((1 + 1/s)/2, 2/s)) at least",
        "Theorem 6.1 (band)",
        "scaling",
        "slope of the critical log p over log n, least over s and centring, minus the theorem's exponent: above 0",
        provable.upper_edge,
    ),
    Claim(
        "dimension",
        "The band changes at d ~ sqrt(n)",
        "Figure 2 (ICLR), Figure 14 (v1)",
        "scaling",
        "slope of the critical log d over log n at s = 3, p = 1/n: within 0.15 of 1/2",
        provable.critical_dimension,
    ),
    Claim(
        "lower_edge",
        "Recovery needs p above 1/n",
        "Theorem 6.1 (band)",
        "learnability",
        "learnable fraction of cells at p below 1/(2n) where the band is not empty: below 0.5",
        provable.below_the_band,
    ),
    Claim(
        "width_in_frequency",
        "The width needed grows no faster than p^(-s)",
        "Theorem 6.1 (width)",
        "width",
        "slope of log M* over log(1/p), divided by s: below 1",
        provable.width_in_frequency,
    ),
    Claim(
        "width_in_n",
        "The width needed grows no faster than linearly in n",
        "Theorem 6.1 (width)",
        "width",
        "slope of log M* over log n: below 1",
        provable.width_in_n,
    ),
    Claim(
        "cooccurrence",
        "Recovery breaks down where rho_2 passes 1/sqrt(n)",
        "Definition 5.2 (H3), Figures 10-11 (v1)",
        "cooccurrence",
        "mean log2 of the critical rho_2 times sqrt(n), over n and seeds: within 1 of 0",
        provable.cooccurrence,
    ),
    Claim(
        "balance",
        "Features much rarer than the most frequent one are not recovered",
        "Theorem 6.1 (feature balance), Figure 15 (v1)",
        "balance",
        "recovery of the rarest quarter, balanced minus at most 0.15 times as frequent: above 0.25",
        provable.balance,
    ),
    Claim(
        "activations",
        "ReLU, smooth ReLU and JumpReLU recover alike",
        "Figure 12 (v1)",
        "activations",
        "difference in recovery between activations, at the p where it is largest: below 0.1",
        provable.activations,
    ),
    Claim(
        "frequency_free",
        "GBA recovers without knowing the feature frequencies",
        "Section 5 (GBA), mixed-sparsity table (ICLR)",
        "toy",
        "best GBA minus BA at the true frequency, recovery at 0.8, paired by seed: above -0.05",
        trained.frequency_free,
    ),
    Claim(
        "wrong_frequencies",
        "GBA fails when its frequencies are wrong",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "best GBA minus the better of GBA with too high or too low frequencies, recovery at 0.9: above 0.25",
        trained.wrong_frequencies,
    ),
    Claim(
        "gba_over_topk_toy",
        "GBA recovers more than TopK on mixed sparsity",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "best GBA minus the best TopK, recovery at 0.9, paired by seed: above 0",
        trained.gba_over_topk,
    ),
    Claim(
        "gba_over_ba",
        "GBA reconstructs better than BA at equal sparsity",
        "Figure 3 (v1)",
        "frontier",
        "log10 FVU of GBA minus that of BA at equal L0: below 0",
        trained.gba_over_ba,
    ),
    Claim(
        "topk_frontier",
        "GBA is on or near the TopK frontier",
        "Figure 3 (v1)",
        "frontier",
        "log10 FVU of GBA minus that of TopK at equal L0: below 0.05",
        trained.topk_frontier,
    ),
    Claim(
        "consistency",
        "GBA is more consistent over starts than TopK",
        "Figure 5 (v1)",
        "consistency",
        "share of neurons above 0.9 in another start, GBA minus TopK, paired by seed: above 0",
        trained.consistency,
    ),
    Claim(
        "tuning_free",
        "GBA is nearly tuning-free",
        "Section 5 (GBA)",
        "sensitivity",
        "mean recovery of GBA over initial biases and a decade of rates, over its best: above 0.9",
        trained.tuning_free,
    ),
)
