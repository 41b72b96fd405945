"""The conditions against values worked out by other routes, and the sign of their margins."""

import json
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.conditions import (
    FREQUENCY_UPPER,
    Condition,
    band,
    conditions,
    effective_sparsity,
    frequency_bound_of_width,
    report,
)
from theory.problem import Problem

# A bound is exp of a sum of a few terms, each below 100 in size here and rounded to 2^-53: relative error below
# 10 * 100 * 2^-53 = 1.1e-13.  Margins are such sums divided by log n >= 0.69.
RTOL = 1e-12
NAMES = ("width", "frequency_lower", *FREQUENCY_UPPER)

problems = st.tuples(
    st.integers(2, 10**6), st.integers(1, 10**5), st.floats(0, 1), st.floats(1e-6, 0.5), st.integers(1, 10**7)
).map(lambda t: (t[0], t[1], min(t[0], 1 + 29 * t[2]), t[3], t[4]))
constants = st.tuples(st.floats(0, 0.5), st.floats(0, 0.9))


def decimal_bounds(n: int, d: int, s: int, p: str, eps: str, zeta: str) -> dict[str, Decimal]:
    """The five bounds in 50 digits, by powers rather than by logarithms."""
    with localcontext() as context:
        context.prec = 50
        big_n, big_d, big_s = Decimal(n), Decimal(d), Decimal(s)
        one_less, one_more = 1 - Decimal(eps), 1 + Decimal(eps)
        return {
            "width": big_n * Decimal(p) ** (-big_s / one_less**2),
            "frequency_lower": 1 / big_n,
            "frequency_upper_sparsity": big_n ** (-(1 + 1 / big_s) / 2),
            "frequency_upper_concentration": big_n ** (-2 * one_more**2 / big_s),
            "frequency_upper_dimension": big_d ** (1 - Decimal(zeta)) / big_n,
        }


@pytest.mark.parametrize(
    ("n", "d", "s", "p", "m"),
    [
        (4096, 256, 4, "0.002", 100_000),
        (4096, 16, 12, "0.0003", 4096),
        (100, 128, 3, "0.5", 1),
        (50_000, 1, 50, "1e-5", 10**9),
    ],
)
@pytest.mark.parametrize(("eps", "zeta"), [("0.05", "0.1"), ("0", "0"), ("0.3", "0.7")])
def test_bounds_and_margins_in_fifty_digits(n: int, d: int, s: int, p: str, m: int, eps: str, zeta: str) -> None:
    found = conditions(n, d, s, float(p), m, epsilon=float(eps), zeta=float(zeta))
    assert tuple(found) == NAMES
    log_n = Decimal(n).ln()
    for name, bound in decimal_bounds(n, d, s, p, eps, zeta).items():
        value = Decimal(m) if name == "width" else Decimal(p)
        ratio = bound / value if name in FREQUENCY_UPPER else value / bound
        margin = float(ratio.ln() / log_n)
        if bound < Decimal("1e300"):
            # Hundreds in the exponent for the larger widths: one more digit of slack.
            assert found[name].bound == pytest.approx(float(bound), rel=10 * RTOL)
        assert found[name].margin == pytest.approx(margin, rel=RTOL, abs=RTOL)
        assert found[name].value == float(value)
        assert found[name].holds == (margin > 0)


def test_values_worked_out_by_hand() -> None:
    # n = 2^12, d = 2^8, s = 4, p = 2^-9, epsilon = zeta = 0: every bound is a power of two.
    found = conditions(4096, 256, 4, 2.0**-9, 2**16, epsilon=0, zeta=0)
    bounds = {name: float(np.log2(each.bound)) for name, each in found.items()}
    margins = {name: float(each.margin) for name, each in found.items()}
    assert bounds == pytest.approx(dict(zip(NAMES, (12 + 36, -12, -7.5, -6, -4), strict=True)), rel=RTOL)
    expected = ((16 - 48) / 12, 3 / 12, 1.5 / 12, 3 / 12, 5 / 12)
    assert margins == pytest.approx(dict(zip(NAMES, expected, strict=True)), rel=RTOL)
    assert [bool(each.holds) for each in found.values()] == [False, True, True, True, True]


def test_an_overflowing_width_has_an_infinite_bound_and_a_finite_margin() -> None:
    width = conditions(10_000, 100, 400, 1e-4, 10**6)["width"]
    assert width.bound == math.inf
    # log_n: M = 1.5, bound = 1 + 400 / 0.95^2, since p = 1/n.
    assert width.margin == pytest.approx(0.5 - 400 / 0.95**2, rel=RTOL)
    assert not width.holds


