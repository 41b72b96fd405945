"""The paper's claims, each with the rows that bear on it, the effect measured in them, and the rule of its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from simulations.evidence.scorecard import provable, trained, widths
from simulations.evidence.scorecard.verdicts import Finding

Test = Callable[[pd.DataFrame], Finding]
RIVALS = "until the rivals are trained as their authors do"


@dataclass(frozen=True)
class Claim:
    """A claim: its name, what is judged, where the paper says it, the experiment, the rule in words, and the test.

    `until` says why it is not judged yet, although there are rows.  "At its best": at the best settings of a search at
    one seed, which is not judged.
    """

    name: str
    statement: str
    source: str
    experiment: str
    rule: str
    test: Test
    until: str = ""


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "recovery_inside_band",
        "Inside the band every feature holds a neuron that starts on it",
        "Theorem 6.1",
        "learnability",
        "learnable fraction inside the band at the largest n with the most samples a feature: above 0.95; undecided "
        "where it rises with n",
        provable.inside_band,
    ),
    Claim(
        "constant_steps",
        "The number of steps does not grow with n",
        "Theorem 6.1",
        "steps",
        "steps to nine tenths of the best recovery, per doubling of n: within 0.25 of 0; undecided where fewer than "
        "nine in ten runs recover a half",
        provable.constant_steps,
    ),
    Claim(
        "upper_edge",
        "Features hold neurons up to p ~ n^(-max((1 + 1/s)/2, 2/s)) at least, at d = n/2",
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
        "until rows follow the upper edge over d, where the theorem's kink is; these cut at p = 1/n, its lower edge",
    ),
    Claim(
        "lower_edge",
        "Recovery holds down to p ~ 1/n at least",
        "Theorem 6.1 (band)",
        "resonance",
        "decades below 1/n at which recovery is still half of its best, least over d, s and centring: above 0; a "
        "sufficient condition, so nothing conflicts",
        provable.lower_edge,
    ),
    Claim(
        "width_in_frequency",
        "The width needed grows no faster than p^(-s)",
        "Theorem 6.1 (width)",
        "width",
        "slope of log M* over log(1/p), divided by s, greatest over s and centring: below 1; trivial with two decades "
        "between M* and n p^(-s) everywhere; undecided where more than one width in ten is not known",
        widths.width_in_frequency,
    ),
    Claim(
        "width_in_n",
        "At the band's centre the width needed grows no faster than n p^(-s)",
        "Theorem 6.1 (width)",
        "width",
        "slope of log M* over log n, minus that of n p^(-s) at the same points, greatest over s and centring: below 0; "
        "trivial with two decades between them everywhere; undecided where more than one width in ten is not known",
        widths.width_in_n,
    ),
    Claim(
        "cooccurrence",
        "Recovery breaks down where rho_2 passes 1/sqrt(n), planted by one partner each",
        "Definition 5.2 (H3), Figures 10-11 (v1)",
        "cooccurrence",
        "log2 of the critical rho_2 times sqrt(n), at every n: within 1 of 0",
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
        "activations_smooth",
        "ReLU and smooth ReLU recover alike",
        "Figure 12 (v1)",
        "activations",
        "difference in recovery at equal p, at every p and centring: within 0.1 of 0",
        partial(provable.activations_alike, left="relu", right="smooth-relu"),
    ),
    Claim(
        "activations_jump",
        "ReLU and JumpReLU recover alike",
        "Figure 12 (v1)",
        "activations",
        "difference in recovery at equal p, at every p and centring: within 0.1 of 0",
        partial(provable.activations_alike, left="relu", right="jumprelu"),
    ),
    Claim(
        "frequency_free",
        "GBA recovers without knowing the feature frequencies",
        "Section 5 (GBA), mixed-sparsity table (ICLR)",
        "toy",
        "GBA minus BA at the true frequency, each at its best, recovery at 0.8, fresh seeds: above -0.05",
        trained.frequency_free,
    ),
    Claim(
        "frequencies_too_high",
        "GBA fails when its frequencies are too high",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "GBA minus GBA with too high frequencies, each at its best, recovery at 0.9, fresh seeds: above 0.25",
        trained.frequencies_too_high,
    ),
    Claim(
        "frequencies_too_low",
        "GBA fails when its frequencies are too low (one reading of the paper: it says wrong)",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "GBA minus GBA with too low frequencies, each at its best, recovery at 0.9, fresh seeds: above 0.25",
        trained.frequencies_too_low,
    ),
    Claim(
        "gba_over_topk_toy",
        "GBA recovers more than TopK on mixed sparsity",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "GBA minus the best TopK, each at its best, recovery at 0.9, fresh seeds: above 0",
        trained.gba_over_topk,
        RIVALS,
    ),
    Claim(
        "gba_over_ba",
        "GBA reconstructs better than BA at equal sparsity",
        "Figure 3 (v1)",
        "frontier",
        "log10 FVU of GBA minus that of BA at equal L0, mean over GBA's points, by seed: below 0",
        trained.gba_over_ba,
    ),
    Claim(
        "topk_frontier",
        "GBA is on or near the TopK frontier",
        "Figure 3 (v1)",
        "frontier",
        "log10 FVU of GBA minus that of TopK at equal L0, mean over GBA's points, by seed: below 0.05",
        trained.topk_frontier,
        RIVALS,
    ),
    Claim(
        "consistency",
        "GBA is more consistent over starts than TopK",
        "Figure 5 (v1)",
        "consistency",
        "share of neurons above 0.9 in another start, GBA minus TopK, paired by seed: above 0",
        trained.consistency,
        RIVALS,
    ),
    Claim(
        "tuning_free",
        "GBA is nearly tuning-free",
        "Section 5 (GBA)",
        "sensitivity",
        "mean recovery of GBA over initial biases and a decade of rates, over its best (both chosen by other seeds): "
        "above 0.9",
        trained.tuning_free,
    ),
)
