"""Training on disk, in safetensors: enough to go on as if never interrupted, or to encode with."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from simulations import __version__
from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.checkpoint_file import FORMAT, opened
from simulations.algorithms.autoencoders.network import Network, Tensors
from simulations.algorithms.autoencoders.trainer import Problem, State
from simulations.algorithms.base import Trace, algorithm_class
from simulations.base.files import StorageError, replace, strict
from simulations.data.source import Source

LENGTHS = ("n_steps", "n_evaluations")  # settings in which a run that is gone on with may differ


class Trained(NamedTuple):
    """A trained autoencoder read back: settings and seed per replica, parameters (R, ...), x = scale (X - mean).

    `threshold` (R,) stands for the rule of batchtopk, None for other kinds.
    """

    cells: list[Any]
    data: list[dict[str, Any]]
    parameters: Tensors
    input_scale: list[float]
    input_mean: Tensor
    threshold: Tensor | None

    def network(self) -> Network:
        """Return the network of all replicas."""
        own = next(iter(self.parameters.values()))
        network: Network = type(self.cells[0]).network(self.cells, own.device, own.dtype)
        return network

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes z (R, B, M) and f(x) (R, B, d) of x (R, B, d)."""
        with torch.no_grad():
            return self.network().forward(self.parameters, x)


def identity(source: Source) -> dict[str, Any]:
    """Return what decides the data: the settings of a model, or the shape of other data."""
    found = getattr(getattr(source, "model", None), "identity", None)
    if found is not None:
        return dict(found())
    return {name: getattr(source, name) for name in ("d_model", "seed", "center", "n_samples")}


def _tensors(given: Problem, state: State, trace: Trace) -> Tensors:
    tensors = {f"parameter.{name}": each.data for name, each in state.parameters.items()}
    tensors |= {f"moment.{name}": each for name, each in _moments(state).items()}
    tensors |= {f"memory.{name}": each for name, each in state.memory.items()}
    tensors |= {"diverged": state.diverged}
    tensors |= {f"best_cosine.{k}": torch.from_numpy(each) for k, each in enumerate(trace.best_cosine)}
    tensors["input_mean"] = torch.from_numpy(np.stack([each.mean for each in given.views]))
    if (threshold := _threshold(given, state)) is not None:
        tensors["threshold"] = threshold
    return {name: each.cpu().contiguous() for name, each in tensors.items()}


def _threshold(given: Problem, state: State) -> Tensor | None:
    if type(given.network).threshold is Network.threshold:
        return None
    x = torch.stack([given.held_out(r) for r in range(len(given.cells))])
    return given.network.threshold(state.parameters, x)


def _moments(state: State) -> Tensors:
    """Return the optimiser's moments by parameter and name; none before the first step."""
    found = {}
    for name, each in state.parameters.items():
        for key, value in state.optimizer.state.get(each, {}).items():
            found[f"{name}.{key}"] = torch.as_tensor(value)
    return found


def write(path: Path, given: Problem, state: State, trace: Trace) -> None:
    """Write FILE.safetensors atomically; raises StorageError where it cannot be written."""
    told = {
        "format": FORMAT,
        "version": __version__,
        "cells": [{"algorithm": each.name, **strict(each.given())} for each in given.cells],
        "data": [strict(identity(each.source)) for each in given.views],
        "input_scale": [each.scale for each in given.views],
        "step": state.step,
        "steps": trace.steps,
        "seconds": trace.seconds,
        "samples": trace.samples,
    }
    from safetensors.torch import save  # here: training without a checkpoint does not need it

    replace(path, save(_tensors(given, state, trace), {"sae-recovery": json.dumps(told, allow_nan=False)}))


