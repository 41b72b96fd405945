"""Hypothesis strategies for worlds that can be drawn, samples of them, and dictionaries to score.

Every draw is feasible by construction, so that nothing is filtered away, and shrinks to a small, plain case: n = 2
features of dimension 2, one active in a sample, the laws of Theorem 6.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulations.data.matrices import Array
from simulations.data.model import Drawn, Model

SUPPORTS = ("uniform", "bernoulli", "zipf", "zipf:0.5")
COEFFICIENTS = ("constant", "uniform", "half-normal", "exponential")
DICTIONARIES = ("gaussian", "sphere", "rademacher", "student")
KINDS = ("random", "features", "noisy", "duplicates", "null-rows")


@st.composite
def models(
    draw: st.DrawFn,
    *,
    max_features: int = 32,
    max_dimension: int = 32,
    max_sparsity: int | None = None,
    support_laws: tuple[str, ...] = SUPPORTS,
    coefficient_laws: tuple[str, ...] = COEFFICIENTS,
    dictionary_laws: tuple[str, ...] = (*DICTIONARIES, "orthogonal"),
    noise: bool = True,
) -> Model:
    """Draw a Model with at most so many features, dimensions and active features, of the given laws.

    `orthogonal` is chosen only where the dimension holds so many features.
    """
    n = draw(st.integers(2, max_features), label="n_features")
    d = draw(st.integers(2, max_dimension), label="d_model")
    s = draw(st.integers(1, min(n, max_sparsity or n)), label="sparsity")
    allowed = [law for law in dictionary_laws if law != "orthogonal" or d >= n]
    if not allowed:  # orthogonal alone was asked for
        d, allowed = max(n, 2), ["orthogonal"]
    return Model(
        n_features=n,
        d_model=d,
        sparsity=s,
        seed=draw(st.integers(0, 2**32 - 1), label="seed"),
        support_law=draw(st.sampled_from(support_laws), label="support_law"),
        coefficient_law=draw(st.sampled_from(coefficient_laws), label="coefficient_law"),
        dictionary_law=draw(st.sampled_from(allowed), label="dictionary_law"),
        noise=draw(st.sampled_from([0.0, 0.1] if noise else [0.0]), label="noise"),
    )


@st.composite
def samples(draw: st.DrawFn, /, *, max_samples: int = 64, **of_models: Any) -> Drawn:
    """Draw X (N, d), H (N, n) sparse and V (n, d) of a model; `of_models` goes to `models`."""
    world: Model = draw(models(**of_models))
    return world.sample(draw(st.integers(1, max_samples), label="n_samples"))


@st.composite
def dictionaries(draw: st.DrawFn, features: Any, *, max_neurons: int = 64, kinds: tuple[str, ...] = KINDS) -> Array:
    """Draw a dictionary W (M, d) for features V (n, d), or for those of a Model.

    Kinds: random directions; the features themselves, in another order and of other norms; the same with noise; some
    feature several times; with rows that are 0.  Norms are between 0.1 and 10, so that a score must not look at them.
    """
    V = features.stream().features if isinstance(features, Model) else np.asarray(features, dtype=np.float64)
    kind = draw(st.sampled_from(kinds), label="kind")
    M = draw(st.integers(1, max_neurons), label="n_neurons")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    unit = V / np.linalg.norm(V, axis=1, keepdims=True)
    if kind == "random":
        W = rng.standard_normal((M, V.shape[1]))
        W /= np.linalg.norm(W, axis=1, keepdims=True)
    elif kind == "duplicates":
        W = unit[np.full(M, rng.integers(len(V)))]
    else:
        W = unit[np.resize(rng.permutation(len(V)), M)]
    if kind == "noisy":
        W = W + 0.1 * rng.standard_normal(W.shape)
    W = W * 10.0 ** rng.uniform(-1, 1, (M, 1))
    if kind == "null-rows":
        W[rng.random(M) < 0.5] = 0
    return np.asarray(W)