@settings(deadline=None, max_examples=60)
@given(problems, constants)
def test_margins_change_sign_at_the_bounds(t: tuple[int, int, float, float, int], c: tuple[float, float]) -> None:
    n, d, s, p, m = t
    at = conditions(n, d, s, p, m, epsilon=c[0], zeta=c[1])

    def moved(name: str, factor: float) -> Condition | None:
        value = float(at[name].bound) * factor
        if name == "width":
            allowed = 1 <= value < 1e300
            return conditions(n, d, s, p, value, epsilon=c[0], zeta=c[1])[name] if allowed else None
        allowed = 0 < value <= 0.5
        return conditions(n, d, s, value, m, epsilon=c[0], zeta=c[1])[name] if allowed else None

    for name in NAMES:
        # A step of 1e-9 is 1000 times RTOL, so that rounding cannot hide it.
        below, exactly, above = (moved(name, factor) for factor in (1 - 1e-9, 1.0, 1 + 1e-9))
        if exactly is not None and name != "width":
            assert exactly.margin == 0 and not exactly.holds
        if below is not None:
            assert bool(below.holds) == (name in FREQUENCY_UPPER) == bool(below.margin > 0)
        if above is not None:
            assert bool(above.holds) == (name not in FREQUENCY_UPPER) == bool(above.margin > 0)


@settings(deadline=None, max_examples=60)
@given(problems, constants)
def test_band_is_where_the_frequency_conditions_hold(
    t: tuple[int, int, float, float, int], c: tuple[float, float]
) -> None:
    n, d, s, p, m = t
    lower, upper, empty = band(n, d, s, epsilon=c[0], zeta=c[1])
    found = conditions(n, d, s, p, m, epsilon=c[0], zeta=c[1])
    assert upper == min(found[name].bound for name in FREQUENCY_UPPER)
    assert lower == found["frequency_lower"].bound
    if not empty and upper > lower * (1 + 1e-9):
        middle = min(0.5, math.sqrt(lower * upper))
        inside = conditions(n, d, s, middle, m, epsilon=c[0], zeta=c[1])
        assert all(inside[name].holds for name in NAMES[1:])
    if empty:
        assert not all(found[name].holds for name in NAMES[1:])


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 10**9), st.integers(1, 10**9), st.sampled_from([1, 2]), st.floats(0, 0.99), st.floats(0, 0.99))
def test_band_is_empty_below_three_active_features(n: int, d: int, s: int, epsilon: float, zeta: float) -> None:
    assert band(n, d, s, epsilon=epsilon, zeta=zeta).empty


def test_band_opens_at_three_active_features() -> None:
    assert not band(4096, 256, 3, epsilon=0.05, zeta=0.1).empty
    assert band(4096, 1, 3).empty  # one dimension: the upper bound is 1/n
    assert band(4096, 256, 3, epsilon=0.25).empty  # 2 * 1.25^2 / 3 > 1


def test_arrays_broadcast_and_agree_with_numbers() -> None:
    d, p, s = np.array([[16], [64], [256]]), np.array([1e-4, 1e-3, 1e-2, 0.5]), 5
    together, bands = conditions(1000, d, s, p, 4096), band(1000, d, s)
    assert bands.upper.shape == (3, 1)
    for i in range(3):
        for j in range(4):
            alone = conditions(1000, int(d[i, 0]), s, float(p[j]), 4096)
            for name in NAMES:
                assert together[name].margin.shape == (3, 4)
                # The same operations, perhaps by another (vectorised) routine for log and power: see RTOL.
                assert [f[i, j] for f in together[name]] == pytest.approx(list(alone[name]), rel=RTOL, abs=RTOL)


@settings(deadline=None, max_examples=60)
@given(problems, st.floats(0, 0.5))
def test_frequency_bound_of_width_is_where_the_width_margin_vanishes(
    t: tuple[int, int, float, float, int], epsilon: float
) -> None:
    n, d, s, _, m = t
    p = float(frequency_bound_of_width(n, m, s, epsilon))
    assert (p >= 1) == (m <= n)
    if p * (1 + 1e-6) <= 0.5:
        assert conditions(n, d, s, p * (1 + 1e-6), m, epsilon=epsilon)["width"].holds
        assert not conditions(n, d, s, p * (1 - 1e-6), m, epsilon=epsilon)["width"].holds


