"""The shared search: as many trials for every method, over declared ranges, and winners that are those of the rows."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulations.experiments import (
    consistency,
    frontier,
    frontier_large,
    sensitivity,
    time_to_recovery,
    time_to_recovery_large,
    toy,
)
from simulations.experiments.searching import (
    COMMON,
    FACTORS,
    FRESH,
    METHODS,
    N_TRIALS,
    SCHEDULES,
    Range,
    searched,
    trials,
    varied,
)
from simulations.runs.cell import Cell
from simulations.runs.storage import read_rows

RESULTS = Path(__file__).parents[2] / "results"
FRONTIERS: dict[str, Any] = {"frontier": frontier, "frontier_large": frontier_large}  # three searches each
SEARCHED: dict[str, Any] = {
    "toy": toy, "frontier": frontier, "sensitivity": sensitivity, "time_to_recovery": time_to_recovery,
}  # fmt: skip
EXPERIMENTS = SEARCHED | FRONTIERS
LAST = N_TRIALS + len(FACTORS) * len(SCHEDULES) - 1  # trial of the second search
LARGE = {"time_to_recovery_large": time_to_recovery_large}  # as many trials for each, but samples are what is searched


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_its_default_and_one_value_of_each_equal_part_of_every_range(name: str) -> None:
    method, found = METHODS[name], trials(name)
    assert found == trials(name) and len(found) == N_TRIALS
    assert found[0] == method.settings
    for knob, values in (COMMON | method.knobs).items():
        drawn = [point[knob] for point in found[1:]]
        if not isinstance(values, Range):
            assert {drawn.count(each) for each in values} <= {(N_TRIALS - 1) // 2, N_TRIALS // 2}
            continue
        assert all(values.low <= each <= values.high for each in drawn)
        share = [math.log(each / values.low) / math.log(values.high / values.low) for each in drawn]
        # Rounded to three digits (or to whole numbers, of which the first few are coarse): the order tells the part.
        slack = 0.5 if values.whole else 0.02
        parts = sorted((N_TRIALS - 1) * each for each in share)
        assert all(k - slack - 1e-9 <= each <= k + 1 + slack for k, each in enumerate(parts))


def test_draws_differ_between_methods_and_a_fixed_knob_is_not_drawn() -> None:
    rates = [tuple(point["learning_rate"] for point in trials(name)[1:]) for name in METHODS]
    assert len(set(rates)) == len(rates)
    fixed = trials("ba", {"target_frequency": 0.09}, {"n_neurons": (128, 256)})
    assert {point["target_frequency"] for point in fixed} == {0.09}
    assert {point["n_neurons"] for point in fixed[1:]} == {128, 256} and "n_neurons" not in fixed[0]
    free = trials("ba")  # what is fixed, or searched besides, moves no other draw
    assert [point["gain"] for point in fixed[1:]] == [point["gain"] for point in free[1:]]


def test_the_winner_and_the_default_are_judged_at_fresh_replicates_only() -> None:
    points = searched({"n_features": 64}, {"topk": trials("topk"), "gated": trials("gated")}, {"topk": 3})
    assert sum(point["seed"] == 0 for point in points) == 2 * N_TRIALS
    fresh = {(point["arm"], point["seed"]) for point in points if point["seed"] > 0}
    arms = ("topk, trial 0", "topk, trial 3", "gated, trial 0")
    assert fresh == {(arm, seed) for arm in arms for seed in range(1, 6)}
    assert all(point["n_features"] == 64 for point in points)


def test_a_varied_knob_leaves_out_the_value_that_it_has() -> None:
    points = varied({}, "topk", {"algorithm": "topk", "k": 4}, "k", (2, 4, 8), fresh=(1,))
    assert [(point["arm"], point["k"]) for point in points] == [("topk, k 2", 2), ("topk, k 8", 8)]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_same_budget_for_all_that_are_searched(name: str) -> None:
    points = EXPERIMENTS[name].EXPERIMENT.points("standard")
    cells = [Cell(**point) for point in points if point["arm"].rsplit(" ", 2)[-2:-1] == ["trial"]]
    assert len({cell.n_steps * cell.batch_size for cell in cells}) == 1


def test_as_many_trials_for_each_of_the_large_race() -> None:
    points = time_to_recovery_large.EXPERIMENT.points("standard")
    trials_of = Counter(point["arm"].split(", ")[0] for point in points if point["seed"] == 0)
    assert trials_of == dict.fromkeys(("gba", "topk", "spams", "provable"), N_TRIALS)
    assert len({point["n_steps"] * point["batch_size"] for point in points if point.get("algorithm") == "spams"}) == 1
    assert not any(point.get("algorithm") == "spams" for point in time_to_recovery_large.EXPERIMENT.points("quick"))


@pytest.mark.parametrize("name", FRONTIERS)
def test_later_searches_are_about_the_winner_of_the_one_before(name: str) -> None:
    lines, points = FRONTIERS[name].LINES, FRONTIERS[name].EXPERIMENT.points("standard")
    cells = {(point["arm"], point["seed"]): Cell(**point).settings() for point in points}

    def moved(trial: dict[str, Any], start: dict[str, Any]) -> set[str]:
        return {knob for knob in trial if trial[knob] != start[knob]}

    for method, line in lines.items():
        tried = [cells[arm, 0] for arm, seed in cells if seed == 0 and arm.startswith(f"{method}, trial ")]
        assert [f"{method}, trial {k}" for k in range(len(tried))] == [
            arm for arm, seed in cells if seed == 0 and arm.startswith(f"{method}, ")]  # fmt: skip
        second, third = tried[N_TRIALS : LAST + 1], tried[LAST + 1 :]
        own = set(METHODS[method].knobs) - {line.knob}
        assert len(second) == len(FACTORS) * len(SCHEDULES)
        assert len(third) == (N_TRIALS if own else 0)
        assert all(moved(each, tried[line.start]) <= {"learning_rate", "schedule", line.knob} for each in second)
        assert all(moved(each, tried[line.refined]) <= own for each in third)
        assert {each[line.knob] for each in second + third} <= {line.near} and line.near in line.along
        rates = sorted({each["learning_rate"] for each in second})
        around = [factor * tried[line.start]["learning_rate"] for factor in FACTORS]
        assert rates == pytest.approx(around, rel=5e-3)
        for seed in FRESH:
            for value in line.along:
                judged = cells[f"{method}, {line.knob} {value:g}", seed]
                assert judged == tried[line.best] | {line.knob: value, "seed": seed}
    assert not any(point["seed"] and ", trial " in point["arm"] for point in points)


@pytest.mark.parametrize("name", FRONTIERS)
def test_winners_of_all_searches_of_a_frontier_are_those_of_the_committed_rows(name: str) -> None:
    rows = committed_trials(name)
    half = rows[rows["fraction_variance_unexplained"] < 0.5]
    order = half.assign(score=half["fraction_variance_unexplained"] * half["l0"]).sort_values("score")
    for method, line in FRONTIERS[name].LINES.items():
        trial = order["trial"][order["method"] == method]
        assert trial[trial < N_TRIALS].iloc[0] == line.start
        assert trial[(trial >= N_TRIALS) & (trial <= LAST)].iloc[0] == line.refined
        assert trial[trial >= N_TRIALS].iloc[0] == line.best


def committed_trials(name: str) -> pd.DataFrame:
    """Return the rows of the searches of an experiment, with method and number of each trial."""
    folder = RESULTS / name / "standard"
    if not (folder / "rows.csv").is_file():
        pytest.skip(f"no standard rows of {name} yet")
    rows = read_rows(folder)
    rows = rows[(rows["seed"] == 0) & rows["arm"].str.contains(", trial ", regex=False)]
    words = rows["arm"].str.split(", trial ")
    return rows.assign(method=words.str[0], trial=words.str[1].astype(int))


@pytest.mark.parametrize("name", SEARCHED | LARGE)
def test_winners_are_those_of_the_committed_search(name: str) -> None:
    rows = committed_trials(name)
    rows = rows[rows["trial"] < N_TRIALS]
    score = rows["feature_recovery_rate"] + rows["feature_recovery_rate_080"]
    if name.startswith("time_to_recovery"):  # never is worse than any number of samples
        score = score - rows["samples_to_recovery_090"].astype(float).fillna(1e12)
    best = rows.assign(score=score).sort_values(["score", "trial"], ascending=[False, True]).groupby("method")
    searched_for = best.size()[best.size() > 1].index  # forms of GBA that are not searched have one trial
    assert best["trial"].first()[searched_for].to_dict() == (SEARCHED | LARGE)[name].BEST


def test_rates_of_the_ranges_are_those_of_the_committed_choice_within_what_was_tried() -> None:
    rows = read_rows(RESULTS / "toy" / "standard")
    told = rows["arm"].str.extract(
        r"^(?P<name>[^ ]+) at (?P<width>\d+) (?:k|high_target_frequency) [^ ]+, learning_rate "
    )
    tried = rows[["learning_rate", "seed", "feature_recovery_rate"]].join(told).dropna()
    assert set(tried["seed"]) == {0}
    sums = tried.groupby(["name", "width", "learning_rate"])["feature_recovery_rate"].sum().reset_index()
    for name, ranged in toy.RANGED.items():
        for width in ranged.widths:
            part = sums[(sums["name"] == name) & (sums["width"] == str(width))]
            assert sorted(part["learning_rate"]) == sorted(ranged.rates)
            best = part.loc[part["feature_recovery_rate"].idxmax(), "learning_rate"]
            assert toy.RATE[name][width] == best
            assert min(ranged.rates) < best < max(ranged.rates)


def test_what_is_trained_from_several_starts_are_the_winners_of_the_frontier() -> None:
    arms = {point["arm"] for point in consistency.EXPERIMENT.points("standard")}
    assert arms == {f"{name}, trial {k}" for name, k in frontier.BEST.items()}
