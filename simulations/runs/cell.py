"""One cell: settings -> row.  Cells that differ only in their batch axes can run as replicas of one program."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simulations import __version__
from simulations.algorithms.autoencoders import checkpoint as files
from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.classical import dictionary_learning
from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.update import Dense, Evaluation, Factored
from simulations.base.checks import CLASSICAL
from simulations.base.columns import RESULT_COLUMNS
from simulations.base.settings import Settings
from simulations.base.streams import stream
from simulations.data.sampling import Sample, initial_directions, mean_activation, sample
from simulations.instruments import training
from simulations.measures.recovery import TAU, measure
from simulations.runs.storage import check_writable

# Cells of the provable algorithm may share a batch when they differ in nothing else: neurons are independent.
BATCH_AXES = ("seed", "target_frequency")
BATCH_BYTES = 2**33  # samples, features and weights of one batch on a GPU
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def resolve_device(device: str) -> torch.device:
    """Return the device that `device` names; "auto" is CUDA where there is one.  Raises ValueError without a GPU."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ValueError("device='cuda', but no CUDA GPU is available here; use cpu or auto")
    return torch.device("cuda" if device != "cpu" and available else "cpu")


def sample_of(settings: Settings) -> Sample:
    """Sample (H, V) for a cell; the algorithm's settings do not enter, so comparisons are paired."""
    return sample(
        n_features=settings.n_features,
        d_model=settings.d_model,
        sparsity=settings.sparsity,
        n_samples=settings.n_samples,
        support_law=settings.support_law,
        coefficient_law=settings.coefficient_law,
        dictionary_law=settings.dictionary_law,
        normalize=settings.normalize,
        seed=settings.seed,
    )


def start_of(settings: Settings, data: Sample) -> np.ndarray[Any, Any]:
    """Return the starting directions (M, d), independent of V: uniform on the sphere, or random samples."""
    if settings.initialization == "sphere":
        return initial_directions(settings.d_model, settings.n_neurons, settings.seed)
    rng = stream("init", settings.seed, initialization="data", n_samples=settings.n_samples)
    rows = rng.integers(settings.n_samples, size=settings.n_neurons)
    picked = np.einsum("ms,msd->md", data.values[rows], data.features[data.support[rows]])
    return np.asarray(picked - mean_activation(data) if settings.center else picked)


def evaluation_of(
    settings: Settings, samples: Sequence[Sample], seeds: Sequence[int], device: torch.device
) -> Evaluation:
    """Return the evaluation that the settings ask for; "auto" is factored, or dense when there is noise."""
    dtype = DTYPES[settings.dtype]
    if settings.evaluation == "dense" or settings.noise > 0:
        streams = [stream("noise", each, n_samples=settings.n_samples, d_model=settings.d_model) for each in seeds]
        noise = [(settings.noise, rng) for rng in streams]
        return Dense(samples, device=device, dtype=dtype, center=settings.center, noise=noise)
    return Factored(samples, device=device, dtype=dtype, center=settings.center)


def run_cell(settings: Settings, *, threads: int = 1, checkpoint: Path | None = None) -> dict[str, Any]:
    """Run one cell and return its row: every setting, then the results (ROW_COLUMNS).

    A trained algorithm writes `checkpoint` after every measurement, and goes on from it when it is there.  Raises
    ValueError for a device that is not there, and for a checkpoint of other settings or of an algorithm without.
    """
    if checkpoint is None:
        return run_batch([settings], threads=threads)[0]
    if not settings.trained or settings.algorithm == CLASSICAL:
        raise ValueError(f"checkpoint={str(checkpoint)!r}, but {settings.algorithm} has none")
    check_writable(checkpoint.parent)
    begin = time.perf_counter()
    device, dtype = resolve_device(settings.device), DTYPES[settings.dtype]
    resume = (lambda given: files.resume(checkpoint, given)) if checkpoint.exists() else None
    after = lambda *reached: files.write(checkpoint, *reached)  # noqa: E731
    *_, found = training.train([settings], device, dtype, resume=resume, after=after)
    return row_of(settings, device, time.perf_counter() - begin, found[0])