def _cells(path: Path, told: Mapping[str, Any]) -> list[Any]:
    """Return the settings of each replica; raises StorageError for unknown ones."""
    found = []
    for each in told["cells"]:
        try:
            own = dict(each)
            kind = algorithm_class(own.pop("algorithm"))
            if not hasattr(kind, "network"):
                raise ValueError(f"algorithm={kind.name!r} is not trained here")
            found.append(kind(**own))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise StorageError(f"{path} is broken: {' '.join(str(error).split())}") from None
    return found


def _checked(path: Path, tensors: Tensors, prefix: str, wanted: Tensors) -> Tensors:
    """Return the tensors with a prefix; raises StorageError unless they have the wanted names, shapes and types."""
    found = {}
    for name, like in wanted.items():
        value = tensors.get(prefix + name)
        what = None if value is None else (tuple(value.shape), value.dtype)
        if value is None or what != (tuple(like.shape), like.dtype):
            told = "missing" if what is None else f"{what[1]} {what[0]}"
            raise StorageError(f"{path} is broken: {prefix}{name} is {told}, not {like.dtype} {tuple(like.shape)}")
        found[name] = value
    return found


def _finite(path: Path, found: Tensors) -> None:
    for name, each in found.items():
        if not torch.isfinite(each).all():
            raise StorageError(f"{path} is broken: {name} holds numbers that are not finite")


def _precision(path: Path, tensors: Tensors) -> torch.dtype:
    """Return the type of the parameters; raises StorageError unless all have one, of floating numbers."""
    kinds = {each.dtype for name, each in tensors.items() if name.startswith("parameter.")}
    if len(kinds) != 1 or not kinds <= {torch.float32, torch.float64}:
        told = ", ".join(sorted(str(each).removeprefix("torch.") for each in kinds)) or "missing"
        raise StorageError(f"{path} is broken: parameters are {told}, but should be float32 or float64")
    return kinds.pop()


def _width(path: Path, tensors: Tensors, cells: Sequence[Any]) -> int:
    """Return the number of neurons; raises StorageError where the cells are of several, or the tensors of another."""
    widths = {each.n_neurons for each in cells}
    shapes = [each.shape for name, each in tensors.items() if name.startswith("parameter.")]
    if len(widths) > 1 or len({type(each) for each in cells}) > 1:
        raise StorageError(f"{path} is broken: its cells are of several algorithms or widths")
    if not any(widths <= set(shape) for shape in shapes):  # before memory is taken for that many
        raise StorageError(f"{path} is broken: n_neurons={cells[0].n_neurons}, but no parameter has that many")
    return int(widths.pop())


def read(path: Path) -> Trained:
    """Return the autoencoder of a checkpoint; its codes are bit-equal to those of the run.  Raises StorageError."""
    tensors, told = opened(path)
    cells, dtype = _cells(path, told), _precision(path, tensors)
    mean = tensors.get("input_mean", torch.empty(0))
    if mean.ndim != 2 or len(mean) != len(cells) or not mean.is_floating_point():
        raise StorageError(f"{path} is broken: input_mean is missing, or of the wrong shape or type")
    start = torch.zeros(len(cells), _width(path, tensors, cells), mean.shape[1], dtype=dtype)
    network = type(cells[0]).network(cells, torch.device("cpu"), dtype)
    wanted = network.parameters(start, mean.to(dtype))
    parameters = _checked(path, tensors, "parameter.", wanted)
    threshold = tensors.get("threshold")
    if threshold is not None and (threshold.shape != (len(cells),) or not threshold.is_floating_point()):
        raise StorageError(f"{path} is broken: threshold should be a number a replica")
    if bool((tensors.get("diverged", torch.tensor(-1)) < 0).all()):
        _finite(path, parameters | {"input_mean": mean} | ({} if threshold is None else {"threshold": threshold}))
    return Trained(cells, told["data"], parameters, told["input_scale"], mean, threshold)


