"""Training an autoencoder of SAELens on a source, by SAELens' own trainer, and what it learned."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from sae_lens import SAETrainer
from sae_lens.config import SAETrainerConfig
from sae_lens.registry import get_sae_class, get_sae_training_class
from sae_lens.util import temporary_seed
from torch import Tensor

from simulations.algorithms import library
from simulations.algorithms.autoencoders.trainer import learning_rate
from simulations.algorithms.base import Runtime
from simulations.base.streams import stream
from simulations.data.source import View


class Trainer:
    """SAELens' trainer of `settings` (simulations.algorithms.kinds.saelens), all of them resolved, at its start."""

    def __init__(self, settings: Any, view: View, runtime: Runtime, restart: int) -> None:
        self.settings, self.own = settings, _trainer(settings, view, runtime, restart)

    def warm(self, x: Tensor) -> None:
        """Run forward on x (B, d)."""
        self.own.sae(self.own.activation_scaler(x))

    def step(self, x: Tensor, step: int) -> Tensor:
        """Take a step on x (B, d) at our learning rate; return the loss."""
        for group in self.own.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step)
        loss: Tensor = self.own.step(x).loss.detach()
        self.own.n_training_steps += 1
        return loss

    def dictionary(self) -> Tensor:
        """Return W_dec (M, d)."""
        W: Tensor = self.own.sae.W_dec.detach()
        return W

    def inference(self) -> Any:
        """Return what SAELens would save."""
        return inference(self.own)


fit = partial(library.fit, make=Trainer)


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
