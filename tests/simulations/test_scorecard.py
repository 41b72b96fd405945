"""Effects over seeds, the rules of the verdicts, and the report: by hand, and by simulation of their coverage."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import provable_worlds
import pytest
import scorecard_worlds as worlds
from hypothesis import given
from hypothesis import strategies as st
from rates_helper import assert_rate_at_most
from statistics_helper import assert_binomial, seed_of

from simulations.evidence import presets
from simulations.evidence.scorecard import exponents, meeting, provable, report
from simulations.evidence.scorecard.claims import CLAIMS, Claim
from simulations.evidence.scorecard.effects import (
    UNKNOWN,
    Effect,
    farthest,
    greatest,
    least,
    over_seeds,
    paired,
    slope_over_seeds,
)
from simulations.evidence.scorecard.reading import where
from simulations.evidence.scorecard.verdicts import (
    CONFLICTS,
    NOT_TESTED,
    SUPPORTED,
    TRIVIAL,
    UNDECIDED,
    Finding,
    above,
    below,
    both,
    equal,
    loose,
    sufficient,
    too_few,
    trivially,
)
from simulations.experiments import EXPERIMENTS

T4 = 2.77645  # quantile 0.975 of Student's t with four degrees of freedom
T2 = 4.30265


def sure(value: float, half: float = 0.5, n_seeds: int = 5) -> Effect:
    return Effect(value, value - half, value + half, n_seeds)


def test_rules_by_hand() -> None:
    assert above(sure(1), 0) == SUPPORTED
    assert above(sure(1, 1.5), 0) == UNDECIDED
    assert above(sure(-1), 0) == CONFLICTS
    assert above(Effect(1, n_seeds=5), 0) == UNDECIDED
    assert above(UNKNOWN, 0) == NOT_TESTED
    assert below(sure(1), 2) == SUPPORTED
    assert below(sure(1), 0.2) == CONFLICTS
    assert equal(sure(0, 0.1), 0, 0.2) == SUPPORTED
    assert equal(sure(0, 0.3), 0, 0.2) == UNDECIDED
    assert equal(sure(1, 0.1), 0, 0.2) == CONFLICTS
    assert both(SUPPORTED, UNDECIDED) == UNDECIDED
    assert both(SUPPORTED, UNDECIDED, CONFLICTS) == CONFLICTS
    assert both(SUPPORTED, SUPPORTED) == SUPPORTED
    assert both() == NOT_TESTED


def test_a_sufficient_condition_never_conflicts() -> None:
    assert sufficient(sure(1)) == SUPPORTED
    assert sufficient(sure(-1)) == UNDECIDED
    assert sufficient(sure(0)) == UNDECIDED
    assert sufficient(sure(2.6)) == TRIVIAL
    assert sufficient(sure(2.4)) == SUPPORTED  # two decades are not sure
    assert trivially(UNDECIDED, sure(9)) == UNDECIDED
    assert trivially(SUPPORTED, sure(9, n_seeds=4)) == SUPPORTED
    assert loose(sure(1.5), "decades") == "loose by 1.5 (1 to 2) decades"
    assert loose(sure(-1), "decades") == "" == loose(UNKNOWN, "decades")


@pytest.mark.parametrize("n_seeds", [0, 1, 4])
def test_fewer_than_five_seeds_decide_nothing(n_seeds: int) -> None:
    effect = sure(9, n_seeds=n_seeds)
    assert above(effect, 0) == below(effect, 0) == equal(effect, 9, 20) == sufficient(effect) == UNDECIDED
    assert too_few(effect, UNDECIDED) == f"{n_seeds} seed{'s' * (n_seeds != 1)}, 5 needed"
    assert too_few(effect, SUPPORTED) == ""
    assert too_few(sure(9), UNDECIDED) == "the interval holds the threshold"


@given(st.floats(-5, 5), st.floats(0, 3), st.floats(-5, 5))
def test_above_and_below_are_opposites(value: float, half: float, threshold: float) -> None:
    effect = sure(value, half)
    opposite = {SUPPORTED: CONFLICTS, CONFLICTS: SUPPORTED, UNDECIDED: UNDECIDED}
    assert below(effect, threshold) == opposite[above(effect, threshold)]


def test_means_over_seeds_by_hand() -> None:
    # Mean 2, standard deviation 1, n = 3: half width 4.30265 / sqrt(3).
    half = T2 / math.sqrt(3)
    values = pd.Series([1.0, 2.0, 3.0], index=[4, 5, 7])
    assert over_seeds(values) == pytest.approx((2, 2 - half, 2 + half, 3), abs=1e-4)
    assert over_seeds(values, comparisons=5).high > over_seeds(values).high
    assert over_seeds(pd.Series([1.0, math.nan, 3.0])).n_seeds == 2
    one = over_seeds(pd.Series([1.0]))
    assert (one.value, one.n_seeds) == (1.0, 1) and math.isnan(one.low)
    assert math.isnan(over_seeds(pd.Series([], dtype=float)).value)
    with pytest.raises(ValueError, match=r"seeds \[7\] give several numbers each"):
        over_seeds(pd.Series([1.0, 2.0], index=[7, 7]))
    left, right = pd.Series([1.0, 5.0, 9.0], index=[0, 1, 2]), pd.Series([2.0, 1.0], index=[1, 0])
    assert paired(left, right) == pytest.approx(over_seeds(pd.Series([0.0, 3.0])))  # seed 2 has no partner


def test_slopes_over_seeds_by_hand() -> None:
    # Slopes 1, 2, 3 of three seeds with the same x: Student's t over them, whatever else differs between seeds.
    x, slopes, half = np.array([0.0, 1.0, 5.0]), (1, 2, 3), T2 / math.sqrt(3)
    y = np.concatenate([100 * k + slope * x for k, slope in enumerate(slopes)])
    seeds = np.repeat([7, 8, 9], 3)
    expected = pytest.approx((2, 2 - half, 2 + half, 3), abs=1e-4)
    assert slope_over_seeds(np.tile(x, 3), y, seeds) == expected
    assert slope_over_seeds(np.tile(x, 3), y, seeds, np.tile([1.0, 2.0, 3.0], 3)) == expected
    one = slope_over_seeds(x, 2 * x, [1, 1, 1])
    assert one.value == pytest.approx(2) and math.isnan(one.low) and one.n_seeds == 1
    assert math.isnan(slope_over_seeds([1, 1], [1, 2], [0, 1]).value)
    assert slope_over_seeds([0, 1, 2, 3], [0, 1, math.nan, 3], [0, 0, 1, 1]).n_seeds == 2
    assert math.isnan(slope_over_seeds([1, 1, 2], [0, 0, 1], [0, 1, 2]).low)  # without seed 2 there is no slope


def test_extremes_by_hand() -> None:
    effects = [Effect(1, 0, 2, 5), Effect(2, -1, 3, 6), UNKNOWN]
    assert least(effects) == (1, -1, 2, 5)
    assert greatest(effects) == (2, 0, 3, 5)
    assert farthest(effects, 1.6) == effects[0]
    assert math.isnan(least([UNKNOWN]).value) and math.isnan(farthest([], 0).value)
    half_known = least([Effect(1, 0, 2, 5), Effect(9, n_seeds=1)])
    assert half_known.n_seeds == 1 and math.isnan(half_known.low)


TRIALS = 4_000


def misses(draw: Callable[[np.random.Generator], Effect], truth: float, what: str, trials: int = TRIALS) -> int:
    rng = np.random.default_rng(seed_of(what))
    found = [draw(rng) for _ in range(trials)]
    return sum(not each.low <= truth <= each.high for each in found)


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 8])
def test_intervals_over_seeds_cover(n_seeds: int) -> None:
    def draw(rng: np.random.Generator) -> Effect:
        return over_seeds(pd.Series(1 + rng.standard_normal(n_seeds)))

    # Exact for normal numbers; a miss rate of 0.08 is found with probability 0.998.
    assert_binomial(misses(draw, 1.0, f"means of {n_seeds}"), TRIALS, 0.05, f"missed means of {n_seeds} seeds")


@pytest.mark.parametrize("n_seeds", [5, 8])
def test_clustered_slopes_cover_where_seeds_differ(n_seeds: int) -> None:
    x, seeds = np.tile(np.arange(6.0), n_seeds), np.repeat(np.arange(n_seeds), 6)

    def draw(rng: np.random.Generator) -> Effect:
        luck = np.repeat(rng.standard_normal(n_seeds), 6) * x + 5 * np.repeat(rng.standard_normal(n_seeds), 6)
        return slope_over_seeds(x, 2 * x + luck + 0.1 * rng.standard_normal(len(x)), seeds)

    # Balanced: exactly Student's t.  Least squares over cells, as if they were replicates, miss half of them.
    assert_binomial(misses(draw, 2.0, f"clustered {n_seeds}"), TRIALS, 0.05, f"missed slopes of {n_seeds} seeds")


def test_clustered_slopes_cover_where_points_are_missing() -> None:
    """A third of the points missing at random: the jackknife errs on the wide side."""
    x, seeds = np.tile(np.arange(6.0), 6), np.repeat(np.arange(6), 6)

    def draw(rng: np.random.Generator) -> Effect:
        kept = rng.random(len(x)) < 0.67
        luck = np.repeat(rng.standard_normal(6), 6) * x
        return slope_over_seeds(x[kept], (2 * x + luck)[kept], seeds[kept])

    assert_rate_at_most(misses(draw, 2.0, "unbalanced"), TRIALS, 0.05, "missed slopes of unbalanced seeds")


@pytest.mark.parametrize("extreme", [least, greatest])
def test_extremes_of_several_cover(extreme: Callable[[list[Effect]], Effect]) -> None:
    """The least of six equal true effects is theirs; without Bonferroni's quantile 1 in 7 intervals would miss it."""

    def draw(rng: np.random.Generator) -> Effect:
        return extreme([over_seeds(pd.Series(rng.standard_normal(5)), comparisons=6) for _ in range(6)])

    # 1,000 trials fail at 87 misses: 1 in 7 is found with probability above 1 - 1e-6.
    assert_rate_at_most(misses(draw, 0.0, extreme.__name__, 1_000), 1_000, 0.05, f"missed {extreme.__name__}")


