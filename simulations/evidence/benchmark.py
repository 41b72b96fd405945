"""Speed as a ratio, in one run and on one thread: the factored step against the dense one, and training."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from simulations import __version__
from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.psi import ACTIVATION_CODES
from simulations.algorithms.provable.update import Dense, Evaluation, Factored, tile_width
from simulations.base.settings import Settings
from simulations.evidence.benchmark_training import benchmark_replicas, benchmark_training
from simulations.experiments import BENCHMARK
from simulations.instruments.learnability import learnability
from simulations.runs.cell import DTYPES, resolve_device, sample_of, start_of
from simulations.runs.provenance import provenance
from simulations.runs.storage import check_writable, write_manifest
from theory.closed_forms import frequency_to_bias

# A size at which no dictionary can be trained: learnability needs no width.
LARGE: dict[str, Any] = {
    **{"n_features": 100_000, "d_model": 1_024, "n_samples": 500_000, "target_frequency": 0.0003},
    **{"n_steps": 4, "n_probes": 64},
}
PEAK_UNIT = 1 if sys.platform == "darwin" else 1_024  # bytes in a unit of ru_maxrss


def one_update(data: Evaluation, weights: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Return the whole update g (1, M, d) of every neuron: V W^T, the drive of all samples, tile by tile."""
    bias = weights.new_full(weights.shape[:2], float(frequency_to_bias(settings.target_frequency)))
    rows = slice(0, data.n_samples)
    factored = isinstance(data, Factored)  # the dense step is at its best untiled, and needs no V W^T
    width = weights.shape[1]
    if factored:
        width = tile_width(width, 1, data.features.shape[1], weights.device, weights.dtype)
    gradients = []
    for start in range(0, weights.shape[1], width):
        part = weights[:, start : start + width].contiguous()
        G = torch.bmm(data.features, part.transpose(1, 2)) if factored else part.new_empty(1, 0, part.shape[1])
        activation = ACTIVATION_CODES[settings.activation]
        drive = data.drive(part, G, bias[:, start : start + width], activation, rows, gradient=True)
        assert drive.gradient is not None
        gradients.append(drive.gradient)
    return torch.cat(gradients, dim=1)


def _median_seconds(work: Callable[[], torch.Tensor], repeats: int, device: torch.device) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def benchmark(settings: Settings = BENCHMARK, *, repeats: int = 5, large: bool = False) -> dict[str, Any]:
    """Time one factored and one dense update, and training; return seconds (medians), ratios and disagreement.

    `large` adds a demonstration at n = 100,000, first, so that the peak memory is its own.

    The disagreement is ||g_factored - g_dense|| / ||g_dense|| in float64, where no sample flips at the threshold by
    rounding.  Raises ValueError for a device that is not there.
    """
    device = resolve_device(settings.device)
    demonstration = {"learnability_large": demonstrate_large(settings.seed)} if large else {}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        drawn = sample_of(settings)
        start = torch.from_numpy(start_of(settings, drawn))
        timed: dict[str, float] = {}
        for form in (Factored, Dense):
            data: Evaluation = form([drawn], device=device, dtype=DTYPES[settings.dtype], center=settings.center)
            weights = modified_ba.init(start.to(device, DTYPES[settings.dtype]), settings.target_frequency).weights
            one_update(data, weights, settings)  # compile and warm up
            n_times = repeats if form is Factored else max(1, repeats // 2)
            timed[form.__name__.lower()] = _median_seconds(
                lambda data=data, weights=weights: one_update(data, weights, settings),  # type: ignore[misc]
                n_times,
                device,
            )
        exact = modified_ba.init(start.to(device, torch.float64), settings.target_frequency).weights
        factored, dense = (
            one_update(form([drawn], device=device, dtype=torch.float64, center=settings.center), exact, settings)
            for form in (Factored, Dense)
        )
        disagreement = float((factored - dense).norm() / dense.norm())
    finally:
        torch.set_num_threads(before)
    training = benchmark_replicas(repeats=repeats) if device.type == "cuda" else benchmark_training(repeats=repeats)
    names = ("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency", "dtype", "seed")
    return {
        **{name: getattr(settings, name) for name in names},
        "device": device.type,
        "threads": 1,
        "repeats": repeats,
        "seconds_factored": timed["factored"],
        "seconds_dense": timed["dense"],
        "ratio": timed["dense"] / timed["factored"],
        "relative_difference_float64": disagreement,
        "training": training,
        **demonstration,
        "version": __version__,
    }


def demonstrate_large(seed: int = 0) -> dict[str, Any]:
    """Measure learnability at n = 100,000 and return it with its time and this process's peak memory, in GB."""
    settings = Settings(**LARGE, instrument="learnability", seed=seed, device="cpu")
    begin = time.perf_counter()
    found = learnability(settings)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 1e9
    shares = {name: found[name] for name in ("learnable_fraction", "learnable_fraction_low", "learnable_fraction_high")}
    return {**LARGE, "seed": seed, **shares, "seconds": seconds, "peak_memory_gb": peak}


def write(result: Mapping[str, Any], out: Path, command: Sequence[str]) -> Path:
    """Write OUT/benchmark/DEVICE/manifest.json, the result with its provenance, and return that folder."""
    folder = out / "benchmark" / str(result["device"])
    check_writable(folder)
    write_manifest(folder, {"result": dict(result), **provenance(command)})
    return folder
