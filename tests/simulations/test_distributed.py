"""Sweeps on a scheduler of dask.distributed with two worker processes, one of which is killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from simulations.cli import main
from simulations.runs import cell as cell_module
from simulations.runs import executors
from simulations.runs.cell import Cell
from simulations.runs.executors import dask, executor
from simulations.runs.storage import read_rows
from simulations.runs.sweep import sweep

distributed = pytest.importorskip("distributed", reason="needs the extra [distributed]")
ROOT = Path(__file__).parent.parent.parent
CELLS = [Cell(n_features=16, d_model=8, n_samples=100, n_neurons=16, n_steps=1, seed=seed) for seed in range(8)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start what a user starts: a scheduler and two workers, each a command in a shell."""
    folder, address = tmp_path_factory.mktemp("dask"), f"tcp://127.0.0.1:{(port := free_port())}"
    env = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}  # three by default: the test takes longer
    env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "simulations" / "face")])}
    commands = [
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        *[["distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--memory-limit", "0"]] * 2,
    ]
    with (folder / "log").open("w") as log:
        started = [
            subprocess.Popen([sys.executable, "-m", *each], cwd=folder, env=env, stdout=log, stderr=log)
            for each in commands
        ]
    try:
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.shutdown()
    finally:
        for each in started:
            try:
                each.wait(timeout=10)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()


def without_seconds(folder: Path) -> Any:
    return read_rows(folder).drop(columns="seconds").to_csv()


def test_rows_are_those_of_one_process(scheduler: str, tmp_path: Path) -> None:
    one = sweep("steps", "quick", CELLS, tmp_path / "one", progress=False)
    other = sweep("steps", "quick", CELLS, tmp_path / "other", progress=False, backend="dask", scheduler=scheduler)
    assert without_seconds(one) == without_seconds(other)


def test_a_killed_worker_loses_nothing(scheduler: str, tmp_path: Path) -> None:
    flag = tmp_path / "killed"

    def dying(cells: Sequence[Cell], flag: str = str(flag)) -> list[dict[str, Any]]:
        if cells[0].seed == 3 and not os.path.exists(flag):  # noqa: PTH110
            open(flag, "w").close()  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return cell_module.run_batch(cells)

    options: dict[str, Any] = {"progress": False, "run_batch": dying, "backend": "dask", "scheduler": scheduler}
    folder = sweep("steps", "quick", CELLS, tmp_path / "out", **options)
    assert flag.exists()
    assert (read_rows(folder)["status"] == "ok").all()
    assert without_seconds(folder) == without_seconds(sweep("steps", "quick", CELLS, tmp_path / "one", progress=False))


def test_a_batch_that_kills_every_worker_is_a_failed_row(scheduler: str) -> None:
    def deadly(batch: Sequence[int]) -> int:
        if batch[0] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch[0]

    assert sorted(dask(deadly, [[0], [1], [2]], lost=lambda batch: -batch[0], scheduler=scheduler)) == [-1, 0, 2]


def test_refusals(
    scheduler: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "SECONDS_TO_CONNECT", 1)
    nobody = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(ValueError, match="does not answer"):
        executor("dask", nobody)
    with pytest.raises(ValueError, match="dask has one"):
        executor("dask")
    with pytest.raises(ValueError, match="dask has one"):
        executor("loky", scheduler)
    assert main(["sweep", "steps", "--backend", "dask", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
