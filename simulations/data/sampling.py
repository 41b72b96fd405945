"""Sampling the statistical model X = HV, and the starting directions of the neurons (DESIGN: sections 2 and 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulations.base.streams import stream
from simulations.data.laws.coefficients import normalize_rows
from simulations.data.laws.registry import Choice
from simulations.data.laws.synthsaebench import COEFFICIENTS, DICTIONARIES, SUPPORTS

FloatArray = npt.NDArray[np.float64]


class Sample(NamedTuple):
    """A sampled (H, V): `support` (N, s) int32, `values` (N, s), 0 in an unused slot, and `features` V (n, d)."""

    support: npt.NDArray[np.int32]
    values: FloatArray
    features: FloatArray


def sample(
    *,
    n_features: int,
    d_model: int,
    sparsity: int,
    n_samples: int,
    support_law: str,
    coefficient_law: str,
    dictionary_law: str,
    normalize: bool,
    seed: int,
) -> Sample:
    """Sample (H, V) from the named laws; `normalize` scales every row of H to norm 1.

    The streams know the statistical model only, never the algorithm, so that algorithms are compared on equal data; V
    is the same whatever H is, and H whatever d is.  Raises ValueError for sizes out of range, unknown laws, or laws
    that cannot be drawn at these sizes.
    """
    for name, size in (("n_features", n_features), ("d_model", d_model), ("n_samples", n_samples)):
        if size < 1:
            raise ValueError(f"{name}={size}, but should be at least 1")
    if not 1 <= sparsity <= n_features:
        raise ValueError(f"sparsity={sparsity}, but should be in [1, n_features={n_features}]")
    support, values = draw_coefficients(
        n_samples,
        n_features=n_features,
        sparsity=sparsity,
        support_law=support_law,
        coefficient_law=coefficient_law,
        normalize=normalize,
        seed=seed,
        n_samples=n_samples,
    )
    return Sample(support, values, draw_features(n_features, d_model, dictionary_law, seed))


def draw_features(n_features: int, d_model: int, dictionary_law: str, seed: int) -> FloatArray:
    """Return V (n, d) from the named law; raises ValueError where it cannot be drawn."""
    law = DICTIONARIES.parse(dictionary_law)
    rng = stream("features", seed, n_features=n_features, d_model=d_model, dictionary_law=law.text)
    return law.draw(n_features, d_model, rng)


def draw_coefficients(
    n_rows: int,
    *,
    n_features: int,
    sparsity: int,
    support_law: str,
    coefficient_law: str,
    normalize: bool,
    seed: int,
    **components: int | str,
) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Return support and values (n_rows, s) from the named laws; `components` name these rows among all of the seed."""
    supports, coefficients = SUPPORTS.parse(support_law), COEFFICIENTS.parse(coefficient_law)
    rng = stream(
        "coefficients",
        seed,
        n_features=n_features,
        sparsity=sparsity,
        support_law=supports.text,
        coefficient_law=coefficients.text,
        normalize=normalize,
        **components,
    )
    support = supports.draw(n_features, sparsity, n_rows, rng, **_world("support", supports, n_features, seed))
    values = coefficients.draw(support, n_features, rng, **_world("coefficient", coefficients, n_features, seed))
    return support.indices, normalize_rows(values) if normalize else values


def _world(kind: str, choice: Choice[Any], n_features: int, seed: int) -> dict[str, np.random.Generator]:
    """Return what a law of a world takes besides: the generator of what all rows of the seed share."""
    if not choice.law.of_world:
        return {}
    return {"world": stream("coefficients", seed, n_features=n_features, kind=kind, world=choice.text)}


def initial_directions(d_model: int, n_neurons: int, seed: int) -> FloatArray:
    """Return starting directions (M, d), uniform on the unit sphere and independent of the data.

    The first M rows are the same for any larger width: a wider dictionary only adds neurons.
    """
    W = stream("init", seed, d_model=d_model).standard_normal((n_neurons, d_model))
    return np.asarray(W / np.linalg.norm(W, axis=1, keepdims=True))


def activations(data: Sample, start: int, stop: int) -> FloatArray:
    """Return the rows start <= l < stop of X = HV, shape (stop - start, d)."""
    support, values = data.support[start:stop], data.values[start:stop]
    X = np.zeros((len(support), data.features.shape[1]))
    for slot in range(support.shape[1]):  # slot by slot, so that no (rows, s, d) array is formed
        X += values[:, slot, None] * data.features[support[:, slot]]
    return X


def mean_activation(data: Sample) -> FloatArray:
    """Return the mean of the rows of X, shape (d,), as mean(H) V: X is not formed."""
    total = np.bincount(data.support.ravel(), weights=data.values.ravel(), minlength=len(data.features))
    return np.asarray(total / len(data.support) @ data.features)
