"""Training: init -> State, step -> Seen, run -> Trace; many replicas in one program (DESIGN: section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders import controller
from simulations.algorithms.autoencoders.controller import Buffer, Groups
from simulations.algorithms.autoencoders.model import Gate, Parameters, Seen, dense_gradients
from simulations.algorithms.autoencoders.sparse import sparse_gradients
from simulations.base.settings import Settings
from simulations.base.streams import stream
from simulations.data.sampling import activations, initial_directions
from simulations.data.stream import Stream

# Replicas of one program may differ in these; everything else they share.
BATCH_AXES = (
    *("seed", "target_frequency", "n_groups", "high_target_frequency", "low_target_frequency", "gain", "gain_ratio"),
    *("relaxation", "dead_frequency", "initial_bias", "initial_scale", "penalty", "k"),
)
After = Callable[["Problem", "State", "Trace"], None]
LAST_RATE = 0.01  # of the linear schedule, as a share of the learning rate
SLACK, ON_TARGET = 1.25, 0.9  # the target is reached once 9 in 10 neurons fire at most 1.25 times as often as wanted
FLOOR_SHARE = 0.8  # of the last floor of batchtopk, below which the next is not expected


@dataclass
class State:
    """All that training changes, in place; tensors have a leading axis of R replicas.

    `buffer` is what the controller has counted, `on_target` the step at which the target was reached (-1: not yet),
    `diverged` that at which a number ceased to be finite (-1: never), `last_frequency` that of the last two buffers.
    """

    parameters: Parameters
    optimizer: torch.optim.Optimizer
    buffer: Buffer
    on_target: Tensor
    diverged: Tensor
    last_frequency: tuple[Tensor, Tensor]
    step: int = 0
    floor: float = 0.0


class Problem(NamedTuple):
    """What training does not change: a cell per replica, its data (replicas of a seed share one), gate and groups."""

    cells: Sequence[Settings]
    streams: Sequence[Stream]
    gate: Gate
    groups: Groups
    device: torch.device
    dtype: torch.dtype


@dataclass
class Trace:
    """What was measured on the way: at each of `steps`, best cosine per feature (R, n) and training seconds so far."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best_cosine: list[Tensor] = field(default_factory=list)


def problem(cells: Sequence[Settings], device: torch.device, dtype: torch.dtype) -> Problem:
    """Return the problem of cells that differ in BATCH_AXES only, each trained from settings.n_restarts starts."""
    drawn = {each.seed: Stream(each, device, dtype) for each in cells}
    replicas = [each for each in cells for _ in range(each.n_restarts)]
    gate = Gate(replicas, device, dtype)
    return Problem(
        replicas, [drawn[each.seed] for each in replicas], gate, controller.groups(replicas, device, dtype),
        device, dtype,
    )  # fmt: skip


def start_of(settings: Settings, data: Stream, restart: int) -> np.ndarray[Any, Any]:
    """Return the starting directions (M, d) of a restart, the same for every algorithm; restart 0 is modified-ba's."""
    if settings.initialization == "data":
        rng = stream("init", settings.seed, initialization="data", restart=restart)
        sample, _ = data.held_out()
        rows = rng.choice(np.flatnonzero(sample.values.any(axis=1)), size=settings.n_neurons)  # null rows point nowhere
        X = activations(sample._replace(support=sample.support[rows], values=sample.values[rows]), 0, len(rows))
        return X - data.mean
    if restart == 0:
        return initial_directions(settings.d_model, settings.n_neurons, settings.seed)
    rng = stream("init", settings.seed, d_model=settings.d_model, restart=restart)
    return np.asarray(rng.standard_normal((settings.n_neurons, settings.d_model)))


def init(given: Problem) -> State:
    """Return the state before the first step."""
    cells, (device, dtype) = given.cells, given[-2:]
    first = cells[0]
    starts = [start_of(each, data, r % first.n_restarts) for r, (each, data) in enumerate(zip(*given[:2], strict=True))]
    weights = torch.nn.functional.normalize(torch.from_numpy(np.stack(starts)).to(device, dtype), dim=2)

    def vector(name: str) -> Tensor:
        values = [[getattr(each, name)] for each in cells]
        return torch.tensor(values, device=device, dtype=dtype).repeat(1, first.n_neurons)

    pre_bias = weights.new_zeros(len(cells), first.d_model)
    if first.pre_bias == "mean":
        pre_bias += torch.from_numpy(np.stack([each.mean_input for each in given.streams])).to(pre_bias)
    parameters = Parameters(weights, vector("initial_scale"), vector("initial_bias"), pre_bias)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[first.optimizer]
    decay = {"weight_decay": first.weight_decay} if first.optimizer == "adamw" else {}
    learned = [each for each in parameters if given.gate.learns_bias or each is not parameters.bias]
    optimizer = kind(learned, lr=first.learning_rate, fused=True, **decay)
    never = torch.full((len(cells),), -1, device=device)
    unseen = torch.zeros_like(parameters.bias)
    return State(parameters, optimizer, _empty(parameters), never, never.clone(), (unseen, unseen.clone()))


def _empty(parameters: Parameters) -> Buffer:
    return Buffer(0, torch.zeros_like(parameters.bias), torch.zeros_like(parameters.bias))


def learning_rate(settings: Settings, step: int) -> float:
    """Return the learning rate of a step: constant, or linear to LAST_RATE of it over the second half."""
    if settings.schedule == "constant":
        return settings.learning_rate
    half = settings.n_steps / 2
    done = max(0.0, (step + 1 - half) / half)
    return settings.learning_rate * (1 - done * (1 - LAST_RATE))


