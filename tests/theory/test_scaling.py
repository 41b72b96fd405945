"""Exponents by hand, and against the band itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

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


def test_a_weighted_slope_by_hand() -> None:
    # Two points of errors 3 and 4, two apart: slope 1, error 5/2.
    assert fit_slope([0, 2], [1, 3], [3, 4]) == pytest.approx((1, 1 - 1.96 * 2.5, 1 + 1.96 * 2.5), abs=1e-3)
    # Three points of error 1 at y = 0, 3, 0: slope 0, information 2, chi^2 = 6 with one degree of freedom.
    half = 1.96 * math.sqrt(6 / 2)
    assert fit_slope([-1, 0, 1], [0, 3, 0], [1, 1, 1]) == pytest.approx((0, -half, half), abs=1e-2)
    # Points closer to the line than their errors say do not narrow the interval.
    assert fit_slope([-1, 0, 1], [0, 0, 0], [1, 1, 1]).high == pytest.approx(1.96 / math.sqrt(2), abs=1e-3)


def test_a_slope_that_nothing_tells_is_unknown() -> None:
    assert math.isnan(fit_slope([1, 2], [1, 2]).value)
    assert math.isnan(fit_slope([1], [1], [1]).value)
    assert math.isnan(fit_slope([2, 2, 2], [1, 2, 3]).value)
    with pytest.raises(ValueError, match="errors=0"):
        fit_slope([1, 2], [1, 2], [1, 0])


def test_intervals_of_weighted_slopes_cover() -> None:
    # 2,000 lines through points of known errors: 95% cover, +-2.4% at five standard errors.
    rng, x, errors = np.random.default_rng(3), np.arange(6.0), np.array([1, 2, 1, 3, 1, 2.0])
    fits = [fit_slope(x, 2 * x + errors * rng.standard_normal(6), errors) for _ in range(2_000)]
    covered = np.mean([each.low < 2 < each.high for each in fits])
    assert 0.926 < covered < 1.0
