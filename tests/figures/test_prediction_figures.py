"""The figures of what theory alone predicts: errors, calibration, kept promises and critical p, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_helper import panels, row
from scipy import stats

from figures import critical, erosion, intervals, plan_check, predict_check, predicted
from figures import rows as checks
from theory.prediction import critical_frequency
from theory.recovery_prediction import predicted_recovery_rate

SETTING = {"n_features": 64, "d_model": 48, "sparsity": 3, "n_samples": 6_400, "n_steps": 2, "center": True}


def simulated(rate: float, **changes: object) -> dict[str, object]:
    results = {"feature_recovery_rate": rate}
    return row(arm="target 0.8", results=results, **(SETTING | {"target_frequency": 0.01} | changes))


def prepared(rows: list[dict[str, object]]) -> pd.DataFrame:
    return checks.prepare(pd.DataFrame(rows), free=plan_check.PLAN, results=("feature_recovery_rate",), series=("arm",))


def test_predicted_is_the_theory_and_measured_the_mean_over_seeds() -> None:
    rows = [simulated(rate, n_neurons=m, seed=seed) for m, base in ((64, 0.1), (256, 0.4))
            for seed, rate in enumerate((base, base + 0.2))]  # fmt: skip
    pairs = predict_check.compared(prepared(rows))
    assert list(pairs["ratio"]) == [1, 4]
    np.testing.assert_allclose([each.value for each in pairs["measured"]], [0.2, 0.5])
    expected = predicted_recovery_rate(64, 48, 3, 0.01, 6400, 2, [64, 256], center=True)
    np.testing.assert_allclose(pairs["predicted"], expected, rtol=1e-4)  # five digits are kept
    np.testing.assert_allclose(predict_check.errors(pairs), expected - [0.2, 0.5], atol=1e-5)


def test_widths_are_compared_where_both_curves_pass_a_level() -> None:
    measured = [intervals.Mean(each, each, each, 1) for each in (0.1, 0.4, 0.6)]
    rows = {"setting": "a", "ratio": [1.0, 4.0, 16.0], "predicted": [0.1, 0.6, 0.7], "measured": measured}
    # At 1/4 half and 0.3 of the way from 1 to 4 in log, at 1/2 half way from 4 to 16 and 0.8 from 1 to 4; never at 3/4.
    expected = [4 ** (0.3 - 0.5), 4**0.8 / 8]
    np.testing.assert_allclose(predict_check.width_factors(pd.DataFrame(rows)), expected, rtol=1e-9)


def test_the_table_is_what_theory_says() -> None:
    """One number of each kind, the first in the table, calculated again."""
    known = predicted.table()
    assert known, "run `python -m simulations.evidence.predicted_table`"
    for kind, function in (("critical", predicted.critical), ("recovery", predicted.recovery)):
        words = next(each for each in known if each.startswith(f"{kind} ")).split()[1:]
        sizes = [word == "True" if word in ("True", "False") else float(word) for word in words]
        values = [each if isinstance(each, bool) or not each.is_integer() else int(each) for each in sizes]
        calculated = (
            critical_frequency(*values[:5], center=values[5])
            if kind == "critical"
            else predicted_recovery_rate(*values[:6], values[7], center=values[6])
        )
        # Five digits are kept; on another processor an outcome in a thousand may turn, or a share of 64 move the rest.
        assert function(*values) == pytest.approx(float(calculated), rel=0.05)


def test_calibration_is_the_mean_measured_rate_in_each_fifth() -> None:
    measured = [intervals.Mean(each, each, each, 1) for each in (0.1, 0.3, 0.9, 1.0)]
    pairs = pd.DataFrame({"predicted": [0.05, 0.15, 0.85, 1.0], "measured": measured})
    found = predict_check.calibration(pairs)
    np.testing.assert_allclose(found, [(0.0, 0.2, 0.2), (0.8, 1.0, 0.95)])


def test_a_plan_holds_that_reaches_its_target() -> None:
    rows = [simulated(rate, n_neurons=64, seed=seed) for seed, rate in enumerate((0.79, 0.8, 0.95))]
    told = plan_check.held(plan_check.carried_out(prepared(rows)))
    # Clopper-Pearson of 2 in 3: 0.094 to 0.992.
    assert told.startswith("2 of 3 runs of 1 plans reach their target, 67% [9% to 99%]")
    with pytest.raises(ValueError, match="arm='other', but should be"):
        plan_check.carried_out(prepared([each | {"arm": "other"} for each in rows]))


def history(shares: dict[float, str], **changes: object) -> list[dict[str, object]]:
    rows = [{"target_frequency": p, "recovery_per_step": text, "seed": 0} for p, text in shares.items()]
    return [each | SETTING | {"n_steps": 3} | changes for each in rows]


def test_critical_p_of_every_step_is_where_half_are_kept() -> None:
    part = pd.DataFrame(history({0.01: "1 1 0.9 0.5", 0.1: "1 1 0.5 0.1", 0.3: "1 0.9 0.1 0"}))
    found = critical.measured(part)
    assert list(found) == [2, 3]
    assert [each.value for each in found.values()] == pytest.approx([0.1, 0.01], rel=1e-9)


def test_critical_p_is_that_of_the_mean_share_and_its_interval_over_seeds() -> None:
    """Shares straight in log p, each seed's higher or lower: the jackknife is then their spread over the slope."""
    off, p = np.array([-0.1, -0.02, 0.03, 0.05, 0.04]), np.array([0.001, 0.01, 0.1])
    rows = [
        each
        for seed, more in enumerate(off)
        for each in history(dict(zip(p, [f"1 1 {0.7 - 0.2 * k + more:.6f}" for k in range(3)], strict=True)), seed=seed)
    ]
    found = critical.measured(pd.DataFrame(rows))[2]
    error = off.std(ddof=1) / np.sqrt(5) * np.log(10) / 0.2
    assert found.value == pytest.approx(0.01, rel=1e-4) and found.n_values == 5
    assert np.log(found.high / found.value) == pytest.approx(stats.t.isf(0.025, 4) * error, rel=1e-3)
    never = [each | {"recovery_per_step": "1 1 0.9"} for each in rows]
    assert np.isnan(critical.measured(pd.DataFrame(never))[2].value)
    failed = pd.DataFrame([each for each in rows if each["seed"] == 0 or each["target_frequency"] < 0.1])
    assert np.isnan(critical.measured(failed)[2].value)  # without that seed nothing is below a half


