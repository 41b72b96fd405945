"""The hypotheses of the theorem, measured on a sampled (H, V) rather than assumed.

H is stored as support (N x s, indices of features) and values (N x s, non-negative weights); a slot of value 0 is not
used, whatever its index.  No N x n matrix is formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from theory.checks import FloatArray
from theory.conditions import effective_sparsity

IntArray = npt.NDArray[np.int64]
ROWS_AT_ONCE = 65_536  # rows checked for a repeated feature at a time: 10 MB of indices at s = 20
PAIRS_AT_ONCE = 5_000_000  # co-occurring pairs of a block of features: 60 MB of sparse entries


def _check(support: npt.NDArray[Any], values: npt.NDArray[Any], n_features: int) -> None:
    if support.ndim != 2 or support.shape != values.shape or not support.size:
        raise ValueError(f"support {support.shape} and values {values.shape}, but should be of one shape (N, s)")
    if support.dtype.kind not in "iu":
        raise ValueError(f"support has dtype {support.dtype}, but should hold integers")
    if support.min() < 0 or support.max() >= n_features:
        raise ValueError(
            f"support in [{support.min()}, {support.max()}], but should be in [0, n_features={n_features})"
        )
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("values should be finite and at least 0")
    unused = -1 - np.arange(support.shape[1])
    for start in range(0, len(support), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        ordered = np.sort(np.where(values[rows] > 0, support[rows], unused), axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ValueError("support repeats a feature in a row, but the features of a row should be distinct")


def _sparse(support: npt.ArrayLike, values: npt.ArrayLike, n_features: int) -> Any:
    """Return H as a sparse N x n array (CSR) after checking it."""
    S, A = np.asarray(support), np.asarray(values)
    _check(S, A, n_features)
    active = A > 0
    starts = np.concatenate([[0], np.cumsum(active.sum(axis=1))])
    return sparse.csr_array((A[active], S[active], starts), shape=(len(S), n_features))


def _occurrences(H: Any) -> IntArray:
    return np.bincount(H.indices, minlength=H.shape[1])


def feature_frequencies(support: npt.ArrayLike, values: npt.ArrayLike, n_features: int) -> FloatArray:
    """Return f_i, the share of the N samples in which feature i is active, shape (n,), in [0, 1].

    Raises ValueError when (support, values) is no valid H: shapes, indices outside [0, n), negative or non-finite
    values, a feature twice in a row.
    """
    H = _sparse(support, values, n_features)
    return np.asarray(_occurrences(H) / H.shape[0])


def row_sparsity(support: npt.ArrayLike, values: npt.ArrayLike, n_features: int) -> IntArray:
    """Return the number of active features of each sample, shape (N,); errors as in `feature_frequencies`.

    Implements: Definition 5.2 (H1), arXiv 2506.14002v1.
    """
    return np.asarray(np.diff(_sparse(support, values, n_features).indptr), dtype=np.int64)


def default_share(n_features: int) -> float:
    """Return 1/log n, our reading of "a non-vanishing share" (1/polylog n) of occurrences; at most 1."""
    return min(1.0, 1 / math.log(n_features)) if n_features > 1 else 1.0


def cut_off_levels(
    support: npt.ArrayLike, values: npt.ArrayLike, n_features: int, share: float | None = None
) -> FloatArray:
    """Return h_i, the largest h that at least `share` of feature i's occurrences reach, shape (n,).

    share is in (0, 1], by default 1/log n.  NaN for a feature that never occurs.
    Implements: Definition 5.2 (H2), arXiv 2506.14002v1.
    Raises ValueError when share is out of its range, and as in `feature_frequencies`.
    """
    return _cut_off_levels(_sparse(support, values, n_features), share)


def _cut_off_levels(H: Any, share: float | None) -> FloatArray:
    share = default_share(H.shape[1]) if share is None else share
    if not 0 < share <= 1:
        raise ValueError(f"share={share}, but should be in (0, 1]")
    by_feature = H.tocsc()
    levels = np.full(H.shape[1], np.nan)
    for i, count in enumerate(np.diff(by_feature.indptr).tolist()):
        if count:
            rank = max(1, math.ceil(share * count))
            rank -= rank > 1 and (rank - 1) / count >= share  # share * count may round up past an integer
            seen = by_feature.data[by_feature.indptr[i] : by_feature.indptr[i + 1]]
            levels[i] = np.partition(seen, count - rank)[count - rank]
    return levels


def effective_sparsities(cut_off_level: npt.NDArray[np.float64]) -> FloatArray:
    """Return 1/h_i^2 per feature, NaN where the level is NaN (a feature that never occurs)."""
    result = np.full(cut_off_level.shape, np.nan)
    known = ~np.isnan(cut_off_level)
    result[known] = effective_sparsity(cut_off_level[known])
    return result


def co_occurrence(support: npt.ArrayLike, values: npt.ArrayLike, n_features: int) -> float:
    """Return rho_2, the largest share of one feature's samples in which one other feature is active too, in [0, 1].

    A feature seen a handful of times alone can make it large.  0 if no two features ever meet.
    Implements: Definition 5.2 (H3), rho_2 = max_{i != j} |D_i n D_j| / |D_i|, arXiv 2506.14002v1.
    Errors as in `feature_frequencies`.
    """
    return _co_occurrence(_sparse(support, values, n_features))


def _feature_blocks(occurrences: IntArray, row_width: int) -> Iterator[slice]:
    """Yield runs of features with at most PAIRS_AT_ONCE co-occurring pairs (more only for one feature alone)."""
    start, pairs = 0, 0
    n_features = len(occurrences)
    for i, count in enumerate(np.minimum(occurrences * row_width, n_features).tolist()):
        if pairs + count > PAIRS_AT_ONCE and i > start:
            yield slice(start, i)
            start, pairs = i, 0
        pairs += count
    yield slice(start, n_features)


def _co_occurrence(H: Any) -> float:
    D = sparse.csr_array((np.ones(H.nnz, dtype=np.int32), H.indices, H.indptr), shape=H.shape)
    by_feature = D.T.tocsr()
    occurrences = _occurrences(H)
    largest = 0.0
    for block in _feature_blocks(occurrences, int(np.diff(H.indptr).max())):
        together = (by_feature[block] @ D).tocoo()
        row = together.row + block.start
        other = row != together.col
        if other.any():
            largest = max(largest, float((together.data[other] / occurrences[row[other]]).max()))
    return largest


def incoherence(features: npt.ArrayLike, *, block: int = 512) -> float:
    """Return max_{i != j} |cos(v_i, v_j)| over the n >= 2 rows of V (n x d), in [0, 1], from block x n products.

    Implements: Definition 5.2 (V1), arXiv 2506.14002v1.
    Raises ValueError for fewer than two rows, and for a row that is zero or not finite.
    """
    V = np.asarray(features)
    V = V if V.dtype.kind == "f" else V.astype(np.float64)
    if V.ndim != 2 or len(V) < 2:
        raise ValueError(f"features have shape {V.shape}, but should be (n_features, d_model), at least two rows")
    norms = np.linalg.norm(V, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ValueError("features should have finite rows that are not zero")
    V = V / norms
    largest = 0.0
    for start in range(0, len(V), block):
        cosines = np.abs(V[start : start + block] @ V.T)
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = 0
        largest = max(largest, float(cosines.max()))
    return min(largest, 1.0)


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """What a sampled (H, V) has of the theorem's decomposable data (Definition 5.2, arXiv 2506.14002v1).

    feature_frequency: f_i, shape (n,).  largest_row_sparsity: s of H1.  mean_row_sparsity: its mean over samples.
    cut_off_level: h_i of H2, shape (n,).  effective_sparsity: 1/h_i^2, shape (n,); both NaN where f_i = 0.
    co_occurrence: rho_2 of H3, to compare with co_occurrence_threshold.
    incoherence: V1, o(1) in the theorem, to compare with random_incoherence.
    """

    feature_frequency: FloatArray
    largest_row_sparsity: int
    mean_row_sparsity: float
    cut_off_level: FloatArray
    effective_sparsity: FloatArray
    co_occurrence: float
    co_occurrence_threshold: float
    incoherence: float
    random_incoherence: float


def measure_hypotheses(
    support: npt.ArrayLike, values: npt.ArrayLike, features: npt.ArrayLike, share: float | None = None
) -> Hypotheses:
    """Measure all hypotheses of H = (support, values), both N x s, and V = features, n x d.

    share: see `cut_off_levels`.  Thresholds: n^(-1/2) for rho_2 (H3 asks for far less); 2 sqrt(log n / d) for the
    incoherence (ours: the leading term of the largest |cosine| of n random directions).
    Raises ValueError as `feature_frequencies`, `cut_off_levels` and `incoherence` do.
    """
    V = np.asarray(features)
    largest_cosine = incoherence(V)
    n, d = V.shape
    H = _sparse(support, values, n)
    per_row = np.diff(H.indptr)
    levels = _cut_off_levels(H, share)
    return Hypotheses(
        feature_frequency=np.asarray(_occurrences(H) / H.shape[0]),
        largest_row_sparsity=int(per_row.max()),
        mean_row_sparsity=float(per_row.mean()),
        cut_off_level=levels,
        effective_sparsity=effective_sparsities(levels),
        co_occurrence=_co_occurrence(H),
        co_occurrence_threshold=n**-0.5,
        incoherence=largest_cosine,
        random_incoherence=2 * math.sqrt(math.log(n) / d),
    )
