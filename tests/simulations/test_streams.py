"""Named streams: equal arguments give equal draws, any difference gives unrelated ones."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_helper import assert_z, seed_of

from simulations.base.streams import STREAMS, stream

COMPONENTS = st.dictionaries(
    st.sampled_from(["n_features", "d_model", "law"]),
    st.one_of(st.booleans(), st.integers(0, 10**6), st.floats(0, 1), st.text(max_size=4)),
)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(STREAMS)), st.integers(0, 2**70), COMPONENTS)
def test_equal_arguments_give_equal_draws_in_any_order(name: str, seed: int, components: dict[str, object]) -> None:
    backwards = dict(reversed(components.items()))
    first, second = stream(name, seed, **components), stream(name, seed, **backwards)  # type: ignore[arg-type]
    np.testing.assert_array_equal(first.random(8), second.random(8))


def test_any_difference_gives_another_stream() -> None:
    different = [stream(name, seed) for name in STREAMS for seed in (0, 1, 2, 12, 2**64)]
    different += [stream("init", 0, d_model=value) for value in (1, 1.5, 2, "1", "2", True)]
    different += [stream("init", 0, n_features=1), stream("init", 0, d_model=1, n_features=1)]
    draws = [rng.random(4) for rng in different]
    # Draws of 53 bits: two of these 30-odd unrelated streams share one with probability below 1e-11.
    assert all(not np.isin(a, b).any() for a, b in itertools.combinations(draws, 2))


def test_neighbouring_seeds_and_names_are_uncorrelated() -> None:
    # The mean of N products of independent N(0, 1) has standard error 1/sqrt(N).  False alarm 1e-6; a correlation
    # of 10/sqrt(N) = 0.05 is missed with probability below 1e-6.
    N, root = 40_000, seed_of("neighbouring streams")
    base = stream("features", root).standard_normal(N)
    for what, rng in {"seed + 1": stream("features", root + 1), "other name": stream("init", root)}.items():
        assert_z(float(np.mean(base * rng.standard_normal(N))), 0, N**-0.5, f"correlation with {what}", comparisons=2)


def test_the_identity_of_a_stream_is_a_contract() -> None:
    # Committed rows depend on it: a change here changes every result of the project.
    text = b'["features",{"d_model":4,"dictionary_law":"gaussian"},7]'
    expected = np.random.default_rng(int(hashlib.sha256(text).hexdigest(), 16))
    actual = stream("features", 7, dictionary_law="gaussian", d_model=4)
    np.testing.assert_array_equal(actual.integers(2**63, size=8), expected.integers(2**63, size=8))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"name='weights', but should be one of features, coefficients, init"):
        stream("weights", 0)
    with pytest.raises(ValueError, match="JSON"):
        stream("init", 0, scale=float("nan"))
    with pytest.raises(TypeError):
        stream("init", 0.5)  # type: ignore[arg-type]
