"""Training an autoencoder of the library dictionary_learning by its own trainer, on our data."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import sys
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from simulations.algorithms import library
from simulations.algorithms.base import Runtime
from simulations.base.streams import stream
from simulations.data.source import View

LIBRARY = "dictionary_learning"
LIKE = {"activation_dim": 1, "dict_size": 1, "layer": 0, "lm_name": "none"}


def _module(name: str) -> ModuleType:
    """Return a module of its trainers, also where its package cannot be loaded: its buffer needs nnsight."""
    try:
        return importlib.import_module(f"{LIBRARY}.trainers.{name}")
    except ModuleNotFoundError:
        spec = importlib.util.find_spec(LIBRARY)
        assert spec is not None
        sys.modules.setdefault(LIBRARY, importlib.util.module_from_spec(spec))  # the package, left empty
        return importlib.import_module(f"{LIBRARY}.trainers.{name}")


class Trainer:
    """Its trainer of `settings`, all of them resolved, at its start, which is drawn from a stream of its own.

    Its trainers seed the global generator, but for JumpReLU's: another one is made first.  The generator is then what
    it was.  Raises ValueError for what a trainer refuses.
    """

    def __init__(self, settings: Any, view: View, runtime: Runtime, restart: int) -> None:
        module, kind = settings.trainer.split(".")
        seed = int(stream("init", view.source.seed, library=LIBRARY, restart=restart).integers(2**31))
        told = LIKE | {"seed": seed, "device": str(view.device)}
        with torch.random.fork_rng():
            _module("standard").StandardTrainer(**told, steps=2, warmup_steps=0, sparsity_warmup_steps=0)
            try:
                config = told | {"activation_dim": view.source.d_model} | settings.config()
                self.own = getattr(_module(module), kind)(**config)
            except AssertionError as error:
                raise ValueError(f"algorithm={settings.name!r}: {error}") from None
        self.own.ae.to(view.dtype)

    def warm(self, x: Tensor) -> None:
        """Run forward on x (B, d)."""
        self.own.ae(x)

    def step(self, x: Tensor, step: int) -> Tensor:
        """Take a step on x (B, d); return a sum of all weights."""
        self.own.update(step, x)
        return torch.stack([each.detach().sum() for each in self.own.ae.parameters()]).sum()

    def dictionary(self) -> Tensor:
        """Return what each latent adds to the output, (M, d)."""
        parameter = next(self.own.ae.parameters())
        with torch.no_grad():
            size = int(self.own.ae.dict_size)
            output: Tensor = self.own.ae.decode(torch.cat([torch.eye(size), torch.zeros(1, size)]).to(parameter))
        return output[:-1] - output[-1]

    def inference(self) -> Any:
        """Return a copy of its autoencoder."""
        return copy.deepcopy(self.own.ae).eval()


fit = partial(library.fit, make=Trainer)
