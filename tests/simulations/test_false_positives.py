"""Every rule of the scorecard on noisy rows: on the boundary of its claim it is wrong in 1 of 20 at most."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import provable_worlds
import pytest
import scorecard_worlds as worlds
from rates_helper import assert_rate_at_most
from statistics_helper import seed_of

from simulations.evidence.scorecard import edges, provable, trained
from simulations.evidence.scorecard.claims import CLAIMS, Test
from simulations.evidence.scorecard.verdicts import CONFLICTS, MIN_SEEDS, SUPPORTED, TRIVIAL, UNDECIDED

TRIALS, DRAWS = 120, 12  # of 120, 21 alarms fail, so a rate of 0.25 is caught with probability 0.98


class Case(NamedTuple):
    """A claim's world, its boundary, a true effect far on the good side, and one far on the bad side."""

    world: worlds.World
    boundary: float
    good: float
    bad: float
    bad_verdict: str = CONFLICTS
    good_verdict: str = SUPPORTED


CASES: dict[str, Case] = {
    "recovery_inside_band": Case(worlds.inside_band, 0.95, 1.2, 0.6),
    "constant_steps": Case(worlds.constant_steps, 0.25, 0.0, 1.5),
    "upper_edge": Case(worlds.upper_edge, 0.0, 0.4, -0.4),
    "upper_edge_over_d": Case(provable_worlds.edge_over_d, 0.0, 0.3, -0.3, UNDECIDED),
    "dimension": Case(provable_worlds.dimension, 0.25, 0.0, 0.7),
    "resonance_widens": Case(provable_worlds.widening, 0.0, 0.6, -0.6),
    "lower_edge_needed": Case(provable_worlds.lower_edge_needed, -0.25, 0.0, -1.0),
    "below_three": Case(provable_worlds.below_three, 0.5, 0.9, 0.2),
    "lower_edge": Case(worlds.lower_edge, 0.0, 0.5, -0.5, UNDECIDED),
    "width_in_frequency": Case(worlds.width_in_frequency, 1.0, 0.5, 1.5, CONFLICTS, TRIVIAL),
    "width_in_n": Case(worlds.width_in_n, 0.0, -0.5, 0.5),
    "width_at_fixed_frequency": Case(provable_worlds.width_at_fixed_frequency, 0.25, -0.3, 1.0),
    "cooccurrence": Case(provable_worlds.many_partners, 1.0, 0.0, 2.0),
    "cooccurrence_partners": Case(provable_worlds.over_partners, 0.15, 0.0, 0.5),
    "cooccurrence_pairs": Case(provable_worlds.one_partner, -0.15, 0.0, -0.6),
    "balance": Case(provable_worlds.balance, 0.25, 0.6, 0.02),
    "balance_of_strength": Case(provable_worlds.balance_of_strength, 0.25, 0.6, 0.02),
    "cutoff_and_width": Case(provable_worlds.cutoff_and_width, 0.0, 0.3, -0.3),
    "cutoff_and_sparsity": Case(provable_worlds.cutoff_and_sparsity, 0.25, 0.0, 0.9),
    "activations_smooth": Case(worlds.activations, 0.1, 0.0, 0.5),
    "activations_jump": Case(worlds.activations, -0.1, 0.0, 0.5),
    "activations_smooth_at_equal_p": Case(worlds.activations, 0.1, 0.0, 0.5),
    "activations_jump_at_equal_p": Case(worlds.activations, -0.1, 0.0, 0.5),
    "frequency_free": Case(worlds.toy("gba", "ba"), -0.05, 0.2, -0.4),
    "frequency_free_zipf": Case(worlds.consistency("feature_recovery_rate", "ba"), -0.05, 0.2, -0.4),
    "frequencies_too_high": Case(worlds.toy("gba", "gba-high"), 0.25, 0.6, 0.0),
    "frequencies_too_low": Case(worlds.toy("gba", "gba-low"), 0.25, 0.6, 0.0),
    "gba_over_topk_toy": Case(worlds.toy("gba", "topk"), 0.0, 0.4, -0.4),
    "range_of_frequencies": Case(worlds.range_of_frequencies, 0.0, 0.4, -0.4),
    "gba_over_ba": Case(worlds.frontier("ba"), 0.0, -0.4, 0.4),
    "topk_frontier": Case(worlds.frontier("topk-untied"), 0.05, -0.4, 0.4),
    "batchtopk_frontier": Case(worlds.frontier("batchtopk"), 0.05, -0.4, 0.4),
    "l1_frontier": Case(worlds.frontier("l1-untied"), 0.0, -0.4, 0.4),
    "jumprelu_frontier": Case(worlds.frontier("jumprelu-untied"), 0.0, -0.4, 0.4),
    "consistency": Case(worlds.consistency("consistency", "topk-untied"), 0.0, 0.4, -0.4),
    "consistency_top": Case(worlds.consistency("consistency_top", "topk-untied"), 0.0, 0.4, -0.4),
    "tuning_free": Case(worlds.tuning(), 0.9, 1.1, 0.6),
    "less_tuning_than_topk": Case(worlds.tuning("topk"), 0.0, 0.4, -0.4),
    "less_tuning_than_l1": Case(worlds.tuning("l1-untied"), 0.0, 0.4, -0.4),
}
CASES |= {
    "resonance_two_sided": Case(worlds.resonance("two-sided"), 0.5, 0.1, 0.9),
    "resonance_one_sided": Case(worlds.resonance("one-sided"), 0.5, 0.1, 0.9),
}
TESTS: dict[str, Test] = {claim.name: claim.test for claim in CLAIMS}
SEEDS = range(MIN_SEEDS)


