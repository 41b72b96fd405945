"""Speed as a ratio, in one process and on one thread: factored runs against dense ones, and training."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from simulations import __version__
from simulations.algorithms.base import torch_threads
from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.fit import start_of
from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import Dense, Evaluation, Factored, tile_width
from simulations.base.files import check_writable
from simulations.data.synthetic import FixedSample
from simulations.evidence.benchmark_training import benchmark_replicas, benchmark_training
from simulations.runs.cell import Cell, run_cell
from simulations.runs.executors import loky
from simulations.runs.manifests import write_manifest
from simulations.runs.provenance import provenance
from theory.closed_forms import frequency_to_bias

# The problem on which the factored step is timed against the dense one.
BENCHMARK = Cell(n_features=1_024, d_model=512, n_samples=50_000, n_neurons=2_048)
# A size at which no dictionary can be trained: learnability needs no width.
LARGE: dict[str, Any] = {
    "n_features": 100_000, "d_model": 1_024, "n_samples": 500_000, "target_frequency": 0.0003, "n_steps": 4,
    "n_probes": 64,
}  # fmt: skip
# Longer and larger runs: their settings, and how often they are timed.  The two products V W^T and C^T V cost 2 n d M
# multiplications where the dense form's cost 2 N d M: about N/n, 12 in the last one, is the most that a ratio can be.
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "s = 3, 20 steps": ({"n_steps": 20}, 2),
    "s = 8, 20 steps": ({"n_steps": 20, "sparsity": 8}, 2),
    "n = 4,096, d = 1,024, N = 200,000": ({"n_features": 4_096, "d_model": 1_024, "n_samples": 200_000}, 1),
    "n = 4,096, d = 1,024, N = 50,000": ({"n_features": 4_096, "d_model": 1_024}, 1),
}
# Equal cells of about two seconds, by which the scaling of worker processes is measured.
WORKERS_CELL = Cell(n_features=512, d_model=256, n_samples=500_000, n_neurons=2_048)
NO_TIME: dict[str, Any] = {"n_samples": 64, "n_neurons": 64, "n_steps": 1}  # and one that takes none
COPY_BYTES = 2**28  # beyond the caches that one core can hold
PEAK_UNIT = 1 if sys.platform == "darwin" else 1_024  # bytes in a unit of ru_maxrss


def one_update(data: Evaluation, weights: torch.Tensor, settings: Cell) -> torch.Tensor:
    """Return the whole update g (1, M, d) of every neuron: V W^T, the drive of all samples, tile by tile."""
    bias = weights.new_full((1, 1), float(frequency_to_bias(settings.target_frequency)))
    rows = slice(0, data.n_samples)
    factored = isinstance(data, Factored)  # the dense step is at its best untiled, and needs no V W^T
    width = weights.shape[1]
    if factored:
        width = tile_width(width, 1, data.features.shape[1], weights.device, weights.dtype)
    gradients = []
    for start in range(0, weights.shape[1], width):
        part = weights[:, start : start + width]
        part = torch.nn.functional.pad(part, (0, 0, 0, width - part.shape[1])).contiguous()
        G = torch.bmm(data.features, part.transpose(1, 2)) if factored else part.new_empty(1, 0, part.shape[1])
        activation = ACTIVATION_CODES[settings.activation]
        drive = data.drive(part, G, bias.expand(1, part.shape[1]), activation, rows, gradient=True)
        assert drive.gradient is not None
        gradients.append(drive.gradient)
    return torch.cat(gradients, dim=1)[:, : weights.shape[1]]


class Timed(NamedTuple):
    """A run: seconds of each of its T steps and of the last look (T + 1,), share of active entries per step (T,)."""

    seconds: np.ndarray[Any, Any]
    active: np.ndarray[Any, Any]


def timed_run(data: Evaluation, weights: torch.Tensor, settings: Cell) -> Timed:
    """Run every tile of neurons through all steps, as `modified_ba.run` does, and time step by step.

    On a CPU the time is the thread's own, so that whatever else runs on the machine counts for less.
    """
    device, n_neurons = weights.device, weights.shape[1]
    width = n_neurons  # the dense step is at its best untiled
    if isinstance(data, Factored):
        width = tile_width(n_neurons, 1, data.features.shape[1], device, weights.dtype)
    clock = time.perf_counter if device.type == "cuda" else time.thread_time
    n_steps = max(1, settings.n_steps)
    seconds, fired = np.zeros(n_steps + 1), np.zeros(n_steps + 1)
    whole = modified_ba.init(weights, settings.target_frequency)
    for start in range(0, n_neurons, width):
        state = modified_ba.tile(whole, start, width)
        for t in range(n_steps + 1):
            begin = clock()
            state, info = modified_ba.step(state, data, settings, move=t < n_steps)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[t] += clock() - begin
            fired[t] += float(info.fired.sum())
    rows = settings.batch_size or data.n_samples
    return Timed(seconds, fired[:-1] / (rows * n_neurons))


def step_bytes(settings: Cell, active: float) -> float:
    """Return the bytes that one factored step moves to and from the arithmetic, whichever cache they come from.

    Gathered: s entries of G for every pre-activation.  Scattered: s entries of C, read and written, for every active
    one.  The two products: G and C (n, M), W and g (M, d) once each, and V (n, d) twice.
    """
    n, d, M, s = settings.n_features, settings.d_model, settings.n_neurons, settings.sparsity
    entries = (settings.batch_size or settings.n_samples) * M
    return float(np.dtype(settings.dtype).itemsize * (entries * s * (1 + 2 * active) + 2 * (n * M + M * d + n * d)))


def copy_bandwidth(device: torch.device, repeats: int = 5) -> float:
    """Return the bytes a second, read and written, of a copy too large for the caches."""
    source = torch.ones(COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    clock = time.perf_counter if device.type == "cuda" else time.thread_time
    times = []
    for _ in range(repeats + 1):  # the first one maps the pages
        begin = clock()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - begin)
    return 2 * COPY_BYTES / min(times[1:])


def _range(values: Sequence[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]


def compare(factored: Sequence[Timed], dense: Sequence[Timed], settings: Cell, bandwidth: float) -> dict[str, Any]:
    """Return first step, steady state (a step, from the second on) and whole run: minimum, median, maximum of each.

    Run i of one form follows run i of the other, so that a ratio compares neighbours in time.
    """
    n_steps = len(factored[0].active)
    phases = {"first_step": slice(0, 1), "steady_step": slice(1, n_steps), "whole_run": slice(0, n_steps + 1)}
    found: dict[str, Any] = {}
    for name, part in phases.items():
        shares = factored[0].active[part]
        if len(shares) == 0:  # one step only: no steady state
            continue
        steps = len(shares) if name == "steady_step" else 1
        seconds, other = ([float(run.seconds[part].sum()) / steps for run in runs] for runs in (factored, dense))
        moved = [step_bytes(settings, float(active)) for active in shares]
        found[name] = {
            "active_share": float(shares.mean()),
            "seconds_factored": _range(seconds),
            "seconds_dense": _range(other),
            "ratio": _range([b / a for a, b in zip(seconds, other, strict=True)]),
        }
        if name != "whole_run":  # its last look does half a step
            rate = sum(moved) / steps / statistics.median(seconds)
            found[name] |= {"bytes_per_second": rate, "traffic_to_copy_bandwidth": rate / bandwidth}
    return found


def both_forms(source: FixedSample, device: torch.device, dtype: torch.dtype) -> list[Evaluation]:
    """Return the factored and the dense form of the update on one sample."""
    form: dict[str, Any] = {"device": device, "dtype": dtype, "center": source.center}
    return [Factored([source.sample], **form), Dense([source.rows()], [source.sample.features], **form)]


def by_turns(settings: Cell, repeats: int) -> tuple[list[Timed], list[Timed]]:
    """Return runs of the factored and of the dense form, by turns, after one update of each to compile and warm up."""
    runtime = settings.runtime()
    device, dtype = runtime.torch_device(), runtime.torch_dtype()
    task = settings.task()
    source = task.model.fixed()
    start = torch.from_numpy(start_of(task.algorithm, source))
    weights = modified_ba.init(start.to(device, dtype), settings.target_frequency).weights
    forms = both_forms(source, device, dtype)
    for data in forms:
        one_update(data, weights, settings)
    runs = [[timed_run(data, weights, settings) for data in forms] for _ in range(repeats)]
    return [run[0] for run in runs], [run[1] for run in runs]


def whole_runs(settings: Cell, bandwidth: float) -> dict[str, Any]:
    """Return the whole run of each of CASES (see `compare`)."""
    found = {}
    for name, (changes, repeats) in CASES.items():
        case = settings.replace(**changes)
        found[name] = compare(*by_turns(case, repeats), case, bandwidth)["whole_run"]
    return found


def benchmark(settings: Cell = BENCHMARK, *, repeats: int = 5, large: bool = False) -> dict[str, Any]:
    """Time whole runs, factored and dense by turns, and training; return seconds, ratios and disagreement.

    `seconds_factored`, `seconds_dense` and `ratio` are those of the first step.  `large` adds a demonstration at
    n = 100,000, first, so that the peak memory is its own, the scaling of two worker processes, and CASES.

    The disagreement is ||g_factored - g_dense|| / ||g_dense|| in float64, where no sample flips at the threshold by
    rounding.  Raises ValueError for a device that is not there.
    """
    runtime = settings.runtime()
    device = runtime.torch_device()
    demonstration = {"learnability_large": demonstrate_large(settings.seed)} if large else {}
    scaling = benchmark_workers() if large and (os.cpu_count() or 1) > 1 else {}
    with torch_threads(1):
        task = settings.task()
        source = task.model.fixed()
        start = torch.from_numpy(start_of(task.algorithm, source))
        exact = modified_ba.init(start.to(device, torch.float64), settings.target_frequency).weights
        factored, dense = (one_update(each, exact, settings) for each in both_forms(source, device, torch.float64))
        disagreement = float((factored - dense).norm() / dense.norm())
        runs = by_turns(settings, repeats)
        bandwidth = copy_bandwidth(device)
        cases = {"whole_runs": whole_runs(settings, bandwidth)} if large else {}
    phases = compare(*runs, settings, bandwidth)
    timed = {form: phases["first_step"][f"seconds_{form}"][1] for form in ("factored", "dense")}
    training = benchmark_replicas(repeats=repeats) if device.type == "cuda" else benchmark_training(repeats=repeats)
    names = ("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency", "dtype", "seed")
    return {
        **{name: getattr(settings, name) for name in names},
        "device": device.type,
        "threads": 1,
        "repeats": repeats,
        "n_steps": max(1, settings.n_steps),
        "seconds_factored": timed["factored"],
        "seconds_dense": timed["dense"],
        "ratio": timed["dense"] / timed["factored"],
        **phases,
        **cases,
        "copy_bytes_per_second": bandwidth,
        "relative_difference_float64": disagreement,
        "training": training,
        **demonstration,
        **scaling,
        "version": __version__,
    }


def demonstrate_large(seed: int = 0) -> dict[str, Any]:
    """Measure learnability at n = 100,000 and return it with its time and this process's peak memory, in GB."""
    settings = Cell(**LARGE, instrument="learnability", seed=seed, device="cpu")
    begin = time.perf_counter()
    found = run_cell(settings)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 1e9
    shares = {name: found[name] for name in ("learnable_fraction", "learnable_fraction_low", "learnable_fraction_high")}
    return {**LARGE, "seed": seed, **shares, "seconds": seconds, "peak_memory_gb": peak}


