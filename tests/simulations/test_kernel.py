"""The compiled kernel against a NumPy transcription, exact integer cases, and the independence of its columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.algorithms.provable.kernel import BUSY, CHUNK, accumulate, arrange
from simulations.algorithms.provable.psi import ACTIVATION_CODES, JUMPRELU, RELU, SMOOTH_RELU
from simulations.algorithms.provable.update import Factored
from simulations.algorithms.provable.vectors import BLOCK, LANES, SLOTS
from simulations.data.sampling import Sample, sample

Array = np.ndarray[Any, Any]


class Problem(NamedTuple):
    """Samples (N, s), G (n, width), shift and bias (width,)."""

    support: Array
    values: Array
    G: Array
    shift: Array
    bias: Array


class Result(NamedTuple):
    """C (n, width), sum_l psi (width,) and firing counts (width,)."""

    C: Array
    weight_sum: Array
    fired: Array


def kernel(problem: Problem, activation: int, *, scatter: bool = True) -> Result:
    C, weight_sum = np.zeros_like(problem.G), np.zeros_like(problem.bias)
    fired = np.zeros(problem.bias.shape, np.int64)
    samples = arrange(problem.support, problem.values)
    accumulate(samples, problem.G, problem.shift, problem.bias, activation, scatter, C, weight_sum, fired)
    return Result(C, weight_sum, fired)


def coefficients(problem: Problem) -> Array:
    """Return H (N, n), entry by entry: a feature that a row names twice counts twice."""
    H = np.zeros((len(problem.support), len(problem.G)))
    np.add.at(H, (np.arange(len(H))[:, None], problem.support), problem.values)
    return H


def reference(problem: Problem, activation: int) -> Result:
    H = coefficients(problem)
    u = H @ problem.G - problem.shift
    y = u + problem.bias
    if activation == SMOOTH_RELU:
        weight = np.logaddexp(0, 10 * y) / 10 + u / (1 + np.exp(-10 * y))
    else:
        weight = np.where(y > 0, 2 * u + problem.bias if activation == RELU else 2 * u, 0)
    return Result(H.T @ weight, weight.sum(0), (y > 0).sum(0))


def drawn(seed: int, *, n_rows: int, slots: int, groups: int, threshold: float, dtype: Any = np.float64) -> Problem:
    """Draw rows with null slots, repeated features and repeated rows, and biases around -threshold."""
    rng = np.random.default_rng(seed)
    support = rng.integers(0, 6, (n_rows, slots)).astype(np.int32)
    values = rng.standard_normal((n_rows, slots)) * (rng.random((n_rows, slots)) < 0.8)
    support[n_rows // 2] = support[0]
    values[n_rows // 2] = values[0]
    width = groups * LANES
    G, shift = rng.standard_normal((6, width)), 0.1 * rng.standard_normal(width)
    bias = -threshold - 0.1 * rng.random(width)
    return Problem(support, values.astype(dtype), G.astype(dtype), shift.astype(dtype), bias.astype(dtype))


# Thresholds from everything active to next to nothing: the whole-vector way, the single entries, and no entry.
PROBLEMS = {
    "seed": st.integers(0, 10_000),
    "n_rows": st.sampled_from([1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3]),
    "slots": st.integers(1, 13),
    "groups": st.integers(1, 3),
    "threshold": st.sampled_from([-30.0, 0.0, 1.0, 3.0, 30.0]),
}


@settings(max_examples=150, deadline=None)
@given(activation=st.sampled_from(sorted(ACTIVATION_CODES.values())), **PROBLEMS)
def test_kernel_is_the_formula(activation: int, **drawing: Any) -> None:
    problem = drawn(**drawing)
    found, expected = kernel(problem, activation), reference(problem, activation)
    # At most 43 samples of 13 features, values below 5, weights below 240: sums of 559 float64 terms below 1,200 lose
    # at most 559 * 1200 * 1.1e-16 = 8e-11, and the smooth ReLU's cut-off leaves out 43 * e^-40 * 80 = 2e-14.
    np.testing.assert_allclose(found.C, expected.C, atol=1e-10)
    np.testing.assert_allclose(found.weight_sum, expected.weight_sum, atol=1e-10)
    # Counts may differ only where a sample lies on the threshold, to rounding: continuous draws do not.
    assert (found.fired == expected.fired).all()


@settings(max_examples=60, deadline=None)
@given(activation=st.sampled_from(sorted(ACTIVATION_CODES.values())), **PROBLEMS)
def test_counting_alone_touches_nothing_else(activation: int, **drawing: Any) -> None:
    problem = drawn(**drawing)
    found = kernel(problem, activation, scatter=False)
    assert not found.C.any()
    assert not found.weight_sum.any()
    assert (found.fired == kernel(problem, activation).fired).all()


@pytest.mark.parametrize("activation", [RELU, JUMPRELU])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("threshold", [0, 6, 12])
def test_small_integers_are_exact(activation: int, dtype: Any, slots: int, threshold: int) -> None:
    rng = np.random.default_rng(slots)
    support = rng.integers(0, 5, (3 * BLOCK + 1, slots))  # int64, and features that repeat within a row
    values = rng.integers(0, 4, support.shape).astype(dtype)
    G, shift = rng.integers(-4, 5, (5, 2 * LANES)).astype(dtype), rng.integers(-1, 2, 2 * LANES).astype(dtype)
    problem = Problem(support, values, G, shift, np.full(2 * LANES, -threshold, dtype))
    found, expected = kernel(problem, activation), reference(problem, activation)
    assert (found.fired == expected.fired).all()  # entries on the threshold, where u + b = 0, do not fire
    assert (found.weight_sum == expected.weight_sum).all()
    assert (found.C == expected.C).all()


@settings(max_examples=60, deadline=None)
@given(activation=st.sampled_from(sorted(ACTIVATION_CODES.values())), dtype=st.sampled_from(["f4", "f8"]), **PROBLEMS)
def test_a_neuron_does_not_see_its_neighbours(activation: int, dtype: str, **drawing: Any) -> None:
    """Equal bits among silent neighbours (entries one by one) and among busy ones (whole vectors)."""
    problem = drawn(**drawing, dtype=np.dtype(dtype))
    width = len(problem.bias)
    own = np.random.default_rng(drawing["seed"]).permutation(width)[: max(1, width // 16)]
    results = []
    for threshold in (1e6, -1e6):
        bias = np.full_like(problem.bias, -threshold)
        bias[own] = problem.bias[own]
        results.append(kernel(problem._replace(bias=bias), activation))
    for silent, busy in zip(*results, strict=True):
        np.testing.assert_array_equal(silent[..., own], busy[..., own])


@pytest.mark.parametrize("activation", [RELU, JUMPRELU])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("slots", [1, 3, 8])
def test_both_ways_to_scatter_give_the_same_bits(activation: int, dtype: Any, slots: int) -> None:
    """Two chunks and a bit: neighbours that always fire send the later ones the way by samples, silent ones never do.

    Neighbours that fire as often as they do leave samples at which nobody does, which that way passes over.
    """
    problem = drawn(slots, n_rows=2 * CHUNK + 37, slots=slots, groups=2, threshold=0.5, dtype=dtype)
    problem.values[::2] = 0
    own = np.arange(0, 2 * LANES, 16)
    results = []
    for threshold in (1e6, -1e6, 0.5):
        bias = np.full_like(problem.bias, -threshold)
        bias[own] = problem.bias[own]
        results.append(kernel(problem._replace(bias=bias), activation))
    shares = [each.fired[:LANES].sum() / (LANES * len(problem.support)) for each in results]
    assert shares[0] < BUSY < shares[2] < 0.5 < shares[1]  # of a slice: what chooses the way
    assert (np.delete(results[1].fired, own) == len(problem.support)).all()  # no sample is left out
    for other in results[1:]:
        for silent, busy in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(silent[..., own], busy[..., own])
    expected = reference(problem, activation)
    # 4,133 samples of 8 slots, values below 5, weights below 100: float64 loses at most 33064 * 500 * 33064 * 1.1e-16;
    # errors of rounding add up as a random walk, with room for 50 times it.
    if dtype is np.float64:
        np.testing.assert_allclose(results[1].C[:, own], expected.C[:, own], atol=1e-8)
        assert (results[1].fired[own] == expected.fired[own]).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 40), slots=st.integers(1, 13))
def test_arranging_keeps_the_samples(seed: int, n_rows: int, slots: int) -> None:
    problem = drawn(seed, n_rows=n_rows, slots=slots, groups=1, threshold=1.0)
    support, values, used = arrange(problem.support, problem.values)
    assert (support.dtype, values.dtype) == (problem.support.dtype, problem.values.dtype)
    assert support.shape[1] == max(SLOTS, slots)
    assert (used == (values != 0).sum(1)).all()
    assert (np.diff(support[:, 0]) >= 0).all()
    assert ((values[:, :-1] != 0) | (values[:, 1:] == 0)).all()  # slots of value 0 go last
    # The same rows of H, in another order; a row that names a feature twice adds in another order: 13 terms of 4.
    before, after = (
        np.round(coefficients(each), 12) for each in (problem, problem._replace(support=support, values=values))
    )
    np.testing.assert_allclose(after[np.lexsort(after.T)], before[np.lexsort(before.T)], atol=3e-12)


def test_arranging_is_stable() -> None:
    """Samples of one first feature keep their order, so the order of a sum is the data's own."""
    support = np.array([[1, 2], [0, 1], [1, 3], [0, 2], [1, 4]], np.int32)
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]])
    arranged = arrange(support, values).support
    assert arranged[:, :2].tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [1, 4]]


