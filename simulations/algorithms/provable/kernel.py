"""The CPU kernel of the factored step: gather-sum, find the active entries, scatter them back, in one pass.

Neurons are worked on LANES at a time: their G and C stay in the cache together, a sample's pre-activations are a few
vectors in registers, and the comparison of these with zero is one 64-bit word.  Where few entries are active, finding
them must not cost more than using them: the words of BLOCK samples tell which groups of GROUP neurons have an active
one, and only those are scattered, by whole vectors.  Where many are, a sample is scattered to all neurons of the slice
as soon as it is gathered, while its pre-activations are in registers.  Both ways add in the same order and give the
same bits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from simulations.algorithms.compiled import compiled, trailing_zeros
from simulations.algorithms.provable.psi import RELU, SHARPNESS, SMOOTH_CUTOFF, SMOOTH_RELU
from simulations.algorithms.provable.vectors import (
    BLOCK,
    GROUP,
    LANES,
    SLOTS,
    busy_groups,
    count,
    gather,
    gather_and_scatter,
    scatter,
    spread,
)

Array = np.ndarray[Any, Any]
CHUNK = 2_048  # samples between two choices of the way
BUSY = 0.03  # ours: the share of active entries from which on the way by samples is the faster one
LINE = 64  # bytes of a line of the cache, in which a vector should lie whole
PER_ROW = LANES // GROUP
COUNT, SMOOTH, LINEAR = 0, 1, 2
_FAST = {"nsz", "nnan"}


class Arranged(NamedTuple):
    """Samples as `accumulate` takes them: `support`, `values` (N, s), and how many slots count, `used` (N,)."""

    support: Array
    values: Array
    used: Array


def arrange(support: Array, values: Array) -> Arranged:
    """Return the samples (N, s), ordered by feature, null slots last, at least SLOTS of them.

    Samples that share their first feature follow each other, which keeps its rows of G and C in L1 for some N s / n
    samples.
    """
    order = np.argsort(np.where(values == 0, np.iinfo(support.dtype).max, support), axis=1, kind="stable")
    support, values = np.take_along_axis(support, order, 1), np.take_along_axis(values, order, 1)
    missing = max(SLOTS - support.shape[1], 0)
    support = np.concatenate([support, np.repeat(support[:, :1], missing, axis=1)], axis=1)
    values = np.pad(values, ((0, 0), (0, missing)))
    rows = np.argsort(support[:, 0], kind="stable")
    support, values = support[rows], values[rows]
    return Arranged(support, values, (values != 0).sum(axis=1))


@compiled(fastmath=_FAST)
def _aligned(size: int, like: Array) -> Array:
    """Return `size` entries of the dtype of `like`, not set, that begin a line of the cache."""
    entries = LINE // like.itemsize
    whole = np.empty(size + entries, like.dtype)
    first = (-whole.ctypes.data % LINE) // like.itemsize
    return whole[first : first + size]


@compiled(fastmath=_FAST)
def _smooth(
    support: Array, values: Array, at: int, used: int, u: Array, start: int, bias: Array, margin: float, m: int,
    fired: Array, weight_sum: Array, C: Array, weights: Array,
) -> None:  # fmt: skip
    """Do as `scatter` for the smooth ReLU, of which u holds u + b - margin."""
    for i in range(GROUP):
        y = u[start + i] + margin
        decay = math.exp(-abs(SHARPNESS * y))
        soft = max(y, 0.0) + math.log1p(decay) / SHARPNESS
        weight = soft + (y - bias[m + i]) * (1.0 if y > 0 else decay) / (1.0 + decay)
        weights[i] = weight if u[start + i] > 0 else 0.0
        fired[m + i] += y > 0
    spread(support, values, at, used, weights, m, weight_sum, C)


@compiled(fastmath=_FAST)
def _gather_block(samples: Arranged, first: int, last: int, G: Array, start: Array, u: Array, flags: Array) -> int:
    """Write pre-activations and flags of BLOCK samples, and return which groups have an active one."""
    for r in range(BLOCK):
        row = first + r
        flags[r] = 0
        if row < last:
            at = row * samples.support.shape[1]
            flags[r] = gather(samples.support, samples.values, at, samples.used[row], G, start, u, r * LANES)
    return int(busy_groups(flags))


@compiled(fastmath=_FAST)
def _by_group(
    samples: Arranged, first: int, last: int, G: Array, start: Array, bias: Array, minus: Array, margin: float,
    mode: int, C: Array, weight_sum: Array, fired: Array, u: Array, flags: Array, weights: Array,
) -> None:  # fmt: skip
    """Add what samples first to last do to LANES neurons, active group by active group."""
    support, values, used = samples.support, samples.values, samples.used
    for begin in range(first, last, BLOCK):
        groups = _gather_block(samples, begin, last, G, start, u, flags)
        while groups != 0:
            group = trailing_zeros(groups)
            groups &= groups - 1
            m, row = group % PER_ROW * GROUP, begin + group // PER_ROW
            own, at = group * GROUP, row * support.shape[1]
            if mode == COUNT:
                count(u, own, m, fired)
            elif mode == SMOOTH:
                _smooth(
                    support, values, at, used[row], u, own, bias, margin, m, fired, weight_sum, C, weights
                )  # fmt: skip
            else:
                scatter(support, values, at, used[row], u, own, bias, minus, m, fired, weight_sum, C)


@compiled(fastmath=_FAST)
def _slice(
    samples: Arranged, G: Array, start: Array, bias: Array, minus: Array, margin: float,
    mode: int, C: Array, weight_sum: Array, fired: Array, u: Array, flags: Array, weights: Array,
) -> None:  # fmt: skip
    """Add every sample's contribution to LANES neurons; all arrays flat, the last three are working space."""
    n_rows = len(samples.support)
    before = 0
    busy = False
    for first in range(0, n_rows, CHUNK):
        last = min(first + CHUNK, n_rows)
        if busy and mode == LINEAR:
            gather_and_scatter(
                samples.support, samples.values, samples.used, samples.support.shape[1], first, last, G, start,
                bias, minus, fired, weight_sum, C,
            )  # fmt: skip
        else:
            _by_group(
                samples, first, last, G, start, bias, minus, margin, mode, C, weight_sum, fired, u, flags, weights
            )
        after = 0
        for m in range(LANES):
            after += fired[m]
        busy = after - before > BUSY * LANES * (last - first)
        before = after


