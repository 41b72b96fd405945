"""The paper's claims, each with the rows that bear on it, the effect measured in them, and the rule of its verdict."""

from __future__ import annotations

from functools import partial

from simulations.evidence.scorecard import edges, meeting, provable, resonance, strength, widths
from simulations.evidence.scorecard.claim import Claim, Test
from simulations.evidence.scorecard.rivals import RIVALS

__all__ = ["CLAIMS", "Claim", "Test"]

RESONANCE = "share of its best recovery kept at p = 0.1/n and at p = 0.5, greatest over d >= sqrt(n): below 0.5"


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "recovery_inside_band",
        "Inside the band every feature holds a neuron that starts on it",
        "Theorem 6.1",
        "learnability",
        "learnable fraction at the largest n, d from sqrt(n) to n/2, least over d, s and centring: above 0.95; "
        "undecided where it rises with n",
        edges.inside_band,
    ),
    Claim(
        "constant_steps",
        "The number of steps does not grow with n, from where the best of the theorem's n p^(-s) neurons starts",
        "Theorem 6.1",
        "steps",
        "steps to nine tenths of the best share that has arrived, per doubling of n: within 0.25 of 0 at every s; "
        "undecided where in more than one run in ten no half arrives",
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
        "upper_edge_over_d",
        "Features hold neurons up to the band's upper edge at every d from sqrt(n) on",
        "Theorem 6.1 (band)",
        "learnability",
        "log_n of the critical p over min(n^(-(1 + 1/s)/2), n^(-2/s), d/n), least over d, n and s: above 0; a "
        "sufficient condition, so nothing conflicts",
        edges.edge_over_d,
    ),
    Claim(
        "dimension",
        "The upper edge rises with d up to d ~ sqrt(n), and no further",
        "Figure 2 (ICLR), Figure 14 (v1), as a picture: the theorem promises only the part below",
        "learnability",
        "slope of the log of the critical p over log d from 2 sqrt(n) on, greatest over n and s: below 0.25",
        edges.dimension,
    ),
    Claim(
        "resonance_widens",
        "The range of p that recovers widens with d",
        "Figure 2 (ICLR), Figure 14 (v1)",
        "resonance",
        "slope over log d of the log of the greatest over the smallest p that recover half of the best (within the "
        "grid), least over s and centring: above 0",
        edges.widening,
    ),
    Claim(
        "lower_edge",
        "Recovery holds down to p ~ 1/n at least",
        "Theorem 6.1 (band)",
        "resonance",
        "decades below 1/n at which recovery is still half of its best, least over d, s and centring: above 0; a "
        "sufficient condition, so nothing conflicts",
        edges.lower_edge,
    ),
    Claim(
        "lower_edge_needed",
        "Recovery by the provable algorithm ends below p ~ 1/n, however many samples: a band of p, no ceiling",
        "Figure 2 (ICLR), as a picture: the theorem's condition is sufficient only",
        "lower_edge",
        "slope over log N of the log of the smallest p at which recovery is half of its best, at fixed n, for either "
        "centring: within 0.25 of 0",
        edges.lower_edge_needed,
    ),
    Claim(
        "below_three",
        "Most features recover at s = 2, although the theorem's band is empty there",
        "Theorem 6.1 (band), ours",
        "sparsity",
        "recovery at s = 2 at the p that is best in the other seeds, least over centring: above 0.5",
        edges.below_three,
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
        "width_at_fixed_frequency",
        "At fixed p the width needed grows no faster than n",
        "Theorem 6.1 (width)",
        "width",
        "slope of log M* over log n at fixed p, minus 1, greatest over s and centring: below 0.25; trivial and "
        "undecided as above",
        widths.width_at_fixed_frequency,
    ),
    Claim(
        "cooccurrence",
        "With an eighth of all features as partners recovery breaks down where rho_2 passes 1/sqrt(n)",
        "Definition 5.2 (H3), Figures 10-11 (v1)",
        "cooccurrence",
        "log2 of the critical rho_2 times sqrt(n), at every n, for clusters of a fixed share of n: within 1 of 0",
        meeting.many_partners,
    ),
    Claim(
        "cooccurrence_partners",
        "What counts is the sum of rho^2 over the partners: m of them halve recovery at rho_2 ~ m^(-1/2)",
        "ours",
        "cooccurrence",
        "slope of the log of the critical rho_2 over log m, at the n with the most m: within 0.15 of -1/2",
        meeting.over_partners,
    ),
    Claim(
        "cooccurrence_pairs",
        "With one partner each the critical rho_2 does not depend on n",
        "ours",
        "cooccurrence",
        "slope of the log of the critical rho_2 over log n, clusters of two: within 0.15 of 0",
        meeting.one_partner,
    ),
    Claim(
        "balance",
        "Features much rarer than the most frequent one are not recovered, however many samples have them",
        "Theorem 6.1 (feature balance), Figure 15 (v1)",
        "balance",
        "recovery of the rarest quarter, balanced minus at most 0.15 times as frequent, with as many samples of a rare "
        "feature, each at the p that is best for it in the other seeds: above 0.25",
        strength.balance,
    ),
    Claim(
        "balance_of_strength",
        "Features much weaker than the strongest are not recovered",
        "Theorem 6.1 (feature balance), Figure 15 (v1)",
        "balance",
        "recovery of the weakest quarter, of equal weights minus at most 0.3 times as strong, each at the p that is "
        "best for it in the other seeds: above 0.25",
        strength.balance_of_strength,
    ),
    Claim(
        "cutoff_and_width",
        "More neurons recover weaker features: those of larger 1/h_i^2",
        "Theorem 6.1 (width), Figure 15 (v1)",
        "cutoff",
        "slope over log M of the log of the 1/h_i^2 at which half of the features are recovered, least over s: above 0",
        strength.cutoff_and_width,
    ),
    Claim(
        "cutoff_and_sparsity",
        "A feature's own level decides, not that of the others: the critical 1/h_i^2 does not depend on s",
        "Theorem 6.1 with 1/h_i^2 for s, our reading; Figure 13 (v1)",
        "cutoff",
        "slope over log s of the log of the 1/h_i^2 at which half of the features are recovered, greatest over M: "
        "within 0.25 of 0",
        strength.cutoff_and_sparsity,
    ),
    *(
        Claim(
            f"activations_{name}{end}",
            f"ReLU and {told} recover alike{at}",
            "Figure 12 (v1)",
            "activations",
            rule,
            partial(test, left="relu", right=other),
        )
        for other, name, told in (("smooth-relu", "smooth", "smooth ReLU"), ("jumprelu", "jump", "JumpReLU"))
        for end, at, rule, test in (
            (
                "",
                ", each at its own best p",
                "difference in recovery, each at the p that is best in the other seeds, by centring: within 0.1 of 0",
                provable.activations_at_best,
            ),
            (
                "_at_equal_p",
                " at every p",
                "difference in recovery at equal p, at every p and centring: within 0.1 of 0",
                provable.activations_at_equal,
            ),
        )
    ),
    *RIVALS,
    Claim(
        "resonance_two_sided",
        "Recovery of trained BA is a band of p around the feature frequency, every neuron held at p",
        "Figure 2 (ICLR), Figure 14 (v1)",
        "resonance_trained",
        RESONANCE,
        partial(resonance.band, control="two-sided"),
    ),
    Claim(
        "resonance_one_sided",
        "Recovery of trained BA is a band of p around the feature frequency, no neuron above p (Algorithm 1)",
        "Figure 2 (ICLR), Figure 14 (v1)",
        "resonance_trained",
        RESONANCE,
        partial(resonance.band, control="one-sided"),
    ),
)
