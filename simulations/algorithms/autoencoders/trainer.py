"""Training: init -> State, step -> Seen, run -> Trace; many replicas in one program (DESIGN: section 5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.network import Network, Seen, Tensors
from simulations.algorithms.base import Job, Trace
from simulations.base.streams import stream
from simulations.data.sampling import initial_directions
from simulations.data.source import Array, Source, View, conditioned

After = Callable[["Problem", "State", Trace], None]
LAST_RATE = 0.01  # of a falling schedule, as a share of the learning rate
BETA2 = 0.999  # of Adam
FALL = {"constant": 0.0, "linear": 0.5, "tail": 0.2}  # the last part of the steps, in which the rate falls


@dataclass
class State:
    """All that training changes, in place; tensors have a leading axis of R replicas.

    `memory` is what the kind of autoencoder remembers, `diverged` (R,) the step at which a number ceased to be finite
    (-1: never).
    """

    parameters: Tensors
    memory: Tensors
    optimizer: torch.optim.Optimizer
    diverged: Tensor
    step: int = 0


@dataclass
class Problem:
    """What training does not change: settings and data per replica (replicas of a source share one), and the network.

    `means` holds the mean of x of each replica.
    """

    cells: Sequence[Any]
    views: Sequence[View]
    means: Sequence[Array]
    network: Network
    _held_out: dict[int, Tensor] = field(default_factory=dict)
    _calibration: dict[int, Tensor] = field(default_factory=dict)

    def held_out(self, r: int) -> Tensor:
        """Return x (rows, d) of the held-out rows of replica r, drawn once per source."""
        view = self.views[r]
        if id(view) not in self._held_out:
            self._held_out[id(view)] = view.held_out()
        return self._held_out[id(view)]

    def calibration(self, r: int) -> Tensor:
        """Return x (rows, d) of the rows that gave replica r its mean and scale, drawn once per source."""
        view = self.views[r]
        if id(view) not in self._calibration:
            self._calibration[id(view)] = view.of(view.source.calibration())
        return self._calibration[id(view)]

    @property
    def distinct(self) -> dict[int, View]:
        """The views, each once."""
        return {id(each): each for each in self.views}


def problem(jobs: Sequence[Job], device: torch.device, dtype: torch.dtype) -> Problem:
    """Return the problem of jobs that differ in `batch_axes` only, each trained from n_restarts starts.

    Raises ValueError for data that do not vary.
    """
    seen: dict[Any, tuple[View, Array]] = {}
    for each in jobs:
        if _key(each.source) not in seen:
            seen[_key(each.source)] = conditioned(each.source, device, dtype)
    replicas = [each for each in jobs for _ in range(each.algorithm.n_restarts)]
    cells = [each.algorithm for each in replicas]
    views, means = zip(*(seen[_key(each.source)] for each in replicas), strict=True)
    return Problem(cells, views, means, type(cells[0]).network(cells, device, dtype))


def _key(source: Source) -> Any:
    """Return what equal sources share."""
    identity = getattr(getattr(source, "model", None), "identity", None)
    return (type(source), *sorted(identity().items())) if identity else id(source)


def starts_of(settings: Any, source: Source, center: Array) -> list[Array]:
    """Return the starting directions (M, d) of each restart, the same for every algorithm; the first is modified-ba's.

    From data: held-out rows, noise and all, that are not empty: without an active feature, or at the mean.
    """
    width, d = settings.n_neurons, source.d_model
    if settings.initialization == "data":
        X, truth = source.held_out(), source.truth
        busy = np.not_equal(X, center).any(axis=1)
        if truth is not None:
            busy &= truth.values.any(axis=1)  # null rows point nowhere, or where the noise does
        rows = np.flatnonzero(busy)
        rngs = (stream("init", source.seed, initialization="data", restart=each) for each in range(settings.n_restarts))
        return [X[rng.choice(rows, size=width)] - center for rng in rngs]
    found = [initial_directions(d, width, source.seed)]
    for restart in range(1, settings.n_restarts):
        rng = stream("init", source.seed, d_model=d, restart=restart)
        found.append(np.asarray(rng.standard_normal((width, d))))
    return found


def init(given: Problem) -> State:
    """Return the state before the first step."""
    network, first = given.network, given.cells[0]
    starts: list[Array] = []
    for r in range(0, len(given.cells), first.n_restarts):
        starts += starts_of(given.cells[r], given.views[r].source, given.views[r].mean)
    tensor = torch.from_numpy(np.stack(starts)).to(network.device, network.dtype)
    weights = torch.nn.functional.normalize(tensor, dim=2)
    mean = torch.from_numpy(np.stack(list(given.means))).to(weights)
    parameters = network.parameters(weights, mean)
    network.calibrate(parameters, given.calibration)
    given._calibration.clear()
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[first.optimizer]
    decay = {"weight_decay": first.weight_decay} if first.optimizer == "adamw" else {}
    learned = [parameters[name] for name in network.learned(parameters)]
    optimizer = kind(learned, lr=first.learning_rate, betas=(first.beta1, BETA2), fused=True, **decay)
    never = torch.full((len(given.cells),), -1, device=network.device)
    return State(parameters, network.memory(parameters), optimizer, never)


def learning_rate(settings: Any, step: int) -> float:
    """Return the learning rate of a step: linear from 0 over the first steps, and to LAST_RATE of it over the last."""
    rate = float(settings.learning_rate)
    if last := FALL[settings.schedule] * settings.n_steps:
        done = max(0.0, (step + 1 - (settings.n_steps - last)) / last)
        rate *= 1 - done * (1 - LAST_RATE)
    if (first := settings.warm_up * settings.n_steps) > step + 1:
        rate *= (step + 1) / first
    return rate


def clipped(gradients: Tensors, norm: float) -> Tensors:
    """Return the gradient of each replica, all parameters together, cut to `norm` where it is longer."""
    total = torch.stack([each.flatten(1).square().sum(1) for each in gradients.values()]).sum(0).sqrt()
    factor = (norm / (total + 1e-6)).clamp(max=1)  # that of torch.nn.utils.clip_grad_norm_
    return {name: each * factor.view(-1, *[1] * (each.ndim - 1)) for name, each in gradients.items()}


def inputs(given: Problem, step: int) -> Tensor:
    """Return x (R, B, d) of a step; replicas of one source see the same."""
    size = given.cells[0].batch_size
    rows = {key: each.batch(step, size) for key, each in given.distinct.items()}
    if len(rows) == 1:
        return rows[id(given.views[0])][None].expand(len(given.cells), -1, -1)
    return torch.stack([rows[id(each)] for each in given.views])


def step(state: State, given: Problem, x: Tensor) -> Seen:
    """Take one optimiser step on x (R, B, d) in place, then what the kind of autoencoder does besides.

    Implements: Algorithm 1 (GBA), arXiv 2506.14002v1, and its rivals: Adam on what is learned, then the parameters
    back to where they have to be (rows of W to the unit sphere), then the controller.
    """
    network, parameters = given.network, state.parameters
    gradients, seen = network.gradients(parameters, state.memory, x)
    if norm := given.cells[0].clip_norm:
        gradients = clipped({name: gradients[name] for name in network.learned(parameters)}, norm)
    for name, gradient in gradients.items():
        parameters[name].grad = gradient.contiguous()  # the fused optimiser reads memory in order
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(given.cells[0], state.step)
    state.optimizer.step()
    total = seen.loss + network.project(parameters)
    state.step += 1
    bad = ~torch.isfinite(total) & (state.diverged < 0)
    state.diverged.masked_fill_(bad, state.step)
    network.remember(parameters, state.memory, seen, x.shape[1], state.step)
    return seen


def best_cosine(state: State, given: Problem) -> Array | None:
    """Return max_m cos(w_m, v_i), (R, n), or None where a source has no ground truth."""
    weights = given.network.dictionary(state.parameters)
    drawn = {}
    for key, view in given.distinct.items():
        truth = view.source.truth
        if truth is None:
            return None
        drawn[key] = torch.nn.functional.normalize(torch.from_numpy(truth.features), dim=1).to(weights)
    cosines = [(drawn[id(view)] @ W.T).nan_to_num(-1).amax(1) for view, W in zip(given.views, weights, strict=True)]
    return np.asarray(torch.stack(cosines).cpu().numpy())


class Clock:
    """Seconds that steps take: on CUDA between events on the device, which no step waits for."""

    def __init__(self, device: torch.device, elapsed: float) -> None:
        self._cuda, self._elapsed = device.type == "cuda", elapsed
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def time(self, work: Callable[[], Any]) -> None:
        """Do some work, and count it."""
        if self._cuda:
            pair = _event(), _event()
            pair[0].record()
            work()
            pair[1].record()
            self._events.append(pair)
            return
        begin = time.perf_counter()
        work()
        self._elapsed += time.perf_counter() - begin

    def seconds(self) -> float:
        """Return what has been counted."""
        if self._events:
            torch.cuda.synchronize()
            self._elapsed += sum(begin.elapsed_time(end) for begin, end in self._events) / 1_000
            self._events.clear()
        return self._elapsed


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def run(state: State, given: Problem, trace: Trace, after: After | None = None) -> None:
    """Train from state.step to n_steps in place, measuring at evaluation_steps and calling `after` each time.

    Stops early when every replica has diverged.  The clock of the trace counts steps only: not drawing the data, not
    compiling, which a first gradient that is thrown away has done, and not measuring.  `best_cosine` holds (R, n).
    """
    settings = given.cells[0]
    wanted = set(evaluation_steps(settings)) - set(trace.steps)
    clock = Clock(given.network.device, trace.seconds[-1] if trace.seconds else 0.0)
    x = inputs(given, state.step) if state.step < settings.n_steps else None
    if x is not None:
        given.network.gradients(state.parameters, state.memory, x)
    while True:
        over = state.step == settings.n_steps or bool((state.diverged >= 0).all())
        if state.step in wanted or (over and state.step not in trace.steps):
            trace.add(state.step, clock.seconds(), state.step * settings.batch_size, best_cosine(state, given))
            if after is not None:
                after(given, state, trace)
        if over:
            return
        now = inputs(given, state.step) if x is None else x
        x = None
        clock.time(lambda now=now: step(state, given, now))  # type: ignore[misc]


def evaluation_steps(settings: Any) -> list[int]:
    """Return the steps at which recovery is measured: 0, n_steps, and n_evaluations equal parts between."""
    return sorted(
        {round(part * settings.n_steps / settings.n_evaluations) for part in range(settings.n_evaluations + 1)}
    )
