"""The measured hypotheses against dense brute force, small examples worked out by hand, and at a million rows."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import hypotheses
from theory.hypotheses import (
    co_occurrence,
    cut_off_levels,
    default_share,
    effective_sparsities,
    feature_frequencies,
    incoherence,
    measure_hypotheses,
    row_sparsity,
)

# Three samples of four features; the last row is padded with the (valid) index 0, feature 3 never occurs.
SUPPORT = np.array([[0, 1], [1, 2], [1, 0]])
VALUES = np.array([[0.5, 0.3], [0.7, 0.2], [0.9, 0.0]])


@st.composite
def sampled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw (support, values, n_features), with rows of mixed sparsity and ties among the values."""
    n = draw(st.integers(2, 12))
    s = draw(st.integers(1, min(n, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_samples = draw(st.integers(1, 60))
    support = np.stack([rng.permutation(n)[:s] for _ in range(n_samples)])
    values = rng.integers(1, 8, (n_samples, s)) / 8
    unused = rng.random((n_samples, s)) < draw(st.sampled_from([0.0, 0.3, 0.9]))
    support[unused], values[unused] = 0, 0.0
    return support, values, n


def dense(support: np.ndarray, values: np.ndarray, n_features: int) -> np.ndarray:
    H = np.zeros((len(support), n_features))
    for row, (indices, weights) in enumerate(zip(support, values, strict=True)):
        for index, weight in zip(indices, weights, strict=True):
            H[row, index] += weight
    return H


def brute_force_rho(H: np.ndarray) -> float:
    D = [set(np.flatnonzero(column)) for column in H.T]
    shares = [len(a & b) / len(a) for i, a in enumerate(D) for j, b in enumerate(D) if i != j and a]
    return max(shares, default=0.0)


def brute_force_levels(H: np.ndarray, share: float) -> list[float]:
    """The definition: the largest of the values seen that at least `share` of the occurrences reach."""
    levels = []
    for column in H.T:
        seen = column[column > 0]
        reached = [h for h in seen if np.count_nonzero(seen >= h) / len(seen) >= share]
        levels.append(max(reached, default=math.nan))
    return levels


def test_by_hand() -> None:
    np.testing.assert_array_equal(feature_frequencies(SUPPORT, VALUES, 4), [1 / 3, 1, 1 / 3, 0])
    np.testing.assert_array_equal(row_sparsity(SUPPORT, VALUES, 4), [2, 2, 1])
    # Feature 1 occurs with 0.3, 0.7, 0.9: all reach 0.3, two thirds reach 0.7, one third reaches 0.9.
    for share, level in [(1, 0.3), (0.67, 0.3), (2 / 3, 0.7), (0.5, 0.7), (1 / 3, 0.9), (0.01, 0.9)]:
        np.testing.assert_array_equal(cut_off_levels(SUPPORT, VALUES, 4, share), [0.5, level, 0.2, np.nan])
    np.testing.assert_allclose(effective_sparsities(np.array([0.5, np.nan])), [4, np.nan])
    assert co_occurrence(SUPPORT, VALUES, 4) == 1.0  # feature 0 is never without feature 1
    assert co_occurrence([[0, 1], [0, 2], [0, 3], [1, 2]], np.ones((4, 2)), 4) == 1.0
    assert co_occurrence([[0, 1], [0, 0], [1, 0]], [[1, 1], [1, 0], [1, 0]], 2) == 0.5
    assert co_occurrence([[0], [1]], [[1.0], [1.0]], 2) == 0.0


@settings(deadline=None, max_examples=60)
@given(sampled(), st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.7, 1.0]), st.sampled_from([1, 7, 10**9]))
def test_against_dense(drawn: tuple[np.ndarray, np.ndarray, int], share: float, pairs: int) -> None:
    H = dense(*drawn)
    np.testing.assert_array_equal(feature_frequencies(*drawn), np.mean(H > 0, axis=0))
    np.testing.assert_array_equal(row_sparsity(*drawn), np.count_nonzero(H, axis=1))
    np.testing.assert_array_equal(cut_off_levels(*drawn, share), brute_force_levels(H, share))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypotheses, "PAIRS_AT_ONCE", pairs)  # from one feature a block to all in one
        patch.setattr(hypotheses, "ROWS_AT_ONCE", 13)
        assert co_occurrence(*drawn) == brute_force_rho(H)


def test_default_share_is_one_over_log_n() -> None:
    assert default_share(1000) == 1 / math.log(1000)
    assert default_share(2) == 1  # 1/log 2 > 1
    rng = np.random.default_rng(1)
    values = rng.random((500, 1)) + 0.01
    levels = cut_off_levels(np.zeros((500, 1), dtype=int), values, 1000)
    assert levels[0] == np.sort(values[:, 0])[::-1][math.ceil(500 / math.log(1000)) - 1]
    assert np.isnan(levels[1:]).all()


def test_canonical_coefficients_have_effective_sparsity_s() -> None:
    support = np.stack([np.random.default_rng(i).permutation(30)[:5] for i in range(200)])
    measured = measure_hypotheses(support, np.full((200, 5), 1 / math.sqrt(5)), np.eye(30))
    # 1/h/h of h = 1/sqrt(5): four roundings of 2^-53, the root's and quotient's counted twice.
    np.testing.assert_allclose(measured.effective_sparsity, 5, rtol=1e-15)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(1, 8), st.integers(0, 2**32), st.sampled_from([1, 7, 100]))
