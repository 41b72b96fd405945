"""Laws of the dictionary: the features V.

A law is (n_features, d_model, rng, **parameters) -> V (n, d) float64.  Scale (ours): every law has E ||v_i||^2 = d, so
that <w, v_i> has variance 1 for a random unit w, as in the Gaussian case of Theorem 6.1 (arXiv 2506.14002v1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulations.laws.registry import DICTIONARIES, Sizes

FloatArray = npt.NDArray[np.float64]


@DICTIONARIES.register("gaussian")
def gaussian(n_features: int, d_model: int, rng: np.random.Generator) -> FloatArray:
    """Draw v_i ~ N(0, I_d), i.i.d., the law of Theorem 6.1 (arXiv 2506.14002v1)."""
    return rng.standard_normal((n_features, d_model))


@DICTIONARIES.register("sphere")
def sphere(n_features: int, d_model: int, rng: np.random.Generator) -> FloatArray:
    """Draw v_i uniformly on the sphere of radius sqrt(d), i.i.d."""
    V = rng.standard_normal((n_features, d_model))
    return np.asarray(V * (np.sqrt(d_model) / np.linalg.norm(V, axis=1, keepdims=True)), dtype=np.float64)


@DICTIONARIES.register("rademacher")
def rademacher(n_features: int, d_model: int, rng: np.random.Generator) -> FloatArray:
    """Draw entries +1 or -1 with probability 1/2 each, i.i.d."""
    return rng.choice(np.array([-1.0, 1.0]), size=(n_features, d_model))


def _orthogonal_demands(sizes: Sizes) -> None:
    if sizes.n_features is not None and sizes.d_model is not None and sizes.d_model < sizes.n_features:
        raise ValueError(
            f"d_model={sizes.d_model}, but should be at least n_features={sizes.n_features} "
            "for the orthogonal dictionary"
        )


@DICTIONARIES.register("orthogonal", demands=_orthogonal_demands)
def orthogonal(n_features: int, d_model: int, rng: np.random.Generator) -> FloatArray:
    """Draw n orthogonal rows of norm sqrt(d), Haar distributed: no superposition.  Raises ValueError if d < n."""
    _orthogonal_demands(Sizes(n_features, d_model))
    Q, R = np.linalg.qr(rng.standard_normal((d_model, n_features)))
    signs = np.where(np.diag(R) < 0, -1.0, 1.0)  # without them the law is that of the QR routine, not Haar's
    return np.asarray(np.sqrt(d_model) * (Q * signs).T, dtype=np.float64)