def benchmark_workers(n_cells: int = 40, n_jobs: int = 2, cell: Cell = WORKERS_CELL) -> dict[str, Any]:
    """Run equal cells one after another and in `n_jobs` processes, start-up of these included; return the ratio.

    And what it lacks of `n_jobs`: the seconds until processes that begin anew have done cells that take no time, and
    how much longer than alone a cell takes where others run beside it, which share caches, memory and clock.
    """
    cells = [[cell.replace(seed=seed)] for seed in range(n_cells)]
    run_cell(cells[0][0])  # compiled and warm
    alone, seconds_alone = _timed_cells(cells, 1)
    _, start_up = _timed_cells([[cell.replace(**NO_TIME)]] * n_jobs, n_jobs)
    beside, seconds = _timed_cells(cells, n_jobs)  # in the same processes
    return {
        "workers_cells": n_cells,
        "workers_n_jobs": n_jobs,
        "seconds_one_worker": seconds_alone,
        "seconds_workers": start_up + seconds,
        "seconds_start_up": start_up,
        "cell_beside_others_to_alone": beside / alone,
        "ratio_workers": seconds_alone / (start_up + seconds),
    }


def _timed_cells(batches: Sequence[Sequence[Cell]], n_jobs: int) -> tuple[float, float]:
    """Run the batches in `n_jobs` processes; return the median seconds of a cell, and the seconds of all."""
    begin = time.perf_counter()
    each = [float(row["seconds"]) for rows in loky(_rows_of, batches, n_jobs) for row in rows]
    seconds = time.perf_counter() - begin
    assert len(each) == sum(len(cells) for cells in batches)
    return statistics.median(each), seconds


def _rows_of(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    return [run_cell(each) for each in cells]


def write(result: Mapping[str, Any], out: Path, command: Sequence[str]) -> Path:
    """Write OUT/benchmark/DEVICE/manifest.json, the result with its provenance, and return that folder."""
    folder = out / "benchmark" / str(result["device"])
    check_writable(folder)
    write_manifest(folder, {"result": dict(result), **provenance(command)})
    return folder
