"""Rare events: the cosine law against integrals and small dimensions by hand, and arithmetic at 1e-300."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from statistics_helper import assert_z, seed_of

from theory.closed_forms import cap_probability, chance_recovery_rate
from theory.rare_events import (
    cosine_log_density,
    cosine_of_tail,
    learned_probability,
    log_required_probability,
    log_required_width,
    log_tail,
    recovery_curve,
)

LN10 = math.log(10)


@pytest.mark.parametrize("d", [2, 3, 4, 5, 17, 128, 2_000])
def test_density_integrates_to_one_and_to_its_tail(d: int) -> None:
    # In the angle c = cos(a) the integrand exp(log f) sin(a) is bounded at every d.
    def integrand(angle: float) -> float:
        return math.exp(float(cosine_log_density(math.cos(angle), d)) + math.log(math.sin(angle)))

    middle, tiny = math.pi / 2, 1e-12
    points = [middle - 8 / math.sqrt(d), middle + 8 / math.sqrt(d)] if d > 100 else None
    whole, _ = quad(integrand, tiny, math.pi - tiny, epsabs=1e-11, points=points, limit=200)
    assert whole == pytest.approx(1, abs=1e-9)  # quad is asked for 1e-11; gammaln loses 1e-13 * log of the constant
    for c in (-0.3, 0.0, 0.05):
        tail, _ = quad(integrand, tiny, math.acos(c), epsabs=1e-11, points=points, limit=200)
        assert math.exp(log_tail(c, d)) == pytest.approx(tail, abs=1e-9)


def test_two_dimensions_by_hand() -> None:
    # On a circle the angle is uniform: f = 1 / (pi sqrt(1 - c^2)) and P(cos > c) = acos(c) / pi.
    for c in (-0.9, -0.2, 0.0, 0.6):
        assert cosine_log_density(c, 2) == pytest.approx(-math.log(math.pi * math.sqrt(1 - c * c)), abs=1e-13)
        assert log_tail(c, 2) == pytest.approx(math.log(math.acos(c) / math.pi), abs=1e-13)


def test_three_dimensions_by_hand() -> None:
    # On a sphere heights are uniform (Archimedes): f = 1/2, also at the poles, and P(cos > c) = (1 - c) / 2.
    for c in (-1.0, -0.4, 0.0, 0.7, 1.0):
        assert cosine_log_density(c, 3) == pytest.approx(math.log(0.5), abs=1e-13)
    for c in (-1.0, -0.4, 0.0, 0.7, 0.999):
        assert log_tail(c, 3) == pytest.approx(math.log((1 - c) / 2), abs=1e-12)
    assert log_tail(1.0, 3) == -math.inf


def test_the_tail_is_the_spherical_cap_and_a_random_direction() -> None:
    assert math.exp(log_tail(0.9, 8)) == pytest.approx(cap_probability(8, 0.9), rel=1e-12)
    w = np.random.default_rng(seed_of("tail")).standard_normal((100_000, 6))
    share = float((w[:, 0] / np.linalg.norm(w, axis=1) > 0.5).mean())
    p = math.exp(log_tail(0.5, 6))
    assert_z(share, p, math.sqrt(p * (1 - p) / 100_000), "share above 0.5")


@pytest.mark.parametrize("d", [500, 5_000, 50_000])
@pytest.mark.parametrize("depth", [10.0, 279.99, 280.01, 299.0, 400.0])
def test_far_tails_are_the_integral_of_the_density(d: int, depth: float) -> None:
    # S(c) / f(c) = integral of exp(log f(t) - log f(c)) over t > c: no number in it is small.
    c = float(cosine_of_tail(-min(depth, 300.0) * LN10, d))
    if depth > 300:  # deeper than the inverse goes: the series must go on
        c = (1 + c) / 2
    top = float(cosine_log_density(c, d))
    decay = (1 - c * c) / (d * c)  # f falls by e over about this distance
    ratio, _ = quad(lambda t: math.exp(float(cosine_log_density(t, d)) - top), c, min(c + 60 * decay, 1), limit=200)
    # quad is good to 1.5e-8 relative to a ratio of order `decay`; the log constant of f cancels.
    assert float(log_tail(c, d)) == pytest.approx(top + math.log(ratio), abs=1e-5)


@given(depth=st.floats(0, 300), d=st.sampled_from([2, 3, 7, 128, 8_192, 100_000]))
def test_the_cosine_of_a_tail_inverts_it(depth: float, d: int) -> None:
    c = float(cosine_of_tail(-depth * LN10, d))
    assert -1 <= c <= 1
    # A cosine next to 1 (or -1) has no more than 2^-53 of room: its tail is as rough as that allows.
    spacing = max(1 - abs(c), 0.0)
    if spacing > 1e-10:
        rough = max(1e-12, 1e-16 * d / spacing) * (1 + depth * LN10)
        assert float(log_tail(c, d)) == pytest.approx(-depth * LN10, abs=rough * 100)


def test_recovery_of_equal_features_is_the_chance_formula() -> None:
    curve = recovery_curve(np.full(5, math.log(cap_probability(8, 0.9))), math.log(8_192))
    assert curve == pytest.approx(chance_recovery_rate(8, 8_192, 0.9), rel=1e-12)


def test_recovery_by_hand() -> None:
    # Probabilities 1/2 and 1/4, never and always, with two neurons: 3/4, 7/16, 0 and 1.
    log_p = [math.log(0.5), math.log(0.25), -math.inf, 0.0]
    np.testing.assert_allclose(learned_probability(log_p, math.log(2)), [0.75, 0.4375, 0, 1], rtol=1e-14)
    assert recovery_curve(log_p, math.log(2)) == pytest.approx((0.75 + 0.4375 + 1) / 4)
    assert recovery_curve(log_p, math.log(2), [0.5, 0.5, 0, 0]) == pytest.approx((0.75 + 0.4375) / 2)


def test_arithmetic_reaches_1e_minus_300() -> None:
    # A width of 1/P recovers 1 - 1/e; and ln 20 / P are needed for 0.95: 2.9957e300 at P = 1e-300.
    assert recovery_curve([-300 * LN10], 300 * LN10) == pytest.approx(1 - math.exp(-1), rel=1e-12)
    assert recovery_curve([-300 * LN10], 290 * LN10) == pytest.approx(1e-10, rel=1e-10)
    assert log_required_width([-300 * LN10], 0.95) / LN10 == pytest.approx(300 + math.log10(math.log(20)), abs=1e-12)
    assert log_required_probability(299 * LN10, 1 - math.exp(-1)) / LN10 == pytest.approx(-299, abs=1e-12)
    assert 10 ** (log_required_width([-299 * LN10], 1 - math.exp(-1)) / LN10) == pytest.approx(1e299, rel=1e-9)


@given(
    depths=st.lists(st.floats(0.01, 290), min_size=1, max_size=6),
    never=st.integers(0, 3),
    target=st.floats(0.02, 0.98),
)
def test_required_width_inverts_the_recovery_curve(depths: list[float], never: int, target: float) -> None:
    log_p = np.array([-each * LN10 for each in depths] + [-math.inf] * never)
    log_m = log_required_width(log_p, target)
    if len(depths) <= target * len(log_p):
        assert log_m == math.inf
    elif recovery_curve(log_p, 0.0) >= target:
        assert log_m == 0
    else:
        # The curve rises by at most 1/e per unit of log M; the root is good to 1e-12, the sum to rounding.
        assert recovery_curve(log_p, log_m) == pytest.approx(target, abs=1e-9)


@given(depth=st.floats(0.5, 300), target=st.floats(0.01, 0.99))
def test_closed_forms_invert_each_other(depth: float, target: float) -> None:
    closed = math.log(-math.log1p(-target)) - math.log(-math.log1p(-(10**-depth))) if depth < 300 else None
    log_m = log_required_width([-depth * LN10], target)
    if closed is not None and closed > 0:
        assert log_m == pytest.approx(closed, abs=1e-8)
        assert float(log_required_probability(log_m, target)) == pytest.approx(-depth * LN10, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_tail(1.5, 3), r"cosine=1.5, but should be in \[-1, 1\]"),
        (lambda: log_tail(0.5, 1), "d_model=1, but should be at least 2"),
        (lambda: cosine_of_tail(0.1, 3), "log_probability=0.1"),
        (lambda: recovery_curve([0.2], 1.0), "at most 0"),
        (lambda: recovery_curve([-1.0, -2.0], 1.0, [0.5, 0.6]), "weights"),
        (lambda: log_required_probability(5.0, 1.0), r"target_recovery=1, but should be in \(0, 1\)"),
        (lambda: log_required_probability([-1.0], 0.5), "log_width=-1, but should be at least 0"),
        (lambda: log_required_width([-1.0], 1.0), r"target_recovery=1, but should be in \(0, 1\)"),
    ],
)
def test_bad_input_is_told(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
