"""All that a GPU is wanted for, in one command with a budget of minutes: `make gpu`, which installs nothing.

    python -m simulations.evidence.gpu --budget-minutes 25 --out results

Environment, the tests marked gpu, rows of a GPU against rows of a CPU, speed, and then the paper presets of GRIDS as
far as the time allows: rows are kept as they come, and the same command goes on with them.  `--rehearse` does the same
on a CPU at small sizes through the route that a GPU takes (no compiled kernel).  Needs only torch,
NumPy, SciPy and filelock.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from simulations.algorithms.autoencoders.network import Network
from simulations.algorithms.provable import modified_ba, update
from simulations.algorithms.provable.fit import start_of
from simulations.base.files import check_writable
from simulations.experiments import experiment
from simulations.runs import cell as cell_module
from simulations.runs.cell import Cell, batches, run_cell
from simulations.runs.grid import cells_of
from simulations.runs.manifests import write_manifest
from simulations.runs.provenance import provenance
from simulations.runs.sweep import summary, sweep

GRIDS = ("resonance", "sparsity", "dimension", "frontier")
OPTIONAL = ("numba", "triton", "safetensors", "tqdm", "pandas", "matplotlib", "joblib", "pytest")
WORLD: dict[str, Any] = {"n_features": 128, "d_model": 48, "n_neurons": 512, "dtype": "float64", "seed": 1}
TRAINED = {"n_steps": 200, "batch_size": 256}
# Float64 on both sides: only the order of sums differs.  A rehearsal (kernel against torch) differs by up to 5e-14 in a
# mean cosine; 1e-5 leaves room for other orders and 200 steps of Adam, and is far below what a wrong step does.  One
# feature of 128 may cross a threshold.
COLUMNS = {"mean_max_cosine": 1e-5, "feature_recovery_rate": 1 / 128, "feature_recovery_rate_080": 1 / 128}
SMALL = {"n_samples": 500, "n_neurons": 64, "n_features": 32}  # of a rehearsal


class OutOfTime(BaseException):
    """The budget is spent; it passes through a sweep, which keeps its rows."""


def environment(device: str) -> dict[str, Any]:
    """Return what the machine has: interpreter, torch, the GPU and its memory, and which optional packages."""
    there = {name: importlib.util.find_spec(name) is not None for name in OPTIONAL}
    told: dict[str, Any] = {"python": platform.python_version(), "torch": torch.__version__, "optional": there}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        told |= {"gpu": properties.name, "memory_gb": properties.total_memory / 1e9, "cuda": torch.version.cuda}
    return told


def gpu_tests() -> dict[str, Any]:
    """Run the tests marked gpu in a process of their own and return exit code and last line."""
    if importlib.util.find_spec("pytest") is None:
        return {"exit": None, "said": "pytest is not installed"}
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"exit": done.returncode, "said": (done.stdout.strip().splitlines() or [""])[-1]}


def agreement_cells() -> list[Cell]:
    """Return one cell of each way through the code: activations, centring, and every trained kind."""
    provable = [
        Cell(**WORLD, n_samples=5_000, activation=activation, center=center)
        for activation in ("relu", "smooth-relu", "jumprelu")
        for center in (False, True)
    ]
    kinds = ("gba", "ba", "topk", "batchtopk", "l1", "jumprelu", "gated", "topk-untied")
    return [*provable, *(Cell(**WORLD, **TRAINED, algorithm=kind) for kind in kinds)]


def agreement(device: str, cells: Sequence[Cell] | None = None) -> list[dict[str, Any]]:
    """Measure cells on the CPU and on `device`; return columns of both with whether they agree."""
    told = []
    for each in agreement_cells() if cells is None else cells:
        rows = [run_cell(each.replace(device="cpu"))]
        with route(device):
            rows.append(run_cell(each.replace(device=device)))
        apart = {name: abs(float(rows[0][name]) - float(rows[1][name])) for name in COLUMNS}
        agree = all(apart[name] <= allowed for name, allowed in COLUMNS.items())
        name = f"{each.algorithm}, {getattr(each, 'activation', 'trained')}, center={getattr(each, 'center', False)}"
        told.append({"cell": name, "apart": apart, "agree": agree})
    return told


def replica_speed(device: str, cell: Cell, n_replicas: int) -> dict[str, Any]:
    """Time one cell on one CPU core and `n_replicas` in one batch on `device`; return cells a second and memory.

    `peak_bytes` is what the GPU's allocator held at most; `expected_bytes` is the model of `expected_bytes`.
    """
    alone = cell.replace(device="cpu")
    run_cell(alone)  # compile
    begin = time.perf_counter()
    run_cell(alone)
    one = time.perf_counter() - begin
    many = [cell.replace(device=device, seed=cell.seed + k) for k in range(n_replicas)]
    if device == "cuda":
        cell_module.run_batch(many)  # warm up
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    with route(device):
        cell_module.run_batch(many)
    seconds = time.perf_counter() - begin
    told = {"cells_per_second_one_core": 1 / one, "cells_per_second": n_replicas / seconds, "replicas": n_replicas}
    told |= {"expected_bytes": expected_bytes(cell, n_replicas)}
    return told | ({"peak_bytes": torch.cuda.max_memory_allocated()} if device == "cuda" else {})


def expected_bytes(cell: Cell, n_replicas: int) -> int:
    """Return the most memory that a batch of the provable algorithm allocates on a GPU, in bytes, from its shapes.

    Held: table (int64) and values of every sample, V twice (stacking copies it), W, its successor and g.  A tile: G and
    C, within CUDA_TILE_BYTES.  A block of pre-activations: u, u - shift, y, the comparison, a copy of it in floats for
    the count, and indices (three int64), weights and products of the active entries, here all of them at most.
    """
    size = torch.finfo(getattr(torch, cell.dtype)).bits // 8
    n, d, N, M, s = cell.n_features, cell.d_model, cell.n_samples, cell.n_neurons, cell.sparsity
    held = n_replicas * (N * s * (8 + size) + size * d * (2 * n + 3 * M))
    entries = min(update.BLOCK_ENTRIES["cuda"], n_replicas * N * M)
    active = 0.1  # ours: the most that fires at a frequency in the band
    block = entries * (4 * size + 1 + active * (3 * 8 + 3 * size))
    tile = min(update.CUDA_TILE_BYTES, 2 * n_replicas * n * M * size)
    return int(held + tile + block)


def fused_speed(device: str, cell: Cell, repeats: int = 5) -> dict[str, Any]:
    """Time the update by Triton's kernel beside the plain form; return seconds, their ratio, and how they differ."""
    if importlib.util.find_spec("triton") is None:
        return {"said": "Triton is not installed"}
    from simulations.algorithms.provable.fused import Fused
    from simulations.evidence.benchmark import one_update

    task, told = cell.task(), {}
    where, source = torch.device(device), task.model.fixed()
    weights = modified_ba.init(torch.from_numpy(start_of(task.algorithm, source)).to(where, torch.float32), 0.1).weights
    results = []
    for name, form in (("plain", update.Factored), ("fused", Fused)):
        data = form([source.sample], device=where, dtype=torch.float32, center=source.center, kernel=False)
        times = []
        for _ in range(repeats + 1):  # the first compiles
            begin = time.perf_counter()
            results.append(one_update(data, weights, cell))
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - begin)
        told[f"seconds_{name}"] = statistics.median(times[1:])
    apart = float((results[-1] - results[0]).norm() / results[0].norm())
    return told | {"ratio": told["seconds_plain"] / told["seconds_fused"], "relative_difference_float32": apart}


