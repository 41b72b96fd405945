"""Training by the trainer of another library, step by step on our data, and the codes of its autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.fit import HeldOut
from simulations.algorithms.autoencoders.trainer import Clock, evaluation_steps
from simulations.algorithms.base import Array, Fitted, Runtime, Trace
from simulations.base.checks import check_batch
from simulations.data.source import Source, View, conditioned

ROWS_AT_ONCE = 1_024  # rows that are coded together


class Trainer(Protocol):
    """A trainer at some step."""

    def warm(self, x: Tensor) -> Any:
        """Do on x (B, d) what the first call alone has to do, without learning."""

    def step(self, x: Tensor, step: int) -> Tensor:
        """Take a step on x (B, d); return a number that is finite as long as all is well."""

    def dictionary(self) -> Tensor:
        """Return the directions of the decoder (M, d), of any norm."""

    def inference(self) -> Any:
        """Return a copy that codes from now on: encode x (rows, d) -> z (rows, M), decode z -> x."""


Make = Callable[[Any, View, Runtime, int], Trainer]


def fit(settings: Any, source: Source, runtime: Runtime, make: Make) -> Fitted:
    """Train what `make` (settings, view, runtime, restart) returns, all settings resolved, from every start.

    x = scale (X - mean) has mean norm 1, as for our own autoencoders, whose batches these are.  On a CPU everything
    runs on one thread, since the bits of a product depend on their number.  Raises ValueError for data that do not
    vary.
    """
    check_batch(settings.batch_size, source.n_samples)
    device = runtime.torch_device()
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        view = conditioned(source, device, runtime.torch_dtype())[0]
        first, *others = (
            _run(settings, view, make(settings, view, runtime, restart)) for restart in range(settings.n_restarts)
        )
    finally:
        torch.set_num_threads(threads)
    return replace(first, restarts=[first, *others] if others else [])


def _run(settings: Any, view: View, trainer: Trainer) -> Fitted:
    """Train from one start, measuring recovery on the way; stops where a number ceases to be finite."""
    before = _fitted(trainer, view)
    wanted, trace, clock = set(evaluation_steps(settings)), Trace(), Clock(view.device, 0.0)
    step, diverged = 0, False
    while True:
        over = step == settings.n_steps or diverged
        if step in wanted or over:
            _measure(trace, trainer, view, step, clock.seconds(), settings.batch_size)
        if over:
            break
        x = view.batch(step, settings.batch_size)
        if step == 0:  # what the first call alone does is not its work
            trainer.warm(x)
        seen: list[Tensor] = []
        clock.time(lambda x=x, step=step, seen=seen: seen.append(trainer.step(x, step)))  # type: ignore[misc]
        diverged = not bool(torch.isfinite(seen[0]))
        step += 1
    if diverged:
        W, told = trainer.dictionary().cpu().numpy(), {"diverged_step": step}
        return Fitted(W, trace=trace, status="diverged", message=f"non-finite loss at step {step}", results=told)
    return replace(_fitted(trainer, view), trace=trace, before=before)


def _measure(trace: Trace, trainer: Trainer, view: View, step: int, seconds: float, batch_size: int) -> None:
    trace.steps.append(step)
    trace.seconds.append(seconds)
    trace.samples.append(step * batch_size)
    truth = view.source.truth
    if truth is None:
        return
    W = torch.nn.functional.normalize(trainer.dictionary(), dim=1)
    V = torch.nn.functional.normalize(torch.from_numpy(truth.features), dim=1).to(W)
    trace.best_cosine.append(np.asarray((V @ W.T).nan_to_num(-1).amax(1).cpu().numpy()))


def _fitted(trainer: Trainer, view: View) -> Fitted:
    sae, W = trainer.inference(), np.array(trainer.dictionary().cpu().numpy())
    code = Coder(sae, view)
    with torch.no_grad():
        nothing = sae.decode(torch.zeros(1, len(W), device=view.device, dtype=view.dtype))
    shift = nothing[0].double().cpu().numpy() / view.scale
    return Fitted(W, code, HeldOut(code, view.held_out), shift=shift, input_scale=view.scale)


class Coder:
    """The codes of an autoencoder of another library: raw X (rows, d) -> z (rows, M), reconstruction of X (rows, d).

    z are in units of x = scale (X - mean).
    """

    def __init__(self, sae: Any, view: View) -> None:
        self.sae, self.view = sae, view

    def blocks(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield codes, reconstruction and x of x (rows, d), ROWS_AT_ONCE at a time."""
        for part in torch.split(x, ROWS_AT_ONCE):
            with torch.no_grad():
                codes = self.sae.encode(part)
                output = self.sae.decode(codes)
            yield codes, output, part

    def __call__(self, X: Array) -> tuple[Array, Array]:
        """Return codes and reconstruction; raises ValueError for rows of another dimension."""
        d = len(self.view.mean)
        if np.ndim(X) != 2 or np.shape(X)[1] != d:
            raise ValueError(f"X of shape {np.shape(X)}, but should be (rows, {d})")
        done = [(codes.cpu().numpy(), out.double().cpu().numpy()) for codes, out, _ in self.blocks(self.view.of(X))]
        outputs = np.concatenate([out for _, out in done])
        return np.concatenate([codes for codes, _ in done]), outputs / self.view.scale + self.view.mean
