"""Laws of the dictionary: the features V.

A law is (n_features, d_model, rng, **parameters) -> V (n, d) float64.  Scale (ours): every law has E ||v_i||^2 = d, so
that <w, v_i> has variance 1 for a random unit w, as in the Gaussian case of Theorem 6.1 (arXiv 2506.14002v1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulations.data.laws.registry import Parameter, Registry, Sizes

FloatArray = npt.NDArray[np.float64]
DICTIONARIES: Registry[FloatArray] = Registry("dictionary")


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


@DICTIONARIES.register("student", Parameter("freedom", 2, default=4.0, low_open=True))
def student(n_features: int, d_model: int, rng: np.random.Generator, freedom: float) -> FloatArray:
    """Draw entries of Student's t with `freedom` degrees of freedom, above 2, scaled to variance 1: heavy tails."""
    return np.asarray(rng.standard_t(freedom, (n_features, d_model)) * np.sqrt((freedom - 2) / freedom))


@DICTIONARIES.register(
    "clustered", Parameter("cosine", 0, 1, default=0.5), Parameter("size", 1, default=8, integer=True)
)
def clustered(n_features: int, d_model: int, rng: np.random.Generator, cosine: float, size: int) -> FloatArray:
    """Draw Gaussian features in clusters: sqrt(cosine) z_k + sqrt(1 - cosine) g_i, with z_k, g_i ~ N(0, I_d).

    Clusters are `size` features in a row (the last may be smaller).  <v_i, v_j>/d has mean `cosine` within a cluster,
    and 0 between clusters.
    """
    centres = rng.standard_normal((-(-n_features // size), d_model))
    own = rng.standard_normal((n_features, d_model))
    return np.asarray(np.sqrt(cosine) * np.repeat(centres, size, axis=0)[:n_features] + np.sqrt(1 - cosine) * own)


def _antipodal_demands(sizes: Sizes) -> None:
    if sizes.n_features is not None and sizes.n_features % 2:
        raise ValueError(f"n_features={sizes.n_features}, but should be even for the antipodal dictionary")


@DICTIONARIES.register("antipodal", demands=_antipodal_demands)
def antipodal(n_features: int, d_model: int, rng: np.random.Generator) -> FloatArray:
    """Draw Gaussian features in opposite pairs, v_{2k+1} = -v_{2k}: n/2 features with weights of either sign.

    Raises ValueError for odd n.
    """
    _antipodal_demands(Sizes(n_features, d_model))
    half = rng.standard_normal((n_features // 2, d_model))
    return np.asarray(np.stack([half, -half], axis=1).reshape(n_features, d_model))


def _frame_demands(sizes: Sizes, rounds: int) -> None:
    n, d = sizes.n_features, sizes.d_model
    if n is not None and d is not None and n > (most := d * (d + 1) // 2):
        raise ValueError(f"n_features={n}, but should be at most d (d + 1)/2 = {most} for the frame dictionary")


@DICTIONARIES.register("frame", Parameter("rounds", 1, default=50, integer=True), demands=_frame_demands)
def frame(n_features: int, d_model: int, rng: np.random.Generator, rounds: int) -> FloatArray:
    """Draw features of norm sqrt(d) and low coherence: random ones, moved apart in `rounds` steps; the best is kept.

    Ours: gradient steps on the sum of squared excesses of |cos(v_i, v_j)| over Welch's bound
    sqrt((n - d)/(d (n - 1))), below which no n > d unit vectors can all stay.  Takes O(rounds n^2 d).  Raises
    ValueError for n > d (d + 1)/2, where that bound is out of reach.
    """
    _frame_demands(Sizes(n_features, d_model), rounds)
    V = rng.standard_normal((n_features, d_model))
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    welch = np.sqrt(max(0, n_features - d_model) / (d_model * max(1, n_features - 1)))
    step = min(1.0, d_model / n_features) / 2  # an eigenvalue of V^T V is about n/d
    best, least = V, np.inf
    for _ in range(rounds + 1):
        cosines = V @ V.T
        np.fill_diagonal(cosines, 0)
        if (coherence := np.abs(cosines).max()) < least:
            best, least = V, coherence
        V = V - step * (cosines - np.clip(cosines, -welch, welch)) @ V
        V /= np.linalg.norm(V, axis=1, keepdims=True)
    return np.asarray(np.sqrt(d_model) * best)
