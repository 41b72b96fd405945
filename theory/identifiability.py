"""How well a dictionary matches the features, up to permutation, scaling and splitting (Definition 5.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from theory.checks import cosine

Matrix = npt.NDArray[Any]


class Comparison(NamedTuple):
    """Best signed cosines between M neurons and n features, and where they are reached (the first of equals).

    A neuron that is zero or not finite has cosine -1 with every feature.
    """

    best_cosine_per_feature: npt.NDArray[Any]  # (n,)
    best_neuron_per_feature: npt.NDArray[np.int64]  # (n,)
    best_cosine_per_neuron: npt.NDArray[Any]  # (M,)
    best_feature_per_neuron: npt.NDArray[np.int64]  # (M,)


def _unit_rows(rows: Matrix) -> tuple[Matrix, npt.NDArray[np.bool_]]:
    """Return the rows scaled to norm 1, and which of them have a direction; the others become 0."""
    # Two scalings, the first by the largest entry, so that no square overflows or vanishes.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    good = np.isfinite(largest) & (largest > 0)
    scaled = np.where(good, rows, 0) / np.where(good, largest, 1)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(good, norms, 1), good[:, 0]


def _cosines(weights: npt.ArrayLike, features: npt.ArrayLike, block: int) -> Iterator[tuple[int, Matrix]]:
    """Yield (first neuron, cosines n x at most `block`) over the neurons, after checking both matrices."""
    W, V = np.asarray(weights), np.asarray(features)
    if W.ndim != 2 or V.ndim != 2 or W.shape[1] != V.shape[1] or not W.size or not V.size:
        raise ValueError(f"weights {W.shape} and features {V.shape}, but should be (M, d) and (n, d), not empty")
    if block < 1:
        raise ValueError(f"block={block}, but should be at least 1")
    dtype = np.result_type(W, V) if np.result_type(W, V).kind == "f" else np.dtype(np.float64)
    V, has_direction = _unit_rows(V.astype(dtype, copy=False))
    if not has_direction.all():
        raise ValueError(
            f"features[{int(np.argmin(has_direction))}] is zero or not finite, but should have a direction"
        )
    for start in range(0, len(W), block):
        rows, good = _unit_rows(W[start : start + block].astype(dtype, copy=False))
        cosines = np.clip(V @ rows.T, -1, 1)
        cosines[:, ~good] = -1
        yield start, cosines


def compare(weights: npt.ArrayLike, features: npt.ArrayLike, *, block: int = 4096) -> Comparison:
    """Return the best cosines between neurons (M x d) and features (n x d), in memory of the order n * block.

    Rows need not be unit vectors; float32 stays float32.
    Raises ValueError for shapes that do not match, and for a feature that is zero or not finite.
    """
    per_neuron, feature_of, tops, neurons = [], [], [], []
    for start, cosines in _cosines(weights, features, block):
        feature_of.append(cosines.argmax(axis=0))
        per_neuron.append(cosines.max(axis=0))
        neurons.append(cosines.argmax(axis=1) + start)
        tops.append(cosines.max(axis=1))
    first_best = np.argmax(tops, axis=0)
    each = np.arange(len(first_best))
    best, neuron_of = np.stack(tops)[first_best, each], np.stack(neurons)[first_best, each]
    return Comparison(best, neuron_of, np.concatenate(per_neuron), np.concatenate(feature_of))


def recovery_rate(best_cosine_per_feature: npt.ArrayLike, threshold: float) -> float:
    """Return FRR(tau), the share of features whose best signed cosine is strictly above tau in [-1, 1].

    Raises ValueError when tau is out of its range.
    """
    return float(np.mean(np.asarray(best_cosine_per_feature) > cosine("threshold", threshold)))


def matched_recovery_rate(
    weights: npt.ArrayLike, features: npt.ArrayLike, threshold: float, *, block: int = 4096
) -> float:
    """Return the largest share of features that distinct neurons recover, one neuron per feature at most.

    The same number as scipy's linear_sum_assignment on the n x M indicator of cosine > tau, from its ones alone.
    Arguments and errors as in `compare` and `recovery_rate`.
    """
    threshold = cosine("threshold", threshold)
    features_of, neurons_of = [], []
    for start, cosines in _cosines(weights, features, block):
        feature, neuron = np.nonzero(cosines > threshold)
        features_of.append(feature.astype(np.int32))
        neurons_of.append((neuron + start).astype(np.int32))
    edge = np.concatenate(features_of), np.concatenate(neurons_of)
    shape = len(np.asarray(features)), len(np.asarray(weights))
    graph = sparse.csr_array((np.ones(len(edge[0]), dtype=np.int8), edge), shape=shape)
    return float(np.mean(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def neurons_per_feature(best_cosine_per_neuron: npt.ArrayLike, threshold: float, n_recovered: int) -> float:
    """Return the splitting: neurons with a cosine above tau, per recovered feature; NaN if none is recovered.

    Raises ValueError when tau is not in [-1, 1].
    """
    matched = int(np.sum(np.asarray(best_cosine_per_neuron) > cosine("threshold", threshold)))
    return matched / n_recovered if n_recovered else math.nan


def polysemantic_fraction(best_cosine_per_neuron: npt.ArrayLike, threshold: float) -> float:
    """Return the share of neurons that match no feature: best cosine at most tau.

    Raises ValueError when tau is not in [-1, 1].
    """
    return float(np.mean(np.asarray(best_cosine_per_neuron) <= cosine("threshold", threshold)))


def max_angle_degrees(best_cosine_per_feature: npt.ArrayLike) -> float:
    """Return the largest angle between a feature and its best neuron, in degrees, in [0, 180].

    Implements: the epsilon of Definition 5.1 (identifiability), arXiv 2506.14002v1, as an angle.
    """
    return math.degrees(math.acos(min(1.0, max(-1.0, float(np.asarray(best_cosine_per_feature).min())))))


def mean_max_cosine(best_cosine_per_feature: npt.ArrayLike) -> float:
    """Return the mean over features of the best signed cosine, in [-1, 1]."""
    return float(np.mean(np.asarray(best_cosine_per_feature, dtype=np.float64)))


def frequency_error(
    neuron_frequency: npt.ArrayLike, feature_frequency: npt.ArrayLike, comparison: Comparison, threshold: float
) -> float:
    """Return the mean |log(p_m / f_i)| over recovered features i with their best neurons m.

    neuron_frequency: p_m, shape (M,); feature_frequency: f_i, shape (n,).  Pairs with a frequency of zero are left
    out; NaN if no pair is left.  Raises ValueError for other shapes, and when tau is not in [-1, 1].
    """
    p, f = np.asarray(neuron_frequency, dtype=np.float64), np.asarray(feature_frequency, dtype=np.float64)
    n, m = comparison.best_cosine_per_feature.shape, comparison.best_cosine_per_neuron.shape
    if p.shape != m or f.shape != n:
        raise ValueError(f"frequencies of shapes {p.shape} and {f.shape}, but should be {m} (neurons) and {n}")
    p = p[comparison.best_neuron_per_feature]
    counted = (comparison.best_cosine_per_feature > cosine("threshold", threshold)) & (p > 0) & (f > 0)
    return float(np.mean(np.abs(np.log(p[counted] / f[counted])))) if counted.any() else math.nan
