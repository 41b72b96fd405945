"""Sampling (H, V): the laws arrive, streams are paired and independent, starts know nothing of the features."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from statistics_helper import assert_binomial, assert_z, seed_of

from simulations.data.sampling import Sample, activations, initial_directions, mean_activation, sample

CANONICAL: dict[str, Any] = {
    "n_features": 24,
    "d_model": 8,
    "sparsity": 3,
    "n_samples": 50,
    "support_law": "uniform",
    "coefficient_law": "constant",
    "dictionary_law": "gaussian",
    "normalize": False,
    "seed": 0,
}
EPSILON = float(np.finfo(np.float64).eps)


def draw(**changes: Any) -> Sample:
    return sample(**(CANONICAL | changes))


def dense(data: Sample) -> npt.NDArray[np.float64]:
    """Return H (N, n), the independent route to X = HV."""
    H = np.zeros((len(data.support), len(data.features)))
    np.add.at(H, (np.arange(len(H))[:, None], data.support), data.values)
    return H


LAWS = st.fixed_dictionaries(
    {
        "n_features": st.sampled_from([6, 12, 24]),
        "d_model": st.integers(2, 30),
        "sparsity": st.integers(2, 6),
        "n_samples": st.integers(1, 60),
        "support_law": st.sampled_from(["uniform", "zipf:1.5", "mixed:2:5", "bernoulli", "planted:0.5"]),
        "coefficient_law": st.sampled_from(["constant", "uniform", "half-normal", "exponential"]),
        "dictionary_law": st.sampled_from(["gaussian", "sphere", "rademacher"]),
        "normalize": st.booleans(),
        "seed": st.integers(0, 10**9),
    }
)


@settings(deadline=None, max_examples=50)
@given(LAWS)
def test_a_sample_is_a_valid_pair_of_h_and_v_and_is_deterministic(laws: dict[str, Any]) -> None:
    data = sample(**laws)
    N, n = laws["n_samples"], laws["n_features"]
    assert data.support.shape == data.values.shape and len(data.support) == N
    assert data.features.shape == (n, laws["d_model"])
    assert data.support.min() >= 0 and data.support.max() < n and (data.values >= 0).all()
    H = dense(data)
    active = (H > 0).sum(axis=1)
    np.testing.assert_array_equal(active, (data.values > 0).sum(axis=1))  # no feature twice in a row
    if laws["support_law"] in ("uniform", "zipf:1.5", "planted:0.5"):
        assert (active == laws["sparsity"]).all()
    if laws["normalize"]:
        # At most 24 squares, a root, a division: under 32 roundings of eps / 2.
        np.testing.assert_allclose(np.linalg.norm(H[active > 0], axis=1), 1, rtol=0, atol=16 * EPSILON)
    for first, second in zip(data, sample(**laws), strict=True):
        np.testing.assert_array_equal(first, second)


@settings(deadline=None, max_examples=30)
@given(LAWS, st.data())
def test_blocks_of_activations_and_their_mean_are_those_of_the_dense_product(
    laws: dict[str, Any], data: st.DataObject
) -> None:
    drawn = sample(**laws)
    start = data.draw(st.integers(0, laws["n_samples"]), label="start")
    stop = data.draw(st.integers(start, laws["n_samples"]), label="stop")
    X = dense(drawn) @ drawn.features
    # A sum of at most 24 + 60 products (features of a row, rows of the mean) is off by less than 100 eps times the sum
    # of their sizes, which `size` bounds.
    size = float(np.abs(dense(drawn)).sum(axis=1).max() * np.abs(drawn.features).max())
    tolerance = 100 * EPSILON * size
    np.testing.assert_allclose(activations(drawn, start, stop), X[start:stop], rtol=0, atol=tolerance)
    np.testing.assert_allclose(mean_activation(drawn), X.mean(axis=0), rtol=0, atol=tolerance)


def test_features_are_paired_across_everything_that_is_not_the_dictionary() -> None:
    base = draw()
    for changes in (
        {"sparsity": 2},
        {"n_samples": 20},
        {"support_law": "zipf"},
        {"coefficient_law": "uniform"},
        {"normalize": True},
    ):
        np.testing.assert_array_equal(base.features, draw(**changes).features, err_msg=str(changes))


def test_coefficients_are_paired_across_dimension_and_dictionary() -> None:
    base = draw(coefficient_law="uniform")
    for changes in ({"d_model": 9}, {"dictionary_law": "sphere"}):
        other = draw(coefficient_law="uniform", **changes)
        np.testing.assert_array_equal(base.support, other.support, err_msg=str(changes))
        np.testing.assert_array_equal(base.values, other.values, err_msg=str(changes))


def test_equal_laws_written_differently_give_equal_data() -> None:
    for first, second in (("zipf", "zipf:1"), ("mixed:3:20", "mixed:3:20:0.50")):
        for a, b in zip(draw(support_law=first), draw(support_law=second), strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_seed_changes_support_values_and_features() -> None:
    first, second = draw(coefficient_law="uniform"), draw(coefficient_law="uniform", seed=1)
    for a, b in zip(first, second, strict=True):
        assert not np.array_equal(a, b)
    assert not np.isin(first.values, second.values).any() and not np.isin(first.features, second.features).any()
    assert not np.isin(first.features, draw(d_model=9).features).any()


@pytest.mark.parametrize("coefficient_law", ["constant", "half-normal"])
def test_activations_have_the_variance_of_the_model(coefficient_law: str) -> None:
    # Given H, ||x||^2 is ||H||^2 chi^2_d over V, so ||x||^2/d has expectation 1 and variance E ||H||^4 (1 + 2/d) - 1,
    # where E ||H||^4 is 1 for constant and 1 + 2/s for half-normal weights.  One row of each of 400 seeds: independent.
    # se <= sqrt(1.08/400) = 0.052; weights 1/s for 1/sqrt(s) give 1/3, off by 12.  False alarm 1e-6.
    d, s = CANONICAL["d_model"], CANONICAL["sparsity"]
    variance = (1 if coefficient_law == "constant" else 1 + 2 / s) * (1 + 2 / d) - 1
    root = seed_of(f"variance {coefficient_law}")
    norms = []
    for k in range(400):
        data = draw(n_samples=1, coefficient_law=coefficient_law, seed=root + k)
        norms.append(float((activations(data, 0, 1) ** 2).mean()))
    assert_z(float(np.mean(norms)), 1, (variance / 400) ** 0.5, f"E ||x||^2 / d, {coefficient_law}")


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 60), st.integers(0, 10**9))
def test_starts_are_unit_vectors_and_a_wider_dictionary_only_adds_rows(d: int, M: int, more: int, seed: int) -> None:
    W = initial_directions(d, M, seed)
    assert W.shape == (M, d)
    np.testing.assert_allclose(np.linalg.norm(W, axis=1), 1, rtol=0, atol=(d + 4) * EPSILON)  # d + 3 roundings
    np.testing.assert_array_equal(W, initial_directions(d, M + more, seed)[:M])


def test_starts_depend_on_the_seed_and_the_dimension() -> None:
    W = initial_directions(8, 20, 0)
    assert not np.isin(W, initial_directions(8, 20, 1)).any()
    assert not np.isin(W, initial_directions(9, 20, 0)).any()


def test_starts_are_uniform_on_the_sphere() -> None:
    # M = 40,000 rows of d = 5: E w = 0, E w_k^2 = 1/d and E w_k^4 = 3/(d(d+2)) = 0.0857, E w^8 = 105/(5*7*9*11).
    # False alarm 1.5e-5.  A cube instead of a Gaussian before the scaling gives E w^4 = 0.0704 (by simulation),
    # 20 standard errors of 7.6e-4 off.
    d, M = 5, 40_000
    W = initial_directions(d, M, seed_of("uniform starts"))
    fourth, eighth = 3 / (d * (d + 2)), 105 / (d * (d + 2) * (d + 4) * (d + 6))
    for k in range(d):
        assert_z(float(W[:, k].mean()), 0, (1 / d / M) ** 0.5, f"E w_{k}")
        assert_z(float((W[:, k] ** 2).mean()), 1 / d, ((fourth - 1 / d**2) / M) ** 0.5, f"E w_{k}^2")
        assert_z(float((W[:, k] ** 4).mean()), fourth, ((eighth - fourth**2) / M) ** 0.5, f"E w_{k}^4")


def test_no_features_are_planted_in_the_start() -> None:
    # Given V the rows of W are i.i.d. uniform, so for each feature the number of neurons above tau is binomial with
    # the cap probability A_d(tau) = I_{1-tau^2}((d-1)/2, 1/2)/2, both tails, Bonferroni over features and two tau:
    # false alarm 1e-6.  And the largest of all n M cosines passes 0.95 with probability at most n M A_d(0.95) = 4e-8.
    # One planted direction in 4,000 has cosine 1: always seen.  A start drawn from the stream of the features, the
    # mistake this is for, would plant every one.
    n, d, M, root = 64, 24, 4_000, seed_of("planted features")
    V = draw(n_features=n, d_model=d, seed=root).features
    cosine = initial_directions(d, M, root) @ (V / np.linalg.norm(V, axis=1, keepdims=True)).T
    for tau in (0.2, 0.5):
        cap = float(betainc((d - 1) / 2, 0.5, 1 - tau**2) / 2)
        for i, count in enumerate((cosine > tau).sum(axis=0).tolist()):
            assert_binomial(count, M, cap, f"neurons with cosine above {tau} to feature {i}", comparisons=2 * n)
    assert n * M * float(betainc((d - 1) / 2, 0.5, 1 - 0.95**2) / 2) < 1e-6
    assert cosine.max() < 0.95


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sparsity": 25}, r"sparsity=25, but should be in \[1, n_features=24\]"),
        ({"sparsity": 0}, "sparsity=0"),
        ({"n_samples": 0}, "n_samples=0, but should be at least 1"),
        ({"d_model": 0}, "d_model=0"),
        ({"n_features": 0}, "n_features=0"),
        ({"support_law": "unifrom"}, "did you mean 'uniform'"),
        ({"dictionary_law": "orthogonal"}, "d_model=8, but should be at least n_features=24"),
        ({"support_law": "mixed:3:25"}, "high=25, but should be at most n_features=24"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(**changes)
