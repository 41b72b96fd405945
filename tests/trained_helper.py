"""Short cuts of the tests of trained algorithms: jobs from flat settings, and states of the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.tied import Parameters
from simulations.algorithms.autoencoders.trainer import Problem, State
from simulations.algorithms.base import Job, Runtime, Trace, algorithm_class
from simulations.data import synthetic
from simulations.data.model import Model

CPU, F32, F64 = torch.device("cpu"), torch.float32, torch.float64
DOUBLE = Runtime("cpu", "float64")
SINGLE = Runtime("cpu", "float32")
SMALL: dict[str, Any] = {
    "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 32, "n_steps": 12,
    "n_evaluations": 2, "learning_rate": 0.003, "schedule": "constant", "coefficient_law": "half-normal",
    "initial_scale": 0.3,
}  # fmt: skip
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "n_groups": 4, "gain": 0.3, "buffer_steps": 4, "initial_bias": -0.1},
    "gba-relu": {"algorithm": "gba", "activation": "relu", "n_groups": 4, "gain": 0.3, "buffer_steps": 4},
    "gba-quantile": {"algorithm": "gba", "controller": "quantile", "n_groups": 4, "buffer_steps": 4},
    "ba": {"algorithm": "ba", "target_frequency": 0.1, "gain": 0.3, "buffer_steps": 4},
    "topk": {"algorithm": "topk"},
    "batchtopk": {"algorithm": "batchtopk"},
    "l1": {"algorithm": "l1", "penalty": 0.05},
    "jumprelu": {"algorithm": "jumprelu", "penalty": 0.02, "bandwidth": 0.2, "initial_bias": -0.1},
    "jumprelu-tanh": {"algorithm": "jumprelu", "penalty": 0.02, "penalty_kind": "tanh", "bandwidth": 0.2,
                      "initial_bias": -0.1},
}  # fmt: skip
UNTIED: dict[str, dict[str, Any]] = {
    "gated": {"algorithm": "gated", "penalty": 0.3},
    "topk-untied": {"algorithm": "topk-untied", "dead_samples": 64, "k_aux": 5},
}
MODEL = {each.name for each in fields(Model)}


def job_of(**flat: Any) -> Job:
    """Return the job of flat settings, derived defaults worked out on the endless stream of its model."""
    kind = algorithm_class(flat.pop("algorithm"))
    source = Model(**{name: value for name, value in flat.items() if name in MODEL}).stream()
    settings: Any = kind(**{name: value for name, value in flat.items() if name not in MODEL})
    return Job(settings.on(source), source)


def small(name: str, **given: Any) -> Job:
    """Return a small job of a method; `initial_scale` is of tied ones only, which learn b_pre here like all else."""
    own = METHODS.get(name) or UNTIED[name]
    usual = SMALL | {"pre_bias": "learned"}
    if name not in METHODS:
        usual = {key: value for key, value in SMALL.items() if key != "initial_scale"}
    return job_of(**(usual | own | given))


def changed(job: Job, **given: Any) -> Job:
    """Return a job with other settings of its algorithm or its model."""
    world = {name: value for name, value in given.items() if name in MODEL}
    settings = job.algorithm.replace(**{name: value for name, value in given.items() if name not in MODEL})
    source = Model(**job.source.model.given() | world).stream() if world else job.source  # type: ignore[attr-defined]
    return Job(settings, source)


def started(*jobs: Job, device: torch.device = CPU, dtype: torch.dtype = F64) -> tuple[State, Problem]:
    given = trainer.problem(jobs, device, dtype)
    return trainer.init(given), given


def trained(
    *jobs: Job, device: torch.device = CPU, dtype: torch.dtype = F64, after: trainer.After | None = None
) -> tuple[State, Trace]:
    state, given = started(*jobs, device=device, dtype=dtype)
    trace = Trace()
    trainer.run(state, given, trace, after)
    return state, trace


def tied(state: State) -> Parameters:
    """Return the parameters of a tied autoencoder by name."""
    return Parameters(**state.parameters)


def fit(*jobs: Job, runtime: Runtime = SINGLE) -> Any:
    """Return what one job, or several in one batch, learned."""
    found = type(jobs[0].algorithm).fit_batch(list(jobs), runtime)
    return found[0] if len(jobs) == 1 else found


def differences(loss: Callable[[], float], value: np.ndarray[Any, Any], step: float = 1e-6) -> np.ndarray[Any, Any]:
    """Return the central differences of a loss in the entries of an array, which is moved in place and put back."""
    found = np.empty_like(value)
    for index in np.ndindex(value.shape):
        kept = value[index]
        value[index] = kept + step
        above = loss()
        value[index] = kept - step
        found[index] = (above - loss()) / (2 * step)
        value[index] = kept
    return found


def draw_less(
    monkeypatch: pytest.MonkeyPatch, block: int = 512, calibration: int = 2_000, held_out: int = 1_000
) -> None:
    """Draw less at once: the tests are about other things."""
    monkeypatch.setattr(synthetic, "BLOCK", block)
    monkeypatch.setattr(synthetic, "CALIBRATION_ROWS", calibration)
    monkeypatch.setattr(synthetic, "EVALUATION_ROWS", held_out)
