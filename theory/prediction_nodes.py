"""Quadrature nodes of the prediction: a fixed low-discrepancy stand-in for one feature and its n - 1 rivals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, ndtri, pdtr

from theory.checks import FloatArray


class Start(NamedTuple):
    """Where a neuron starts beside its feature: its cosine (R,), and the rivals' projections across it, (R, K)."""

    cosine: FloatArray
    across: FloatArray


class Nodes(NamedTuple):
    """R typical instances of a feature and its rivals, each rival standing for `weight` features.

    weight (K,) sums to n - 1; overlap (R, K) is <v_1, v_k>/||v_1||; cooccurrence (R, K) the number of samples that hold
    both features, over its mean; sampling and fresh (T, R, K) are N(0, 1); of the feature itself: norm (R,) is
    ||v_1||, own_sampling (R,) is N(0, 1), and radius (T, R) the length of a Gaussian vector in d - t - 1 dimensions.
    Without `start` the neuron starts at the feature.
    """

    weight: FloatArray
    overlap: FloatArray
    cooccurrence: FloatArray
    sampling: FloatArray
    fresh: FloatArray
    norm: FloatArray
    own_sampling: FloatArray
    radius: FloatArray
    start: Start | None = None


def make_nodes(
    n_features: int, d_model: int, cooccurrences: float, n_steps: int, n_replicas: int, n_rivals: int
) -> Nodes:
    """Return nodes for T steps; `cooccurrences` is the mean number of samples that hold two given features.

    With n - 1 <= n_rivals every rival is single.  Otherwise singles are those that overlap most, of the others those
    that project most on the first new direction, and of the others those luckiest in the first step, in the law of the
    order statistics of normal variables; all others stand in groups: those that the feature met in a sample, where few
    are, and those it did not (ours).
    """
    count = n_features - 1
    quarter = n_rivals // 4
    if count <= n_rivals:
        singles, weight, n_met = [count], np.ones(count), 0
    else:
        singles = [quarter, quarter, quarter] if n_steps else [quarter]
        met, missed = _groups(count - sum(singles), cooccurrences, n_rivals - sum(singles))
        weight, n_met = np.concatenate([np.ones(sum(singles)), met, missed]), len(met)
    points = _spread(weight.size + 1, n_replicas, 2 * n_steps + 2)
    overlap = _largest_first(points[0], singles[0], 0, count)
    points = points[:, :, :-1]
    if sum(singles) < count:
        first, never = sum(singles), math.exp(-cooccurrences)
        sizes = (n_met, weight.size - first - n_met)
        overlap[:, first:] = _even(overlap[:, singles[0] - 1], points[0, :, first:], sizes)
        if n_met:
            points[1, :, first : first + n_met] = never + (1 - never) * points[1, :, first : first + n_met]
            points[1, :, first + n_met :] *= never
        for kind, coordinate in enumerate((2 + n_steps, 2)[: len(singles) - 1]):  # the new direction, then the luck
            before = sum(singles[: kind + 1])
            turned = _largest_first(1 - points[coordinate], quarter, before, count - before)
            points[coordinate] = 1 - turned
    own = _spread(1, n_replicas, n_steps + 2)[:, :, 0]
    freedom = np.maximum(d_model - 1 - np.arange(n_steps), 0)[:, None]
    length = np.sqrt(2 * gammaincinv(np.maximum(freedom, 1) / 2, own[2:]))
    return Nodes(
        weight=weight,
        overlap=-ndtri(overlap),
        cooccurrence=_poisson_ratio(cooccurrences, points[1]),
        sampling=ndtri(points[2 : 2 + n_steps]),
        fresh=ndtri(points[2 + n_steps :]),
        norm=np.sqrt(2 * gammaincinv(d_model / 2, own[0])),
        own_sampling=ndtri(own[1]),
        radius=np.where(freedom > 0, length, 0.0),
    )


def _groups(count: int, cooccurrences: float, n_groups: int) -> tuple[FloatArray, FloatArray]:
    """Return the weights of the groups of met rivals (none where most are met) and of all others; they sum to count."""
    met = -count * math.expm1(-cooccurrences)
    n_met = min(n_groups // 2, round(met)) if cooccurrences < 1 else 0
    met = met if n_met else 0.0
    return np.full(n_met, met / max(n_met, 1)), np.full(n_groups - n_met, (count - met) / (n_groups - n_met))


def _largest_first(points: FloatArray, n_single: int, start: int, count: int) -> FloatArray:
    """Return levels (R, K) whose nodes from `start` on are the n_single smallest of `count` uniform ones, in order.

    Those before `start` stay as they are, those after are the others: uniform above the largest of the small ones.
    Renyi: the levels of ordered uniforms are sums of exponentials over the sum of all of them, whose mean is count + 1.
    """
    levels = points[:, : points.shape[1] - (start == 0)].copy()
    sums = np.cumsum(-np.log1p(-points[:, start : start + n_single + 1]), axis=1)
    among = sums[:, -1:] if n_single == count else count + 1
    smallest = sums[:, :n_single] / among
    levels[:, start : start + n_single] = smallest
    after = levels[:, start + n_single :]
    levels[:, start + n_single :] = smallest[:, -1:] + (1 - smallest[:, -1:]) * after
    return levels


def _even(low: FloatArray, points: FloatArray, sizes: tuple[int, int]) -> FloatArray:
    """Return levels above `low` (R,), as many as points (R, any), even within each of the two kinds of rivals."""
    place = np.concatenate([np.arange(size) / max(size, 1) for size in sizes])
    cell = np.concatenate([np.full(size, 1 / max(size, 1)) for size in sizes])
    return np.asarray(low[:, None] + (1 - low[:, None]) * (place + cell * points))


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