def test_every_claim_is_here() -> None:
    assert set(CASES) == set(TESTS)


@pytest.mark.parametrize("name", CASES)
def test_on_the_boundary_a_rule_seldom_decides(name: str) -> None:
    case, rng = CASES[name], np.random.default_rng(seed_of(f"false positives of {name}"))
    found = [TESTS[name](case.world(rng, case.boundary, SEEDS)).verdict for _ in range(TRIALS)]
    wrong = sum(each in (SUPPORTED, TRIVIAL, CONFLICTS) for each in found)
    assert_rate_at_most(wrong, TRIALS, 0.05, f"{name} decided on its boundary")


# At four standard errors of five seeds or more from the boundary a rule decides in most draws (with Student's quantile
# of four degrees of freedom, Bonferroni's of four in "activations"), and never says the opposite.
@pytest.mark.parametrize("name", CASES)
def test_clear_effects_are_told(name: str) -> None:
    case, rng = CASES[name], np.random.default_rng(seed_of(f"power of {name}"))
    for effect, verdict in ((case.good, case.good_verdict), (case.bad, case.bad_verdict)):
        found = [TESTS[name](case.world(rng, effect, SEEDS)) for _ in range(DRAWS)]
        told = [each.verdict for each in found]
        assert told.count(verdict) >= DRAWS // 2, f"{name} at {effect}: {told}"
        assert CONFLICTS not in told or verdict == CONFLICTS, told
        assert SUPPORTED not in told or verdict == SUPPORTED, told
        # A draw may lack a crossing, and is then undecided.
        assert all(each.effect.n_seeds == MIN_SEEDS for each in found if each.verdict != UNDECIDED)
        # The mean over draws of one number a seed errs by 0.05 / sqrt(60) = 0.006; 0.026 octaves; the extreme of a few
        # slices is off by up to 1.5 standard errors of five seeds more, 0.035, 0.13 octaves.
        value, off = np.mean([each.effect.value for each in found]), 0.3 if name == "cooccurrence" else 0.06
        value -= -0.5 if name == "cooccurrence_partners" else 0.0  # whose world counts from the expected slope
        assert value == pytest.approx(effect, abs=off), name


@pytest.mark.parametrize("n_seeds", [1, 2, MIN_SEEDS - 1])
@pytest.mark.parametrize("name", CASES)
def test_too_few_seeds_decide_nothing_however_clear(name: str, n_seeds: int) -> None:
    case, rng = CASES[name], np.random.default_rng(seed_of(f"few seeds of {name}"))
    for effect in (case.good, case.bad):
        found = TESTS[name](case.world(rng, effect, range(n_seeds)))
        assert found.verdict == UNDECIDED
        few = (
            f"{n_seeds} seed{'s' * (n_seeds > 1)}, " if name != "cooccurrence" else ""
        )  # which counts the n with least
        assert f"{few}{MIN_SEEDS} needed" in found.note
        assert found.effect.n_seeds == n_seeds
        assert np.isfinite(found.effect.low) == (n_seeds > 1)
        assert found.where.startswith("n = ")


