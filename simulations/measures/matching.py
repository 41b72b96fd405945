"""One-to-one matching of directions, exact, in memory far below M x n: the correlation that SAELens calls mcc."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

Array = npt.NDArray[Any]
BLOCK = 2_048  # directions compared at once
DENSE = 2**22  # cosines up to which the whole matrix is matched
CANDIDATES = 16  # best partners of a direction that are looked at first


def unit(rows: Array) -> Array:
    """Return the rows at norm 1; those of norm 0, or not finite, become 0."""
    rows = np.asarray(rows, dtype=np.result_type(rows.dtype, np.float32))
    clean = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0)
    largest = np.abs(clean).max(axis=1, keepdims=True)
    scaled = clean / np.where(largest > 0, largest, 1)
    norm = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.where(norm > 0, norm, 1))


def best_features(weights: Array, features: Array) -> Array:
    """Return for each neuron (M,) the feature of largest |cosine|, the first of equals, as SAELens matches them."""
    V = unit(features).T
    blocks = (unit(weights[start : start + BLOCK]) for start in range(0, len(weights), BLOCK))
    return np.concatenate([np.abs(rows @ V).argmax(axis=1) for rows in blocks])


def mean_correlation(left: Array, right: Array) -> float:
    """Return the mean |cosine| of the best one-to-one matching of the rows of two matrices, over min(M, n) pairs.

    Implements: the mean correlation coefficient of arXiv 2505.20254, `mean_correlation_coefficient` of SAELens
    (sae_lens/synthetic/evals.py), by the Hungarian method.  Of large matrices only the best partners of each row of
    the smaller one enter.  A row that would rather leave them takes a stand-in worth its best partner not looked at:
    while none does, the matching is the best there is; else more partners are looked at.
    """
    small, large = sorted((unit(left), unit(right)), key=len)
    if len(small) * len(large) <= DENSE:
        cosines = np.abs(small @ large.T)
        return float(cosines[linear_sum_assignment(cosines, maximize=True)].mean())
    count = CANDIDATES
    while True:
        value, partner = top(small, large, count)
        stand_in = value.min(axis=1, keepdims=True) if count < len(small) else np.zeros((len(small), 1))
        column = np.hstack([partner, len(large) + np.arange(len(small))[:, None]])
        cost = 2 - np.hstack([value, stand_in]).astype(np.float64)  # above 0: an explicit 0 is no edge
        start = np.arange(len(small) + 1) * (count + 1)
        graph = csr_array((cost.ravel(), column.ravel(), start), shape=(len(small), len(large) + len(small)))
        row, taken = min_weight_full_bipartite_matching(graph)
        if count >= len(small) or (taken < len(large)).all():
            return float(np.mean(2 - np.asarray(graph[row, taken])))
        count = min(4 * count, len(small))


def top(small: Array, large: Array, count: int) -> tuple[Array, Array]:
    """Return the `count` largest |cosines| of each unit row of `small` with those of `large`, and where they are."""
    value = np.full((len(small), count), -1.0, dtype=small.dtype)
    place = np.zeros((len(small), count), dtype=np.int64)
    for start in range(0, len(large), BLOCK):
        cosines = np.abs(small @ large[start : start + BLOCK].T)
        values = np.hstack([value, cosines])
        numbers = np.broadcast_to(np.arange(start, start + cosines.shape[1]), cosines.shape)
        places = np.hstack([place, numbers])
        best = np.argpartition(-values, count - 1, axis=1)[:, :count]
        value, place = np.take_along_axis(values, best, 1), np.take_along_axis(places, best, 1)
    return value, place
