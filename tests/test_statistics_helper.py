"""The statistical assertions fail where they should, pass where they should, and say what they saw."""

import pytest
from scipy import stats
from statistics_helper import ALPHA, assert_binomial, assert_z, seed_of

CRITICAL_Z = float(stats.norm.isf(ALPHA / 2))


@pytest.mark.parametrize("sign", [-1, 1])
def test_z_fails_just_beyond_its_critical_value(sign: int) -> None:
    assert_z(5 + sign * 2 * CRITICAL_Z * 0.999, 5, 2, "mean")
    with pytest.raises(AssertionError, match=r"mean: value .*, expectation 5, z -?4.9"):
        assert_z(5 + sign * 2 * CRITICAL_Z * 1.001, 5, 2, "mean")


def test_comparisons_move_the_critical_value_as_bonferroni_says() -> None:
    critical = float(stats.norm.isf(ALPHA / 2 / 1000))
    assert_z(critical * 0.999, 0, 1, "largest", comparisons=1000)
    with pytest.raises(AssertionError, match="largest"):
        assert_z(critical * 1.001, 0, 1, "largest", comparisons=1000)


@pytest.mark.parametrize("standard_error", [0.0, -1.0, float("nan"), float("inf")])
def test_z_refuses_a_standard_error_that_would_pass_anything(standard_error: float) -> None:
    with pytest.raises(AssertionError, match="standard error"):
        assert_z(0, 0, standard_error, "mean")


def test_z_fails_for_nan() -> None:
    with pytest.raises(AssertionError, match="value nan"):
        assert_z(float("nan"), 0, 1, "mean")


def test_binomial_is_exact() -> None:
    # 0 of k at probability 1/2 has the two-sided tail 2 * 2^-k: 2^-19 = 1.9e-6 passes, 2^-20 = 9.5e-7 fails.
    assert_binomial(0, 20, 0.5, "heads")
    with pytest.raises(AssertionError, match=r"heads: value 0 of 21, expectation 10.5"):
        assert_binomial(0, 21, 0.5, "heads")
    with pytest.raises(AssertionError, match="heads: value 21 of 21"):
        assert_binomial(21, 21, 0.5, "heads")
    with pytest.raises(AssertionError, match="heads"):
        assert_binomial(1, 10, 0.0, "heads that cannot be")


def test_seeds_differ_by_name_and_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAE_TEST_SEED", raising=False)
    first = seed_of("moments")
    assert first == seed_of("moments") != seed_of("frequencies")
    monkeypatch.setenv("SAE_TEST_SEED", "1")
    assert seed_of("moments") != first