def test_what_a_statement_is_told_with() -> None:
    rows = pd.DataFrame([worlds.BASE | {"n_samples": 6_400}, worlds.BASE | {"n_samples": 12_800, "center": False}])
    assert where(rows) == "n = 128, T = 8, tau = 0.9, N/n = 50 to 100, M/n = 8, centred and not centred"
    assert where(rows[:1].assign(instrument="learnability")) == "n = 128, T = 8, tau = 0.9, N/n = 50, centred"
    trained = rows[:1].assign(algorithm="gba", center=math.nan)
    assert where(trained, None) == "n = 128, steps = 8, N/n = 50, M/n = 8"


def test_runs_that_do_not_recover_leave_steps_undecided() -> None:
    rows = worlds.constant_steps(np.random.default_rng(0), 0.0, range(5))
    lost = rows.copy()
    lost.loc[lost["n_features"] < 256, "recovery_per_step"] = "0 0.1 0.2"
    found = provable.constant_steps(lost)
    assert found.verdict == UNDECIDED and found.note.startswith("30 of 40 runs recover a half; steps: 8.")
    assert provable.constant_steps(lost[lost["n_features"] < 256]).verdict == NOT_TESTED


def test_a_baseline_of_nothing_is_left_out() -> None:
    rows = provable_worlds.many_partners(np.random.default_rng(0), 0.0, range(6))
    rows.loc[rows["seed"] == 0, "feature_recovery_rate"] = 0.0
    found = meeting.many_partners(rows)
    assert found.verdict == SUPPORTED and found.effect.n_seeds == 5
    assert found.note.endswith("; 3 of 18 draws do not fall to a half")