@compiled(fastmath=_FAST)
def accumulate(
    samples: Arranged, G: Array, shift: Array, bias: Array, activation: int, scattered: bool, C: Array,
    weight_sum: Array, fired: Array,
) -> None:  # fmt: skip
    """Write the samples' contributions to C = H^T Psi (n, width), sum_l psi (width,) and the firing counts (width,).

    `G` = V W^T: (n, width), width a multiple of LANES; `shift` = <w, mean> and `bias`: (width,).  Samples are taken in
    order and no neuron meets another one, so a neuron's result depends on its own column only.  With `scattered` false
    only the firings are counted.  Raises ValueError for another width.
    """
    n_features, width = G.shape
    if width % LANES:
        raise ValueError("the width of a tile should be a multiple of LANES")
    mode = COUNT if not scattered else SMOOTH if activation == SMOOTH_RELU else LINEAR
    margin = G.dtype.type(SMOOTH_CUTOFF if mode == SMOOTH else 0.0)
    own_G, own_C = _aligned(n_features * LANES, G), _aligned(n_features * LANES if scattered else 0, G)
    u, weights = _aligned(BLOCK * LANES, G), _aligned(GROUP, G)
    start, own_bias, minus, own_sum = _aligned(LANES, G), _aligned(LANES, G), _aligned(LANES, G), _aligned(LANES, G)
    flags, own_fired = np.empty(BLOCK, np.int64), np.empty(LANES, np.int32)
    for first in range(0, width, LANES):
        for i in range(n_features):
            for m in range(LANES):
                own_G[i * LANES + m] = G[i, first + m]
        for i in range(own_C.size):
            own_C[i] = 0
        for m in range(LANES):
            own_bias[m] = bias[first + m]
            start[m] = bias[first + m] - shift[first + m] - margin  # so that one comparison with zero finds the active
            minus[m] = 0 if activation == RELU else bias[first + m]
            own_sum[m], own_fired[m] = 0, 0
        _slice(
            samples, own_G, start, own_bias, minus, margin, mode, own_C, own_sum, own_fired, u, flags, weights
        )  # fmt: skip
        for m in range(LANES):
            fired[first + m] = own_fired[m]
        if scattered:
            for i in range(n_features):
                for m in range(LANES):
                    C[i, first + m] = own_C[i * LANES + m]
            for m in range(LANES):
                weight_sum[first + m] = own_sum[m]
