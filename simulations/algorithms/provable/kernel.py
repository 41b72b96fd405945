"""The CPU kernel of the factored step: gather-sum, find the active entries, scatter them back, in one pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from simulations.algorithms.provable.psi import RELU, SHARPNESS, SMOOTH_CUTOFF, SMOOTH_RELU

Array = np.ndarray[Any, Any]
LANES = 16  # pre-activations tested together; the tile is a multiple of it
BUSY = 4  # ours: a row is scattered by whole vectors once a quarter of its groups of LANES hold an active entry
_FAST = {"nsz", "nnan"}  # no contraction or reassociation: both ways to scatter must give the same bits


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _pre_activations(support: Array, values: Array, row: int, active: int, G: Array, origin: Array, u: Array) -> None:
    """u[m] = sum_k values[row, k] G[support[row, k], m] - origin[m]; three features a pass keep u in registers."""
    width = G.shape[1]
    i0 = np.uint64(support[row, 0])  # unsigned: no wrap-around test inside the loops
    v0 = values[row, 0]
    start = 1
    if active >= 3:
        i1, i2 = np.uint64(support[row, 1]), np.uint64(support[row, 2])
        v1, v2 = values[row, 1], values[row, 2]
        for m in range(width):
            u[m] = v0 * G[i0, m] + v1 * G[i1, m] + v2 * G[i2, m] - origin[m]
        start = 3
    else:
        for m in range(width):
            u[m] = v0 * G[i0, m] - origin[m]
    for k in range(start, active):
        i0 = np.uint64(support[row, k])
        v0 = values[row, k]
        for m in range(width):
            u[m] += v0 * G[i0, m]


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
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

    `support`, `values`: (N, s); `G` = V W^T: (n, width), width a multiple of LANES; `shift` = <w, mean> and `bias`:
    (width,).  Samples are taken in order, so the result does not depend on how the rows are cut into calls.
    With `scatter` false only the firings are counted.
    """
    n_rows, slots = support.shape
    width = G.shape[1]
    u = np.empty(width, G.dtype)  # holds u + b - margin, so that one comparison with zero finds the active entries
    weights = np.empty(width, G.dtype)
    zero = G.dtype.type(0)
    hits = np.empty(width // LANES + 1, np.int64)
    margin = G.dtype.type(SMOOTH_CUTOFF if (activation == SMOOTH_RELU and scatter) else 0.0)
    origin = shift - bias + margin
    for row in range(n_rows):
        active = slots
        while active > 1 and values[row, active - 1] == 0:
            active -= 1
        _pre_activations(support, values, row, active, G, origin, u)
        n_hits = 0
        for j in range(0, width, LANES):
            top = u[j]
            for m in range(j + 1, j + LANES):
                top = max(top, u[m])
            hits[n_hits] = j
            n_hits += top > 0
        if scatter and activation != SMOOTH_RELU and BUSY * n_hits > width // LANES:
            for m in range(width):
                on = u[m] > 0
                value = u[m] - bias[m]
                weight = (value + u[m]) if activation == RELU else 2 * value
                weights[m] = weight if on else zero
                weight_sum[m] += weights[m]
                fired[m] += on
            for k in range(active):
                i = np.uint64(support[row, k])
                v = values[row, k]
                for m in range(width):
                    C[i, m] += v * weights[m]
            continue
        for hit in range(n_hits):
            for m in range(hits[hit], hits[hit] + LANES):
                if u[m] > 0:
                    y = u[m] + margin
                    value = y - bias[m]
                    fired[m] += y > 0
                    if not scatter:
                        continue
                    if activation == SMOOTH_RELU:
                        decay = math.exp(-abs(SHARPNESS * y))
                        soft = max(y, 0.0) + math.log1p(decay) / SHARPNESS
                        weight = soft + value * (1.0 if y > 0 else decay) / (1.0 + decay)
                    elif activation == RELU:
                        weight = value + y
                    else:
                        weight = 2 * value
                    weights[m] = weight  # rounds to the array's type, as the whole-vector way does
                    weight_sum[m] += weights[m]
                    for k in range(active):
                        C[np.uint64(support[row, k]), m] += values[row, k] * weights[m]