def run_batch(cells: Sequence[Settings], *, threads: int = 1) -> list[dict[str, Any]]:
    """Run cells that differ only in BATCH_AXES as replicas of one program: one launch on a GPU.

    Raises ValueError when they differ in anything else, or for a device that is not there.
    """
    if len({batch_key(each) for each in cells}) != 1:
        *most, last = batch_axes(cells[0])
        raise ValueError(f"cells of one batch may differ in {', '.join(most)} and {last} only")
    begin = time.perf_counter()
    first = cells[0]
    device, dtype = resolve_device(first.device), DTYPES[first.dtype]
    if first.algorithm == CLASSICAL:
        return [_classical(each) for each in cells]
    if first.trained:
        *_, found = training.train(cells, device, dtype)
        seconds = (time.perf_counter() - begin) / len(cells)
        return [row_of(each, device, seconds, results) for each, results in zip(cells, found, strict=True)]
    drawn = {each.seed: sample_of(each) for each in cells}
    samples = [drawn[each.seed] for each in cells]
    starts = np.stack([start_of(each, data) for each, data in zip(cells, samples, strict=True)])
    target = torch.tensor([[each.target_frequency] for each in cells], dtype=torch.float64, device=device)
    state = modified_ba.init(torch.from_numpy(starts).to(device, dtype), target)
    data = evaluation_of(first, samples, [each.seed for each in cells], device)
    trace = modified_ba.run(state, data, first, threads=threads)
    seconds = (time.perf_counter() - begin) / len(cells)
    return [_row(*each, trace, r, seconds) for r, each in enumerate(zip(cells, samples, strict=True))]


def _classical(settings: Settings) -> dict[str, Any]:
    begin = time.perf_counter()
    results = dictionary_learning(settings)
    return row_of(settings, torch.device("cpu"), time.perf_counter() - begin, results)


def batch_key(settings: Settings) -> str:
    """Return what cells must share to run in one batch."""
    axes = batch_axes(settings)
    return "|".join(f"{name}={value!r}" for name, value in settings.to_row().items() if name not in axes)


def batch_axes(settings: Settings) -> Sequence[str]:
    """Return the settings in which cells of one batch may differ."""
    return trainer.BATCH_AXES if settings.trained else BATCH_AXES


def batches(cells: Sequence[Settings]) -> list[list[Settings]]:
    """Group cells into batches: single cells on a CPU, where processes are the better way, replicas on a GPU."""
    groups: dict[str, list[Settings]] = {}
    for each in cells:
        groups.setdefault(batch_key(each), []).append(each)
    done = []
    for group in groups.values():
        size = 1
        if resolve_device(group[0].device).type == "cuda":
            size = max(1, BATCH_BYTES // _bytes_of_cell(group[0]))
        done += [group[start : start + size] for start in range(0, len(group), size)]
    return done


def _bytes_of_cell(settings: Settings) -> int:
    n, d, M = settings.n_features, settings.d_model, settings.n_neurons
    if settings.trained:  # weights, gradient and moments, and half a dozen arrays of a batch
        return settings.n_restarts * (32 * d * M + 48 * settings.batch_size * M + 16 * n * d)
    return 16 * settings.n_samples * settings.sparsity + 16 * d * (n + M)


def row_of(settings: Settings, device: torch.device, seconds: float, results: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole row: settings with the device that ran, and results, empty where there are none."""
    row = settings.to_row() | {"device": device.type} | dict.fromkeys(RESULT_COLUMNS, "")
    return {**row, "seconds": seconds, "version": __version__, **results}


def _reached(settings: Settings, best_cosine: torch.Tensor, seconds: float) -> dict[str, Any]:
    """Return samples and seconds to recovery: all of both, where any step reached it, for every step takes them all."""
    best = float((best_cosine > TAU).double().mean(1).max())
    found: dict[str, Any] = {}
    for name, level in (("090", 0.90), ("099", 0.99)):
        if best >= level:
            found |= {f"samples_to_recovery_{name}": settings.n_samples, f"seconds_to_recovery_{name}": seconds}
    return found


def _row(settings: Settings, data: Sample, trace: modified_ba.Trace, replica: int, seconds: float) -> dict[str, Any]:
    weights = trace.weights[replica].cpu().numpy()
    finite = bool(np.isfinite(weights).all())
    results: dict[str, Any] = {"status": "ok" if finite else "diverged"}
    if finite:
        frequency = trace.activation_frequency[replica].cpu().numpy()
        results |= measure(weights, data, frequency, trace.best_cosine[replica].cpu().numpy())
        results |= _reached(settings, trace.best_cosine[replica], seconds)
    else:
        results["message"] = f"non-finite weights after {settings.n_steps} steps"
    return row_of(settings, trace.weights.device, seconds, results)
