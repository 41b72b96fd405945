"""Quadrature nodes of the prediction: a fixed low-discrepancy stand-in for one feature and its n - 1 rivals."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaincinv, ndtri, pdtr

from theory.checks import FloatArray

OF_INSTANCES = ("overlap", "cooccurrence", "norm", "own_sampling", "occurrence")  # arrays (R, ...) of `Nodes`
DEALT = {"norm": 1, "occurrence": 2, "own_sampling": 3, "cooccurrence": 5, "sampling": 7, "fresh": 11, "radius": 13}
OF_STEPS = ("sampling", "fresh", "radius")  # arrays (T, R, ...)


class Start(NamedTuple):
    """Where a neuron starts beside its feature: its cosine (R,), and the rivals' projections across it, (R, K)."""

    cosine: FloatArray
    across: FloatArray


class Nodes(NamedTuple):
    """R typical instances of a feature and its rivals, each rival standing for `weight` features.

    weight (K,) sums to n - 1; overlap (R, K) is <v_1, v_k>/||v_1||; cooccurrence (R, K) the number of samples that hold
    both features, over its mean; sampling and fresh (T, R, K) are N(0, 1); of the feature itself: norm (R,) is
    ||v_1||, own_sampling and occurrence (R,) are N(0, 1): the luck of its samples and of their number, and radius
    (T, R) the length of a Gaussian vector in d - t - 1 dimensions.
    Without `start` the neuron starts at the feature.
    """

    weight: FloatArray
    overlap: FloatArray
    cooccurrence: FloatArray
    sampling: FloatArray
    fresh: FloatArray
    norm: FloatArray
    own_sampling: FloatArray
    occurrence: FloatArray
    radius: FloatArray
    start: Start | None = None

    def single(self) -> Nodes:
        """Return the nodes in single precision, in which the recursion runs twice as fast; tables stay in double."""
        fields = {name: each.astype(np.float32) for name, each in self._asdict().items() if name != "start"}
        return self._replace(**fields)

    def dealt(self, times: int) -> Nodes:
        """Return the nodes of a neuron at its feature with their luck dealt anew among the instances, not for 0.

        Each kind of luck moves on by a number of places of its own in both halves, which stay mirror images: other
        instances of the same spread, about as good as another set for half of its price.
        """
        half = len(self.norm) // 2
        fields: dict[str, Any] = {}
        for name, places in DEALT.items() if times else ():
            turned = (np.arange(half) + times * places) % half
            each, axis = getattr(self, name), name in OF_STEPS
            fields[name] = np.take(each, np.concatenate([turned, half + turned]), axis=int(axis))
        return self._replace(**fields)

    def repeated(self, times: int) -> Nodes:
        """Return every instance so many times, one after the other."""
        fields: dict[str, Any] = {name: np.repeat(getattr(self, name), times, axis=0) for name in OF_INSTANCES}
        fields |= {name: np.repeat(getattr(self, name), times, axis=1) for name in OF_STEPS}
        return self._replace(**fields)


@lru_cache(maxsize=8)
def make_nodes(
    n_features: int,
    d_model: int,
    cooccurrences: float,
    n_steps: int,
    n_replicas: int,
    n_rivals: int,
    anywhere: bool = True,
    number: int = 0,
    single: bool = False,
) -> Nodes:
    """Return nodes for T steps; `cooccurrences` is the mean number of samples that hold two given features.

    Another `number` is another set of instances; `single` asks for single precision.

    With n - 1 <= n_rivals every rival is single.  Otherwise some stand for groups: those that the feature met in a
    sample, where few are, and those it did not (ours).  Singles are those that overlap most.  For a start anywhere they
    are also, of the others, those that project most on the first new direction, and of the others those luckiest in
    the first step, in the law of the order statistics of normal variables, and groups are of equal weight; from the
    feature itself projections are all but the overlaps, and groups are the larger the less they overlap.
    """
    count = n_features - 1
    quarter = n_rivals // 4
    if count <= n_rivals:
        singles, weight, n_met = [count], np.ones(count), 0
    else:
        singles = [quarter, quarter, quarter] if n_steps and anywhere else [quarter]
        met, missed = _groups(count - sum(singles), cooccurrences, n_rivals - sum(singles), graded=not anywhere)
        weight, n_met = np.concatenate([np.ones(sum(singles)), met, missed]), len(met)
    points = spread(weight.size + 1, n_replicas, 2 * n_steps + 2, number)
    overlap = _largest_first(points[0], singles[0], 0, count)
    points = points[:, :, :-1]
    normal = np.empty((2 * n_steps + 1, n_replicas, weight.size))
    half = n_replicas // 2  # the others are the mirror images
    normal[1:, :half] = ndtri(points[2:, :half])
    np.negative(normal[1:, :half], out=normal[1:, half:])
    if sum(singles) < count:
        first, never = sum(singles), math.exp(-cooccurrences)
        kinds = (weight[first : first + n_met], weight[first + n_met :])
        overlap[:, first:] = _even(overlap[:, singles[0] - 1], points[0, :, first:], kinds)
        if n_met:
            points[1, :, first : first + n_met] = never + (1 - never) * points[1, :, first : first + n_met]
            points[1, :, first + n_met :] *= never
        for kind, coordinate in enumerate((2 + n_steps, 2)[: len(singles) - 1]):  # the new direction, then the luck
            before = sum(singles[: kind + 1])
            normal[coordinate - 1] = -ndtri(_largest_first(1 - points[coordinate], quarter, before, count - before))
    normal[0] = -ndtri(overlap)
    for part in (slice(sum(singles), sum(singles) + n_met), slice(sum(singles) + n_met, weight.size)):
        normal[:, :, part] = _as_many(normal[:, :, part], weight[part])
    own = spread(1, n_replicas, n_steps + 4, number)[:, :, 0]
    if sum(singles) < count:  # even overlaps leave out by how much their mean varies
        normal[0, :, sum(singles) :] += ndtri(own[-1:]).T / math.sqrt(count - sum(singles))
    freedom = np.maximum(d_model - 1 - np.arange(n_steps), 0)[:, None]
    length = np.sqrt(2 * gammaincinv(np.maximum(freedom, 1) / 2, own[2:-2]))
    nodes = Nodes(
        weight=weight,
        overlap=normal[0],
        cooccurrence=_poisson_ratio(cooccurrences, points[1]),
        sampling=normal[1 : 1 + n_steps],
        fresh=normal[1 + n_steps :],
        norm=np.sqrt(2 * gammaincinv(d_model / 2, own[0])),
        own_sampling=ndtri(own[1]),
        occurrence=ndtri(own[-2]),
        radius=np.where(freedom > 0, length, 0.0),
    )
    return nodes.single() if single else nodes