def test_incoherence_against_all_pairs(n: int, d: int, seed: int, block: int) -> None:
    V = np.random.default_rng(seed).standard_normal((n, d)) * np.geomspace(0.01, 100, n)[:, None]
    pairs = [
        abs(float(V[i] @ V[j])) / math.sqrt(float(V[i] @ V[i]) * float(V[j] @ V[j]))
        for i in range(n)
        for j in range(n)
        if i != j
    ]
    # Sums of at most 8 products of unit size: d * 2^-53 each, a few of them.
    assert incoherence(V, block=block) == pytest.approx(max(pairs), abs=1e-14)


def test_incoherence_of_known_dictionaries() -> None:
    assert incoherence(np.eye(5)) == 0
    assert incoherence([[1, 0], [-3, 0]]) == 1
    assert incoherence(np.array([[1, 0], [1, 1]], dtype=np.float32)) == pytest.approx(math.sqrt(0.5), rel=3e-7)  # eps


def test_measure_gathers_what_the_functions_give() -> None:
    V = np.random.default_rng(0).standard_normal((4, 16))
    measured = measure_hypotheses(SUPPORT, VALUES, V, share=0.5)
    np.testing.assert_array_equal(measured.feature_frequency, feature_frequencies(SUPPORT, VALUES, 4))
    np.testing.assert_array_equal(measured.cut_off_level, cut_off_levels(SUPPORT, VALUES, 4, 0.5))
    np.testing.assert_array_equal(measured.effective_sparsity, effective_sparsities(measured.cut_off_level))
    assert (measured.largest_row_sparsity, measured.mean_row_sparsity) == (2, 5 / 3)
    assert measured.co_occurrence == 1.0 and measured.co_occurrence_threshold == 0.5
    assert measured.incoherence == incoherence(V)
    assert measured.random_incoherence == 2 * math.sqrt(math.log(4) / 16)


@pytest.mark.parametrize("s", [3, 20])
def test_a_million_rows_without_a_dense_matrix(s: int) -> None:
    # n = 20,000: dense, H would take 20 GB of booleans.  Supports i + k^2 (mod n) hit every feature equally often,
    # N s / n = 50 s times; features i and i + (k^2 - l^2) meet N / n = 50 times for every such difference, all of
    # k^2 - l^2 being distinct for s = 3 only, so that rho_2 = 1/3 there.
    n_samples, n = 1_000_000, 20_000
    support = (np.arange(n_samples)[:, None] + np.arange(s) ** 2) % n
    tracemalloc.start()
    values = np.full((n_samples, s), 1 / math.sqrt(s), dtype=np.float32)
    np.testing.assert_array_equal(feature_frequencies(support, values, n), np.full(n, s / n))
    rho = co_occurrence(support, values, n)
    differences: dict[int, int] = {}
    for k in range(s):
        for other in range(s):
            differences[k * k - other * other] = differences.get(k * k - other * other, 0) + 1
    differences.pop(0)
    assert rho == max(differences.values()) / s
    np.testing.assert_array_equal(cut_off_levels(support, values, n), values[0, 0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n_samples * n / 10  # bytes: a tenth of the dense booleans


@pytest.mark.parametrize(
    ("support", "values", "message"),
    [
        ([[0, 4]], [[1.0, 1.0]], r"support in \[0, 4\], but should be in \[0, n_features=4\)"),
        ([[-1, 2]], [[1.0, 1.0]], r"support in \[-1, 2\]"),
        ([[0, 1]], [[1.0]], r"support \(1, 2\) and values \(1, 1\)"),
        ([0, 1], [1.0, 1.0], "of one shape"),
        (np.zeros((0, 2), dtype=int), np.zeros((0, 2)), "of one shape"),
        ([[0.0, 1.0]], [[1.0, 1.0]], "should hold integers"),
        ([[0, 1]], [[1.0, -1.0]], "at least 0"),
        ([[0, 1]], [[1.0, math.nan]], "finite"),
        ([[0, 1], [2, 2]], [[1.0, 1.0], [1.0, 1.0]], "repeats a feature"),
    ],
)
def test_refuses_what_is_no_coefficient_matrix(support: Any, values: Any, message: str) -> None:
    for measure in (feature_frequencies, row_sparsity, cut_off_levels, co_occurrence):
        with pytest.raises(ValueError, match=message):
            measure(support, values, 4)


def test_refuses_bad_shares_and_dictionaries() -> None:
    for share in (0, -0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="share="):
            cut_off_levels(SUPPORT, VALUES, 4, share)
    for V in ([[1.0, 2.0]], [1.0, 2.0], [[0.0, 0.0], [1.0, 0.0]], [[math.nan, 0.0], [1.0, 0.0]]):
        with pytest.raises(ValueError, match="features"):
            incoherence(V)


def test_a_share_of_whole_occurrences_is_not_rounded_past() -> None:
    # 0.07 * 100 = 7.000000000000001 in floats: the seventh largest of 100 is wanted, not the eighth.
    values = np.arange(1.0, 101.0)[:, None]
    assert cut_off_levels(np.zeros((100, 1), dtype=int), values, 2, 0.07)[0] == 94
