"""The one command for a GPU, rehearsed on a CPU: the route without kernels, without optional packages, out of time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from simulations.algorithms.autoencoders.network import Network
from simulations.algorithms.provable import update
from simulations.evidence import gpu
from simulations.runs.cell import Cell
from simulations.runs.manifests import read_manifest
from simulations.runs.storage import read_cells

SMALL = {"n_features": 32, "d_model": 16, "n_neurons": 64, "dtype": "float64"}
BLOCKED = ("numba", "llvmlite", "safetensors", "tqdm", "pandas", "matplotlib", "joblib", "sklearn", "hypothesis")


def test_a_rehearsal_takes_the_other_route(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, seen = Cell(**SMALL, n_samples=300), []
    run = gpu.run_cell
    monkeypatch.setattr(gpu, "run_cell", lambda each: seen.append(update.AVAILABLE) or run(each))
    assert gpu.agreement("cpu", [cell])[0]["agree"]
    assert seen == [True, False]
    assert update.AVAILABLE
    assert isinstance(vars(Network)["sparse"], property)


def test_disagreement_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = gpu.run_cell
    monkeypatch.setattr(  # as a GPU that forgets the factor 2 of psi would be off
        gpu, "run_cell", lambda each: run(each) | ({} if update.AVAILABLE else {"mean_max_cosine": 0.5})
    )
    assert not gpu.agreement("cpu", [Cell(**SMALL, n_samples=300)])[0]["agree"]


def test_out_of_time_keeps_rows_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "GRIDS", ("resonance",))
    done = []
    run = gpu.cell_module.run_batch

    def slow(cells: list[Cell]) -> list[dict[str, object]]:
        done.append(cells)
        if len(done) == 3:  # the clock strikes during the third batch
            monkeypatch.setattr(time, "monotonic", lambda: 1e12)
        return run(cells)

    monkeypatch.setattr(gpu.cell_module, "run_batch", slow)
    assert gpu.run_grids("cpu", tmp_path, time.monotonic() + 1e6, [], small=True) == []
    folder = tmp_path / "resonance" / "paper"
    assert len(read_cells(folder / "rows.csv")) == 3
    assert read_manifest(folder)["finished"] is None
    monkeypatch.undo()
    monkeypatch.setattr(gpu, "GRIDS", ("resonance",))
    told = gpu.run_grids("cpu", tmp_path, time.monotonic() + 1e6, [], small=True)
    assert told[0]["n_ok"] == len(read_cells(folder / "rows.csv")) == 8


def test_nothing_optional_is_needed() -> None:
    code = (
        f"import sys\nfor name in {BLOCKED}: sys.modules[name] = None\n"
        "from simulations.evidence import gpu\nfrom simulations.runs.cell import Cell, run_cell\n"
        f"cells = [Cell(**{SMALL}, n_samples=300), Cell(**{SMALL}, algorithm='gba', n_steps=3)]\n"
        "import json; print(json.dumps([gpu.agreement('cpu', cells), gpu.environment('cpu')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, there = json.loads(done.stdout)
    assert all(each["agree"] for each in told)
    assert not any(there["optional"][name] for name in ("numba", "tqdm", "safetensors", "pandas"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_refused_without_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--out", str(tmp_path / "out")]) == 2
    assert "no CUDA GPU" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert gpu.main(["--rehearse", "--budget-minutes", "0", "--out", str(tmp_path / "out")]) == 2


def test_memory_grows_with_what_is_held() -> None:
    cell = Cell(n_features=1_024, d_model=512, n_samples=50_000, n_neurons=2_048)
    base = gpu.expected_bytes(cell, 1)
    samples = gpu.expected_bytes(cell.replace(n_samples=100_000), 1) - base
    assert samples >= 50_000 * 3 * 12  # the table (int64) and its values (float32), s = 3
    held = gpu.expected_bytes(cell, 17) - gpu.expected_bytes(cell, 16)  # the block is full: only what is held grows
    assert held >= 50_000 * 3 * 12 + 4 * 512 * (2 * 1_024 + 3 * 2_048)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_memory_is_as_expected() -> None:
    told = gpu.replica_speed("cuda", Cell(n_features=1_024, d_model=512, n_samples=50_000, n_neurons=2_048), 16)
    assert told["peak_bytes"] <= told["expected_bytes"]