def test_theory_is_read_off_at_as_many_p_as_the_rows_have(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(predicted, "critical_by_step", lambda *key: asked.append(key))
    critical.by_theory(pd.DataFrame(history({0.01: "1 1 0.9 0.5", 0.1: "1 1 0.5 0.1"})), 0.8)
    assert asked == [(64, 48, 3, pytest.approx((0.01, 0.1)), 6400, 3, True, 0.8)]
    assert critical.agreement(np.log([2, 0.25])) == "a factor of 2.99 (rms), mean 0.71, worst 0.25"


def test_the_recursion_erodes_and_is_drawn() -> None:
    frequencies = tuple(float(each) for each in np.geomspace(1e-3, 0.3, 9))
    line = predicted.critical_by_step(64, 32, 3, frequencies, 6_400, 4, True, 0.9)
    known = [each for each in line[2:] if np.isfinite(each)]
    assert len(known) > 1 and (np.diff(known) < 0).all()
    rows = [
        row(arm="N = 100 n", results={"learnable_fraction": 0.5, "recovery_per_step": "1 1 0.5"},
            instrument="learnability", target_frequency=p, **SETTING)
        for p in (0.01, 0.1)
    ]  # fmt: skip
    (axes,) = panels(erosion.plot(pd.DataFrame(rows)))
    assert axes.get_ylabel() == "critical $p$" and axes.get_title() == "$\\tau$ = 0.9"
    full = [each | {"recovery_per_step_080": "1 1 0.6", "recovery_per_step_095": "1 1 0.4"} for each in rows]
    assert [each.get_title() for each in panels(erosion.plot(pd.DataFrame(full)))] == [
        f"$\\tau$ = {tau}" for tau in ("0.8", "0.9", "0.95")
    ]
    small = [each | {"arm": erosion.SMALL, "d_model": d} for each in full for d in (16, 32)]
    assert len(panels(erosion.plot(pd.DataFrame(full + small)))) == 6
