"""Training an autoencoder of SAELens on a source, by SAELens' own trainer, and what it learned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sae_lens import SAETrainer
from sae_lens.config import SAETrainerConfig
from sae_lens.registry import get_sae_class, get_sae_training_class
from sae_lens.util import temporary_seed
from torch import Tensor

from simulations.algorithms.autoencoders.fit import HeldOut
from simulations.algorithms.autoencoders.trainer import Clock, evaluation_steps, learning_rate
from simulations.algorithms.base import Array, Fitted, Runtime, Trace
from simulations.base.checks import check_batch
from simulations.base.streams import stream
from simulations.data.source import Source, View, conditioned

ROWS_AT_ONCE = 1_024  # rows that are coded together


def fit(settings: Any, source: Source, runtime: Runtime) -> Fitted:
    """Train as `settings` (simulations.algorithms.kinds.saelens), all of them resolved, say, from every start.

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
        first, *others = (_run(settings, view, runtime, restart) for restart in range(settings.n_restarts))
    finally:
        torch.set_num_threads(threads)
    return replace(first, restarts=[first, *others] if others else [])


def sae_of(settings: Any, d_model: int, seed: int, runtime: Runtime, restart: int = 0) -> Any:
    """Return SAELens' training autoencoder at its start, which is drawn from a stream of its own.

    SAELens draws from the global generator: it is seeded for the draw, and then what it was.
    """
    kind, config = get_sae_training_class(settings.architecture)
    rng = stream("init", seed, library="saelens", restart=restart)
    with temporary_seed(int(rng.integers(2**63))):
        sae = kind(
            config(
                d_in=d_model,
                d_sae=settings.n_neurons,
                dtype=runtime.dtype,
                device="cpu",
                decoder_init_norm=settings.decoder_init_norm,
                apply_b_dec_to_input=settings.apply_b_dec_to_input,
                normalize_activations=settings.normalize_activations,
                **settings.own_config(),
            )
        )
    return sae.to(str(runtime.torch_device()))


def _trainer(settings: Any, view: View, runtime: Runtime, restart: int) -> Any:
    config = SAETrainerConfig(
        total_training_samples=max(1, settings.n_steps) * settings.batch_size,
        train_batch_size_samples=settings.batch_size,
        lr=settings.learning_rate,
        lr_end=settings.learning_rate,
        adam_beta1=settings.beta1,
        device=str(runtime.torch_device()),
        dead_feature_window=settings.dead_feature_window,
    )
    sae = sae_of(settings, view.source.d_model, view.source.seed, runtime, restart)
    trainer = SAETrainer(cfg=config, sae=sae, data_provider=iter(()))
    if settings.normalize_activations == "expected_average_only_in":
        trainer.activation_scaler.scaling_factor = math.sqrt(sae.cfg.d_in)  # the mean norm of x is 1
    return trainer


def _run(settings: Any, view: View, runtime: Runtime, restart: int) -> Fitted:
    """Train from one start, measuring recovery on the way; stops where a number ceases to be finite."""
    trainer = _trainer(settings, view, runtime, restart)
    before = _fitted(trainer, view)
    wanted, trace, clock = set(evaluation_steps(settings)), Trace(), Clock(view.device, 0.0)
    diverged = -1
    while True:
        step = trainer.n_training_steps
        over = step == settings.n_steps or diverged >= 0
        if step in wanted or over:
            _measure(trace, trainer.sae, view, step, clock.seconds(), settings.batch_size)
        if over:
            break
        for group in trainer.optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        x = view.batch(step, settings.batch_size)
        if step == 0:  # what the first call alone does is not its work
            trainer.sae(trainer.activation_scaler(x))
        losses: list[Tensor] = []
        clock.time(lambda x=x, losses=losses: losses.append(trainer.step(x).loss.detach()))  # type: ignore[misc]
        trainer.n_training_steps += 1
        if not torch.isfinite(losses[0]):
            diverged = trainer.n_training_steps
    if diverged >= 0:
        message = f"non-finite loss at step {diverged}"
        W = trainer.sae.W_dec.detach().cpu().numpy()
        return Fitted(W, trace=trace, status="diverged", message=message, results={"diverged_step": diverged})
    return replace(_fitted(trainer, view), trace=trace, before=before)


def _measure(trace: Trace, sae: Any, view: View, step: int, seconds: float, batch_size: int) -> None:
    trace.steps.append(step)
    trace.seconds.append(seconds)
    trace.samples.append(step * batch_size)
    truth = view.source.truth
    if truth is None:
        return
    W = torch.nn.functional.normalize(sae.W_dec.detach(), dim=1)
    V = torch.nn.functional.normalize(torch.from_numpy(truth.features), dim=1).to(W)
    trace.best_cosine.append(np.asarray((V @ W.T).nan_to_num(-1).amax(1).cpu().numpy()))


def inference(trainer: Any) -> Any:
    """Return the autoencoder that SAELens would save, and load again, for x: BatchTopK as a JumpReLU, say."""
    with torch.no_grad():
        sae, scaling = trainer.sae, trainer.activation_scaler.scaling_factor
        state = {name: each.detach().clone() for name, each in sae.state_dict().items()}
        sae.process_state_dict_for_saving_inference(state)
        told = sae.cfg.get_inference_sae_cfg_dict()
        kind, config = get_sae_class(told["architecture"])
        with temporary_seed(0):  # of a start that is drawn in vain
            found = kind(config.from_dict(told | {"device": str(sae.W_dec.device)}))
        found.load_state_dict({name: each.to(found.W_dec) for name, each in state.items()})
        if scaling is not None:  # of x, folded as SAELens' own fit does
            found.fold_activation_norm_scaling_factor(scaling)
    return found.eval()


def _fitted(trainer: Any, view: View) -> Fitted:
    sae = inference(trainer)
    code = Coder(sae, view)
    shift = sae.b_dec.detach().double().cpu().numpy() / view.scale
    W = np.asarray(sae.W_dec.detach().cpu().numpy())
    return Fitted(W, code, HeldOut(code, view.held_out), shift=shift, input_scale=view.scale)


class Coder:
    """The codes of an autoencoder of SAELens: raw X (rows, d) -> z (rows, M) and the reconstruction of X (rows, d).

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
        if not len(X):
            return np.zeros((0, self.sae.cfg.d_sae)), np.zeros((0, d))
        outputs = np.concatenate([out for _, out in done])
        return np.concatenate([codes for codes, _ in done]), outputs / self.view.scale + self.view.mean
