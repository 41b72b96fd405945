"""Jobs in, what they learned out: training as every algorithm is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders import checkpoint, trainer
from simulations.algorithms.autoencoders.network import Network, Tensors
from simulations.algorithms.autoencoders.trainer import Problem, State
from simulations.algorithms.base import Array, Fitted, Job, Runtime, Trace, torch_threads
from simulations.base.checks import check_batch
from simulations.base.files import check_writable
from simulations.data.source import View

ROWS_AT_ONCE = 1_024  # also the batch of batchtopk when it codes


class Coder:
    """The codes of an autoencoder: raw X (rows, d) -> z (rows, M) and the reconstruction of X (rows, d).

    z are in units of x = scale (X - mean).  Rows are coded ROWS_AT_ONCE at a time, which is a batch to batchtopk.  A
    subclass says what the codes are.
    """

    def __init__(self, view: View, n_neurons: int) -> None:
        self.view, self.n_neurons = view, n_neurons
        self.scale, self.mean = view.scale, view.mean

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and f(x) of x (rows, d)."""
        raise NotImplementedError

    def blocks(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield codes, f(x) and x of x (rows, d), ROWS_AT_ONCE at a time."""
        for part in torch.split(x, ROWS_AT_ONCE):
            with torch.no_grad():
                codes, output = self.coded(part)
            yield codes, output, part

    def __call__(self, X: Array) -> tuple[Array, Array]:
        """Return codes and reconstruction; raises ValueError for rows of another dimension."""
        if np.ndim(X) != 2 or np.shape(X)[1] != len(self.mean):
            raise ValueError(f"X of shape {np.shape(X)}, but should be (rows, {len(self.mean)})")
        parts = (X[start : start + ROWS_AT_ONCE] for start in range(0, len(X), ROWS_AT_ONCE))
        done = [each for part in parts for each in self.blocks(self.view.of(part))]
        if not done:
            return np.zeros((0, self.n_neurons)), np.zeros((0, len(self.mean)))
        outputs = np.concatenate([output.double().cpu().numpy() for _, output, _ in done])
        return np.concatenate([codes.cpu().numpy() for codes, *_ in done]), outputs / self.scale + self.mean


class OwnCoder(Coder):
    """The codes of one replica of a network, as it is now."""

    def __init__(self, network: Network, parameters: Tensors, r: int, view: View) -> None:
        own = network.cells[r]
        super().__init__(view, own.n_neurons)
        self.network = type(own).network([own], network.device, network.dtype)
        self.parameters = {name: each[r : r + 1].detach().clone() for name, each in parameters.items()}

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and f(x) of x (rows, d)."""
        codes, output = self.network.forward(self.parameters, x[None])
        return codes[0], output[0]


@dataclass(frozen=True)
class HeldOut:
    """Codes, reconstruction and input of the held-out rows, block by block; it can be pickled, as a lambda cannot."""

    code: Coder
    rows: Callable[[], Tensor]

    def __call__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the blocks, of rows that are drawn when they are asked for."""
        return self.code.blocks(self.rows())


def fit_batch(jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
    """Train the jobs as replicas of one program (autoencoders.base.Autoencoder.fit_batch).

    On a CPU everything runs on one thread: processes are the better way to use more cores, and the bits of a product
    depend on the number of threads.
    """
    jobs = [each._replace(algorithm=each.algorithm.on(each.source)) for each in jobs]
    for each in jobs:
        check_batch(each.algorithm.batch_size, each.source.n_samples)
    _check_axes(jobs)
    device, dtype = runtime.torch_device(), runtime.torch_dtype()
    with torch_threads(1 if device.type == "cpu" else torch.get_num_threads()):
        given = trainer.problem(jobs, device, dtype)
        state, trace, after = trainer.init(given), Trace(), None
        before = [_untrained(given, state, r) for r in range(len(given.cells))]
        if path := runtime.checkpoint:
            check_writable(path.parent)
            if path.exists():
                state, trace = checkpoint.resume(path, given)
            after = partial(checkpoint.write, path)
        trainer.run(state, given, trace, after)
        return _fitted(given, state, trace, before)


def _check_axes(jobs: Sequence[Job]) -> None:
    axes = type(jobs[0].algorithm).batch_axes

    def shared(job: Job) -> dict[str, Any]:
        told = {"algorithm": job.algorithm.name} | job.algorithm.given() | checkpoint.identity(job.source)
        return {name: value for name, value in told.items() if name not in axes}

    if any(shared(each) != shared(jobs[0]) for each in jobs):
        *most, last = axes
        raise ValueError(f"jobs of one batch may differ in {', '.join(most)}{' and ' if most else ''}{last} only")


def _coder(given: Problem, state: State, r: int) -> Coder:
    return OwnCoder(given.network, state.parameters, r, given.views[r])


def _dictionary(given: Problem, state: State, r: int) -> Array:
    return np.array(given.network.dictionary(state.parameters)[r].cpu().numpy())


def _untrained(given: Problem, state: State, r: int) -> Fitted:
    code = _coder(given, state, r)
    return Fitted(_dictionary(given, state, r), code, HeldOut(code, partial(given.held_out, r)))


def _fitted(given: Problem, state: State, trace: Trace, before: Sequence[Fitted]) -> list[Fitted]:
    """Return what each job learned: the fit of its first start; `restarts` are all, where there are several."""
    restarts = given.cells[0].n_restarts
    found = []
    for r in range(0, len(given.cells), restarts):
        first, *others = (_replica(given, state, trace, i, before[i]) for i in range(r, r + restarts))
        steps = [each.results["diverged_step"] for each in (first, *others) if each.status == "diverged"]
        if steps:  # of any restart: none can be compared
            worst = next(each for each in (first, *others) if each.results.get("diverged_step") == min(steps))
            first = replace(first, status=worst.status, message=worst.message, results=worst.results)
        found.append(replace(first, restarts=[first, *others] if others else []))
    return found


def _replica(given: Problem, state: State, trace: Trace, r: int, before: Fitted) -> Fitted:
    network, view, code = given.network, given.views[r], _coder(given, state, r)
    targets = network.targets(r)
    told = Fitted(
        _dictionary(given, state, r),
        code,
        HeldOut(code, partial(given.held_out, r)),
        trace=replace(trace, best_cosine=[each[r] for each in trace.best_cosine]),
        before=before,
        target_frequency=None if targets is None else targets.cpu().numpy(),
        decoder=np.array(network.decoder(state.parameters)[r].cpu().numpy()),
    )
    if "pre_bias" in state.parameters:
        told.input_scale = view.scale
        told.shift = state.parameters["pre_bias"][r].double().cpu().numpy() / view.scale
    step, what = int(state.diverged[r]), "number"
    if step < 0:
        output = next(code.blocks(given.held_out(r)))[1]
        if not torch.isfinite(output.square()).all():
            step, what = state.step, "output"  # what the last step made overflows only here
    if step >= 0:
        told.status, told.message = "diverged", f"non-finite {what} at step {step}"
        told.results = {"diverged_step": step}
        return told
    told.results = network.results(state.memory, r)
    return told