def _check_same(path: Path, told: Mapping[str, Any], given: Problem) -> None:
    """Raise StorageError unless the checkpoint is of the same training, but for its length."""
    cells = _cells(path, told)
    for there, here, data, view in zip(cells, given.cells, told["data"], given.views, strict=False):
        found = {"algorithm": there.name, **there.given(), **data}
        wanted = {"algorithm": here.name, **here.given(), **strict(identity(view.source))}
        rows = told["step"] * here.batch_size
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            one, other = found.get(name), wanted.get(name)
            unseen = name == "n_samples" and all(each is None or each >= rows for each in (one, other))
            if one != other and name not in LENGTHS and not unseen:
                raise StorageError(f"{path} holds another run: {name}={one!r} there, {other!r} here")
        if there.n_steps != here.n_steps and (here.schedule != "constant" or here.warm_up):
            what = f"schedule={here.schedule!r}" if here.schedule != "constant" else f"warm_up={here.warm_up}"
            raise StorageError(
                f"n_steps={here.n_steps}, but {path} was trained towards n_steps={there.n_steps}, on which "
                f"{what} depends: only a constant schedule goes on with another number"
            )
        if told["step"] > here.n_steps:
            raise StorageError(f"n_steps={here.n_steps}, but {path} is at step {told['step']} already")
    if len(cells) != len(given.cells):
        raise StorageError(f"{path} holds {len(cells)} replicas, but should hold {len(given.cells)}")
    for scale, view in zip(told["input_scale"], given.views, strict=True):
        if not math.isclose(scale, view.scale, rel_tol=1e-9):
            raise StorageError(f"{path} holds another run: other data, of scale {scale!r} there, {view.scale!r} here")


def resume(path: Path, given: Problem) -> tuple[State, Trace]:
    """Return the state and trace to go on from.  Raises StorageError unless the checkpoint is of the same training.

    With a constant learning rate, n_steps may be more than it was.
    """
    tensors, told = opened(path)
    _check_same(path, told, given)
    state = trainer.init(given)
    device, dtype = given.network.device, given.network.dtype
    kept = _precision(path, tensors)
    if kept != dtype:
        names = (str(each).removeprefix("torch.") for each in (kept, dtype))
        raise StorageError(f"{path} holds another run: dtype={next(names)!r} there, {next(names)!r} here")
    parameters = _checked(path, tensors, "parameter.", state.parameters)
    memory = _checked(path, tensors, "memory.", state.memory)
    state.diverged = _checked(path, tensors, "", {"diverged": state.diverged})["diverged"].to(device)
    if bool((state.diverged < 0).all()):
        _finite(path, parameters | memory)
    for name, each in state.parameters.items():
        each.data.copy_(parameters[name])
    for name, each in state.memory.items():
        each.copy_(memory[name])
    state.step = told["step"]
    _restore_moments(path, tensors, state, given)
    return state, Trace(told["steps"], told["seconds"], told["samples"], _cosines(path, tensors, len(told["steps"])))


def _cosines(path: Path, tensors: Tensors, count: int) -> list[Any]:
    """Return the best cosines at each measurement, or none where there was no ground truth; raises StorageError."""
    found = [tensors[name] for k in range(count) if (name := f"best_cosine.{k}") in tensors]
    if len(found) not in (0, count) or len({(each.shape, each.dtype) for each in found}) > 1:
        raise StorageError(f"{path} is broken: best_cosine should be there for every one of its steps, in one shape")
    _finite(path, {f"best_cosine.{k}": each for k, each in enumerate(found)})
    return [each.numpy() for each in found]


def _restore_moments(path: Path, tensors: Tensors, state: State, given: Problem) -> None:
    """Give the optimiser its moments back; raises StorageError where some are missing."""
    if not state.step:
        return
    for name in given.network.learned(state.parameters):
        own = state.parameters[name]
        wanted = {"exp_avg": own, "exp_avg_sq": own, "step": torch.tensor(0.0)}
        moments = _checked(path, tensors, f"moment.{name}.", wanted)
        state.optimizer.state[own] = {key: each.to(given.network.device) for key, each in moments.items()}
