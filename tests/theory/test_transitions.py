"""Crossings of curves that are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from theory.transitions import Stretch, crossing, crossing_error, stretch_above, transition_width


def test_crossing_by_hand() -> None:
    # Linear in log x: from 1 at x = 1 to 0 at x = 100, so 1/2 at 10 and 1/4, 3/4 at 10^1.5, 10^0.5.
    assert crossing([1, 100], [1, 0]) == pytest.approx(10)
    assert transition_width([1, 100], [1, 0]) == pytest.approx(math.log(10))
    assert crossing([100, 1], [0, 1]) == pytest.approx(10)
    assert crossing([1, 100], [0, 1], falling=False) == pytest.approx(10)


def test_points_out_of_order_are_pooled() -> None:
    # 0.4 and 0.8 become 0.6 twice, so the fall is between 100 and 1,000, from 0.6 to 0.2: 1/2 a quarter of the way.
    x, y = [1, 10, 100, 1000], [1, 0.4, 0.8, 0.2]
    assert crossing(x, y) == pytest.approx(100 * 10**0.25)
    assert crossing(x, y[::-1], falling=False) == pytest.approx(10**0.75)  # the mirror image, about 10^1.5
    # With weights 3 and 1 they become 0.5: still at the level at 100, a fall from it.
    assert crossing(x, y, weights=[1, 3, 1, 1]) == pytest.approx(100)
    assert crossing(x, y, weights=[1, 8, 1, 1]) == pytest.approx(10 ** (0.5 / 5 * 9), rel=0.1)
    # Both points of a pool move it, each by its share: 3 e / 4 and e / 4, and the chord is 0.5 - 0.2 over log 10.
    e, slope = 0.01, math.log(10) / 0.3
    assert crossing_error(x, y, [0, e, e, 0], weights=[1, 3, 1, 1]) == pytest.approx(slope * e * 10**0.5 / 4)


def test_a_wrong_direction_crosses_nowhere() -> None:
    assert math.isnan(crossing([1, 10, 100], [0.1, 0.4, 0.9]))
    assert math.isnan(crossing([1, 10, 100], [0.9, 0.4, 0.1], falling=False))


def test_the_error_of_a_crossing_by_hand() -> None:
    # On a chord of slope -1/log(100) through 1/2 half-way, either end counts half: an error e in both moves log x by
    # log(100) e / sqrt(2).  At level 3/4 the left end counts 3/4, the right one 1/4.
    e = 0.02
    assert crossing_error([100, 1], [0, 1], [e, e]) == pytest.approx(math.log(100) * e / 2**0.5)
    assert crossing_error([1, 100], [1, 0], [e, 0], 0.75) == pytest.approx(math.log(100) * e * 3 / 4)
    assert crossing_error([1, 100], [1, 0], [0, e], 0.75) == pytest.approx(math.log(100) * e / 4)
    assert crossing_error([1, 100], [0, 1], [0, e], 0.75, falling=False) == pytest.approx(math.log(100) * e * 3 / 4)
    assert math.isnan(crossing_error([1, 2], [1, 1], [e, e]))
    for errors in (0.1, [0.1, 0.1, 0.1]):
        with pytest.raises(ValueError, match="should have the shape of y"):
            crossing_error([1, 2], [1, 0], errors)
    with pytest.raises(ValueError, match="errors=-1"):
        crossing_error([1, 2], [1, 0], [-1, 0])


@st.composite
def curves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rates (k,) and weights (k,), at odds so that no mean of some equals a mean of others, where pools would merge."""
    size = draw(st.integers(4, 8))
    levels = np.linspace(0.07, 0.95, 12) + 0.03 * np.sin(np.arange(12.0) ** 2)
    rates = np.array(draw(st.permutations(levels.tolist())))[:size]
    weights = np.array(draw(st.lists(st.sampled_from([1.0, 1.7, 2.9]), min_size=size, max_size=size)))
    return rates, weights


@given(curves(), st.booleans())
def test_the_error_of_a_crossing_is_its_gradient_times_the_errors(
    curve: tuple[np.ndarray, np.ndarray], falling: bool
) -> None:
    """A deterministic fact: the first order, by differences; it needs no draw of the errors."""
    rates, weights = curve
    x, errors, h = np.geomspace(1, 100, len(rates)), 0.01 * (1 + np.arange(len(rates))), 1e-7
    levels = isotonic_regression(rates, weights=weights, increasing=not falling).x
    steps = np.abs(np.diff(np.unique(np.round(levels, 12))))
    assume(np.abs(levels - 0.5).min() > 1e-4 and (steps.size == 0 or steps.min() > 1e-4))  # pools that do not merge
    given_weights = {"falling": falling, "weights": weights}
    moved = [
        [math.log(crossing(x, rates + sign * h * unit, **given_weights)) for sign in (1, -1)]  # type: ignore[arg-type]
        for unit in np.eye(len(rates))
    ]
    gradient = np.array([(up - down) / (2 * h) for up, down in moved])
    found = crossing_error(x, rates, errors, **given_weights)  # type: ignore[arg-type]
    if np.isfinite(gradient).all():
        # Differences of logarithms near 5 err by 1e-15 / 1e-7 each.
        assert found == pytest.approx(float(np.hypot.reduce(gradient * errors)), rel=1e-5, abs=1e-7)
    else:
        assert math.isnan(found)


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


def test_the_stretch_above_a_level_by_hand() -> None:
    # From 1 down to 0.8 over a decade: above 0.9 over half of it; the order of the points does not matter.
    for x, y in (([1, 10, 100], [1, 1, 0.8]), ([100, 1, 10], [0.8, 1, 1])):
        assert stretch_above(x, y, 0.9) == pytest.approx((1, 10**1.5, 1.5))
    assert stretch_above([1, 10, 100], [0.9, 0.9, 0.8], 0.9) == pytest.approx((1, 10, 1))
    assert stretch_above([1, 10, 100], [0, 1, 0], 0.75) == pytest.approx((10**0.75, 10**1.25, 0.5))
    assert stretch_above([1, 10, 100, 1_000], [1, 0, 0, 1], 0.5) == pytest.approx((1, 1_000, 1))  # with a gap
    assert stretch_above([1, 10], [1, 1], 0.5) == (1, 10, 1)
    assert str(stretch_above([2, 50], [0.2, 0.5], 0.9)) == str(Stretch(math.nan, math.nan, 0.0))
    for x, y in (([0, 1], [1, 1]), ([1, 2], [1]), ([[1]], [[1]])):
        with pytest.raises(ValueError, match="x"):
            stretch_above(x, y, 0.5)


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=2, max_size=8, unique_by=lambda each: each[0]),
    st.floats(0.05, 0.95),
)
def test_the_stretch_above_a_level_is_that_of_a_fine_grid(points: list[tuple[float, float]], level: float) -> None:
    x, y = (np.array(each) for each in zip(*sorted(points), strict=True))
    found = stretch_above(x, y, level)
    fine = np.linspace(np.log10(x[0]), np.log10(x[-1]), 4_001)
    over = np.interp(fine, np.log10(x), y) >= level
    # Each end of a piece, of which there are at most 8, is missed by a step of the grid at most.
    step = np.ptp(fine) / 4_000
    assert abs(found.decades - over.mean() * np.ptp(fine)) <= 10 * step + 1e-9
    if over.any():
        assert np.log10(found.low) <= fine[over][0] + 1e-9 and fine[over][-1] - 1e-9 <= np.log10(found.high)
