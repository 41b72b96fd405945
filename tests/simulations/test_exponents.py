"""Exponents of rows that were made with known ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulations.base.columns import RESULT_COLUMNS
from simulations.base.settings import Settings
from simulations.evidence.scorecard import exponents
from simulations.evidence.scorecard.critical import critical, sharpness
from simulations.evidence.scorecard.report import write
from simulations.experiments.provable import band_centre
from simulations.runs.storage import RowLog, read_rows
from theory.conditions import band

SIZES = (256, 512, 1_024, 2_048, 4_096)
P = [float(f"{p:.3g}") for p in np.geomspace(1e-3, 0.3, 40)]

SIMULATED = {
    "feature_recovery_rate": 1.0, "feature_recovery_rate_080": 1.0, "chance_recovery_rate": 0.0,
    "matched_recovery_rate": 1.0, "mean_max_cosine": 1.0, "activation_frequency": 0.1, "dead_fraction": 0.0,
    "polysemantic_fraction": 0.0, "recovery_per_step": "0 1 1", "recovery_per_step_080": "0 1 1",
}  # fmt: skip


def store(folder: Path, rows: list[tuple[Settings, dict[str, Any]]]) -> Path:
    """Write rows of given results and return them as they are read."""
    folder.mkdir(parents=True)
    with RowLog(folder / "rows.csv") as log:
        for settings, results in rows:
            told = dict.fromkeys(RESULT_COLUMNS, "") | (SIMULATED if settings.instrument == "simulation" else {})
            told |= {"status": "ok", "seconds": 1.0} | results
            log.append(settings.to_row() | told)
    return folder


def probes(n: int, d: int, p: float, s: int, rate: float, **more: Any) -> tuple[Settings, dict[str, Any]]:
    settings = Settings(
        n_features=n, d_model=d, sparsity=s, target_frequency=p, instrument="learnability", n_neurons=1, **more
    )
    low, high = max(0.0, rate - 0.05), min(1.0, rate + 0.05)
    return settings, {"learnable_fraction": rate, "learnable_fraction_low": low, "learnable_fraction_high": high}


def falling(value: float, critical: float, steepness: float) -> float:
    return 1 / (1 + (value / critical) ** steepness)


def scaling_rows() -> list[tuple[Settings, dict[str, Any]]]:
    """Critical p = 0.02 (n/1024)^(0.1 s), sharper as n^0.5; critical d = 40 (n/1024)^0.4."""
    rows = []
    for n in SIZES:
        for s in (3, 5):
            steepness = 2 * (n / 1_024) ** 0.5
            at = 0.02 * (n / 1_024) ** (0.1 * s) * (s / 3) ** 0.7
            rows += [probes(n, n // 2, p, s, falling(p, at, steepness), center=True) for p in P]
        d_critical = 40 * (n / 1_024) ** 0.4
        ds = [d for d in range(10, 121, 4) if 2 * d != n]
        one = float(f"{1 / n:.3g}")
        rows += [probes(n, d, one, 3, 1 - falling(d, d_critical, 4), center=True) for d in ds]
    return rows


def test_exponents_of_scaling_are_those_put_in(tmp_path: Path) -> None:
    lines = list(exponents.of_scaling(read_rows(store(tmp_path / "scaling", scaling_rows()))))
    found = {(each.quantity, each.over, each.setting): each for each in lines}
    expected = {
        ("critical p", "n", "d = n/2, s = 3"): (0.3, -2 / 3),
        ("critical p", "n", "d = n/2, s = 5"): (0.5, -0.6),
        ("critical d", "n", "p = 1/n, s = 3"): (0.4, 0.5),
    }
    for key, (value, theorem) in expected.items():
        line = found[key]
        assert line.measured.value == pytest.approx(value, abs=0.02)
        assert line.measured.low < value < line.measured.high
        assert line.large.value == pytest.approx(value, abs=0.03)
        assert line.theorem == pytest.approx(theorem)
        assert line.centred and line.n_points == len(SIZES)
    # Sharpness: the fall from 3/4 to 1/4 of 1/(1 + r^k) takes 2 log(3)/k.
    line = found["width of its transition", "n", "d = n/2, s = 3"]
    assert line.measured.value == pytest.approx(-0.5, abs=0.05)
    over_s = found["critical p", "s", "n = 4,096, d = n/2"]
    gained = math.log(4 ** (0.1 * 2)) / math.log(5 / 3) + 0.7
    assert over_s.measured.value == pytest.approx(gained, abs=0.05)
    edges = [float(band(4_096, 2_048, s, epsilon=0.0, zeta=0.0).upper) for s in (3, 5)]
    assert over_s.theorem == pytest.approx(math.log(edges[1] / edges[0]) / math.log(5 / 3), rel=1e-6)


def test_critical_points_have_errors_of_their_probes(tmp_path: Path) -> None:
    rows = read_rows(store(tmp_path / "few", [probes(512, 256, p, 3, falling(p, 0.02, 2)) for p in P]))
    more = rows.assign(n_probes=4 * rows["n_probes"])  # 800, of which there are only 512 features
    few, many = (critical(each, "target_frequency") for each in (rows, more))
    assert few.y == pytest.approx([0.02], rel=0.01)
    # A rate of 1/2 from 200 probes errs by 0.035; its slope in log p is 1/2 for steepness 2.
    assert few.errors[0] == pytest.approx(0.035 / 0.5, rel=0.35)
    assert few.errors[0] / many.errors[0] == pytest.approx((512 / 200) ** 0.5, rel=0.01)
    assert sharpness(rows, "target_frequency").y == pytest.approx([2 * math.log(3) / 2], rel=0.02)


def test_exponents_over_d(tmp_path: Path) -> None:
    rows = [
        probes(1_024, d, p, 3, falling(p, 0.02 * (d / 512) ** 0.8, 4)) for d in (32, 64, 128, 256, 512) for p in P
    ] + [probes(256, 128, p, 3, falling(p, 0.02, 4)) for p in P]
    (line,) = exponents.of_learnability(read_rows(store(tmp_path / "learnability", rows)))
    assert line.measured.value == pytest.approx(0.8, abs=0.03) and not line.centred
    assert math.isnan(line.large.value)  # sizes are n
    assert line.theorem == 0 and line.n_points == 5  # at these d the edge does not depend on d


def widths(n: int, p: float, s: int, log10_width: float, error: float) -> tuple[Settings, dict[str, Any]]:
    settings = Settings(n_features=n, d_model=n // 2, sparsity=s, target_frequency=p, instrument="width")
    name = "log10_required_width"
    values = {name: log10_width, f"{name}_low": log10_width - error, f"{name}_high": log10_width + error}
    return settings, values


def test_exponents_of_widths_weigh_points_by_their_intervals(tmp_path: Path) -> None:
    rows = [widths(128, p, 4, 2 - 1.5 * math.log10(p), 0.1) for p in (0.001, 0.002, 0.005, 0.01)]
    centre = {n: band_centre(n, n // 2, 3) for n in (64, 128, 256, 512)}
    rows += [widths(n, p, 3, 2 + 0.7 * math.log10(n) + 5 * (n == 64), 0.1 + 900 * (n == 64)) for n, p in centre.items()]
    table = read_rows(store(tmp_path / "width", rows))
    over_p, over_n = exponents.of_width(table)
    assert over_p.measured.value == pytest.approx(1.5, abs=1e-6) and over_p.theorem == 4 and over_p.n_points == 4
    assert over_n.measured.value == pytest.approx(0.7, abs=1e-4)  # n = 64 says next to nothing
    along = np.polyfit(np.log(list(centre)), np.log(list(centre.values())), 1)[0]
    assert over_n.theorem == pytest.approx(1 - 3 * along)


def test_exponents_of_steps_and_of_cooccurrence(tmp_path: Path) -> None:
    rows = []
    for k, n in enumerate((64, 128, 256, 512)):
        history = " ".join(["0"] * (2 + 3 * k) + ["1"] * (20 - 3 * k))
        told = {"recovery_per_step": history, "recovery_per_step_080": history}
        rows.append((Settings(n_features=n), told))
    (line,) = exponents.of_steps(read_rows(store(tmp_path / "steps", rows)))
    assert (line.measured.value, line.theorem) == (pytest.approx(3), 0.0)
    rows = []
    for n in (64, 256, 1_024):
        for probability in np.linspace(0, 1, 41):
            rho = 2 / (n - 1) + 2 * probability / 3 * (1 - 2 / (n - 1)) * (1 - 1 / (n - 3))
            told = {"feature_recovery_rate": falling(rho, 2 * n**-0.4, 20)}
            rows.append((Settings(n_features=n, support_law=f"planted:{probability:.4g}"), told))
    (line,) = exponents.of_cooccurrence(read_rows(store(tmp_path / "cooccurrence", rows)))
    assert line.measured.value == pytest.approx(-0.4, abs=0.03) and line.theorem == -0.5


def test_the_report_tells_them_all(tmp_path: Path) -> None:
    assert exponents.exponents(tmp_path) == []
    store(tmp_path / "scaling" / "quick", scaling_rows())
    write(tmp_path, tmp_path / "out", ["sae-recovery", "scorecard"])
    told = json.loads((tmp_path / "out" / "scorecard.json").read_text())["exponents"]
    text = (tmp_path / "out" / "scorecard.md").read_text()
    assert len(told) == 6
    for each in told:
        assert each["rows"] == "scaling/quick/rows.csv" and each["measured_low"] <= each["measured_high"]
        assert f"{each['measured']:.2f} ({each['measured_low']:.2f} to {each['measured_high']:.2f})" in text
    lines = exponents.exponents(tmp_path)
    assert exponents.table(lines, "results/").count("](results/scaling/quick/rows.csv)") == 6


def test_failed_rows_tell_nothing(tmp_path: Path) -> None:
    rows = [(settings, told | {"status": "failed"}) for settings, told in scaling_rows()]
    store(tmp_path / "scaling" / "quick", rows)
    assert exponents.exponents(tmp_path) == []


def test_frames_are_not_changed(tmp_path: Path) -> None:
    table = read_rows(store(tmp_path / "scaling", scaling_rows()))
    before = table.copy()
    list(exponents.of_scaling(table))
    pd.testing.assert_frame_equal(table, before)
