"""Crossings of curves that are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.transitions import crossing, crossing_error, transition_width


def test_crossing_by_hand() -> None:
    # Linear in log x: from 1 at x = 1 to 0 at x = 100, so 1/2 at 10 and 1/4, 3/4 at 10^1.5, 10^0.5.
    assert crossing([1, 100], [1, 0]) == pytest.approx(10)
    assert transition_width([1, 100], [1, 0]) == pytest.approx(math.log(10))
    assert crossing([100, 1], [0, 1]) == pytest.approx(10)
    assert crossing([1, 100], [0, 1], falling=False) == pytest.approx(10)


def test_the_last_fall_counts_and_the_first_rise() -> None:
    x, y = [1, 10, 100, 1000, 10_000], [1, 0, 1, 0, 1]
    assert crossing(x, y) == pytest.approx(10**2.5)
    assert crossing(x, y, falling=False) == pytest.approx(10**1.5)


def test_the_error_of_a_crossing_by_hand() -> None:
    # On a chord of slope -1/log(100) through 1/2 half-way, either end counts half: an error e in both moves log x by
    # log(100) e / sqrt(2).  At level 3/4 the left end counts 3/4, the right one 1/4.
    e = 0.02
    assert crossing_error([100, 1], [0, 1], [e, e]) == pytest.approx(math.log(100) * e / 2**0.5)
    assert crossing_error([1, 100], [1, 0], [e, 0], 0.75) == pytest.approx(math.log(100) * e * 3 / 4)
    assert crossing_error([1, 100], [1, 0], [0, e], 0.75) == pytest.approx(math.log(100) * e / 4)
    assert crossing_error([1, 100], [0, 1], [0, e], 0.75, falling=False) == pytest.approx(math.log(100) * e * 3 / 4)
    assert math.isnan(crossing_error([1, 2], [1, 1], [e, e]))
    with pytest.raises(ValueError, match="errors=-1"):
        crossing_error([1, 2], [1, 0], [-1, 0])


@given(st.lists(st.floats(0.05, 0.95), min_size=4, max_size=8), st.booleans(), st.integers(0, 10**6))
def test_the_error_of_a_crossing_is_the_spread_over_small_errors(y: list[float], falling: bool, seed: int) -> None:
    x, rng = np.geomspace(1, 100, len(y)), np.random.default_rng(seed)
    rates, errors = np.array(y), 1e-7 * (1 + np.arange(len(y)))
    if np.abs(np.diff(rates)).min() < 1e-2 or np.abs(rates - 0.5).min() < 1e-3:
        return  # first order holds for errors far below the steps
    found = crossing_error(x, rates, errors, falling=falling)
    moved = [np.log(crossing(x, rates + errors * rng.standard_normal(len(y)), falling=falling)) for _ in range(400)]
    # The standard deviation of 400 draws errs by 3.5 %: five of these.
    if math.isfinite(found):
        assert np.std(moved) == pytest.approx(found, rel=0.18)


def test_no_crossing_is_nan() -> None:
    assert math.isnan(crossing([1, 2, 3], [0.9, 0.8, 0.7]))
    assert math.isnan(crossing([1, 2, 3], [0.1, 0.2, 0.7]))
    assert math.isnan(transition_width([1, 2], [0.6, 0.4]))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="x=0"):
        crossing([0, 1], [1, 0])
    with pytest.raises(ValueError, match="should have one shape"):
        crossing([1, 2], [1, 0, 0])


@given(st.floats(0.01, 100), st.floats(0.2, 5), st.floats(0.1, 0.9))
def test_a_logistic_curve_is_inverted(centre: float, steepness: float, level: float) -> None:
    x = centre * np.geomspace(1e-6, 1e6, 4001) ** (1 / steepness)
    y = 1 / (1 + (x / centre) ** steepness)
    exact = centre * (1 / level - 1) ** (1 / steepness)
    # A chord of the logistic between neighbours is off by at most step^2 / 8 times its curvature over its slope.
    step = math.log(1e12) / 4000
    assert crossing(x, y, level) == pytest.approx(exact, rel=step**2 / steepness + 1e-9)
