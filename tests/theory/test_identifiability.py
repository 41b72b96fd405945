"""Identifiability measures against examples by hand, brute force and scipy's assignment."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from theory.identifiability import (
    compare,
    frequency_error,
    matched_recovery_rate,
    max_angle_degrees,
    mean_max_cosine,
    neurons_per_feature,
    polysemantic_fraction,
    recovery_rate,
)

# Two features in the plane, 90 degrees apart; neurons at 0, 10, -30, 100 and 180 degrees, of any length.
FEATURES = np.array([[2.0, 0.0], [0.0, 0.1]])
ANGLES = np.deg2rad([0, 10, -30, 100, 180])
WEIGHTS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1) * np.array([1, 5, 0.2, 3, 1])[:, None]
COS10, COS30 = math.cos(math.radians(10)), math.cos(math.radians(30))

dictionaries = st.tuples(st.integers(1, 12), st.integers(1, 25), st.integers(1, 5), st.integers(0, 2**32))


def drawn(sizes: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    n, m, d, seed = sizes
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, d)), rng.standard_normal((n, d))


def naive_cosines(weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    return np.array([[v @ w / math.sqrt((v @ v) * (w @ w)) for w in weights] for v in features])


def test_by_hand() -> None:
    found = compare(WEIGHTS, FEATURES)
    # Cosines of two-dimensional vectors: a handful of roundings of 2^-53.
    np.testing.assert_allclose(found.best_cosine_per_feature, [1, COS10], atol=1e-15)
    np.testing.assert_array_equal(found.best_neuron_per_feature, [0, 3])
    expected = [1, COS10, COS30, COS10, 0]
    np.testing.assert_allclose(found.best_cosine_per_neuron, expected, atol=1e-15)
    np.testing.assert_array_equal(found.best_feature_per_neuron, [0, 0, 0, 1, 1])
    assert recovery_rate(found.best_cosine_per_feature, 0.9) == 1.0
    assert recovery_rate(found.best_cosine_per_feature, 0.99) == 0.5
    assert neurons_per_feature(found.best_cosine_per_neuron, 0.9, 2) == 1.5
    assert neurons_per_feature(found.best_cosine_per_neuron, 0.8, 2) == 2.0
    assert polysemantic_fraction(found.best_cosine_per_neuron, 0.9) == 2 / 5
    assert max_angle_degrees(found.best_cosine_per_feature) == pytest.approx(10, abs=1e-12)  # eps / sin(10) radians
    assert mean_max_cosine(found.best_cosine_per_feature) == pytest.approx((1 + COS10) / 2, abs=1e-15)


def test_opposite_neurons_do_not_recover() -> None:
    found = compare(-FEATURES, FEATURES)
    assert recovery_rate(found.best_cosine_per_feature, 0.5) == 0
    assert recovery_rate(compare([[-1.0]], [[1.0]]).best_cosine_per_feature, -0.5) == 0


def test_recovery_is_strictly_above_the_threshold() -> None:
    assert recovery_rate([0.9, 0.9000001, 0.8], 0.9) == 1 / 3
    assert polysemantic_fraction([0.9, 0.9000001, 0.8], 0.9) == 2 / 3
    assert neurons_per_feature([0.9, 0.9000001, 0.8], 0.9, 1) == 1
    # 3-4-5 neurons have a cosine of exactly 0.6 with the axis.
    assert matched_recovery_rate([[3.0, 4.0]], [[1.0, 0.0]], 0.5999999) == 1
    assert matched_recovery_rate([[3.0, 4.0]], [[1.0, 0.0]], 0.6000001) == 0


@settings(deadline=None, max_examples=60)
@given(dictionaries, st.sampled_from([1, 4, 7, 4096]))
def test_compare_against_naive_cosines_at_any_block_size(sizes: tuple[int, int, int, int], block: int) -> None:
    W, V = drawn(sizes)
    cosines, found = naive_cosines(W, V), compare(W, V, block=block)
    # Two ways to a cosine in at most 5 dimensions: (d + 3) roundings of 2^-53 each at most, 2e-15 together.
    np.testing.assert_allclose(found.best_cosine_per_feature, cosines.max(axis=1), atol=4e-15)
    np.testing.assert_allclose(found.best_cosine_per_neuron, cosines.max(axis=0), atol=4e-15)
    # In one dimension all cosines are +-1, so that the place is only known up to ties.
    reached = cosines[np.arange(len(V)), found.best_neuron_per_feature]
    np.testing.assert_allclose(reached, found.best_cosine_per_feature, atol=4e-15)
    reached = cosines[found.best_feature_per_neuron, np.arange(len(W))]
    np.testing.assert_allclose(reached, found.best_cosine_per_neuron, atol=4e-15)
    assert np.abs(found.best_cosine_per_feature).max() <= 1


def test_first_of_equal_neurons_wins_across_blocks() -> None:
    W = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    for block in (1, 2, 3, 4):
        np.testing.assert_array_equal(compare(W, [[1.0, 0.0]], block=block).best_neuron_per_feature, [1])


@settings(deadline=None, max_examples=60)
@given(dictionaries, st.floats(-0.9, 0.95), st.sampled_from([1, 4, 4096]))
def test_matching_is_the_linear_sum_assignment(sizes: tuple[int, int, int, int], tau: float, block: int) -> None:
    W, V = drawn(sizes)
    indicator = naive_cosines(W, V) > tau
    rows, columns = linear_sum_assignment(indicator, maximize=True)
    assert matched_recovery_rate(W, V, tau, block=block) == indicator[rows, columns].sum() / len(V)
    assert matched_recovery_rate(W, V, tau) <= recovery_rate(compare(W, V).best_cosine_per_feature, tau)


def test_matching_needs_more_than_greed() -> None:
    # Features at 0 and 40 degrees; the neuron at 20 serves either, the one at -15 only the first.
    angles = np.deg2rad([0, 40]), np.deg2rad([20, -15])
    V, W = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in angles)
    assert matched_recovery_rate(W, V, 0.9) == 1.0
    assert matched_recovery_rate(W[:1], V, 0.9) == 0.5  # while both features have a neuron near
    assert recovery_rate(compare(W[:1], V).best_cosine_per_feature, 0.9) == 1.0


@settings(deadline=None, max_examples=40)
@given(dictionaries, st.floats(0.05, 0.95))
def test_rotation_leaves_everything_and_permutation_permutes(sizes: tuple[int, int, int, int], tau: float) -> None:
    W, V = drawn(sizes)
    rng = np.random.default_rng(sizes[3])
    Q = np.linalg.qr(rng.standard_normal((sizes[2], sizes[2])))[0]
    before, after = compare(W, V), compare(W @ Q, V @ Q)
    # Two rotations, each of d products, on top of the cosines of the test above.
    np.testing.assert_allclose(after.best_cosine_per_feature, before.best_cosine_per_feature, atol=1e-14)
    np.testing.assert_allclose(after.best_cosine_per_neuron, before.best_cosine_per_neuron, atol=1e-14)
    if np.abs(naive_cosines(W, V) - tau).min() > 1e-13:  # rounding cannot move a cosine across tau
        assert matched_recovery_rate(W @ Q, V @ Q, tau) == matched_recovery_rate(W, V, tau)
    order = rng.permutation(len(V))
    permuted = compare(W, V[order])
    np.testing.assert_allclose(permuted.best_cosine_per_feature, before.best_cosine_per_feature[order], atol=4e-15)


@settings(deadline=None, max_examples=40)
@given(dictionaries, st.floats(-1, 1), st.floats(-1, 1))
def test_recovery_falls_in_the_threshold_and_grows_with_neurons(
    sizes: tuple[int, int, int, int], tau: float, other: float
) -> None:
    W, V = drawn(sizes)
    low, high = sorted((tau, other))
    best = compare(W, V).best_cosine_per_feature
    assert recovery_rate(best, low) >= recovery_rate(best, high)
    assert matched_recovery_rate(W, V, low) >= matched_recovery_rate(W, V, high)
    fewer = compare(W[: (len(W) + 1) // 2], V).best_cosine_per_feature
    # The same products in another block shape may differ by rounding, 4e-15 as above.
    assert np.all(best >= fewer - 4e-15)


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_neurons_without_direction_match_nothing(bad: float) -> None:
    W = np.array([[bad, 0.0], [1.0, 1.0], [0.0, bad]])
    found = compare(W, FEATURES, block=2)
    np.testing.assert_array_equal(found.best_cosine_per_neuron[[0, 2]], [-1, -1])
    np.testing.assert_array_equal(found.best_neuron_per_feature, [1, 1])
    assert polysemantic_fraction(found.best_cosine_per_neuron, 0.5) == 2 / 3
    assert matched_recovery_rate(W, FEATURES, -0.5) == 0.5
    assert recovery_rate(compare(W[:1], FEATURES).best_cosine_per_feature, -1) == 0


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_neurons_of_extreme_length_keep_their_direction(scale: float) -> None:
    np.testing.assert_allclose(compare(WEIGHTS * scale, FEATURES).best_cosine_per_feature, [1, COS10], atol=1e-15)


def test_single_precision_stays_single() -> None:
    found = compare(WEIGHTS.astype(np.float32), FEATURES.astype(np.float32))
    assert found.best_cosine_per_feature.dtype == found.best_cosine_per_neuron.dtype == np.float32
    np.testing.assert_allclose(found.best_cosine_per_feature, [1, COS10], atol=4 * 2**-24)  # four roundings
    assert compare([[1, 0]], [[1, 1]]).best_cosine_per_feature.dtype == np.float64


def test_angle_of_a_cosine_just_above_one_is_zero() -> None:
    assert max_angle_degrees(np.array([1.0000001, 1.0], dtype=np.float32)) == 0
    assert max_angle_degrees([-1.0, 1.0]) == 180


def test_frequency_error_by_hand() -> None:
    found = compare(WEIGHTS, FEATURES)  # best neurons 0 and 3
    p, f = np.array([0.02, 9, 9, 0.05, 9]), np.array([0.01, 0.2])
    # |log 2| and |log 1/4|: mean 1.5 log 2.
    assert frequency_error(p, f, found, 0.9) == pytest.approx(1.5 * math.log(2), rel=1e-14)
    assert frequency_error(p, f, found, 0.99) == pytest.approx(math.log(2), rel=1e-14)
    assert frequency_error(np.where(p == 0.02, 0, p), f, found, 0.9) == pytest.approx(2 * math.log(2), rel=1e-14)
    assert frequency_error(p, [0.01, 0], found, 0.9) == pytest.approx(math.log(2), rel=1e-14)
    assert math.isnan(frequency_error(np.zeros(5), f, found, 0.9))
    assert math.isnan(frequency_error(p, f, found, 1.0))
    assert math.isnan(neurons_per_feature(found.best_cosine_per_neuron, 1.0, 0))
    with pytest.raises(ValueError, match="neurons"):
        frequency_error(f, p, found, 0.9)


@pytest.mark.parametrize(
    ("weights", "features", "message"),
    [
        ([[1.0, 0.0]], [[1.0]], r"weights \(1, 2\) and features \(1, 1\)"),
        ([1.0], [[1.0]], "weights"),
        (np.zeros((0, 2)), [[1.0, 0.0]], "not empty"),
        ([[1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]], r"features\[1\] is zero or not finite"),
        ([[1.0, 0.0]], [[math.nan, 0.0]], r"features\[0\]"),
    ],
)
def test_refuses_bad_dictionaries(weights: Any, features: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(weights, features)
    with pytest.raises(ValueError, match=message):
        matched_recovery_rate(weights, features, 0.5)


def test_refuses_bad_thresholds_and_blocks() -> None:
    for tau in (1.1, -1.1, math.nan):
        with pytest.raises(ValueError, match="threshold="):
            recovery_rate([0.5], tau)
        with pytest.raises(ValueError, match="threshold="):
            matched_recovery_rate(WEIGHTS, FEATURES, tau)
    with pytest.raises(ValueError, match="block=0"):
        compare(WEIGHTS, FEATURES, block=0)
