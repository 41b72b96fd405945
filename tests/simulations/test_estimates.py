"""How long a sweep takes, said before it starts and while it runs."""

from __future__ import annotations

import json
import time

import pytest

from simulations.cli import main
from simulations.runs import estimates
from simulations.runs.cell import Cell, cost
from simulations.runs.estimates import Remaining, estimate, shrunk


def test_time_left_goes_by_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    left = Remaining({"large": 99.0, "small": 1.0})
    assert left.seconds() is None
    clock[0] = 198.0
    left.finish("large")
    assert left.seconds() == pytest.approx(2.0)  # half of the cells is left, but a hundredth of the work
    left.finish("small")
    assert left.seconds() == 0.0


def test_what_is_timed_is_a_share_of_the_cell() -> None:
    cell = Cell(n_samples=64_000, n_features=64)
    assert shrunk(cell, 1 / 64).n_samples == 1_000
    assert shrunk(cell, 1e-9).n_samples == 500
    assert shrunk(cell, 1.0) is cell
    assert shrunk(Cell(algorithm="topk", n_steps=6_400), 1 / 64).n_steps == 100


def test_an_estimate_scales_by_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def run(cell: Cell) -> None:
        clock[0] += 1e-9 * cost(cell)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(estimates, "run_cell", run)
    provable = [Cell(n_features=128, d_model=64, n_samples=N, n_neurons=1_024) for N in (2_000, 60_000)]
    trained = [Cell(algorithm=name, n_steps=6_400, seed=seed) for name in ("topk", "gba") for seed in (0, 1)]
    told = estimate([*provable, *trained], 6, 2)
    assert told["seconds_one_process"] == pytest.approx(1e-9 * sum(map(cost, [*provable, *trained])), rel=0.1)
    assert told["seconds"] == told["seconds_one_process"] / 2
    assert len(told["seconds_by_group"]) == 3


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    words = ["sweep", "erosion", "--dry-run", "--json", "--out", f"{tmp_path}/out", "--shard", "1/4"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_cells"] >= 1
    assert told["seconds"] > 0
    assert told["memory_bytes"] > 0
    assert main([*words, "--n-jobs", "0"]) == 2
