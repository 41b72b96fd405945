"""The CPU kernel of the factored step: gather-sum, find the active entries, scatter them back, in one pass.

One or two entries in a hundred are active, so finding them costs as much as using them.  Every entry leaves a byte
flag beside its pre-activation; the flags are read eight at a time as one word, and the words that are not zero are
listed without a branch, for a branch here is mispredicted at every other entry.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulations.algorithms.compiled import compiled, trailing_zeros, uint64
from simulations.algorithms.provable.psi import RELU, SHARPNESS, SMOOTH_CUTOFF, SMOOTH_RELU

Array = np.ndarray[Any, Any]
LANES = 16  # a tile's width is a multiple of it: whole words of eight flags, whole vectors
BLOCK = 8  # samples gathered before they are scattered: fewer calls, and their pre-activations stay in L1
BUSY = 2  # ours: a row is scattered by whole vectors once one in BUSY of its words holds an active entry
_FAST = {"nsz", "nnan"}  # no contraction or reassociation: both ways to scatter must give the same bits


def arrange(support: Array, values: Array) -> tuple[Array, Array]:
    """Return the samples (N, s) as `accumulate` takes them: three slots or a multiple of four, ordered by feature.

    Samples that share their first feature follow each other, which keeps its rows of G and C in L1 for some N s / n
    samples.  Slots of value 0 go last and point at the first feature, whose row is at hand.
    """
    null = values == 0
    order = np.argsort(np.where(null, np.iinfo(support.dtype).max, support), axis=1, kind="stable")
    support, values = np.take_along_axis(support, order, 1), np.take_along_axis(values, order, 1)
    support = np.where(values == 0, support[:, :1], support)
    missing = max(3 - support.shape[1], 0) or (-support.shape[1] % 4 if support.shape[1] > 3 else 0)
    support = np.concatenate([support, np.repeat(support[:, :1], missing, axis=1)], axis=1)
    values = np.pad(values, ((0, 0), (0, missing)))
    rows = np.argsort(support[:, 0], kind="stable")
    return support[rows], values[rows]


@compiled(fastmath=_FAST | {"contract"})
def _gather(
    support: Array, values: Array, first: int, count: int, G: Array, start: Array, u: Array, flags: Array
) -> None:
    """u[r, m] = start[m] + sum_k values[first + r, k] G[support[first + r, k], m], and flags[r, m] = u[r, m] > 0.

    Three or four features a pass, and the pre-activation stays in a register.
    """
    width = G.shape[1]
    slots = support.shape[1]
    for r in range(count):
        row = first + r
        a, b, c = uint64(support[row, 0]), uint64(support[row, 1]), uint64(support[row, 2])  # no wrap-around tests
        va, vb, vc = values[row, 0], values[row, 1], values[row, 2]
        if slots == 3:
            for m in range(width):
                total = start[m] + va * G[a, m] + vb * G[b, m] + vc * G[c, m]
                u[r, m] = total
                flags[r, m] = total > 0
            continue
        d, vd = uint64(support[row, 3]), values[row, 3]
        for m in range(width):
            total = start[m] + va * G[a, m] + vb * G[b, m] + vc * G[c, m] + vd * G[d, m]
            u[r, m] = total
            flags[r, m] = total > 0
        for k in range(4, slots, 4):
            if values[row, k] == 0:
                break
            a, b = uint64(support[row, k]), uint64(support[row, k + 1])
            c, d = uint64(support[row, k + 2]), uint64(support[row, k + 3])
            va, vb, vc, vd = values[row, k], values[row, k + 1], values[row, k + 2], values[row, k + 3]
            for m in range(width):
                total = u[r, m] + va * G[a, m] + vb * G[b, m] + vc * G[c, m] + vd * G[d, m]
                u[r, m] = total
                flags[r, m] = total > 0


@compiled(fastmath=_FAST)
def _scatter_row(support: Array, values: Array, row: int, weights: Array, C: Array) -> None:
    for k in range(support.shape[1]):
        i, v = uint64(support[row, k]), values[row, k]
        if v == 0:
            break
        for m in range(C.shape[1]):
            C[i, m] += v * weights[m]


@compiled(fastmath=_FAST)
def _scatter_smooth(
    support: Array, values: Array, first: int, count: int, u: Array, bias: Array, margin: float,
    C: Array, weight_sum: Array, fired: Array, weights: Array,
) -> None:  # fmt: skip
    """Do as `_scatter` for the smooth ReLU, of which most entries are active: all by whole vectors."""
    for r in range(count):
        for m in range(C.shape[1]):
            y = u[r, m] + margin
            decay = math.exp(-abs(SHARPNESS * y))
            soft = max(y, 0.0) + math.log1p(decay) / SHARPNESS
            weight = soft + (y - bias[m]) * (1.0 if y > 0 else decay) / (1.0 + decay)
            weights[m] = weight if u[r, m] > 0 else 0.0
            weight_sum[m] += weights[m]
            fired[m] += y > 0
        _scatter_row(support, values, first + r, weights, C)


@compiled(fastmath=_FAST)
def _scatter(
    support: Array, values: Array, first: int, count: int, u: Array, flags: Array, words: Array, bias: Array,
    relu: bool, C: Array, weight_sum: Array, fired: Array, weights: Array, busy: Array, hits: Array,
) -> None:  # fmt: skip
    """Add the active entries of `count` samples to C, weight_sum and fired; the last three are working space."""
    zero = C.dtype.type(0)
    for r in range(count):
        row = first + r
        n_busy = 0
        for j in range(words.shape[1]):
            busy[n_busy] = j
            n_busy += words[r, j] != 0
        if BUSY * n_busy > words.shape[1]:
            for m in range(C.shape[1]):
                value = u[r, m] - bias[m]
                weight = value + (u[r, m] if relu else value)
                weights[m] = weight if flags[r, m] else zero
                weight_sum[m] += weights[m]
                fired[m] += flags[r, m]
            _scatter_row(support, values, row, weights, C)
            continue
        a, b, c = uint64(support[row, 0]), uint64(support[row, 1]), uint64(support[row, 2])
        va, vb, vc = values[row, 0], values[row, 1], values[row, 2]
        n_hits = uint64(0)
        for t in range(n_busy):
            j = busy[t]
            word = words[r, j]
            while word != 0:
                m = uint64(8) * j + (trailing_zeros(word) >> uint64(3))
                word &= word - uint64(1)
                value = u[r, m] - bias[m]
                weight = value + (u[r, m] if relu else value)
                fired[m] += 1
                weight_sum[m] += weight
                C[a, m] += va * weight
                C[b, m] += vb * weight
                C[c, m] += vc * weight
                hits[n_hits] = m
                weights[n_hits] = weight
                n_hits += uint64(1)
        for k in range(3, support.shape[1]):
            i, v = uint64(support[row, k]), values[row, k]
            if v == 0:
                break
            for t in range(n_hits):
                C[i, hits[t]] += v * weights[t]


@compiled(fastmath=_FAST)
def accumulate(
    support: Array,
    values: Array,
    G: Array,
    shift: Array,
    bias: Array,
    activation: int,
    scatter: bool,
    C: Array,
    weight_sum: Array,
    fired: Array,
) -> None:
    """Add every sample's contribution to C = H^T Psi (n, width), sum_l psi (width,) and the firing counts (width,).

    `support`, `values`: (N, s) from `arrange`; `G` = V W^T: (n, width), width a multiple of LANES; `shift` = <w, mean>
    and `bias`: (width,).  Samples are taken in order and no neuron meets another one, so a neuron's result depends on
    its own column only.  With `scatter` false only the firings are counted.  Raises ValueError for another width.
    """
    n_rows, width = support.shape[0], G.shape[1]
    if width % LANES:
        raise ValueError("the width of a tile should be a multiple of LANES")
    u = np.empty((BLOCK, width), G.dtype)  # holds u + b - margin, so that one comparison with zero finds the active
    words = np.empty((BLOCK, width // 8), np.uint64)
    flags = words.view(np.uint8)
    counts = np.zeros(width, np.int32)  # of half the width of `fired`: more of them in a vector
    busy, hits, weights = np.empty(width // 8 + 1, np.uint64), np.empty(width, np.uint64), np.empty(width, G.dtype)
    margin = G.dtype.type(SMOOTH_CUTOFF if (activation == SMOOTH_RELU and scatter) else 0.0)
    start = bias - shift - margin
    for first in range(0, n_rows, BLOCK):
        count = min(BLOCK, n_rows - first)
        _gather(support, values, first, count, G, start, u, flags)
        if not scatter:
            for r in range(count):
                for m in range(width):
                    counts[m] += flags[r, m]
        elif activation == SMOOTH_RELU:
            _scatter_smooth(support, values, first, count, u, bias, margin, C, weight_sum, counts, weights)
        else:
            relu = activation == RELU
            _scatter(
                support, values, first, count, u, flags, words, bias, relu, C, weight_sum, counts, weights, busy, hits
            )
    fired += counts
