"""Modified Bias Adaptation: the provable algorithm, one bias, spherical gradient steps (arXiv 2506.14002v1, sec. 6).

One step: g_m = (1/N) sum_l psi(<w_m, x_l>; b) x_l;  w_m <- (w_m + eta g_m) / ||w_m + eta g_m||, eta = inf means
w_m <- g_m / ||g_m||.  A neuron that fires on no sample keeps its weight.  Neurons are independent given the data, so
a tile of them runs through all steps before the next tile begins, and memory does not grow with the width.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import Evaluation, tile_width
from simulations.algorithms.provable.vectors import LANES
from theory.closed_forms import frequency_to_bias

COLUMN_BYTES = 2**28  # pre-activations of all samples held at once by the tracking policy
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
    """A whole run: final weights (R, M, d), firing frequencies (R, M), best cosine per state (R, T + 1, n).

    `seconds` is the time that the steps before each state took, (T + 1,): the last look is not counted.
    """

    weights: Tensor
    activation_frequency: Tensor
    best_cosine: Tensor
    seconds: list[float]


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


def _bias(state: State, data: Evaluation, G: Tensor, settings: Any, rows: slice) -> Tensor:
    if settings.bias_policy == "tracking":
        return tracking_bias(data, state.weights, G, state.target_frequency, rows)
    first = state.target_frequency[0, 0]
    if (state.target_frequency == first).all():  # as a rule; finding the levels takes longer than a small product
        return torch.full_like(state.target_frequency, _fixed_bias(first.item()))
    levels, index = torch.unique(state.target_frequency, return_inverse=True)
    return state.weights.new_tensor([_fixed_bias(each) for each in levels.tolist()])[index]


@lru_cache
def _fixed_bias(target_frequency: float) -> float:
    return float(frequency_to_bias(target_frequency))


def _best_cosine(G: Tensor, weights: Tensor, norms: Tensor) -> Tensor:
    """Return max_m cos(w_m, v_i), (R, n); a null neuron counts as -1 with every feature."""
    null = weights[..., 0] == 0
    if null.any():
        null = ~weights.any(-1)
    if not null.any():  # rounding is monotone: the greatest quotient is that of the greatest product
        return torch.div(G.amax(2), norms)
    return torch.div(G, norms[..., None]).masked_fill(null[:, None, :], -1.0).amax(2)


def step(state: State, data: Evaluation, settings: Any, *, move: bool = True) -> tuple[State, Info]:
    """Take one step; with `move` false only look (the state comes back as it was).

    Implements: one iteration of Modified Bias Adaptation (module docstring).
    """
    weights = state.weights
    G = torch.bmm(data.features, weights.transpose(1, 2))
    best = _best_cosine(G, weights, data.norms)
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
    moved = moved.div_(torch.where(alive, norm, torch.ones_like(norm)))
    moved = torch.where(alive, moved, weights, out=moved)
    return State(moved, state.target_frequency, state.n_steps + 1), info


def _run_tile(state: State, data: Evaluation, settings: Any) -> tuple[State, Tensor, Tensor, list[float]]:
    cosines, begin, seconds = [], time.perf_counter(), [0.0]
    for _ in range(settings.n_steps):
        state, info = step(state, data, settings)
        cosines.append(info.best_cosine)
        seconds.append(time.perf_counter() - begin)
    _, info = step(state, data, settings, move=False)
    return state, info.fired, torch.stack([*cosines, info.best_cosine], dim=1), seconds


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


def run(state: State, data: Evaluation, settings: Any, *, threads: int = 1) -> Trace:
    """Run settings.n_steps steps of every neuron and look once more at the end.

    `threads` tiles run side by side on a CPU; neither their number nor the other neurons change a neuron's result.
    """
    n_replicas, n_neurons, _ = state.weights.shape
    device, dtype = state.weights.device, state.weights.dtype
    _warm_up(state, data, settings)
    width = tile_width(n_neurons, n_replicas, data.features.shape[1], device, dtype)
    tiles = [tile(state, start, width) for start in range(0, n_neurons, width)]

    done = side_by_side(lambda part: _run_tile(part, data, settings), tiles, device, threads)
    weights = torch.cat([each.weights for each, *_ in done], dim=1)[:, :n_neurons]
    fired = torch.cat([fired for _, fired, _, _ in done], dim=1)[:, :n_neurons]
    best = torch.stack([cosines for _, _, cosines, _ in done]).amax(0)
    at_once = max(1, min(threads, len(tiles))) if device.type == "cpu" else 1
    seconds = [sum(each) / at_once for each in zip(*(of_tile for *_, of_tile in done), strict=True)]
    return Trace(weights, fired.double() / data.n_samples, best, seconds)


def _warm_up(state: State, data: Evaluation, settings: Any) -> None:
    """Compile what a step needs, on one sample: the clock of the trace is about steps."""
    weights = tile(state, 0, LANES).weights
    G = torch.bmm(data.features, weights.transpose(1, 2))
    for gradient in (True, False):
        bias = torch.zeros_like(weights[..., 0])
        data.drive(weights, G, bias, ACTIVATION_CODES[settings.activation], slice(0, 1), gradient)


def tile(state: State, start: int, width: int) -> State:
    """Return `width` neurons from `start` on, null ones beyond the last: equal shapes make bits independent of M."""
    weights = state.weights[:, start : start + width]
    frequency = state.target_frequency[:, start : start + width]
    missing = width - weights.shape[1]
    weights = torch.nn.functional.pad(weights, (0, 0, 0, missing))
    frequency = torch.nn.functional.pad(frequency, (0, missing), value=0.5)
    return State(weights.contiguous(), frequency, state.n_steps)