def test_effective_sparsity() -> None:
    assert effective_sparsity(0.5) == 4
    # Three roundings (square root, two divisions), each 2^-53 relative, doubled by the square: below 1e-15.
    np.testing.assert_allclose(effective_sparsity(1 / np.sqrt([3.0, 20.0, 7.5])), [3, 20, 7.5], rtol=1e-15)
    for bad in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="cut_off_level"):
            effective_sparsity(bad)


def test_report_is_plain_and_agrees() -> None:
    problem = Problem(4096, 256, 4, 0.002, 100_000)
    found = report(problem, 0.05, 0.1)
    assert set(found) == {*NAMES, "band", "all_hold"}
    expected = conditions(4096, 256, 4, 0.002, 100_000, epsilon=0.05, zeta=0.1)
    for name in NAMES:
        assert set(found[name]) == {"bound", "log10_bound", "value", "margin", "holds"}
        assert found[name]["log10_bound"] == pytest.approx(math.log10(found[name]["bound"]), rel=RTOL)
        assert {key: found[name][key] for key in Condition._fields} == expected[name]._asdict()
        assert type(found[name]["holds"]) is bool and type(found[name]["margin"]) is float
    assert type(found["band"]["empty"]) is bool
    json.dumps(found)


def test_all_hold_needs_each_of_the_five() -> None:
    # log2 of the bounds at n = 2^12, s = 12, d = 2^8, p = 2^-10, epsilon = zeta = 0, in the order of NAMES:
    # 12 + 120, -12, -6.5, -2, -4.  2^132 < 10^40 < 2^133.
    assert report(Problem(4096, 256, 12, 2**-10, 10**40), 0, 0)["all_hold"] is True
    failing = {
        "width": (Problem(4096, 256, 12, 2**-10, 10**39), 0.0),
        "frequency_lower": (Problem(4096, 256, 12, 2**-12.5, 10**80), 0.0),
        "frequency_upper_sparsity": (Problem(4096, 256, 12, 2**-6, 10**80), 0.0),
        # s = 4, epsilon = 0.3: -2 * 1.69 / 4 * 12 = -10.1, sparsity -7.5, width 12 + 36 / 0.49 = 85.5.
        "frequency_upper_concentration": (Problem(4096, 256, 4, 2**-9, 10**80), 0.3),
        "frequency_upper_dimension": (Problem(4096, 2, 12, 2**-10, 10**80), 0.0),
    }
    for name, (problem, epsilon) in failing.items():
        found = report(problem, epsilon, 0)
        assert [other for other in NAMES if not found[other]["holds"]] == [name]
        assert found["all_hold"] is False


def test_report_of_an_overflowing_width() -> None:
    found = report(Problem(10_000, 100, 400, 1e-4, 10**6))["width"]
    assert found["bound"] == math.inf
    assert found["log10_bound"] == pytest.approx(4 * (1 + 400 / 0.95**2), rel=RTOL)


@pytest.mark.parametrize(
    ("arguments", "constants", "message"),
    [
        ((8, 4, 9, 0.1, 10), {}, r"sparsity=9, but should be in \[1, n_features=8\]"),
        (([8, 16], 4, [3, 17], 0.1, 10), {}, r"sparsity=17, but should be in \[1, n_features=16\]"),
        ((8, 4, 0, 0.1, 10), {}, r"sparsity=0, but should be in \[1, n_features=8\]"),
        ((1, 4, 1, 0.1, 10), {}, "n_features=1, but should be at least 2"),
        ((8, 0, 3, 0.1, 10), {}, "d_model=0, but should be at least 1"),
        ((8, 4, 3, [0.1, 0.6], 10), {}, r"target_frequency=0.6, but should be in \(0, 0.5\]"),
        ((8, 4, 3, 0.1, 0), {}, "n_neurons=0, but should be at least 1"),
        ((8, 4, 3, math.nan, 10), {}, "target_frequency=nan, but should be a finite number"),
        ((8, math.inf, 3, 0.1, 10), {}, "d_model=inf, but should be a finite number"),
        ((8, 4, 3, 0.1, 10), {"epsilon": 1}, r"epsilon=1, but should be in \[0, 1\)"),
        ((8, 4, 3, 0.1, 10), {"zeta": -0.1}, r"zeta=-0.1, but should be in \[0, 1\)"),
    ],
)
def test_refuses_bad_input(arguments: tuple[float, ...], constants: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditions(*arguments, **constants)
