"""The closed forms against quadrature, Monte Carlo and the design's own numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from theory.closed_forms import (
    bias_to_frequency,
    cap_probability,
    chance_recovery_rate,
    frequency_to_bias,
    tied_output_scale,
)

ALPHA = 1e-6
Z = float(stats.norm.isf(ALPHA / 2))


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-300, 0.5))
def test_frequency_to_bias_and_back(p: float) -> None:
    b = float(frequency_to_bias(p))
    assert -38 < b <= 0
    # A relative error of a few eps in b becomes b^2 times as much in p, b^2 < 1400: 1400 * 4 * 2^-52 = 1.3e-12.
    assert float(bias_to_frequency(b)) == pytest.approx(p, rel=2e-12)


@settings(deadline=None, max_examples=100)
@given(st.floats(-37, 0))
def test_bias_to_frequency_and_back(b: float) -> None:
    # Near 0 the frequency is 1/2 + b phi(0): its rounding 2^-54 becomes 2^-54 / 0.399 < 2e-16 in b; away from 0 the
    # relative error of p, some 1e-12 by the exponential of b^2/2, is divided by b^2.
    assert float(frequency_to_bias(bias_to_frequency(b))) == pytest.approx(b, rel=1e-12, abs=2e-15)


def test_bias_is_minus_the_normal_upper_quantile() -> None:
    p = np.array([0.5, 0.1, 0.003, 1e-9])
    np.testing.assert_allclose(frequency_to_bias(p), -stats.norm.isf(p), rtol=1e-13, atol=0)  # two routines, few eps
    assert float(frequency_to_bias(0.15865525393145707)) == pytest.approx(-1, rel=1e-14)  # Q(1), by table
    assert math.copysign(1, float(frequency_to_bias(0.5))) == 1


@pytest.mark.parametrize(("d", "low", "high"), [(8, 0.9785, 0.9795), (16, 0.00345, 0.00355)])
def test_chance_values_of_the_design(d: int, low: float, high: float) -> None:
    # The design prints 0.979 and 0.0035: correct to half a unit of the last digit.
    assert low < float(chance_recovery_rate(d, 8192, 0.9)) < high


@pytest.mark.parametrize("d", [2, 3, 4, 8, 33, 200])
@pytest.mark.parametrize("tau", [0.0, 0.3, 0.8, 0.99])
def test_cap_is_the_integral_of_the_density_of_a_cosine(d: int, tau: float) -> None:
    # In the angle a the density is sin^(d-2) a up to its integral over [0, pi], smooth for every d.
    # Shares down to 1e-170 at d = 200: the integrand is scaled to 1 at the edge of the cap.
    edge = math.acos(tau)
    scale = math.log(math.sin(edge))
    cap = integrate.quad(lambda a: math.exp((d - 2) * (math.log(math.sin(a)) - scale)) if a else float(d == 2), 0, edge)
    log_whole = math.log(math.pi) / 2 + math.lgamma((d - 1) / 2) - math.lgamma(d / 2)
    # quad promises 1.5e-8 relative or absolute of an integrand of size 1, the cap is at least 1e-3 of that.
    expected = math.log(cap[0]) + (d - 2) * scale - log_whole
    assert math.log(float(cap_probability(d, tau))) == pytest.approx(expected, abs=2e-5)


def test_caps_of_low_dimension_are_elementary() -> None:
    tau = np.linspace(0, 0.999, 20)
    assert np.all(cap_probability(1, tau) == 0.5)
    # Two libraries, a few eps each; the arc cosine loses up to eps / (1 - tau) = 2e-13 near 1.
    np.testing.assert_allclose(cap_probability(2, tau), np.arccos(tau) / np.pi, rtol=1e-12)
    np.testing.assert_allclose(cap_probability(3, tau), (1 - tau) / 2, rtol=1e-12)
    np.testing.assert_allclose(cap_probability(np.arange(1, 50), 0), 0.5, rtol=1e-14)


def test_chance_recovery_of_a_tiny_cap_does_not_vanish() -> None:
    cap = float(cap_probability(500, 0.9))
    assert 0 < cap < 1e-100
    assert float(chance_recovery_rate(500, 10**6, 0.9)) == pytest.approx(1e6 * cap, rel=1e-9)  # next term M A / 2
    assert float(chance_recovery_rate(1, 2, 0.9)) == pytest.approx(0.75, rel=1e-15)


@pytest.mark.parametrize(("d", "m", "tau"), [(3, 5, 0.8), (6, 40, 0.7), (2, 3, 0.95)])
def test_chance_recovery_against_monte_carlo(d: int, m: int, tau: float) -> None:
    # Independent sets of directions, one feature each: a binomial count, the false alarm is ALPHA per case.
    # Power: with 40,000 sets a rate wrong by 0.025 is beyond 5 + 5 standard errors (each at most 0.0025).
    rng, sets = np.random.default_rng(20260), 40_000
    directions = rng.standard_normal((sets, m, d))
    cosines = directions[..., 0] / np.linalg.norm(directions, axis=-1)
    rate, expected = float(np.mean(cosines.max(axis=1) > tau)), float(chance_recovery_rate(d, m, tau))
    assert 0.05 < expected < 0.95
    assert abs(rate - expected) < Z * math.sqrt(expected * (1 - expected) / sets)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 300), st.integers(1, 10**6), st.floats(0, 0.98))
def test_chance_grows_with_width_and_falls_with_dimension_and_threshold(d: int, m: int, tau: float) -> None:
    # Slack of a few eps, relative: 1 - (1 - A)^M may have reached 1.
    at = float(chance_recovery_rate(d, m, tau))
    assert 0 <= at <= 1
    assert float(chance_recovery_rate(d, m + 1, tau)) >= at * (1 - 1e-12)
    assert float(chance_recovery_rate(d + 1, m, tau)) <= at * (1 + 1e-12)
    assert float(chance_recovery_rate(d, m, tau + 0.01)) <= at * (1 + 1e-12)


def test_arrays_broadcast() -> None:
    d, tau = np.array([[1], [8], [16]]), np.array([0.5, 0.9])
    rates = chance_recovery_rate(d, 8192, tau)
    assert rates.shape == (3, 2)
    assert rates[1, 1] == chance_recovery_rate(8, 8192, 0.9)


@pytest.mark.parametrize("bad", [0, -0.1, 0.50001, math.nan, math.inf, True])
def test_refuses_a_bad_frequency(bad: float) -> None:
    with pytest.raises(ValueError, match=r"target_frequency=.*but should be"):
        frequency_to_bias(bad)


@pytest.mark.parametrize(
    ("d", "m", "tau", "name"),
    [(0, 1, 0.9, "d_model"), (8, 0, 0.9, "n_neurons"), (8, 1, 1.0, "threshold"), (8, 1, -0.1, "threshold")],
)
def test_refuses_bad_sizes(d: int, m: int, tau: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}="):
        chance_recovery_rate(d, m, tau)
    with pytest.raises(ValueError, match=r"bias=0\.1, but should be at most 0"):
        bias_to_frequency([-1, 0.1])


@pytest.mark.parametrize(("s", "d"), [(1, 5), (3, 4), (6, 64), (12, 16)])
def test_tied_output_scale_against_monte_carlo(s: int, d: int) -> None:
    """The ratio of the means of <x, y> and |y|^2, y = sum_i <v_i, x> v_i: its error is that of their residual."""
    v = np.random.default_rng(0).standard_normal((20_000, s, d))
    v /= np.linalg.norm(v, axis=2, keepdims=True)
    x = v.sum(axis=1)
    y = np.einsum("lid,li->ld", v, np.einsum("lid,ld->li", v, x))
    up, down = (x * y).sum(axis=1), (y * y).sum(axis=1)
    expected = float(tied_output_scale(s, d))
    error = (up - expected * down).std() / math.sqrt(len(x)) / down.mean()
    assert up.mean() / down.mean() == pytest.approx(expected, abs=Z * error + 1e-12)
    assert (expected < 1) == (s > 1)
    with pytest.raises(ValueError, match="sparsity"):
        tied_output_scale(0, d)
