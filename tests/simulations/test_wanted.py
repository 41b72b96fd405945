"""What the claims of scorecard/wanted.py leave out, and where they do not decide."""

from __future__ import annotations

import numpy as np
import pytest
import wanted_worlds as worlds

from simulations.evidence.scorecard import wanted
from simulations.evidence.scorecard.claims import CLAIMS
from simulations.evidence.scorecard.verdicts import CONFLICTS, SUPPORTED, UNDECIDED

TESTS = {claim.name: claim.test for claim in CLAIMS}
SEEDS = range(5)


def test_firing_over_target_is_by_seed_and_by_target() -> None:
    rows = worlds.frame(
        iter([{"seed": 3}, {"seed": 1, "target_profile": "0.5:0.1:0.25:0.3 0.01:0:0.02:1"}, {"seed": 2}])
    )
    table = wanted.fired_over_target(rows)
    assert table.to_dict() == {0.5: {1: 0.5}, 0.01: {1: 2.0}}
    with pytest.raises(ValueError, match=r"^no row tells how often neurons fire beside their targets$"):
        wanted.fired_over_target(rows[rows["seed"] != 1])


@pytest.mark.parametrize("n_groups", [1, 64])
def test_groups_are_not_judged_before_control_has_arrived(n_groups: int) -> None:
    column = "l0" if n_groups == 1 else "fraction_variance_unexplained"
    arms = (f"gba, n_groups {n_groups}", "gba, n_groups 8")
    name = "few_groups" if n_groups == 1 else "many_groups"
    for steady, verdict in ((True, SUPPORTED), (False, UNDECIDED)):
        found = TESTS[name](worlds.ratio_of_arms(*arms, column, steady)(np.random.default_rng(0), 0.02, SEEDS))
        assert (found.verdict == verdict) or (steady and name == "few_groups")
        assert ("in 10 of 10 runs control has not arrived" in found.note) != steady
    one = worlds.ratio_of_arms(*arms, column)(np.random.default_rng(0), 0.3, SEEDS)
    late = (one["seed"] == 2) & (one["arm"] == arms[0])
    one.loc[late, "target_profile"] = worlds.profile(0.1, 1.6, 0.1)
    assert TESTS[name](one).verdict == UNDECIDED and "in 1 of 10 runs" in TESTS[name](one).note


def test_what_is_not_recovered_anyway_is_not_lost() -> None:
    rng = np.random.default_rng(0)
    found = TESTS["broken_gba"](worlds.stands(rng, 0.02, SEEDS, canonical=0.7))
    assert found.verdict == UNDECIDED and found.note.endswith("too little is recovered where nothing is broken")
    assert TESTS["broken_gba"](worlds.stands(rng, 0.6, SEEDS)).verdict == CONFLICTS


def test_gba_with_b_pre_learned_has_to_be_alike_in_every_world() -> None:
    """One world of three that differs is enough, on either side."""
    for effect in (-0.5, 0.5):
        found = TESTS["pre_bias_of_gba"](worlds.learned_pre_bias(np.random.default_rng(0), effect, SEEDS))
        assert found.verdict == CONFLICTS and found.effect.value == pytest.approx(effect, abs=0.05)
        assert f"canonical {found.effect.value:+.3f}" in found.note


# Of each claim on the extreme of three slices: its world with that effect, and the arms of the extreme one alone.
EXTREMES = {
    "broken_gba": (worlds.stands, 0.4, "GBA: canonical|GBA: Zipf"),
    "pre_bias_drift": (worlds.drift, 0.4, "canonical, TopK"),
    "pre_bias_of_gba": (worlds.learned_pre_bias, 0.4, "canonical, GBA"),
    "topk_needs_its_k": (worlds.lost_at_worst("topk", "k"), 0.4, "topk, trial|topk, k 8"),
    "targets_kept": (worlds.targets_kept, 1.2, ""),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_intervals_are_simultaneous_where_an_extreme_is_taken(name: str) -> None:
    """Student's quantile of four degrees of freedom at 0.05 / 3 is 1.43 times that at 0.05."""
    world, effect, arms = EXTREMES[name]
    rows = world(np.random.default_rng(0), effect, SEEDS)
    one = rows[rows["arm"].str.match(arms)].copy()
    if name == "targets_kept":
        one["target_profile"] = one["target_profile"].str.split().str[1]
    alone, together = (TESTS[name](each).effect for each in (one, rows))
    assert together.value == pytest.approx(alone.value, rel=1e-9)
    assert together.high - together.value == pytest.approx(1.427 * (alone.high - alone.value), rel=1e-3)
