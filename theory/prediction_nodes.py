"""Quadrature nodes of the prediction: a fixed low-discrepancy stand-in for one feature and its n - 1 rivals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, ndtri, pdtr

from theory.checks import FloatArray


class Nodes(NamedTuple):
    """R typical instances of a feature and its rivals, each rival standing for `weight` features.

    weight (K,) sums to n - 1; overlap (R, K) is <v_1, v_k>/||v_1||; cooccurrence (R, K) the number of samples that hold
    both features, over its mean; sampling and fresh (T, R, K) are N(0, 1); of the feature itself: norm (R,) is
    ||v_1||, own_sampling (R,) is N(0, 1), and radius (T, R) the length of a Gaussian vector in d - t - 1 dimensions.
    """

    weight: FloatArray
    overlap: FloatArray
    cooccurrence: FloatArray
    sampling: FloatArray
    fresh: FloatArray
    norm: FloatArray
    own_sampling: FloatArray
    radius: FloatArray


def make_nodes(
    n_features: int, d_model: int, cooccurrences: float, n_steps: int, n_replicas: int, n_rivals: int
) -> Nodes:
    """Return nodes for T steps; `cooccurrences` is the mean number of samples that hold two given features.

    At most `n_rivals` = K rivals: the K/2 that overlap most singly, in the law of the order statistics of n - 1 normal
    variables, and all others in K/2 groups of equal weight (ours).  With n - 1 <= K every rival is single.
    """
    count = n_features - 1
    grouped = count > n_rivals
    single = n_rivals // 2 if grouped else count
    groups = n_rivals - single if grouped else 0
    points = _spread(single + groups + 1, n_replicas, 2 * n_steps + 2)
    weight = np.concatenate([np.ones(single), np.full(groups, (count - single) / max(groups, 1))])
    # Renyi: the levels of ordered uniforms are sums of exponentials over the sum of all of them.
    level = np.cumsum(-np.log1p(-points[0]), axis=1)
    level = level[:, :single] / (n_features if grouped else level[:, -1:])
    points = points[:, :, :-1]
    within = (np.arange(groups) + points[0, :, single:]) / max(groups, 1)
    level = np.concatenate([level, level[:, -1:] + (1 - level[:, -1:]) * within], axis=1)
    own = _spread(1, n_replicas, n_steps + 2)[:, :, 0]
    freedom = np.maximum(d_model - 1 - np.arange(n_steps), 0)[:, None]
    length = np.sqrt(2 * gammaincinv(np.maximum(freedom, 1) / 2, own[2:]))
    return Nodes(
        weight=weight,
        overlap=-ndtri(level),
        cooccurrence=_poisson_ratio(cooccurrences, points[1]),
        sampling=ndtri(points[2 : 2 + n_steps]),
        fresh=ndtri(points[2 + n_steps :]),
        norm=np.sqrt(2 * gammaincinv(d_model / 2, own[0])),
        own_sampling=ndtri(own[1]),
        radius=np.where(freedom > 0, length, 0.0),
    )


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _spread(n_points: int, n_replicas: int, dimension: int) -> FloatArray:
    """Return (dimension, R, n_points) in (0, 1), R even: as unordered as independent uniforms, but always the same.

    Weyl's sequence, the fractional parts of sqrt(prime) times squares, has the gaps of a Poisson process: an even
    sequence would have rivals that are too typical, and their typical strength is not their mean one.  Half of the
    replicas are the mirror images 1 - x of the others, so that what is special to one is undone by its image.
    """
    # In whole numbers modulo 2^64, where products wrap around: floats lose the fraction of a large square.
    number = np.arange(1, n_replicas // 2 * n_points + 1, dtype=np.uint64).reshape(-1, n_points)
    root = np.array([math.isqrt(prime << 128) % 2**64 for prime in _primes(dimension)], dtype=np.uint64)
    digits = root[:, None, None] * number**2
    stratum = digits.argsort(axis=1).argsort(axis=1)
    place = ((digits << np.uint64(20) >> np.uint64(12)) + 0.5) / 2**52  # later digits, strictly inside (0, 1)
    half = (stratum + place) / (n_replicas // 2)
    return np.concatenate([half, 1 - half], axis=1)


def _poisson_ratio(mean: float, level: FloatArray) -> FloatArray:
    """Return Poisson quantiles over their mean; a mean beyond 1e4 has the normal quantiles, one of 0 has no spread."""
    if mean == 0:
        return np.ones_like(level)
    if mean > 1e4:
        return np.asarray(1 + ndtri(level) / np.sqrt(mean))
    counts = np.arange(int(mean + 12 * np.sqrt(mean) + 30))
    return np.searchsorted(pdtr(counts, mean), level) / mean
