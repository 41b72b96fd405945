"""Laws of supports whose features depend on each other: clusters that meet, groups that exclude, a Gaussian copula."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from simulations.data.laws.registry import Parameter, Sizes
from simulations.data.laws.supports import SUPPORTS, IntArray, Support, _equal_rows, _successive, _uniform_subsets

__all__ = ["SUPPORTS"]  # all of them: those of supports.py, and these
ROWS_AT_ONCE = 8_192


def _groups(sizes: Sizes, size: int, law: str) -> None:
    n = sizes.n_features
    if n is not None and n % size:
        raise ValueError(f"n_features={n}, but should be a multiple of {size} for the {law} support")


def _clusters_demands(sizes: Sizes, size: int, probability: float) -> None:
    _groups(sizes, size, "clusters")
    n, s = sizes.n_features, sizes.sparsity
    if n is not None and s is not None and s - min(s, size) > n - size:
        raise ValueError(f"sparsity={s}, but should be at most n_features={n}")


@SUPPORTS.register(
    "clusters", Parameter("size", 2, integer=True), Parameter("probability", 0, 1), demands=_clusters_demands
)
def clusters(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, size: int, probability: float
) -> Support:
    """Draw uniform s-subsets, but with `probability` min(s, size) members of one cluster, and the rest outside it.

    Clusters are `size` features in a row, so that a feature has size - 1 partners; all frequencies stay s/n.  With
    k = min(s, size), r = s - k, two partners meet in the share (1 - probability) (s - 1)/(n - 1) + (probability / s)
    (k (k - 1)/(size - 1) + r (r - 1)/(n - size - 1)) of a feature's samples: about probability (s - 1)/(size - 1)
    where a cluster fills a row.  Raises ValueError unless n is a multiple of size.
    """
    _clusters_demands(Sizes(n_features, None, sparsity), size, probability)
    indices = _successive(np.ones(n_features), sparsity, n_samples, rng)
    rows = np.flatnonzero(rng.random(n_samples) < probability)
    together = min(sparsity, size)
    first = rng.integers(n_features // size, size=(len(rows), 1)) * size
    members = first + _successive(np.ones(size), together, len(rows), rng)
    others = _successive(np.ones(max(n_features - size, 1)), sparsity - together, len(rows), rng)
    indices[rows] = np.concatenate([members, others + size * (others >= first)], axis=1)
    return _equal_rows(indices)


def _exclusive_demands(sizes: Sizes, size: int) -> None:
    _groups(sizes, size, "exclusive")
    n, s = sizes.n_features, sizes.sparsity
    if n is not None and s is not None and s > n // size:
        raise ValueError(f"sparsity={s}, but should be at most the {n // size} groups of the exclusive support")


@SUPPORTS.register("exclusive", Parameter("size", 1, default=8, integer=True), demands=_exclusive_demands)
def exclusive(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, size: int) -> Support:
    """Draw s uniform groups of `size` features in a row, and a uniform member of each: members exclude each other.

    Raises ValueError unless n is a multiple of size, and s at most n / size.
    """
    _exclusive_demands(Sizes(n_features, None, sparsity), size)
    groups = _uniform_subsets(n_features // size, sparsity, n_samples, rng)
    return _equal_rows(groups * size + rng.integers(size, size=groups.shape, dtype=np.int32))


@SUPPORTS.register(
    "copula",
    Parameter("correlation", 0, 1, default=0.5),
    Parameter("size", 1, default=8, integer=True),
)
def copula(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, correlation: float, size: int
) -> Support:
    """Make feature i active where a Gaussian z_i passes its quantile of s/n; z_i correlate within groups of `size`.

    z_i = sqrt(correlation) g_k + sqrt(1 - correlation) e_i in group k (`size` features in a row, the last may be
    smaller).  Rows have s active features on average, and may have none.
    """
    threshold = -ndtri(sparsity / n_features)
    n_groups = -(-n_features // size)
    blocks: list[IntArray] = []
    counts: list[IntArray] = []
    for start in range(0, n_samples, ROWS_AT_ONCE):
        n_rows = min(ROWS_AT_ONCE, n_samples - start)
        common = np.repeat(rng.standard_normal((n_rows, n_groups)), size, axis=1)[:, :n_features]
        own = rng.standard_normal((n_rows, n_features))
        active = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own > threshold
        count = active.sum(axis=1).astype(np.int32)
        indices = np.zeros((n_rows, max(1, int(count.max()))), dtype=np.int32)
        row, feature = active.nonzero()
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        indices[row, place] = feature
        blocks.append(indices)
        counts.append(count)
    width = max(each.shape[1] for each in blocks)
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in blocks]
    return Support(np.concatenate(padded), np.concatenate(counts))
