"""Training by the trainer of another library, step by step on our data, and the codes of its autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.fit import Coder, HeldOut
from simulations.algorithms.autoencoders.trainer import Clock, evaluation_steps
from simulations.algorithms.base import Array, Fitted, Runtime, Trace, torch_threads
from simulations.base.checks import check_batch
from simulations.data.source import Source, View, conditioned


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
    with torch_threads(1 if device.type == "cpu" else torch.get_num_threads()):
        view = conditioned(source, device, runtime.torch_dtype())[0]
        first, *others = (
            _run(settings, view, make(settings, view, runtime, restart)) for restart in range(settings.n_restarts)
        )
    return replace(first, restarts=[first, *others] if others else [])


def _run(settings: Any, view: View, trainer: Trainer) -> Fitted:
    """Train from one start, measuring recovery on the way; stops where a number ceases to be finite."""
    before = _fitted(trainer, view)
    wanted, trace, clock = set(evaluation_steps(settings)), Trace(), Clock(view.device, 0.0)
    step, diverged = 0, False
    while True:
        over = step == settings.n_steps or diverged
        if step in wanted or over:
            trace.add(step, clock.seconds(), step * settings.batch_size, _best_cosine(trainer, view))
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


def _best_cosine(trainer: Trainer, view: View) -> Array | None:
    truth = view.source.truth
    if truth is None:
        return None
    W = torch.nn.functional.normalize(trainer.dictionary(), dim=1)
    V = torch.nn.functional.normalize(torch.from_numpy(truth.features), dim=1).to(W)
    return np.asarray((V @ W.T).nan_to_num(-1).amax(1).cpu().numpy())


def _fitted(trainer: Trainer, view: View) -> Fitted:
    sae, W = trainer.inference(), np.array(trainer.dictionary().cpu().numpy())
    code = LibraryCoder(view, len(W), sae)
    with torch.no_grad():
        nothing = sae.decode(torch.zeros(1, len(W), device=view.device, dtype=view.dtype))
    shift = nothing[0].double().cpu().numpy() / view.scale
    return Fitted(W, code, HeldOut(code, view.held_out), shift=shift, input_scale=view.scale)


class LibraryCoder(Coder):
    """The codes of an autoencoder of another library."""

    def __init__(self, view: View, n_neurons: int, sae: Any) -> None:
        super().__init__(view, n_neurons)
        self.sae = sae

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and reconstruction of x (rows, d)."""
        codes = self.sae.encode(x)
        return codes, self.sae.decode(codes)