def _as_many(normal: FloatArray, weight: FloatArray) -> FloatArray:
    """Return coordinates (J, R, G) of groups of weights (G,), mean and variance as of as many singles.

    Each instance's deviation from what all instances have on average is shrunk.  Otherwise the mean and the spread of
    the projections, on which the drive depends exponentially, are those of G features instead.
    """
    if not weight.size or weight.max() <= 1:
        return normal
    shrink, share = math.sqrt(weight.sum() / (weight**2).sum()), weight / weight.sum()
    mean = (normal @ share)[:, :, None]
    spread = ((normal - mean) ** 2 @ share)[:, :, None]
    usual_mean, usual_spread = (each.mean(axis=1, keepdims=True) for each in (mean, spread))
    wanted = usual_spread + shrink * (spread - usual_spread)
    return np.asarray(usual_mean + shrink * (mean - usual_mean) + np.sqrt(wanted / spread) * (normal - mean))


def _groups(count: int, cooccurrences: float, n_groups: int, *, graded: bool) -> tuple[FloatArray, FloatArray]:
    """Return the weights of the groups of met rivals (none where most are met) and of all others; they sum to count.

    Graded: those of the others grow evenly from 1 on, so that a group holds as many as the root of those before it.
    """
    met = -count * math.expm1(-cooccurrences)
    n_met = min(n_groups // (3 if graded else 2), round(met)) if cooccurrences < 1 else 0
    met = met if n_met else 0.0
    missed = np.ones(n_groups - n_met)
    if graded:
        place = np.arange(missed.size)
        missed += max(count - met - missed.size, 0) / max(place.sum(), 1) * place
    return np.full(n_met, met / max(n_met, 1)), missed * ((count - met) / missed.sum())


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


def _even(low: FloatArray, points: FloatArray, kinds: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return levels above `low` (R,), as many as points (R, any), even by the weights of each kind of rivals."""
    cell = np.concatenate([each / each.sum() for each in kinds if each.size])
    place = np.concatenate([(np.cumsum(each) - each) / each.sum() for each in kinds if each.size])
    return np.asarray(low[:, None] + (1 - low[:, None]) * (place + cell * points))


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def spread(n_points: int, n_replicas: int, dimension: int, number: int) -> FloatArray:
    """Return (dimension, R, n_points) in (0, 1), R even: as unordered as independent uniforms, but always the same.

    Sets of another number continue the sequence.

    Weyl's sequence, the fractional parts of sqrt(prime) times squares, has the gaps of a Poisson process: an even
    sequence would have rivals that are too typical, and their typical strength is not their mean one.  Half of the
    replicas are the mirror images 1 - x of the others, so that what is special to one is undone by its image.
    """
    # In whole numbers modulo 2^64, where products wrap around: floats lose the fraction of a large square.
    half = n_replicas // 2
    size = half * n_points
    square = (np.arange(size, dtype=np.uint64) + np.uint64(1 + number * size)).reshape(-1, n_points)
    square = np.ascontiguousarray(square.T)  # the replicas last: sorting is many times as fast along adjacent numbers
    square *= square
    start = np.arange(n_points)[:, None] * half
    stratum, ranks = np.empty(size), np.broadcast_to(np.arange(half, dtype=np.float64), square.shape)
    levels = np.empty((dimension, n_replicas, n_points))
    for level, prime in zip(levels, _primes(dimension), strict=True):
        digits = square * np.uint64(math.isqrt(prime << 128) % 2**64)
        stratum[digits.argsort(axis=1) + start] = ranks
        digits <<= np.uint64(20)  # later digits, strictly inside (0, 1)
        digits >>= np.uint64(12)
        inside = (digits + 0.5) / 2**52
        inside += stratum.reshape(square.shape)
        inside /= half
        level[:half] = inside.T
        np.subtract(1, level[:half], out=level[half:])
    return levels


def _poisson_ratio(mean: float, level: FloatArray) -> FloatArray:
    """Return Poisson quantiles over their mean; a mean beyond 1e4 has the normal quantiles, one of 0 has no spread."""
    if mean == 0:
        return np.ones_like(level)
    if mean > 1e4:
        return np.asarray(1 + ndtri(level) / np.sqrt(mean))
    counts = np.arange(int(mean + 12 * np.sqrt(mean) + 30))
    return np.searchsorted(pdtr(counts, mean), level) / mean
