"""Laws of the supports: which features are active in which sample.

A law is (n_features, sparsity, n_samples, rng, **parameters) -> Support, with 1 <= sparsity <= n_features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulations.data.laws.registry import Parameter, Registry, Sizes

IntArray = npt.NDArray[np.int32]
ROWS_AT_ONCE = 65_536  # keeps the comparisons between slots in cache
KEYS_AT_ONCE = 2**22  # 32 MB of keys
KEY_COST = 8  # a key a feature costs about that many comparisons of two slots (measured, one core)


class Support(NamedTuple):
    """Active features: `indices` (N, s_max), of which row l uses the first row_sparsity[l]; the other slots hold 0."""

    indices: IntArray
    row_sparsity: IntArray


SUPPORTS: Registry[Support] = Registry("support")


def _by_redrawing(weights: npt.NDArray[Any], size: int, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Draw slot after slot from all features, and again wherever the row has the feature already."""
    draw: Callable[[int], npt.NDArray[Any]]
    if np.all(weights == weights[0]):
        draw = lambda count: rng.integers(len(weights), size=count, dtype=np.int32)  # noqa: E731
    else:
        levels = np.cumsum(weights)
        levels /= levels[-1]
        draw = lambda count: np.searchsorted(levels, rng.random(count), side="right")  # noqa: E731
    rows = np.empty((n_rows, size), dtype=np.int32)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        slots = np.empty((size, min(ROWS_AT_ONCE, n_rows - start)), dtype=np.int32)
        for k in range(size):
            slots[k] = draw(slots.shape[1])
            again = np.flatnonzero((slots[:k] == slots[k]).any(axis=0))
            while again.size:
                slots[k, again] = draw(again.size)
                again = again[(slots[:k, again] == slots[k, again]).any(axis=0)]
        rows[start : start + ROWS_AT_ONCE] = slots.T
    return rows


