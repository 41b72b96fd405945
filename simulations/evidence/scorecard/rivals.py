"""The claims on GBA and its rivals: every method is judged at the best of the same open search, at fresh seeds."""

from __future__ import annotations

from functools import partial

from simulations.evidence.scorecard import trained
from simulations.evidence.scorecard.claim import Claim

SEARCHED = "each at the best of the same open search, fresh seeds"
GAP = "log10 FVU of GBA minus that at equal L0, mean over GBA's points, by seed, of"
ARRIVED = "with control that has arrived (gain 0.1)"

RIVALS: tuple[Claim, ...] = (
    Claim(
        "frequency_free",
        "GBA recovers without knowing the feature frequencies (mixed sparsity)",
        "Section 5 (GBA), mixed-sparsity table (ICLR)",
        "toy",
        f"GBA minus BA at the true frequency, {SEARCHED}, recovery at 0.8: above -0.05",
        trained.frequency_free,
    ),
    Claim(
        "frequency_free_zipf",
        "GBA recovers without knowing the feature frequencies (Zipf, where no one frequency is right)",
        "Section 5 (GBA), mixed-sparsity table (ICLR)",
        "consistency",
        f"GBA minus BA with its frequency searched as well, {SEARCHED}, recovery at 0.9: above -0.05",
        trained.frequency_free_zipf,
    ),
    Claim(
        "frequencies_too_high",
        "GBA fails when its frequencies are too high",
        "Mixed-sparsity table (ICLR)",
        "toy",
        f"GBA minus GBA with HTF 0.5, LTF 0.3, both {ARRIVED}, recovery at 0.9: above 0.25",
        partial(trained.wrong_frequencies, wrong="gba-high"),
    ),
    Claim(
        "frequencies_too_low",
        "GBA fails when its frequencies are too low",
        "Mixed-sparsity table (ICLR)",
        "toy",
        f"GBA minus GBA with HTF 0.002, LTF 0.0002, both {ARRIVED}, recovery at 0.9: above 0.25",
        partial(trained.wrong_frequencies, wrong="gba-low"),
    ),
    Claim(
        "gba_over_topk_toy",
        "GBA recovers more than TopK on mixed sparsity",
        "Mixed-sparsity table (ICLR)",
        "toy",
        f"GBA minus TopK (K from 2 to 50, tied or untied), {SEARCHED}, recovery at 0.9: above 0",
        partial(trained.gba_over, rivals=trained.TOPK),
    ),
    Claim(
        "range_of_frequencies",
        "GBA need not know the sparsity: more decades of its frequencies work than of TopK's K (sparse start)",
        "Mixed-sparsity table (ICLR)",
        "toy",
        "decades over which recovery at 0.9 is 0.9 or more, of HTF (0.0015 to 0.6) or LTF (0.0002 to 0.06), the "
        f"fewer, {ARRIVED}, minus those of K (2 to 50) about the winner of its search: above 0",
        partial(
            trained.range_of_frequencies,
            method="gba-arrived",
            knobs=("high_target_frequency", "low_target_frequency"),
        ),
    ),
    Claim(
        "range_from_targets",
        "GBA need not know the sparsity: more decades of HTF work than of TopK's K (each neuron started at its target)",
        "Mixed-sparsity table (ICLR)",
        "toy",
        f"the same of HTF alone, {ARRIVED} and from each neuron's own target: above 0",
        partial(trained.range_of_frequencies, method="gba-own-start", knobs=("high_target_frequency",)),
    ),
    Claim(
        "defaults_recover",
        "Our defaults of GBA recover the features of worlds of sizes at which they were not chosen",
        "not in the paper",
        "basins",
        "recovery at 0.9 of plain gba at n = 160, the worst of mixed, canonical and Zipf data at each seed: above 0.95",
        trained.defaults_recover,
    ),
    Claim(
        "adaptation",
        "From a bias of 0 it is the adaptation of the biases that recovers features",
        "Section 5 (GBA)",
        "basins",
        "the paper's form of GBA at gain 0.1 minus the same at 1e-6, recovery at 0.9, mean over three worlds: above 0",
        partial(trained.adaptation, ours="the paper's form, gain 0.1", theirs="the paper's form, no control"),
    ),
    Claim(
        "adaptation_from_sparse",
        "From a sparse start (our defaults), too, adapting the biases recovers more than leaving them there",
        "not in the paper",
        "basins",
        "plain gba minus the same at gain 1e-6, recovery at 0.9, mean over three worlds: above 0",
        partial(trained.adaptation, ours="default", theirs="gain"),
    ),
    Claim(
        "gba_over_ba",
        "GBA reconstructs better than BA at equal sparsity",
        "Figure 3 (v1)",
        "frontier",
        f"{GAP} BA: below 0",
        partial(trained.frontier, other="ba", threshold=0.0),
    ),
    Claim(
        "topk_frontier",
        "GBA is on or near the frontier of TopK with the same tied weights",
        "Figure 3 (v1)",
        "frontier",
        f"{GAP} TopK, tied: below 0.05",
        partial(trained.frontier, other="topk", threshold=0.05),
    ),
    Claim(
        "topk_untied_frontier",
        "GBA is on or near the frontier of TopK as its authors train it (untied)",
        "not in the paper",
        "frontier",
        f"{GAP} TopK: below 0.05",
        partial(trained.frontier, other="topk-untied", threshold=0.05),
    ),
    Claim(
        "batchtopk_frontier",
        "GBA is on or near the BatchTopK frontier",
        "not in the paper",
        "frontier",
        f"{GAP} BatchTopK: below 0.05",
        partial(trained.frontier, other="batchtopk-untied", threshold=0.05),
    ),
    Claim(
        "l1_frontier",
        "GBA reconstructs better than L1 at equal sparsity",
        "Figure 3 (v1)",
        "frontier",
        f"{GAP} L1: below 0",
        partial(trained.frontier, other="l1-untied", threshold=0.0),
    ),
    Claim(
        "jumprelu_frontier",
        "GBA reconstructs better than JumpReLU at equal sparsity",
        "not in the paper",
        "frontier",
        f"{GAP} JumpReLU: below 0",
        partial(trained.frontier, other="jumprelu-untied", threshold=0.0),
    ),
    Claim(
        "consistency",
        "GBA is more consistent over starts than TopK (all neurons)",
        "Figure 5 (v1)",
        "consistency",
        f"share of all neurons above 0.9 in another start, GBA minus TopK, {SEARCHED}: above 0",
        partial(trained.consistency, column="consistency"),
    ),
    Claim(
        "consistency_top",
        "GBA is more consistent over starts than TopK (the most active neurons)",
        "Figure 5 (v1)",
        "consistency",
        f"share of the 5 % most active neurons above 0.9 in another start, GBA minus TopK, {SEARCHED}: above 0",
        partial(trained.consistency, column="consistency_top"),
    ),
    Claim(
        "tuning_free",
        "GBA is nearly tuning-free",
        "Section 5 (GBA)",
        "sensitivity",
        "recovery at 0.9 over that of the winner of the search, mean over the values of each of rate, K, HTF, LTF, "
        "gain and initial bias, then over these: above 0.9",
        trained.tuning_free,
    ),
    Claim(
        "less_tuning_than_topk",
        "GBA needs less tuning than TopK",
        "Section 5 (GBA)",
        "sensitivity",
        "the same of GBA, minus that of TopK over rate and K: above 0",
        partial(trained.less_tuning, rival="topk"),
    ),
    Claim(
        "less_tuning_than_l1",
        "GBA needs less tuning than L1",
        "Section 5 (GBA)",
        "sensitivity",
        "the same of GBA, minus that of L1 over rate and penalty: above 0",
        partial(trained.less_tuning, rival="l1-untied"),
    ),
)
