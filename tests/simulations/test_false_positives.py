"""Every rule of the scorecard on noisy rows: on the boundary of its claim it is wrong in 1 of 20 at most."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import scorecard_worlds as worlds
from rates_helper import assert_rate_at_most
from statistics_helper import assert_z, seed_of

from simulations.evidence.scorecard import provable, trained
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
    "dimension": Case(worlds.critical_dimension, 0.35, 0.5, 0.0),
    "lower_edge": Case(worlds.lower_edge, 0.0, 0.5, -0.5, UNDECIDED),
    "width_in_frequency": Case(worlds.width_in_frequency, 1.0, 0.5, 1.5, CONFLICTS, TRIVIAL),
    "width_in_n": Case(worlds.width_in_n, 0.0, -0.5, 0.5),
    "cooccurrence": Case(worlds.cooccurrence, 1.0, 0.0, 2.2),
    "balance": Case(worlds.balance, 0.25, 0.6, 0.02),
    "activations_smooth": Case(worlds.activations, 0.1, 0.0, 0.5),
    "activations_jump": Case(worlds.activations, -0.1, 0.0, 0.5),
    "frequency_free": Case(worlds.toy("GBA", "BA"), -0.05, 0.2, -0.4),
    "frequencies_too_high": Case(worlds.toy("GBA", "GBA, frequencies too high"), 0.25, 0.6, 0.0),
    "frequencies_too_low": Case(worlds.toy("GBA", "GBA, frequencies too low"), 0.25, 0.6, 0.0),
    "gba_over_topk_toy": Case(worlds.toy("GBA", "TopK 20"), 0.0, 0.4, -0.4),
    "gba_over_ba": Case(worlds.frontier("ba"), 0.0, -0.4, 0.4),
    "topk_frontier": Case(worlds.frontier("topk"), 0.05, -0.4, 0.4),
    "consistency": Case(worlds.consistency, 0.0, 0.4, -0.4),
    "tuning_free": Case(worlds.tuning_free, 0.9, 0.96, 0.6),
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
        assert all(each.effect.n_seeds == MIN_SEEDS for each in found)
        # The mean over draws of one number a seed errs by 0.05 / sqrt(60) = 0.006; 0.026 octaves; the extreme of a few
        # slices is off by up to 1.5 standard errors of five seeds more, 0.035, 0.13 octaves.
        value, off = np.mean([each.effect.value for each in found]), 0.3 if name == "cooccurrence" else 0.06
        assert value == pytest.approx(effect, abs=off), name


@pytest.mark.parametrize("n_seeds", [1, 2, MIN_SEEDS - 1])
@pytest.mark.parametrize("name", CASES)
def test_too_few_seeds_decide_nothing_however_clear(name: str, n_seeds: int) -> None:
    case, rng = CASES[name], np.random.default_rng(seed_of(f"few seeds of {name}"))
    for effect in (case.good, case.bad):
        found = TESTS[name](case.world(rng, effect, range(n_seeds)))
        assert found.verdict == UNDECIDED
        assert f"{n_seeds} seed{'s' * (n_seeds > 1)}, {MIN_SEEDS} needed" in found.note
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
    found = provable.inside_band(pd.concat(parts))
    assert found.verdict == UNDECIDED and "rises" in found.note


def test_a_search_is_never_judged_at_its_own_seed() -> None:
    """Seed 0 has the search, with 1 more at the best setting: the effect does not know of it."""
    rng = np.random.default_rng(1)
    rows = worlds.toy("GBA", "BA")(rng, 0.0, SEEDS)
    assert trained.search_best(rows[rows["arm"] == "GBA"]) == {"n_neurons": 256, "learning_rate": 1e-3}
    better = rows.copy()
    better.loc[(better["seed"] == 0) & (better["arm"] == "GBA"), "feature_recovery_rate_080"] += 5
    assert trained.frequency_free(better).effect == trained.frequency_free(rows).effect


def test_a_winner_without_fresh_seeds_is_refused() -> None:
    rows = worlds.toy("GBA", "BA")(np.random.default_rng(1), 0.0, SEEDS)
    first = rows[(rows["seed"] == 0) | (rows["n_neurons"] == 512)]
    with pytest.raises(ValueError, match=r"best setting of GBA .* has no fresh seeds"):
        trained.frequency_free(first)


# The claims that are about the least or the greatest of several slices, and what the slices differ in.
SLICES = {
    "upper_edge": "sparsity",
    "lower_edge": "d_model",
    "width_in_frequency": "sparsity",
    "cooccurrence": "n_features",
    "activations_jump": "target_frequency",
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


def test_the_best_setting_is_not_chosen_by_the_seed_that_it_is_judged_with() -> None:
    """Six settings as good as each other: the mean over the best is 1, and 0.97 if each seed chose its own best."""
    rng, n_seeds = np.random.default_rng(seed_of("the best setting")), 40
    rows = worlds.tuning_free(rng, 1.0, range(n_seeds))
    inside = rows["arm"] != "gba, initial scale"
    rows.loc[inside, "feature_recovery_rate"] = 0.8 + 0.02 * rng.standard_normal(int(inside.sum()))
    effect = trained.tuning_free(rows).effect
    # The standard deviation of a ratio is 0.025 sqrt(1 + 1/6 - 2/6): 0.0036 in the mean of 40, and 0.03 is 8 of these.
    assert_z(effect.value, 1.0, 0.025 * (5 / 6 / n_seeds) ** 0.5, "share of the best setting")


def test_unknown_arms_are_named() -> None:
    rows = worlds.consistency(np.random.default_rng(1), 0.0, SEEDS)
    with pytest.raises(ValueError, match=r"no rows of the arm 'topk'; there are gba"):
        trained.consistency(rows[rows["arm"] == "gba"])
    with pytest.raises(ValueError, match="the rows say no arm"):
        trained.consistency(rows.drop(columns="arm"))
    with pytest.raises(ValueError, match="no rows of both relu and gelu"):
        partial(provable.activations_alike, left="relu", right="gelu")(
            worlds.activations(np.random.default_rng(1), 0.0, SEEDS)
        )
