"""Exponents of rows that were made with known ones, from seeds that differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scorecard_worlds import BASE, fallen, frame
from statistics_helper import seed_of

from simulations.evidence.scorecard import exponents
from simulations.evidence.scorecard.critical import critical, sharpness
from simulations.evidence.scorecard.effects import UNKNOWN, Effect
from theory.conditions import band
from theory.cooccurrence import cluster_cooccurrence

SIZES = (256, 512, 1_024, 2_048, 4_096)
P = [float(f"{p:.3g}") for p in np.geomspace(1e-3, 0.3, 30)]
SEEDS = range(5)
LUCK = 0.04  # standard deviation of an exponent over seeds


def falling(value: float, at: float, steepness: float) -> float:
    return 1 / (1 + (value / at) ** steepness)


def scaling(seeds: range = SEEDS) -> pd.DataFrame:
    """Critical p = 0.02 (n/1024)^(0.1 s), sharper as n^0.5; critical d = 40 (n/1024)^0.4; each seed with its luck."""
    rng = np.random.default_rng(seed_of("exponents of scaling"))

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = LUCK * rng.standard_normal(3)
            for n in SIZES:
                same = {"seed": seed, "n_features": n, "n_probes": 200}
                for s, of_seed in ((3, luck[0]), (5, luck[1])):
                    at = 0.02 * (n / 1_024) ** (0.1 * s + of_seed) * (s / 3) ** 0.7
                    steepness = 2 * (n / 1_024) ** 0.5
                    for p in P:
                        yield same | {"arm": "over p", "d_model": n // 2, "sparsity": s, "target_frequency": p,
                                      "learnable_fraction": falling(p, at, steepness)}  # fmt: skip
                at = 40 * (n / 1_024) ** (0.4 + luck[2])
                for d in range(8, 161, 8):
                    yield same | {"arm": "over d", "d_model": d, "target_frequency": 1 / n,
                                  "learnable_fraction": 1 - falling(d, at, 4)}  # fmt: skip

    return frame(rows())


Found = dict[tuple[str, str, str], exponents.Line]


@pytest.fixture(scope="module")
def found() -> Found:
    return {(each.quantity, each.over, each.setting): each for each in exponents.of_scaling(scaling())}


@pytest.mark.parametrize(
    ("key", "value", "theorem"),
    [
        (("critical p", "n", "d = n/2, s = 3"), 0.3, -2 / 3),
        (("critical p", "n", "d = n/2, s = 5"), 0.5, -0.6),
        (("critical d", "n", "p = 1/n, s = 3"), 0.4, 0.0),
    ],
)
def test_exponents_of_scaling_are_those_put_in(
    found: Found, key: tuple[str, str, str], value: float, theorem: float
) -> None:
    line = found[key]
    # The mean of five seeds errs by 0.04 / sqrt(5) = 0.018: 4.9 of these fail at 1e-6; chords err by 0.01.
    assert line.measured.value == pytest.approx(value, abs=0.1)
    assert line.large.value == pytest.approx(value, abs=0.1)
    # Student's half width of five seeds of that luck is 0.05 in the mean; 0.005 has a tail of 1e-6 (chi^2 of four).
    assert 0.001 < line.measured.high - line.measured.value < 0.2
    assert line.measured.n_seeds == line.large.n_seeds == 5
    assert line.theorem == pytest.approx(theorem)
    assert line.centred and line.n_points == 5 * len(SIZES)
    assert not exponents.transient(line)


def test_sharpness_and_the_exponent_over_s(found: Found) -> None:
    # The fall from 3/4 to 1/4 of 1/(1 + r^k) takes 2 log(3)/k, the same in every seed.
    line = found["width of its transition", "n", "d = n/2, s = 3"]
    assert line.measured.value == pytest.approx(-0.5, abs=0.05)
    over_s = found["critical p", "s", "n = 4,096, d = n/2"]
    gained = math.log(4 ** (0.1 * 2)) / math.log(5 / 3) + 0.7
    # Luck moves each end by 0.04 log(4): 0.08 / log(5/3) / sqrt(5) = 0.07 in the mean of five, 4.9 of these.
    assert over_s.measured.value == pytest.approx(gained, abs=0.35)
    edges = [float(band(4_096, 2_048, s, epsilon=0.0, zeta=0.0).upper) for s in (3, 5)]
    assert over_s.theorem == pytest.approx(math.log(edges[1] / edges[0]) / math.log(5 / 3), rel=1e-6)


def test_one_seed_has_no_interval() -> None:
    for line in exponents.of_scaling(scaling(range(1))):
        assert line.measured.n_seeds == 1 and math.isnan(line.measured.low)


def test_critical_points_have_errors_of_their_probes() -> None:
    rows = frame(
        BASE | {"n_features": 512, "n_probes": 200, "seed": 0, "target_frequency": p, "learnable_fraction": rate}
        for p, rate in zip(P, fallen(np.array(P), 0.02), strict=True)
    )
    more = rows.assign(n_probes=4 * rows["n_probes"])  # 800, of which there are only 512 features
    few, many = (critical(each, "target_frequency") for each in (rows, more))
    assert few.y == pytest.approx([0.02], rel=0.01)
    # A rate of 1/2 from 200 probes errs by 0.035; its slope in log p is 3/4 for steepness 3.
    assert few.errors[0] == pytest.approx(0.035 / 0.75, rel=0.35)
    assert few.errors[0] / many.errors[0] == pytest.approx((512 / 200) ** 0.5, rel=0.01)
    assert sharpness(rows, "target_frequency").y == pytest.approx([2 * math.log(3) / 3], rel=0.03)
    twice = pd.concat([rows, rows])  # of one seed: as many probes again
    assert critical(twice, "target_frequency").errors[0] == pytest.approx(few.errors[0] / 2**0.5, rel=0.01)


def test_seeds_above_two_to_the_53_are_told_apart() -> None:
    rows = scaling(range(2))
    large = rows.assign(seed=rows["seed"] + 2**53 + 1)
    (line, *_) = exponents.of_scaling(large)
    assert line.measured.n_seeds == 2 and line.n_points == 2 * len(SIZES)


def test_exponents_over_d() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for d, arm in ((32, "over d"), (64, "over d"), (128, "over d"), (256, "over d"), (512, "both")):  # n = 1,024
            for p in P:
                yield {"seed": 0, "n_features": 1_024, "d_model": d, "arm": arm, "target_frequency": p,
                       "center": False, "learnable_fraction": falling(p, 0.02 * (d / 512) ** 0.8, 4)}  # fmt: skip
                yield {"seed": 0, "n_features": 256, "d_model": 128, "arm": "over n", "target_frequency": p,
                       "center": False, "learnable_fraction": falling(p, 0.02, 4)}  # fmt: skip

    (line,) = exponents.of_learnability(frame(rows()))
    assert line.measured.value == pytest.approx(0.8, abs=0.03) and not line.centred
    assert math.isnan(line.large.value)  # sizes are n
    assert line.theorem == 0 and line.n_points == 5  # at these d the edge does not depend on d


def test_the_kink_of_the_critical_p_over_d_and_its_exponent_over_n() -> None:
    """A critical p that goes as d up to n^0.4 and is level beyond, after 24 steps; after 6 it has no kink."""

    def rows(exponent: float) -> Iterator[dict[str, Any]]:
        for n in (1_024, 4_096, 16_384):
            for d in (4, 8, 16, 32, 64, 128, 256):
                for p in np.geomspace(1e-4, 0.3, 40):
                    for seed in range(3):
                        same = {"seed": seed, "n_features": n, "sparsity": 5, "d_model": d, "arm": "over d",
                                "target_frequency": p}  # fmt: skip
                        kink = n**exponent * math.exp(0.02 * seed)
                        yield same | {"n_steps": 24, "learnable_fraction": falling(p, 0.0004 * min(d, kink), 4)}
                        yield same | {"n_steps": 6, "learnable_fraction": falling(p, 0.0004 * d, 4)}

    (line,) = [each for each in exponents.of_learnability(frame(rows(0.4))) if each.quantity.startswith("kink")]
    # A p is read off to 0.01 in logarithms: 0.01 over the log of 16.
    assert line.measured.value == pytest.approx(0.4, abs=0.01) and line.n_points == 9 and line.measured.n_seeds == 3
    assert line.theorem == pytest.approx(0.4) and line.over == "n" and line.centred  # 1 - (1 + 1/5)/2
    one = frame(rows(0.4)).query("n_features == 1_024")
    assert {each.quantity for each in exponents.of_learnability(one)} == {"critical p"}


def test_exponents_of_widths_weigh_points_by_their_intervals() -> None:
    def width(value: float, error: float) -> dict[str, Any]:
        name = "log10_required_width"
        return {name: value, f"{name}_low": value - error, f"{name}_high": value + error}

    def rows() -> Iterator[dict[str, Any]]:
        for p in (0.001, 0.002, 0.005, 0.01):
            yield {"seed": 0, "arm": "over p", "sparsity": 4, "target_frequency": p} | width(2 - 1.5 * math.log10(p), 1)
        yield {"seed": 0, "arm": "over p", "sparsity": 4, "target_frequency": 0.1} | width(math.nan, 1)
        for n in (64, 128, 256, 512):
            poor = n == 64
            value = 2 + 0.7 * math.log10(n) + 5 * poor
            yield {"seed": 0, "arm": "over n", "n_features": n, "target_frequency": n**-0.8} | width(value, 900**poor)
        for n, arm in ((64, "over n, fixed p"), (128, "over p"), (256, "over n, fixed p")):
            yield {"seed": 0, "arm": arm, "n_features": n, "target_frequency": 0.03} | width(1.2 * math.log10(n), 0.1)

    one_point, over_p, over_n, fixed = exponents.of_width(frame(rows()))
    assert math.isnan(one_point.measured.value)
    assert over_p.measured.value == pytest.approx(1.5, abs=1e-6) and over_p.theorem == 4 and over_p.n_points == 4
    assert over_n.measured.value == pytest.approx(0.7, abs=1e-4)  # n = 64 says next to nothing
    assert over_n.theorem == pytest.approx(1 + 3 * 0.8)
    assert fixed.measured.value == pytest.approx(1.2, abs=1e-6) and fixed.theorem == 1 and fixed.n_points == 3


def test_exponents_of_steps_and_of_cooccurrence() -> None:
    def steps() -> Iterator[dict[str, Any]]:
        for seed in (0, 1):
            for k, n in enumerate((64, 128, 256, 512)):
                history = " ".join(["0"] * (2 + (3 + seed) * k) + ["1"] * (20 - 3 * k))
                yield {"seed": seed, "arm": "probes", "n_features": n, "recovery_per_step": history}
            yield {"seed": seed, "arm": "simulated", "n_features": 64, "recovery_per_step": "0 1"}

    alone, line = exponents.of_steps(frame(steps()))
    assert math.isnan(alone.measured.value)
    # Slopes 3 and 4 of two seeds: Student's quantile of one degree of freedom, 12.7, times 1/2.
    assert line.measured == pytest.approx((3.5, 3.5 - 6.3531, 3.5 + 6.3531, 2), abs=1e-3)
    assert line.theorem == 0.0 and line.n_points == 8

    def clusters() -> Iterator[dict[str, Any]]:
        for n, size in ((64, 2), (64, 4), (64, 16), (256, 4), (1_024, 4), (1_024, 16)):
            for probability in np.linspace(0, 1, 41):
                rho = cluster_cooccurrence(n, 4, size, probability)
                at = 0.5 * (size - 1) ** -0.4 * (n / 64) ** -0.3
                yield {"seed": 0, "n_features": n, "sparsity": 4, "support_law": f"clusters:{size}:{probability:.4g}",
                       "feature_recovery_rate": falling(rho, at, 20)}  # fmt: skip

    found = {(each.over, each.setting): each for each in exponents.of_cooccurrence(frame(clusters()))}
    cuts = [("partners", "n = 64"), ("partners", "n = 1,024"), ("n", "clusters of n/64")]
    assert set(found) == {(over, f"d = n/2, {setting}") for over, setting in cuts}
    assert found["partners", "d = n/2, n = 64"].measured.value == pytest.approx(-0.4, abs=0.04)
    same_share = found["n", "d = n/2, clusters of n/64"].measured.value  # 4 of 256 and 16 of 1,024
    assert same_share == pytest.approx(-0.3 - 0.4 * math.log(5) / math.log(4), abs=0.06)
    assert all(
        math.isnan(each.theorem) and each.expected == "ours: -0.5"
        for (over, _), each in found.items()
        if over == "partners"
    )
    assert found["n", "d = n/2, clusters of n/64"][5:] == (-0.5, True, 2, "")


def test_transients_are_told() -> None:
    def line(large: Effect) -> exponents.Line:
        return exponents.Line("critical p", "n", "", Effect(1, 0.9, 1.1, 5), large, 0.0, True, 9)

    assert exponents.transient(line(Effect(2, 1.2, 2.8, 5)))
    assert exponents.transient(line(Effect(0, -0.8, 0.8, 5)))
    assert not exponents.transient(line(Effect(2, 1.0, 3.0, 5)))
    assert not exponents.transient(line(UNKNOWN))
    (told,) = (exponents.table([exponents._as_dict(line(Effect(2, 1.2, 2.8, 5))) | {"rows": "", "preset": "quick"}])
               .splitlines()[2:])  # fmt: skip
    assert "1.00 (0.90 to 1.10), transient | 2.00 (1.20 to 2.80)" in told and "9 points, quick, 5 seeds" in told


def test_frames_are_not_changed() -> None:
    table = scaling(range(1))
    before = table.copy()
    list(exponents.of_scaling(table))
    pd.testing.assert_frame_equal(table, before)