def inputs(given: Problem, step: int) -> Tensor:
    """Return x (R, B, d) of a step; replicas of one seed see the same."""
    drawn = {id(each): each for each in given.streams}
    rows = {key: each.inputs(each.batch(step)) for key, each in drawn.items()}
    if len(rows) == 1:
        return rows[id(given.streams[0])][None].expand(len(given.cells), -1, -1)
    return torch.stack([rows[id(each)] for each in given.streams])


def step(state: State, given: Problem, x: Tensor) -> Seen:
    """Take one optimiser step on x (R, B, d) in place, and after a full buffer one of the controller.

    Implements: Algorithm 1 (GBA), arXiv 2506.14002v1, and its rivals: Adam on W, a, b_pre (and the bias of l1 and
    jumprelu), then every w_m back to the unit sphere.
    """
    parameters, settings = state.parameters, given.cells[0]
    if given.device.type == "cpu" and settings.evaluation != "dense":
        gradients, seen, floor = sparse_gradients(parameters, given.gate, x, FLOOR_SHARE * state.floor)
        state.floor = floor
    else:
        gradients, seen = dense_gradients(parameters, given.gate, x)
    for each, gradient in zip(parameters, gradients, strict=True):
        each.grad = gradient
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(settings, state.step)
    state.optimizer.step()
    norm = parameters.weights.norm(dim=2, keepdim=True)
    parameters.weights.div_(norm)
    if given.gate.straight_through:
        parameters.bias.clamp_(max=0)  # a threshold below 0 would pass negative values
    state.step += 1
    total = seen.loss + norm.sum((1, 2)) + parameters.scale.sum(1) + parameters.bias.sum(1)
    bad = ~torch.isfinite(total) & (state.diverged < 0)
    state.diverged.masked_fill_(bad, state.step)
    if settings.algorithm in ("gba", "ba"):
        count(state, seen, x.shape[1])
        if state.step % settings.buffer_steps == 0:
            control(state, given)
    return seen


def count(state: State, seen: Seen, rows: int) -> None:
    """Add what a batch saw to the controller's buffer."""
    samples, fired, top = state.buffer
    fired.add_(seen.fired)
    torch.maximum(top, seen.top, out=top)
    state.buffer = Buffer(samples + rows, fired, top)


def control(state: State, given: Problem) -> None:
    """Move every bias by the controller of the settings, empty the buffer, and note whether the target is reached."""
    settings, parameters, buffer = given.cells[0], state.parameters, state.buffer

    def vector(name: str) -> Tensor:
        values = [[getattr(each, name)] for each in given.cells]
        return torch.tensor(values, dtype=given.dtype, device=given.device)

    if settings.controller == "paper":
        names = ("gain", "gain_ratio", "dead_frequency")
        moved = controller.paper(parameters.bias, buffer, given.groups, *map(vector, names))
    else:
        available = min(controller.MOST_ROWS, settings.buffer_steps * settings.batch_size)
        moved = controller.quantile(
            parameters.bias, buffer, given.groups, recent(state, given, available), available, vector("relaxation"),
            vector("dead_frequency"), below=settings.controller == "quantile-below",
        )  # fmt: skip
    parameters.bias.copy_(moved)
    frequency = buffer.fired / buffer.samples
    share = (frequency <= SLACK * given.groups.target).to(frequency.dtype).mean(1)
    state.on_target.masked_fill_((share >= ON_TARGET) & (state.on_target < 0), state.step)
    state.last_frequency = (state.last_frequency[1], frequency)
    state.buffer = _empty(parameters)


def recent(state: State, given: Problem, n_rows: int) -> Callable[[int, int, int, int], Tensor]:
    """Return a function (replica, rows, start, stop) -> u of the latest samples: at most n_rows, of the last steps."""
    steps = -(-n_rows // given.cells[0].batch_size)
    earlier = range(max(0, state.step - steps), state.step)
    x = torch.cat([inputs(given, each) for each in earlier], dim=1) - state.parameters.pre_bias[:, None]

    def pre_activations(replica: int, rows: int, start: int, stop: int) -> Tensor:
        return x[replica, -rows:] @ state.parameters.weights[replica, start:stop].T

    return pre_activations


def best_cosine(state: State, given: Problem) -> Tensor:
    """Return max_m cos(w_m, v_i), (R, n)."""
    drawn = {id(each): torch.nn.functional.normalize(torch.from_numpy(each.features), dim=1) for each in given.streams}
    weights = state.parameters.weights
    cosines = [
        (drawn[id(each)].to(weights) @ W.T).nan_to_num(-1).amax(1)
        for each, W in zip(given.streams, weights, strict=True)
    ]
    return torch.stack(cosines)


def run(state: State, given: Problem, trace: Trace, after: After | None = None) -> None:
    """Train from state.step to n_steps in place, measuring at evaluation_steps and calling `after` each time.

    Stops early when every replica has diverged.  The clock of the trace stands still while it measures.
    """
    settings = given.cells[0]
    wanted = set(evaluation_steps(settings)) - set(trace.steps)
    elapsed, begin = (trace.seconds[-1] if trace.seconds else 0.0), time.perf_counter()
    while True:
        over = state.step == settings.n_steps or bool((state.diverged >= 0).all())
        if state.step in wanted or (over and state.step not in trace.steps):
            elapsed += time.perf_counter() - begin
            trace.steps.append(state.step)
            trace.seconds.append(elapsed)
            trace.best_cosine.append(best_cosine(state, given).cpu())
            if after is not None:
                after(given, state, trace)
            begin = time.perf_counter()
        if over:
            return
        step(state, given, inputs(given, state.step))


def evaluation_steps(settings: Settings) -> list[int]:
    """Return the steps at which recovery is measured: 0, n_steps, and n_evaluations equal parts between."""
    return sorted(
        {round(part * settings.n_steps / settings.n_evaluations) for part in range(settings.n_evaluations + 1)}
    )