def test_a_width_of_no_whole_groups_is_refused() -> None:
    problem = drawn(0, n_rows=9, slots=3, groups=1, threshold=1.0)
    narrow = problem._replace(G=problem.G[:, :-1].copy(), shift=problem.shift[:-1], bias=problem.bias[:-1])
    with pytest.raises(ValueError, match="multiple of LANES"):
        kernel(narrow, RELU)


def test_a_slice_is_its_own_data_set() -> None:
    data = sample(
        n_features=12, d_model=7, sparsity=3, n_samples=90, support_law="mixed:2:5:0.5",
        coefficient_law="half-normal", dictionary_law="gaussian", normalize=False, seed=4,
    )  # fmt: skip
    part = Sample(data.support[37:61], data.values[37:61], data.features)
    weights = torch.nn.functional.normalize(
        torch.from_numpy(np.random.default_rng(4).standard_normal((1, LANES, 7))), dim=-1
    )
    bias = torch.full((1, LANES), -0.3, dtype=torch.float64)
    whole, alone = (
        Factored([each], device=torch.device("cpu"), dtype=torch.float64, center=False) for each in (data, part)
    )
    G = torch.bmm(whole.features, weights.transpose(1, 2))
    for _ in range(2):  # the second time from what is kept
        left = whole.drive(weights, G, bias, RELU, slice(37, 61), gradient=True)
        right = alone.drive(weights, G, bias, RELU, slice(0, 24), gradient=True)
        assert torch.equal(left.gradient, right.gradient)  # type: ignore[arg-type]
        assert torch.equal(left.fired, right.fired)