def _by_keys(weights: npt.NDArray[Any], size: int, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Take the features of the `size` smallest exponential clocks of rate `weights`: the same law, n draws a row."""
    rows = np.empty((n_rows, size), dtype=np.int32)
    step = max(1, KEYS_AT_ONCE // len(weights))
    for start in range(0, n_rows, step):
        block = rows[start : start + step]
        keys = rng.standard_exponential((len(block), len(weights))) / weights
        block[:] = np.argpartition(keys, size - 1, axis=1)[:, :size]
    return rows


def _successive(weights: npt.NDArray[Any], size: int, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Draw `size` distinct features a row, one after another, each in proportion to its weight among those left.

    The order of the slots carries no meaning: it depends on the method, and on the weights.
    """
    if size == 0:
        return np.empty((n_rows, 0), dtype=np.int32)
    fresh = np.sort(weights)[: len(weights) - size + 1].sum() / weights.sum()  # least chance of a new feature
    cheap = size * (size + 1 / fresh) <= KEY_COST * len(weights)
    return (_by_redrawing if cheap else _by_keys)(weights, size, n_rows, rng)


def _uniform_subsets(n: int, size: int, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Draw uniform subsets (n_rows, size) of n, in random order."""
    return rng.permuted(_successive(np.ones(n), size, n_rows, rng), axis=1)


def _equal_rows(indices: IntArray) -> Support:
    return Support(indices, np.full(len(indices), indices.shape[1], dtype=np.int32))


def _uniform_rows(n_features: int, row_sparsity: IntArray, rng: np.random.Generator) -> Support:
    """Draw a uniform subset of size row_sparsity[l] for each row l, padded to the longest row (at least one slot)."""
    indices = np.zeros((len(row_sparsity), max(1, int(row_sparsity.max()))), dtype=np.int32)
    for size in np.unique(row_sparsity).tolist():
        rows = np.flatnonzero(row_sparsity == size)
        indices[rows, :size] = _successive(np.ones(n_features), size, len(rows), rng)
    return Support(indices, row_sparsity)


@SUPPORTS.register("uniform")
def uniform(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator) -> Support:
    """Draw uniformly random s-subsets, the law of Theorem 6.1 (arXiv 2506.14002v1)."""
    return _equal_rows(_successive(np.ones(n_features), sparsity, n_samples, rng))


@SUPPORTS.register("zipf", Parameter("exponent", 0, 10, default=1.0))
def zipf(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, exponent: float) -> Support:
    """Draw s distinct features one after another with weight (i + 1)^-exponent: feature 0 is the most frequent.

    For s = 1 the frequencies are the Zipf profile; for s > 1 they flatten at the head, for a feature is drawn at
    most once a row.
    """
    weights = np.arange(1, n_features + 1, dtype=np.float64) ** -exponent
    return _equal_rows(_successive(weights, sparsity, n_samples, rng))


@SUPPORTS.register(
    "two-level",
    Parameter("share", 0, 1, default=0.1, low_open=True),
    Parameter("ratio", 0, 1e6, default=10.0, low_open=True),
)
def two_level(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, share: float, ratio: float
) -> Support:
    """Draw s distinct features one after another, the first round(share n) of them with weight `ratio`, the rest 1.

    Either level has a feature at least (n > 1).  Frequencies flatten for s > 1, as in `zipf`.
    """
    weights = np.ones(n_features)
    weights[: min(max(1, round(share * n_features)), n_features - 1)] = ratio
    return _equal_rows(_successive(weights, sparsity, n_samples, rng))


def _mixed_demands(sizes: Sizes, low: float, high: float, share: float) -> None:
    if low > high:
        raise ValueError(f"low={low}, but should be at most high={high} for the mixed support")
    if sizes.n_features is not None and high > sizes.n_features:
        raise ValueError(f"high={high}, but should be at most n_features={sizes.n_features} for the mixed support")


@SUPPORTS.register(
    "mixed",
    Parameter("low", 1, default=3, integer=True),
    Parameter("high", 1, default=20, integer=True),
    Parameter("share", 0, 1, default=0.5),
    demands=_mixed_demands,
)
def mixed(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, low: int, high: int, share: float
) -> Support:
    """Draw uniform subsets of size `low` in round(share N) rows, at random places, and of size `high` in the others.

    `sparsity` is not used.  Raises ValueError unless low <= high <= n.
    """
    _mixed_demands(Sizes(n_features), low, high, share)
    row_sparsity = np.full(n_samples, high, dtype=np.int32)
    row_sparsity[: round(share * n_samples)] = low
    return _uniform_rows(n_features, rng.permutation(row_sparsity), rng)


def _planted_demands(sizes: Sizes, probability: float) -> None:
    if sizes.n_features is not None and sizes.n_features % 2:
        raise ValueError(f"n_features={sizes.n_features}, but should be even for the planted support")
    if sizes.sparsity is not None and sizes.sparsity < 2:
        raise ValueError(f"sparsity={sizes.sparsity}, but should be at least 2 for the planted support")


@SUPPORTS.register("planted", Parameter("probability", 0, 1), demands=_planted_demands)
def planted(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, probability: float) -> Support:
    """Draw uniform s-subsets, then with `probability` put the partner i^1 of a random member i in another's place.

    Pairs are (0, 1), (2, 3), ...; a row that holds the partner already is left alone.  Feature frequencies stay s/n.
    With q = (s-1)/(n-1), partners meet in a share q + (2 probability / s) (1 - q) (1 - (s-2)/(n-3)) of a feature's
    samples, other pairs in about q: rho_2 is about 2 probability / s.  Raises ValueError for odd n or s = 1.
    """
    _planted_demands(Sizes(n_features, None, sparsity), probability)
    indices = _successive(np.ones(n_features), sparsity, n_samples, rng)
    rows = np.flatnonzero(rng.random(n_samples) < probability)
    kept = rng.integers(sparsity, size=len(rows))
    replaced = (kept + rng.integers(1, sparsity, size=len(rows))) % sparsity
    partner = indices[rows, kept] ^ 1
    alone = ~(indices[rows] == partner[:, None]).any(axis=1)
    indices[rows[alone], replaced[alone]] = partner[alone]
    return _equal_rows(indices)


def _hierarchy_demands(sizes: Sizes, children: int, probability: float) -> None:
    n, s, family = sizes.n_features, sizes.sparsity, children + 1
    if n is not None and n % family:
        raise ValueError(f"n_features={n}, but should be a multiple of {family} (a parent and its children)")
    if n is not None and s is not None and s > n // family:
        raise ValueError(f"sparsity={s}, but should be at most the {n // family} families of the hierarchy support")


@SUPPORTS.register(
    "hierarchy",
    Parameter("children", 1, default=1, integer=True),
    Parameter("probability", 0, 1, default=0.5),
    demands=_hierarchy_demands,
)
def hierarchy(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, children: int, probability: float
) -> Support:
    """Draw rows in which a child is active with its parent only: s features, at most one child of a family.

    Families of 1 + `children` features follow one another, the parent first.  C ~ Binomial(floor(s/2), probability)
    of the s - C families of a row, uniform ones, have a uniform child beside the parent.  With F = n/(1 + children)
    families, parents have frequency (s - E C)/F and children E C/(F children).  Raises ValueError unless n is a
    multiple of 1 + children and s at most F.
    """
    _hierarchy_demands(Sizes(n_features, None, sparsity), children, probability)
    with_child = rng.binomial(sparsity // 2, probability, size=n_samples)
    indices = np.empty((n_samples, sparsity), dtype=np.int32)
    for count in np.unique(with_child).tolist():
        rows = np.flatnonzero(with_child == count)
        families = _uniform_subsets(n_features // (children + 1), sparsity - count, len(rows), rng)
        parents = families * (children + 1)
        born = parents[:, :count] + rng.integers(1, children + 1, size=(len(rows), count), dtype=np.int32)
        indices[rows] = np.concatenate([parents, born], axis=1)
    return _equal_rows(indices)


@SUPPORTS.register("bernoulli")
def bernoulli(n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator) -> Support:
    """Make each feature active independently with probability s/n; a row may have none.

    The number of active features is drawn first, then a uniform subset of that size: the same law, in O(s) a row.
    """
    row_sparsity = rng.binomial(n_features, sparsity / n_features, size=n_samples).astype(np.int32)
    return _uniform_rows(n_features, row_sparsity, rng)
