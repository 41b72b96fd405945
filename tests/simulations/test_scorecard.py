"""Verdicts follow from declared rules: synthetic rows that should give each verdict do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.base.columns import RESULT_COLUMNS
from simulations.base.settings import Settings
from simulations.evidence.scorecard import provable, trained
from simulations.evidence.scorecard.claims import CLAIMS
from simulations.evidence.scorecard.report import judge, table, write
from simulations.evidence.scorecard.trained import search_best
from simulations.evidence.scorecard.verdicts import (
    CONTRADICTED,
    NOT_TESTED,
    SUPPORTED,
    UNDECIDED,
    VERDICTS,
    Effect,
    above,
    below,
    both,
    equal,
    mean,
    slope,
)
from simulations.experiments import EXPERIMENTS
from simulations.experiments.provable import band_centre
from simulations.experiments.trained import TOY_BEST, TOY_DATA, TOY_DEFAULT, TOY_METHODS
from simulations.runs.storage import RowLog, read_rows


def cell(**given: Any) -> dict[str, Any]:
    """Return a row: settings (given ones, others at their defaults) and results, which are the other names given."""
    results = {name: value for name, value in given.items() if name in RESULT_COLUMNS}
    settings = Settings(**{name: value for name, value in given.items() if name not in results})
    return settings.to_row() | {"status": "ok"} | results


def frame(cells: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(cells)


def test_rules_by_hand() -> None:
    assert above(Effect(1, 0.5, 1.5), 0) == SUPPORTED
    assert above(Effect(1, -0.5, 2.5), 0) == UNDECIDED
    assert above(Effect(-1, -1.5, -0.5), 0) == CONTRADICTED
    assert above(Effect(1), 0) == UNDECIDED
    assert above(Effect(math.nan), 0) == NOT_TESTED
    assert below(Effect(1, 0.5, 1.5), 2) == SUPPORTED
    assert below(Effect(1, 0.5, 1.5), 0.2) == CONTRADICTED
    assert equal(Effect(0, -0.1, 0.1), 0, 0.2) == SUPPORTED
    assert equal(Effect(0, -0.3, 0.3), 0, 0.2) == UNDECIDED
    assert equal(Effect(1, 0.9, 1.1), 0, 0.2) == CONTRADICTED
    assert both(SUPPORTED, UNDECIDED) == UNDECIDED
    assert both(SUPPORTED, UNDECIDED, CONTRADICTED) == CONTRADICTED
    assert both(SUPPORTED, SUPPORTED) == SUPPORTED


@given(st.floats(-5, 5), st.floats(0, 3), st.floats(-5, 5))
def test_above_and_below_are_opposites(value: float, half: float, threshold: float) -> None:
    effect = Effect(value, value - half, value + half)
    opposite = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, UNDECIDED: UNDECIDED}
    assert below(effect, threshold) == opposite[above(effect, threshold)]


def test_mean_and_slope_by_hand() -> None:
    # Mean 2, standard deviation 1, n = 3: half width 4.3027 / sqrt(3).
    assert mean([1, 2, 3]) == pytest.approx((2, 2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert math.isnan(mean([1]).low)
    assert math.isnan(mean([]).value)
    # y = 0, 1, 1 at x = 0, 1, 2: slope 1/2, residuals -1/6, 1/3, -1/6, error sqrt(1/6/1/2), t(1) = 12.706.
    half = 12.7062 * math.sqrt(1 / 6 / 2)
    assert slope([0, 1, 2], [0, 1, 1]) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-3)
    assert slope([1, 2, 3], [2, 4, 6]) == pytest.approx((2, 2, 2))
    assert slope([1, 2, 3, 9], [2, 4, 6, 0], [1, 1, 1, 1e9]).value == pytest.approx(2)
    assert math.isnan(slope([1, 1, 1], [1, 2, 3]).value)


def learnability(rates: Callable[[float, int], float], **given: Any) -> pd.DataFrame:
    """Rows along p at d = n/2 with the given learnable fraction of (p, n)."""
    return frame(
        [
            cell(instrument="learnability", n_features=n, d_model=n // 2, target_frequency=p,
                 learnable_fraction=rates(p, n), **given)
            for n in (64, 256, 1_024, 4_096)
            for p in np.geomspace(1e-5, 0.4, 40).tolist()
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("exponent", "verdict"), [(-2 / 3, UNDECIDED), (0.0, SUPPORTED), (-1.0, CONTRADICTED)])
def test_upper_edge(exponent: float, verdict: str) -> None:
    rng = np.random.default_rng(0)
    shift = dict.fromkeys((64, 256, 1_024, 4_096), 1.0) | {64: 1.1, 256: 0.9, 1_024: 1.1, 4_096: 0.95}
    rows = learnability(lambda p, n: 1 / (1 + (p / (0.2 * shift[n] * (n / 64) ** exponent)) ** 4) - 0 * rng.random())
    effect, found = provable.upper_edge(rows)
    assert effect.value == pytest.approx(exponent + 2 / 3, abs=0.05)
    assert found == verdict


@pytest.mark.parametrize(("rate", "verdict"), [(0.999, SUPPORTED), (0.3, CONTRADICTED)])
def test_inside_band(rate: float, verdict: str) -> None:
    assert provable.inside_band(learnability(lambda p, n: rate + 1e-4 * math.sin(1e4 * p)))[1] == verdict


def test_inside_band_takes_the_largest_size() -> None:
    assert provable.inside_band(learnability(lambda p, n: 1.0 if n == 4_096 else 0.0))[1] == SUPPORTED


def test_inside_band_is_undecided_while_it_rises() -> None:
    rising = learnability(lambda p, n: 0.1 * math.log2(n) - 0.5 + 1e-4 * math.sin(1e4 * p))
    assert provable.inside_band(rising)[1] == UNDECIDED


@pytest.mark.parametrize(("rate", "verdict"), [(0.0, SUPPORTED), (1.0, CONTRADICTED)])
def test_below_the_band(rate: float, verdict: str) -> None:
    assert provable.below_the_band(learnability(lambda p, n: rate + 1e-4 * math.sin(1e4 * p)))[1] == verdict


@pytest.mark.parametrize(("power", "verdict"), [(0.5, SUPPORTED), (0.0, CONTRADICTED)])
def test_critical_dimension(power: float, verdict: str) -> None:
    rows = frame(
        [
            cell(instrument="learnability", n_features=n, d_model=d, target_frequency=0.01, center=True,
                 learnable_fraction=1 / (1 + (20 * (n / 64) ** power / d) ** 6))
            for n in (64, 256, 1_024, 4_096)
            for d in range(4, 400, 3)
            if 2 * d != n
        ]
    )  # fmt: skip
    assert provable.critical_dimension(rows)[1] == verdict


@pytest.mark.parametrize(("growth", "verdict"), [(0, SUPPORTED), (2, CONTRADICTED)])
def test_constant_steps(growth: int, verdict: str) -> None:
    rows = []
    for k, n in enumerate((64, 128, 256, 512)):
        reached = 3 + growth * k
        history = " ".join(["0"] * reached + ["1"] * (12 - reached))
        rows += [cell(n_features=n, seed=seed, recovery_per_step=history) for seed in (0, 1)]
    assert provable.constant_steps(frame(rows))[1] == verdict


def required(log10_width: float, error: float = 0.01) -> dict[str, float]:
    """A required width with its interval."""
    name = "log10_required_width"
    return {name: log10_width, f"{name}_low": log10_width - error, f"{name}_high": log10_width + error}


@pytest.mark.parametrize(("share", "verdict"), [(0.5, SUPPORTED), (1.5, CONTRADICTED)])
def test_width_in_frequency(share: float, verdict: str) -> None:
    rows = [
        cell(instrument="width", sparsity=s, target_frequency=p, **required(3 - share * s * math.log10(p)))
        for s in (3, 5)
        for p in (0.001, 0.003, 0.01, 0.03)
    ]
    assert provable.width_in_frequency(frame(rows))[1] == verdict
    assert provable.width_in_frequency(frame([cell(**required(math.nan))]))[1] == NOT_TESTED


@pytest.mark.parametrize(("power", "verdict"), [(0.5, SUPPORTED), (2.0, CONTRADICTED)])
def test_width_in_n(power: float, verdict: str) -> None:
    rows = [
        cell(instrument="width", n_features=n, d_model=n // 2, target_frequency=band_centre(n, n // 2, 3),
             **required(1 + power * math.log10(n)))
        for n in (64, 128, 256, 512)
    ]  # fmt: skip
    elsewhere = cell(instrument="width", n_features=64, d_model=32, target_frequency=0.2, **required(20))
    unknown = cell(instrument="width", n_features=1_024, d_model=512, target_frequency=band_centre(1_024, 512, 3))
    assert provable.width_in_n(frame([*rows, elsewhere, unknown]))[1] == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, SUPPORTED), (8.0, CONTRADICTED)])
def test_cooccurrence(factor: float, verdict: str) -> None:
    rows = []
    for n in (256, 1_024, 4_096):
        for probability in np.linspace(0, 1, 60):
            rho = 2 / (n - 1) + 2 * probability / 3 * (1 - 2 / (n - 1)) * (1 - 1 / (n - 3))
            recovered = 1 / (1 + (rho * math.sqrt(n) / factor) ** 8)
            rows.append(cell(n_features=n, support_law=f"planted:{probability}", feature_recovery_rate=recovered))
    assert provable.cooccurrence(frame(rows))[1] == verdict


@pytest.mark.parametrize(("lost", "verdict"), [(1.0, SUPPORTED), (0.0, CONTRADICTED)])
def test_balance(lost: float, verdict: str) -> None:
    even = [cell(seed=seed, frequency_profile="0.01:1:0.01 0.01:1:0.01 0.01:1:0.01 0.01:1:0.01") for seed in (0, 1)]
    rare = [
        cell(seed=seed, frequency_profile=f"0.001:{1 - lost - 1e-3 * seed * (lost < 1)}:0.01 0.01:1:0.01")
        for seed in (0, 1)
    ]
    assert provable.balance(frame(even + rare))[1] == verdict
    assert provable.balance(frame(even))[1] == NOT_TESTED


@pytest.mark.parametrize(("gap", "verdict"), [(0.0, SUPPORTED), (0.3, CONTRADICTED)])
def test_activations(gap: float, verdict: str) -> None:
    rows = [
        cell(activation=name, target_frequency=p, seed=seed,
             feature_recovery_rate=0.8 - gap * (name == "jumprelu") * (p == 0.01) - 0.001 * seed)
        for name in ("relu", "jumprelu") for p in (0.001, 0.01) for seed in (0, 1, 2)
    ]  # fmt: skip
    rows[0]["feature_recovery_rate"] += 0.001
    assert provable.activations(frame(rows))[1] == verdict


def toy(recovery: dict[str, float]) -> pd.DataFrame:
    """Rows of the toy table at the default settings, the given recovery at 0.9 (0.8: the same) for each method."""
    rows = []
    for name, rate in recovery.items():
        settings = trained.toy_settings(name, TOY_DEFAULT)
        for seed in range(6):
            given = TOY_DATA | TOY_METHODS[name] | settings
            noisy = rate + 0.002 * math.sin(7 * seed + len(name))
            rows.append(cell(**given, seed=seed, feature_recovery_rate=noisy, feature_recovery_rate_080=noisy))
    return frame(rows)


@pytest.fixture
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "TOY_BEST", {})


def test_toy_claims(no_search: None) -> None:
    good = {"GBA": 0.97, "GBA, frequencies too high": 0.1, "GBA, frequencies too low": 0.3, "BA": 0.96, "TopK 20": 0.8,
            "TopK 30": 0.2, "TopK 50": 0.1}  # fmt: skip
    bad = {"GBA": 0.4, "GBA, frequencies too high": 0.1, "GBA, frequencies too low": 0.9, "BA": 0.9, "TopK 20": 0.8,
           "TopK 30": 0.2, "TopK 50": 0.95}  # fmt: skip
    tests = (trained.frequency_free, trained.wrong_frequencies, trained.gba_over_topk)
    assert [test(toy(good))[1] for test in tests] == [SUPPORTED] * 3
    assert [test(toy(bad))[1] for test in tests] == [CONTRADICTED] * 3
    assert [test(toy({"GBA": 0.9}))[1] for test in tests] == [NOT_TESTED] * 3


def test_toy_methods_do_not_overlap() -> None:
    rows = toy(dict.fromkeys(TOY_METHODS, 0.5))
    found = [trained.toy_method(rows, name).index for name in TOY_METHODS]
    assert sorted(np.concatenate(found).tolist()) == rows.index.tolist()


def test_search_best_is_the_best_of_the_first_seed() -> None:
    settings = [trained.toy_settings("GBA", TOY_DEFAULT | {"learning_rate": rate}) for rate in (1e-3, 3e-3)]
    rows = [
        cell(**(TOY_DATA | TOY_METHODS["GBA"] | each), seed=seed, feature_recovery_rate=rate,
             feature_recovery_rate_080=rate)
        for each, rates in zip(settings, ((0.5, 0.9), (0.6, 0.1)), strict=True)
        for seed, rate in enumerate(rates)
    ]  # fmt: skip
    assert search_best(frame(rows), "GBA") == TOY_DEFAULT | {"learning_rate": 3e-3}


def frontier(gap: float) -> pd.DataFrame:
    """Rows in which FVU = 1/L0 for TopK and BA, and 10^gap times that for GBA."""
    rows = []
    for seed in (0, 1):
        for l0 in (2.0, 4.0, 8.0, 16.0):
            for algorithm, shift in (("topk", 0.0), ("ba", 0.0), ("gba", gap)):
                unexplained = 10 ** (shift + 1e-3 * seed) / l0
                rows.append(
                    cell(algorithm=algorithm, seed=seed, l0=l0, fraction_variance_unexplained=unexplained,
                         high_target_frequency=l0 / 40)
                )  # fmt: skip
    return frame(rows)


@pytest.mark.parametrize(("gap", "verdict"), [(-0.2, SUPPORTED), (0.2, CONTRADICTED)])
def test_frontier(gap: float, verdict: str) -> None:
    for test in (trained.gba_over_ba, trained.topk_frontier):
        effect, found = test(frontier(gap))
        assert found == verdict
        assert effect.value == pytest.approx(gap, abs=2e-3)


@pytest.mark.parametrize(("ours", "verdict"), [(0.8, SUPPORTED), (0.1, CONTRADICTED)])
def test_consistency(ours: float, verdict: str) -> None:
    rows = [
        cell(algorithm=name, seed=seed, consistency=rate + 0.01 * seed * (name == "gba"))
        for name, rate in (("gba", ours), ("topk", 0.4))
        for seed in (0, 1, 2)
    ]
    assert trained.consistency(frame(rows))[1] == verdict


@pytest.mark.parametrize(("low", "verdict"), [(0.96, SUPPORTED), (0.1, CONTRADICTED)])
def test_tuning_free(low: float, verdict: str) -> None:
    rows = [
        cell(algorithm="gba", initial_scale=0.01, initial_bias=bias, learning_rate=rate,
             feature_recovery_rate=1.0 if (bias == 0 and rate == 1e-3) else low)
        for bias in (0.0, -0.1, -0.2) for rate in (1e-4, 1e-3, 1e-2)
    ]  # fmt: skip
    assert trained.tuning_free(frame(rows))[1] == verdict


def test_claims_name_experiments_and_are_distinct() -> None:
    assert {each.experiment for each in CLAIMS} <= set(EXPERIMENTS)
    assert len({each.name for each in CLAIMS}) == len(CLAIMS)


def test_report_from_stored_rows(tmp_path: Path) -> None:
    (claim,) = (each for each in CLAIMS if each.name == "constant_steps")
    assert judge(claim, tmp_path)["verdict"] == NOT_TESTED
    folder = tmp_path / "steps" / "quick"
    folder.mkdir(parents=True)
    needed = dict.fromkeys(RESULT_COLUMNS, "") | {
        "status": "ok", "feature_recovery_rate": 1.0, "feature_recovery_rate_080": 1.0, "chance_recovery_rate": 0.0,
        "matched_recovery_rate": 1.0, "mean_max_cosine": 1.0, "activation_frequency": 0.1, "dead_fraction": 0.0,
        "polysemantic_fraction": 0.0, "recovery_per_step": "0 1 1", "recovery_per_step_080": "0 1 1", "seconds": 1.0,
    }  # fmt: skip
    with RowLog(folder / "rows.csv") as log:
        for n in (64, 128, 256):
            log.append(Settings(n_features=n).to_row() | needed)
    found = write(tmp_path, tmp_path / "out", ["sae-recovery", "scorecard"])
    told = json.loads((tmp_path / "out" / "scorecard.json").read_text())["claims"]
    (line,) = (each for each in told if each["claim"] == "constant_steps")
    assert (line["verdict"], line["effect"], line["n_rows"]) == (SUPPORTED, 0.0, 3)
    assert found["verdicts"] == {SUPPORTED: 1, NOT_TESTED: len(CLAIMS) - 1}
    text = (tmp_path / "out" / "scorecard.md").read_text()
    assert "[3 rows](steps/quick/rows.csv)" in text
    assert all(each.statement in text for each in CLAIMS)
    assert set(VERDICTS) >= set(found["verdicts"])
    assert table(found["claims"], "results/").count("\n") == len(CLAIMS) + 1


@pytest.mark.parametrize("name", TOY_METHODS)
def test_the_table_of_best_settings_is_that_of_the_committed_search(name: str) -> None:
    rows = read_rows(Path(__file__).parents[2] / "results" / "toy" / "standard")
    assert search_best(rows, name) == TOY_BEST[name]
