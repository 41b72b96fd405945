"""The kink of a curve: two segments fitted exactly, values known from one side, the fit by another route."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from theory.kink import bend, kink, one_sided

D = np.array([8.0, 16, 32, 64, 128, 256, 512])


def test_the_kink_of_slopes_1_and_0() -> None:
    assert kink(D, 0.01 * np.minimum(D, 90)) == pytest.approx(90, rel=0.01)  # places: 0.004 apart
    for p in (0.01 * D, 0.01 * D**0.0, 0.01 * np.minimum(D, 12)):  # no end of the rise, none at all, one d tells none
        assert math.isnan(kink(D, p))
    # With free slopes places are 0.014 apart in log d.
    assert bend(D, np.minimum(D / 64, 1) ** 1.7 * np.maximum(D / 64, 1) ** 0.3) == pytest.approx(
        (64, 1.7, 0.3), rel=0.03
    )


def test_a_critical_p_that_is_at_most_a_number_counts_where_the_fit_is_above_it() -> None:
    p = 0.01 * np.minimum(D, 90)
    side = np.array([-1, 0, 0, 0, 0, 0, 0])
    # Far above the fit it tells nothing; far below, the rise is too slow for it: the fit gives way, the slope is more.
    loose, binding = ((D, np.where(side < 0, factor * p, p), side) for factor in (10, 0.1))
    assert kink(*loose) == kink(D, p)
    assert bend(*loose)[1:] == pytest.approx((1, 0), abs=0.02)  # a kink 0.01 off over log(90/32)
    assert bend(*binding).below > bend(D, p).below + 0.25
    # A p that is at least a number, beyond the kink: below the fit it tells nothing, above it the edge rises.
    side = np.array([0, 0, 0, 0, 0, 0, 1])
    loose, binding = ((D, np.where(side > 0, factor * p, p), side) for factor in (0.1, 10))
    assert bend(*loose).above == pytest.approx(0, abs=0.01) and bend(*binding).above > 0.5
    # Where too few d have a critical p there is no kink to speak of.
    few = (D, p, np.array([-1, -1, -1, -1, 0, 0, 0]))
    assert math.isnan(kink(*few)) and math.isnan(bend(*few).x)


@pytest.mark.parametrize("seed", range(4))
def test_one_sided_least_squares_against_a_minimiser(seed: int) -> None:
    """The cost is convex: a general minimiser ends at the same place."""
    rng = np.random.default_rng(seed)
    design, y, side = rng.standard_normal((1, 9, 3)), rng.standard_normal((1, 9)), rng.integers(-1, 2, 9).astype(float)

    def cost(coefficients: Any) -> float:
        off = y[0] - design[0] @ coefficients
        return float((((side == 0) | (side * off > 0)) * off**2).sum())

    found, least = one_sided(design, y, side)
    best = minimize(cost, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9_000})
    # Nelder-Mead stops within fatol of the least cost, of order one; the ridge of 1e-9 adds less than 1e-8.
    assert least[0] == pytest.approx(cost(found[0])) and least[0] == pytest.approx(best.fun, abs=1e-6)


def test_order_does_not_matter_and_bad_values_are_refused() -> None:
    p, order = 0.01 * np.minimum(D, 90), np.array([3, 0, 6, 1, 5, 2, 4])
    side = np.array([-1, 0, 0, 0, 0, 0, 0])
    assert kink(D[order], p[order], side[order]) == kink(D, p, side)
    assert bend(D[order], p[order], side[order]) == bend(D, p, side)
    with pytest.raises(ValueError, match="x=0"):
        kink([0, 1, 2], [1, 1, 1])
    with pytest.raises(ValueError, match="side=5, but should be -1, 0 or 1"):
        kink([1, 2, 3, 4], [1, 2, 3, 3], [0, 0, 5, 0])
    with pytest.raises(ValueError, match="one shape"):
        bend([1, 2, 3], [1, 2])
