"""Modified Bias Adaptation: the provable algorithm, one bias, spherical gradient steps (arXiv 2506.14002v1, sec. 6).

One step: g_m = (1/N) sum_l psi(<w_m, x_l>; b) x_l;  w_m <- (w_m + eta g_m) / ||w_m + eta g_m||, eta = inf means
w_m <- g_m / ||g_m||.  A neuron that fires on no sample keeps its weight.  Neurons are independent given the data, so
a tile of them runs through all steps before the next tile begins, and memory does not grow with the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import COLUMN_BYTES, Evaluation, tile_width
from simulations.base.settings import Settings
from theory.closed_forms import frequency_to_bias

T = TypeVar("T")
R = TypeVar("R")


class State(NamedTuple):
    """Neuron directions (R, M, d), unit rows; target frequencies (R, M); number of steps taken."""

    weights: Tensor
    target_frequency: Tensor
    n_steps: int = 0


class Info(NamedTuple):
    """What a step saw before it moved: best cosine per feature (R, n), firing counts and biases (R, M)."""

    best_cosine: Tensor
    fired: Tensor
    bias: Tensor


class Trace(NamedTuple):
    """A whole run: final weights (R, M, d), firing frequencies (R, M), best cosine per state (R, T + 1, n)."""

    weights: Tensor
    activation_frequency: Tensor
    best_cosine: Tensor


def init(weights: Tensor, target_frequency: Tensor | float) -> State:
    """Return the state that starts from `weights` (R, M, d) or (M, d), rows scaled to the unit sphere."""
    rows = weights if weights.ndim == 3 else weights[None]
    frequency = torch.as_tensor(target_frequency, dtype=rows.dtype, device=rows.device).expand(rows.shape[:2])
    return State(torch.nn.functional.normalize(rows, dim=-1), frequency)


def _batch(n_samples: int, batch_size: int, step_index: int) -> slice:
    """Return the rows of a step: all, or the next `batch_size` (rows are i.i.d., so in order is at random)."""
    if batch_size in (0, n_samples):
        return slice(0, n_samples)
    per_pass = n_samples // batch_size
    start = (step_index % per_pass) * batch_size
    return slice(start, start + batch_size)


def tracking_bias(data: Evaluation, weights: Tensor, G: Tensor, frequency: Tensor, rows: slice) -> Tensor:
    """Return biases (R, M) at which neuron m fires on a share frequency_m of `rows`, capped at 0.

    The threshold lies midway between the two order statistics around the wanted share; a bias is never positive, so
    a neuron whose quantile is negative fires less often than asked.
    """
    count = rows.stop - rows.start
    columns = max(1, COLUMN_BYTES // (count * weights.shape[0] * weights.dtype.itemsize))
    wanted = (frequency * count).round().long().clamp(1, max(count - 1, 1))
    bias = torch.empty_like(frequency)
    for start in range(0, weights.shape[1], columns):
        part = slice(start, start + columns)
        u = data.pre_activations(weights[:, part], G[:, :, part], rows)
        top = u.topk(min(int(wanted[:, part].max()) + 1, count), dim=1).values
        index = wanted[:, None, part]
        above = top.gather(1, index - 1)
        below = top.gather(1, index.clamp(max=top.shape[1] - 1))
        bias[:, part] = -(above + below)[:, 0] / 2
    return bias.clamp(max=0)


def _bias(state: State, data: Evaluation, G: Tensor, settings: Settings, rows: slice) -> Tensor:
    if settings.bias_policy == "tracking":
        return tracking_bias(data, state.weights, G, state.target_frequency, rows)
    bias = frequency_to_bias(state.target_frequency.double().cpu().numpy())
    return torch.from_numpy(np.asarray(bias)).to(state.weights)


def _best_cosine(G: Tensor, weights: Tensor, features: Tensor) -> Tensor:
    """Return max_m cos(w_m, v_i), (R, n); a null neuron counts as -1 with every feature."""
    null = (weights == 0).all(-1)
    cosine = G / features.norm(dim=2, keepdim=True)
    shown: Tensor = cosine.masked_fill(null[:, None, :], -1.0) if null.any() else cosine
    return shown.amax(2)


def step(state: State, data: Evaluation, settings: Settings, *, move: bool = True) -> tuple[State, Info]:
    """Take one step; with `move` false only look (the state comes back as it was).

    Implements: one iteration of Modified Bias Adaptation (module docstring).
    """
    weights = state.weights
    G = torch.bmm(data.features, weights.transpose(1, 2))
    best = _best_cosine(G, weights, data.features)
    rows = _batch(data.n_samples, settings.batch_size, state.n_steps) if move else slice(0, data.n_samples)
    bias = _bias(state, data, G, settings, rows)
    activation = ACTIVATION_CODES[settings.activation]
    drive = data.drive(weights, G, bias, activation, rows, gradient=move)
    info = Info(best, drive.fired, bias)
    if drive.gradient is None:
        return state, info
    moved = drive.gradient if math.isinf(settings.step_size) else weights + settings.step_size * drive.gradient
    norm = moved.norm(dim=-1, keepdim=True)
    alive = (drive.fired[..., None] > 0) & (norm > 0)
    weights = torch.where(alive, moved / torch.where(alive, norm, torch.ones_like(norm)), weights)
    return State(weights, state.target_frequency, state.n_steps + 1), info


def _run_tile(state: State, data: Evaluation, settings: Settings) -> tuple[State, Tensor, Tensor]:
    cosines = []
    for _ in range(settings.n_steps):
        state, info = step(state, data, settings)
        cosines.append(info.best_cosine)
    _, info = step(state, data, settings, move=False)
    return state, info.fired, torch.stack([*cosines, info.best_cosine], dim=1)


def side_by_side(work: Callable[[T], R], tiles: Sequence[T], device: torch.device, threads: int) -> list[R]:
    """Return `work` of each tile, in order; on a CPU `threads` of them at a time, each on one thread."""

    def alone(tile: T) -> R:
        if device.type == "cpu":
            torch.set_num_threads(1)  # the bits of a product depend on the number of threads
        return work(tile)

    before = torch.get_num_threads()
    try:
        if threads > 1 and device.type == "cpu":
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(alone, tiles))
        return [alone(tile) for tile in tiles]
    finally:
        torch.set_num_threads(before)


def run(state: State, data: Evaluation, settings: Settings, *, threads: int = 1) -> Trace:
    """Run settings.n_steps steps of every neuron and look once more at the end.

    `threads` tiles run side by side on a CPU; neither their number nor the other neurons change a neuron's result.
    """
    n_replicas, n_neurons, _ = state.weights.shape
    device, dtype = state.weights.device, state.weights.dtype
    width = tile_width(n_neurons, n_replicas, data.features.shape[1], device, dtype)
    tiles = [_tile(state, start, width) for start in range(0, n_neurons, width)]

    done = side_by_side(lambda tile: _run_tile(tile, data, settings), tiles, device, threads)
    weights = torch.cat([each.weights for each, _, _ in done], dim=1)[:, :n_neurons]
    fired = torch.cat([fired for _, fired, _ in done], dim=1)[:, :n_neurons]
    best = torch.stack([cosines for _, _, cosines in done]).amax(0)
    return Trace(weights, fired.double() / data.n_samples, best)


def _tile(state: State, start: int, width: int) -> State:
    """Cut neurons out, padded with null neurons: equal shapes make a neuron's bits independent of M."""
    weights = state.weights[:, start : start + width]
    frequency = state.target_frequency[:, start : start + width]
    missing = width - weights.shape[1]
    weights = torch.nn.functional.pad(weights, (0, 0, 0, missing))
    frequency = torch.nn.functional.pad(frequency, (0, missing), value=0.5)
    return State(weights.contiguous(), frequency, state.n_steps)