def _stopping(deadline: float) -> Callable[[Sequence[Cell]], list[dict[str, Any]]]:
    def run(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        if time.monotonic() > deadline:
            raise OutOfTime
        return cell_module.run_batch(cells)

    return run


def run_grids(device: str, out: Path, deadline: float, command: Sequence[str], *, small: bool = False) -> list[Any]:
    """Run the paper presets of GRIDS one after another until the deadline; return a summary of each that was begun."""
    told = []
    for name in GRIDS:
        points = experiment(name).points("paper", device=device)
        cells = cells_of([_shrunk(each) for each in points[:8]] if small else points)
        begun = partial(sweep, name, "paper", cells, out, batches=batches, resume=True, command=command)
        try:
            folder = begun(run_batch=_stopping(deadline))
        except OutOfTime:
            print(f"{name}: the time is over; the same command goes on with it", file=sys.stderr)
            break
        told.append(summary(folder))
    return told


def _shrunk(point: Mapping[str, Any]) -> dict[str, Any]:
    trained = {"n_steps": 20} if "algorithm" in point else {"n_samples": SMALL["n_samples"]}
    return {**point, **{name: SMALL[name] for name in ("n_neurons", "n_features")}, "d_model": 16} | trained


@contextmanager
def route(device: str) -> Iterator[None]:
    """Take the route of a GPU, on a CPU by leaving the compiled kernels out."""
    if device != "cpu":
        yield
        return
    with mock.patch.object(update, "AVAILABLE", False), mock.patch.object(Network, "sparse", False):
        yield


def everything(minutes: float, out: Path, command: Sequence[str], *, rehearse: bool = False) -> dict[str, Any]:
    """Do it all, write OUT/gpu/manifest.json after every part, and return it; raises ValueError without a GPU."""
    device = "cpu" if rehearse else "cuda"
    if not rehearse and not torch.cuda.is_available():
        raise ValueError("no CUDA GPU is available here; --rehearse takes the same route on a CPU")
    if minutes <= 0:
        raise ValueError(f"budget_minutes={minutes:g}, but should be above 0")
    deadline, folder = time.monotonic() + 60 * minutes, out / "gpu"
    check_writable(folder)
    told: dict[str, Any] = {"budget_minutes": minutes, "rehearsal": rehearse, **provenance(command)}
    shape = WORLD | {"n_samples": 5_000, "dtype": "float32"}
    timed = Cell(**(shape if rehearse else {"n_features": 1_024, "d_model": 512, "n_samples": 50_000}))
    parts: dict[str, Callable[[], Any]] = {
        "environment": lambda: environment(device),
        "tests": lambda: {"said": "a rehearsal runs none"} if rehearse else gpu_tests(),
        "agreement": lambda: agreement(device),
        "replicas": lambda: replica_speed(device, timed, 4 if rehearse else 16),
        "fused": lambda: {} if rehearse else fused_speed(device, timed),
        "benchmark": lambda: {} if rehearse else _benchmark(out, command),
        "grids": lambda: run_grids(device, out, deadline, command, small=rehearse),
    }
    for name, part in parts.items():
        begin = time.monotonic()
        told[name] = part()
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
        write_manifest(folder, told)
    return told


def _benchmark(out: Path, command: Sequence[str]) -> dict[str, Any]:
    from simulations.evidence.benchmark import BENCHMARK, benchmark, write

    result = benchmark(BENCHMARK.replace(device="cuda"))
    write(result, out, command)
    return {name: result[name] for name in ("seconds_factored", "seconds_dense", "ratio")}


def main(argv: Sequence[str] | None = None) -> int:
    """Run it from the command line; return 0, 1 where a GPU disagrees with the CPU, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m simulations.evidence.gpu", description=__doc__)
    parser.add_argument("--budget-minutes", type=float, default=25.0, help="no batch is begun after that")
    parser.add_argument("--out", default="results", help="folder of runs")
    parser.add_argument("--rehearse", action="store_true", help="the same route on a CPU, at small sizes")
    args = parser.parse_args(argv)
    command = ["python", "-m", "simulations.evidence.gpu", *(sys.argv[1:] if argv is None else argv)]
    try:
        told = everything(args.budget_minutes, Path(args.out), command, rehearse=args.rehearse)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(json.dumps({name: told[name] for name in ("environment", "tests", "agreement", "replicas", "grids")}))
    apart = [each["cell"] for each in told["agreement"] if not each["agree"]]
    for each in apart:
        print(f"error: GPU and CPU disagree on {each}", file=sys.stderr)
    return 1 if apart or told["tests"].get("exit") not in (None, 0) else 0


if __name__ == "__main__":
    sys.exit(main())