def test_claims_name_experiments_and_are_distinct() -> None:
    assert {each.experiment for each in CLAIMS} <= set(EXPERIMENTS)
    assert len({each.name for each in CLAIMS}) == len(CLAIMS)


class Store:
    """Rows of experiments held in memory, with files where the rows and the figures would be."""

    def __init__(self, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.results, self.tables = results, {}
        monkeypatch.setattr(presets, "read_rows", self.read)

    def read(self, folder: Path) -> pd.DataFrame:
        table: pd.DataFrame | Exception = self.tables[folder.parent.name, folder.name]
        if isinstance(table, Exception):
            raise table
        return table

    def add(self, experiment: str, preset: str, table: pd.DataFrame | Exception) -> None:
        self.tables[experiment, preset] = table
        folder = self.results / experiment / preset
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text(f"{len(self.tables)}\n")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    presets._read.cache_clear()
    return Store(tmp_path / "results", monkeypatch)


def steps(effect: float, seeds: Sequence[int] = range(5)) -> pd.DataFrame:
    return worlds.constant_steps(np.random.default_rng(0), effect, seeds)


def judged(store: Store, name: str, preset: str | None = None) -> dict[str, Any]:
    (claim,) = (each for each in CLAIMS if each.name == name)
    return report.judge(claim, store.results, preset)


def test_a_claim_is_judged_by_its_largest_preset(store: Store) -> None:
    assert judged(store, "constant_steps")["note"] == "no rows"
    store.add("steps", "quick", steps(2.0, range(2)))
    store.add("steps", "standard", steps(0.0))
    line = judged(store, "constant_steps")
    assert (line["verdict"], line["preset"], line["n_rows"], line["n_seeds"]) == (SUPPORTED, "standard", 40, 5)
    assert line["n_features"] == [64, 8_192] and line["rows"] == "steps/standard/rows.csv"
    assert "T = 8, tau = 0.9, N/n = 100, M/n = 0.125 to 16, centred" in line["where"]
    quick = judged(store, "constant_steps", "quick")
    assert quick["verdict"] == UNDECIDED and quick["note"].startswith("2 seeds, 5 needed; ")
    told = report.differences(store.results)
    assert told.startswith("Of 1 claims with rows at more than one preset, 1 have another verdict")
    assert "| undecided | supported |  |" in told


def test_failed_rows_and_failing_tests_leave_the_others_judged(store: Store) -> None:
    store.add("steps", "quick", steps(0.0).assign(status="failed"))
    store.add("cooccurrence", "quick", provable_worlds.many_partners(np.random.default_rng(0), 0.0, range(5)))
    bad = {"seed": 0, "arm": "occurrence", "frequency_profile": "nonsense"}
    store.add("balance", "quick", pd.DataFrame([worlds.BASE | bad]))
    store.add("activations", "quick", ValueError("line 3: a bad | row"))
    store.add("consistency", "quick", pd.DataFrame([worlds.BASE]))
    store.add("sensitivity", "quick", pd.DataFrame([worlds.BASE | {"seed": 0}]))
    told = {line["claim"]: line for line in report.scorecard(store.results)}
    assert told["cooccurrence"]["verdict"] == SUPPORTED
    reasons = {
        "constant_steps": "failed rows only",
        "balance": "could not convert string to float: 'nonsense'",
        "activations_smooth": "line 3: a bad / row",
        "consistency": "the rows say no arm (a column of rows written by this version): measure them again",
        "tuning_free": "the rows say no arm (a column of rows written by this version): measure them again",
        "width_in_n": "no rows",
    }
    for name, reason in reasons.items():
        assert (told[name]["verdict"], told[name]["note"]) == (NOT_TESTED, reason)


def test_no_test_fails_silently_on_a_fault_of_the_program(store: Store) -> None:
    def broken(_: pd.DataFrame) -> Finding:
        raise NotImplementedError("a fault")

    store.add("steps", "quick", steps(0.0))
    with pytest.raises(NotImplementedError):
        report.judge(Claim("x", "x", "x", "steps", "x", broken), store.results)


LINK = re.compile(r"\]\(([^)]+)\)")


def test_links_of_the_report_lead_from_where_it_is(store: Store, tmp_path: Path) -> None:
    store.add("steps", "quick", steps(0.0))
    store.add("cooccurrence", "quick", provable_worlds.many_partners(np.random.default_rng(0), 0.0, range(5)))
    gallery = store.results / "gallery"
    gallery.mkdir()
    (gallery / "steps.png").touch()
    (store.results / "cooccurrence" / "quick" / "cooccurrence.png").touch()
    for out in (tmp_path / "elsewhere" / "deep", store.results, store.results / "in"):
        found = report.write(store.results, out, ["sae-recovery", "scorecard"])
        text = (out / "scorecard.md").read_text()
        links = LINK.findall(text)
        assert len(links) == 12  # rows and figure of five claims, rows of two exponents
        assert all((out / link).resolve().is_file() for link in links), links
        told = json.loads((out / "scorecard.json").read_text())
        by_name = {line["claim"]: line for line in told["claims"]}
        assert (out / by_name["cooccurrence"]["figure"]).resolve().name == "cooccurrence.png"
        assert by_name["balance"]["rows"] == by_name["balance"]["figure"] == ""
        assert found["verdicts"] == {SUPPORTED: 3, NOT_TESTED: len(CLAIMS) - 3}
        assert all(each.statement in text for each in CLAIMS)
    (gallery / "steps.png").unlink()
    report.write(store.results, tmp_path, ["x"])
    assert len(LINK.findall((tmp_path / "scorecard.md").read_text())) == 11


def test_no_rows_at_all_are_refused(tmp_path: Path) -> None:
    for folder in (tmp_path / "nonexistent", tmp_path):
        with pytest.raises(ValueError, match=r"no rows of any experiment in .*: give --rows"):
            report.write(folder, tmp_path / "out", ["x"])
    assert not (tmp_path / "out").exists()


def test_exponents_of_rows_that_cannot_be_read_are_left_out(store: Store) -> None:
    store.add("scaling", "quick", pd.DataFrame([worlds.BASE]))
    store.add("steps", "quick", steps(0.0))
    assert [each["quantity"] for each in exponents.exponents(store.results)] == ["steps to recovery"]


def test_rows_are_read_once_and_never_shared(store: Store) -> None:
    store.add("steps", "quick", steps(0.0))
    folder = store.results / "steps" / "quick"
    first = presets.good_rows(folder)
    store.tables.clear()
    first["status"] = "spoiled"
    assert (presets.good_rows(folder)["status"] == "ok").all()
    assert presets.largest(store.results, "steps") == folder and presets.largest(store.results, "toy") is None
