"""Exponents by hand, and against the band itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rates_helper import assert_rate_at_most
from statistics_helper import assert_binomial, seed_of

from theory.conditions import band
from theory.scaling import LOWER_EDGE_EXPONENT, fit_slope, upper_edge_exponent, width_exponent_in_frequency


@pytest.mark.parametrize(("sparsity", "exponent"), [(3, -2 / 3), (4, -0.625), (5, -0.6), (8, -0.5625), (2, -1)])
def test_upper_edge_by_hand(sparsity: float, exponent: float) -> None:
    assert upper_edge_exponent(sparsity) == pytest.approx(exponent)


@pytest.mark.parametrize("sparsity", [2, 3, 4, 5, 8, 20])
def test_exponents_are_those_of_the_band(sparsity: int) -> None:
    n = np.array([1e4, 1e8])
    edges = band(n, n, sparsity, epsilon=0.0, zeta=0.0)  # d = n: its term does not bind
    slopes = [float(np.diff(np.log(each))[0] / np.diff(np.log(n))[0]) for each in (edges.upper, edges.lower)]
    assert slopes == pytest.approx([upper_edge_exponent(sparsity), LOWER_EDGE_EXPONENT])


def test_width_exponent() -> None:
    assert width_exponent_in_frequency(3) == -3
    with pytest.raises(ValueError, match="sparsity=0"):
        width_exponent_in_frequency(0)


T1, T2 = 12.7062, 4.30265  # quantiles 0.975 of Student's t


def test_a_slope_by_hand() -> None:
    # y = 0, 1, 1 at x = 0, 1, 2: slope 1/2, residuals -1/6, 1/3, -1/6, error sqrt(1/6/1/2).
    half = T1 * math.sqrt(1 / 6 / 2)
    assert fit_slope([0, 1, 2], [0, 1, 1]) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-3)


def test_a_weighted_slope_by_hand() -> None:
    # Three points of error 1 at y = 0, 3, 0: slope 0, information 2, chi^2 = 6 with one degree of freedom.
    half = T1 * math.sqrt(6 / 2)
    assert fit_slope([-1, 0, 1], [0, 3, 0], [1, 1, 1]) == pytest.approx((0, -half, half), abs=1e-2)
    # Points closer to the line than their errors say do not narrow the interval; four points at -1, -1, 1, 1.
    assert fit_slope([-1, -1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]).high == pytest.approx(T2 / 2, abs=1e-3)
    # A point of a huge error counts for nothing.
    assert fit_slope([1, 2, 3, 9], [2, 4, 6, 0], [1, 1, 1, 1e9]).value == pytest.approx(2)


def test_a_slope_that_nothing_tells_is_unknown() -> None:
    assert math.isnan(fit_slope([1, 2], [1, 2]).value)
    assert math.isnan(fit_slope([1, 2], [1, 2], [1, 1]).value)
    assert math.isnan(fit_slope([2, 2, 2], [1, 2, 3]).value)
    with pytest.raises(ValueError, match="should have one shape"):
        fit_slope([1, 2, 3], [1, 2, 3], [1, 1])
    with pytest.raises(ValueError, match="errors=0"):
        fit_slope([1, 2, 3], [1, 2, 3], [1, 0, 1])


FITS = 4_000


def misses(size: int, told: float, true: float) -> int:
    """Return how many of FITS intervals miss the slope, of `size` points whose errors are `true`, and told `told`."""
    rng = np.random.default_rng(seed_of(f"slopes {size} {told} {true}"))
    x, shape = np.arange(float(size)), np.resize([1.0, 2.0, 1.0, 3.0], size)
    fits = [fit_slope(x, 2 * x + true * shape * rng.standard_normal(size), told * shape) for _ in range(FITS)]
    return sum(not each.low <= 2 <= each.high for each in fits)


@pytest.mark.parametrize("size", [3, 4, 6, 9])
def test_intervals_cover_where_the_errors_are_too_small(size: int) -> None:
    # Exactly Student's t, whose 5 % are missed; the normal quantile at three points would miss 30 %.  4,000 fits tell
    # 5 % from 7 % with a power of 0.6 and from 8 % with one of 0.999.
    assert_binomial(misses(size, 1e-3, 1.0), FITS, 0.05, f"missed slopes of {size} points")


@pytest.mark.parametrize("size", [3, 4, 6, 9])
@pytest.mark.parametrize("true", [0.5, 1.0, 1.5, 3.0])
def test_intervals_cover_whatever_the_errors(size: int, true: float) -> None:
    assert_rate_at_most(misses(size, 1.0, true), FITS, 0.05, f"missed slopes of {size} points, errors off by {true}")
