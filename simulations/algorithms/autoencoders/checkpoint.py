"""Training on disk, in safetensors: enough to go on as if never interrupted, or to encode with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from simulations import __version__
from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.controller import Buffer
from simulations.algorithms.autoencoders.model import Gate, Parameters, reconstruct
from simulations.algorithms.autoencoders.trainer import Problem, State, Trace
from simulations.base.settings import Settings
from simulations.runs.storage import StorageError, replace, strict

FORMAT = "sae-recovery checkpoint 1"


class Trained(NamedTuple):
    """A trained autoencoder read back: a cell per replica, parameters (R, ...), and what x is: scale (X - mean)."""

    cells: list[Settings]
    parameters: Parameters
    input_scale: list[float]
    input_mean: Tensor

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes z (R, B, M) and f(x) (R, B, d) of x (R, B, d)."""
        gate = Gate(self.cells, x.device, x.dtype)
        return reconstruct(self.parameters, gate, x)


def _tensors(given: Problem, state: State, trace: Trace) -> dict[str, Tensor]:
    tensors = {name: each.data for name, each in state.parameters._asdict().items()}
    tensors |= {f"moment.{name}": each for name, each in _moments(given, state).items()}
    tensors |= {"buffer.fired": state.buffer.fired, "buffer.top": state.buffer.top}
    tensors |= {f"frequency.{i}": each for i, each in enumerate(state.last_frequency)}
    tensors |= {"on_target": state.on_target, "diverged": state.diverged, "best_cosine": torch.stack(trace.best_cosine)}
    tensors["input_mean"] = torch.stack([torch.from_numpy(each.mean) for each in given.streams])
    return {name: each.cpu().contiguous() for name, each in tensors.items()}


def _moments(given: Problem, state: State) -> dict[str, Tensor]:
    """Return the optimiser's moments by parameter and name; none before the first step."""
    found = {}
    for name, each in state.parameters._asdict().items():
        for key, value in state.optimizer.state.get(each, {}).items():
            found[f"{name}.{key}"] = torch.as_tensor(value)
    return found


def write(path: Path, given: Problem, state: State, trace: Trace) -> None:
    """Write FILE.safetensors atomically; raises StorageError where it cannot be written."""
    told = {
        "format": FORMAT,
        "version": __version__,
        "cells": [strict(each.to_row()) for each in given.cells],
        "input_scale": [each.scale for each in given.streams],
        "step": state.step,
        "floor": state.floor,
        "buffer_samples": state.buffer.samples,
        "steps": trace.steps,
        "seconds": trace.seconds,
    }
    replace(path, save(_tensors(given, state, trace), {"sae-recovery": json.dumps(told, allow_nan=False)}))


def _open(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            told: Mapping[str, Any] = json.loads((file.metadata() or {}).get("sae-recovery", "{}"))
            if told.get("format") != FORMAT:
                raise StorageError(f"{path} is not a checkpoint of sae-recovery")
            return {name: file.get_tensor(name) for name in file.keys()}, dict(told)  # noqa: SIM118
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise StorageError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def read(path: Path) -> Trained:
    """Return the autoencoder of a checkpoint; its codes are bit-equal to those of the run.  Raises StorageError."""
    tensors, told = _open(path)
    parameters = Parameters(*(tensors[name] for name in Parameters._fields))
    return Trained([Settings(**each) for each in told["cells"]], parameters, told["input_scale"], tensors["input_mean"])


def resume(path: Path, given: Problem) -> tuple[State, Trace]:
    """Return the state and trace to go on from.  Raises StorageError unless the checkpoint is of the same cells."""
    tensors, told = _open(path)
    for there, here in zip(told["cells"], given.cells, strict=False):
        found, wanted = Settings(**there).to_row(), here.to_row()
        differing = [name for name in wanted if name != "device" and found[name] != wanted[name]]
        if differing:
            name = differing[0]
            raise StorageError(f"{path} holds another run: {name}={found[name]!r} there, {wanted[name]!r} here")
    if len(told["cells"]) != len(given.cells):
        raise StorageError(f"{path} holds {len(told['cells'])} replicas, but should hold {len(given.cells)}")
    state = trainer.init(given)
    for name, each in state.parameters._asdict().items():
        each.data.copy_(tensors[name])
        start = f"moment.{name}."
        moments = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
        if moments:
            state.optimizer.state[each] = {key: value.to(given.device) for key, value in moments.items()}
    state.step, state.floor = told["step"], told["floor"]
    fired, top = (tensors[f"buffer.{name}"].to(given.device) for name in ("fired", "top"))
    state.buffer = Buffer(told["buffer_samples"], fired, top)
    state.on_target, state.diverged = (tensors[name].to(given.device) for name in ("on_target", "diverged"))
    before, last = (tensors[f"frequency.{i}"].to(given.device) for i in (0, 1))
    state.last_frequency = (before, last)
    return state, Trace(told["steps"], told["seconds"], list(tensors["best_cosine"]))