def test_inside_the_band_what_rises_with_n_is_undecided() -> None:
    """Too small at the largest n, but rising in every seed."""
    rng = np.random.default_rng(0)
    parts = []
    for n, rate in ((128, 0.3), (256, 0.5), (512, 0.7)):
        rows = worlds.inside_band(rng, rate, SEEDS)
        parts.append(rows.assign(n_features=n, d_model=n // 2, n_samples=100 * n))
    found = edges.inside_band(pd.concat(parts))
    assert found.verdict == UNDECIDED and "rises" in found.note


def test_a_search_is_never_judged_at_its_own_seed() -> None:
    """Seed 0 has the search, with 1 more at the best trial: the effect does not know of it."""
    rng = np.random.default_rng(1)
    rows = worlds.toy("gba", "ba")(rng, 0.0, SEEDS)
    assert trained.winner(rows, "gba") == "gba, trial 2"
    better = rows.copy()
    better.loc[(better["seed"] == 0) & (better["arm"] == "gba, trial 2"), "feature_recovery_rate_080"] += 5
    assert trained.frequency_free(better).effect == trained.frequency_free(rows).effect
    better.loc[(better["seed"] == 3) & (better["arm"] == "gba, trial 0"), "feature_recovery_rate"] += 9
    assert trained.winner(better, "gba") == "gba, trial 2"


def test_a_winner_without_fresh_seeds_is_refused() -> None:
    rows = worlds.toy("gba", "ba")(np.random.default_rng(1), 0.0, SEEDS)
    first = rows[(rows["seed"] == 0) | ~rows["arm"].str.endswith("trial 2")]
    with pytest.raises(ValueError, match=r"^gba, trial 2 has no fresh seeds$"):
        trained.frequency_free(first)


def test_a_rival_counts_at_the_better_of_its_forms() -> None:
    """Two forms, the first by far the better at the seed of the search, and 0.3 ahead of GBA at the others."""
    rows = worlds.toy("gba", "topk")(np.random.default_rng(1), -0.3, SEEDS)
    worse = rows[rows["arm"].str.startswith("topk")].copy()
    worse["arm"] = worse["arm"].str.replace("topk", "topk-untied")
    worse[["feature_recovery_rate", "feature_recovery_rate_080"]] -= 0.4
    both = pd.concat([worse, rows])
    found = trained.gba_over(both, trained.TOPK)
    assert found.effect == trained.gba_over(rows, ("topk",)).effect
    assert found.note.endswith("of topk, trial 2")


def test_a_range_that_works_is_interpolated_in_decades() -> None:
    # From 1 down to 0.8 over a decade: above 0.9 in half of it; a grid of 4,001 points errs by one of them at most.
    assert trained.decades_that_work([1, 10, 100], [1, 1, 0.8]) == pytest.approx(1.5, abs=2 / 2_000)
    assert trained.decades_that_work([100, 1, 10], [0.8, 1, 1]) == pytest.approx(1.5, abs=2 / 2_000)
    assert trained.decades_that_work([2, 50], [0.2, 0.5]) == 0


# The claims that are about the least or the greatest of several slices, and what the slices differ in.
SLICES = {
    "upper_edge": "sparsity",
    "lower_edge": "d_model",
    "width_in_frequency": "sparsity",
    "cooccurrence": "n_features",
    "cutoff_and_width": "sparsity",
    "resonance_widens": "sparsity",
    "activations_jump_at_equal_p": "target_frequency",
}


@pytest.mark.parametrize("name", SLICES)
def test_intervals_are_simultaneous_where_an_extreme_is_taken(name: str) -> None:
    """The slice that gives the extreme has a narrower interval when it is alone."""
    rows = CASES[name].world(np.random.default_rng(seed_of(f"slices of {name}")), CASES[name].good, SEEDS)
    rows = rows[rows["chance_recovery_rate"] < 0.5]
    together = TESTS[name](rows).effect
    alone = [TESTS[name](part).effect for _, part in rows.groupby(SLICES[name])]
    (same,) = (each for each in alone if each.value == pytest.approx(together.value, rel=1e-9))
    # Student's quantile of four degrees of freedom at 0.05 / 2 is 1.26 times that at 0.05; least and greatest of ends
    # are no narrower than those of the extreme slice at one side.
    assert len(alone) > 1
    assert max(together.high - together.value, together.value - together.low) > 1.2 * (same.high - same.value)


def test_unknown_arms_are_named() -> None:
    rows = worlds.consistency("consistency", "topk-untied")(np.random.default_rng(1), 0.0, SEEDS)
    with pytest.raises(ValueError, match=r"^no rows of arms 'topk-untied, '\.\.\.; there are gba, trial 4$"):
        trained.consistency(rows[rows["arm"] == "gba, trial 4"], "consistency")
    with pytest.raises(ValueError, match="the rows say no arm"):
        trained.consistency(rows.drop(columns="arm"), "consistency")
    with pytest.raises(ValueError, match="no rows of both relu and gelu"):
        partial(provable.activations_at_equal, left="relu", right="gelu")(
            worlds.activations(np.random.default_rng(1), 0.0, SEEDS)
        )
