"""The CPU way of a training step where few neurons are active: one dense product, and the rest over active entries.

Where a share q of the entries is active, the four products that follow the encoding cost a share q of the dense ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.network import Seen
from simulations.algorithms.autoencoders.selection import indices_above, indices_of_largest
from simulations.algorithms.autoencoders.tied import TANH_SLOPE, Gate, Gradients, Parameters
from simulations.algorithms.compiled import compiled

NO_PENALTY, L1, L0, TANH = 0, 1, 2, 3
Array = np.ndarray[Any, Any]
_FAST = {"nsz", "contract", "reassoc", "arcp"}


@compiled(fastmath=_FAST)
def _penalty_slope(code: Any, scale: Any, kind: int, penalty: Any) -> Any:
    if kind == L1:
        return penalty if code > 0 else -penalty
    if kind == TANH:
        bend = math.tanh(TANH_SLOPE * code)
        slope = penalty * TANH_SLOPE * (1 - bend * bend)
        return slope if scale >= 0 else -slope
    return 0 * penalty


@compiled(fastmath=_FAST)
def _accumulate(
    u: Array, x: Array, W: Array, a: Array, b: Array, b_pre: Array, k: int, floor: Any, ties: int, jump: bool,
    kind: int, penalty: Any, bandwidth: Any, gW: Array, ga: Array, gb: Array, theta: Array, g_pre: Array,
    fired: Array, top: Array,
) -> tuple[float, int]:  # fmt: skip
    """Add the gradients of a batch and return (sum of 1/2 ||e||^2, active entries).

    `k` > 0 takes the k largest positive y of a row; otherwise what is above `floor` is active, and the first `ties` of
    what is equal to it.  A `bandwidth` > 0 adds the straight-through gradient `theta` of entries within half of it.
    """
    rows, d = x.shape
    width = u.shape[1]
    y = np.empty(width, u.dtype)
    found = np.empty(width + 1, np.int64)
    heap = np.empty(max(k, 1), u.dtype)
    error = np.empty(d, u.dtype)
    centred = np.empty(d, u.dtype)
    half = bandwidth / 2
    low = np.nextafter(floor, -floor) if ties > 0 else floor  # what is active lies above
    loss = 0.0
    n_active = 0
    left = ties
    for row in range(rows):
        for m in range(width):
            y[m] = u[row, m] + b[m]
        count = indices_of_largest(y, k, heap, found) if k > 0 else indices_above(y, low - half, found)
        if ties > 0:
            kept = 0
            for hit in range(count):
                m = found[hit]
                if y[m] > floor or left > 0:
                    left -= 0 if y[m] > floor else 1
                    found[kept] = m
                    kept += 1
            count = kept
        for i in range(d):
            centred[i] = x[row, i] - b_pre[i]
            error[i] = -centred[i]
        for hit in range(count):
            m = found[hit]
            if y[m] > low:
                code = a[m] * (u[row, m] if jump else y[m])
                for i in range(d):
                    error[i] += code * W[m, i]
        for i in range(d):
            loss += 0.5 * error[i] * error[i]
            g_pre[i] += error[i]
        for hit in range(count):
            m = found[hit]
            pull = x.dtype.type(0)
            for i in range(d):
                pull += error[i] * W[m, i]
            active = y[m] > low
            z = (u[row, m] if jump else y[m]) if active else x.dtype.type(0)
            code = a[m] * z
            slope = pull + _penalty_slope(code, a[m], kind, penalty)
            if active:
                delta = slope * a[m]
                ga[m] += slope * z
                gb[m] += delta
                for i in range(d):
                    gW[m, i] += delta * centred[i] + code * error[i]
                fired[m] += 1
                top[m] = max(top[m], y[m])
                n_active += 1
            if bandwidth > 0 and abs(y[m]) < half:
                theta[m] += (slope * a[m] * -b[m] + (penalty if kind == L0 else 0 * penalty)) / bandwidth
    return loss, n_active


def batch_floor(y: Array, count: int, guess: float) -> tuple[float, int]:
    """Return a floor and a number of ties: the `count` largest positive entries of y are those above the floor, and the
    first ties of those equal to it.  The floor is 0 where fewer are positive; `guess` saves work.
    """
    flat = y.reshape(-1)
    candidates = flat[flat > max(guess, 0.0)]
    if len(candidates) <= count:
        return batch_floor(y, count, 0.0) if guess > 0 else (0.0, 0)
    place = len(candidates) - count
    candidates.partition(place - 1)
    floor = candidates[place - 1]
    return float(floor), count - int((candidates[place:] > floor).sum())


def sparse_gradients(
    parameters: Parameters, gate: Gate, x: Tensor, guess: float = 0.0, keep: bool = False
) -> tuple[Gradients, Seen, float]:
    """Return what tied.dense_gradients returns, replica by replica on a CPU, and the floor of batchtopk.

    `guess` is a floor below which no entry is expected to be active: a wrong one costs time only.
    """
    gradients = Gradients(*(torch.zeros_like(each) for each in parameters))
    theta = torch.zeros_like(parameters.bias)
    fired, top = torch.zeros_like(parameters.bias), torch.zeros_like(parameters.bias)
    kept = x.new_empty(*x.shape[:2], theta.shape[1]) if keep else None
    losses, n_active, floor = [], 0, 0.0
    kind = {"l1": L1, "jumprelu": TANH if gate.tanh else L0}.get(gate.algorithm, NO_PENALTY)
    for r in range(len(x)):
        W, a, b, b_pre = (each[r] for each in parameters)
        u = torch.mm(x[r] - b_pre, W.T, out=None if kept is None else kept[r])
        k, ties = gate.k[r], 0
        if gate.algorithm == "batchtopk":
            (floor, ties), k = batch_floor((u + b).numpy(), k * len(u), guess), 0
        real = u.numpy().dtype.type
        loss, count = _accumulate(
            u.numpy(), x[r].numpy(), W.numpy(), a.numpy(), b.numpy(), b_pre.numpy(), k, real(floor), ties,
            gate.jump, kind, real(gate.penalty[r, 0, 0]), real(gate.bandwidth),
            gradients.weights[r].numpy(), gradients.scale[r].numpy(), gradients.bias[r].numpy(), theta[r].numpy(),
            gradients.pre_bias[r].numpy(), fired[r].numpy(), top[r].numpy(),
        )  # fmt: skip
        losses.append(loss)
        n_active += count
    rows = x.shape[1]
    gradients.pre_bias.sub_(torch.bmm(gradients.bias[:, None], parameters.weights)[:, 0])
    if gate.straight_through:
        gradients = gradients._replace(bias=theta)
    for each in gradients:
        each.div_(rows)
    loss = torch.tensor(losses, dtype=x.dtype) / rows
    return gradients, Seen(loss, fired, top, n_active, kept), floor
