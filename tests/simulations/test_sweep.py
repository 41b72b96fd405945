"""Sweeps end with the same rows however they went: killed, resumed, shuffled, in parallel."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulations.base.files import BrokenOff
from simulations.runs import memory, storage
from simulations.runs.attempts import attempt
from simulations.runs.cell import Cell
from simulations.runs.executors import EXECUTORS, serial
from simulations.runs.merge import merge
from simulations.runs.storage import RowLog, StorageError, read_manifest, read_rows
from simulations.runs.sweep import check_resumable, one_by_one, summary, sweep

ROOT = Path(__file__).parent.parent.parent
CELLS = [Cell(seed=seed, n_features=n, arm=f"n = {n}") for seed in (0, 1, 2) for n in (20, 10)]
# A cell for workers and scripts: worked out from the settings alone, with a line per call in the file `calls`.
CODE = """
import os, signal, sys, time
from simulations.runs.columns import results

NUMBERS = [name for name, column in results().items() if column.needed and column.kind == "number"]

def row_of(cell, seconds):
    numbers = dict.fromkeys(NUMBERS, cell.seed / 70) | {"mean_max_cosine": 0.1}
    history = {"recovery_per_step": "0 1", "recovery_per_step_080": "0 1", "seconds": seconds, "version": "0.1.0"}
    return cell.settings() | numbers | history | {"status": "ok", "device": "cpu"}

def fake(cells, calls="", fails=(), dies=(), pause=0.0):
    rows = []
    for cell in cells:
        if calls:
            with open(calls, "a") as file:
                file.write(f"{os.getpid()} {cell.key()}\\n")
        time.sleep(pause)
        if cell.seed in dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if cell.seed in fails:
            raise MemoryError("no room,\\nnot even a little")
        rows.append(row_of(cell, time.perf_counter()))
    return rows
"""
SCRIPT = (
    CODE
    + """
from functools import partial
from pathlib import Path
from simulations.runs.cell import Cell
from simulations.runs.sweep import sweep

out, n_jobs, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
run = partial(fake, calls=str(out / "calls"), pause=pause)
sweep("steps", "quick", [Cell(seed=k) for k in range(12)], out, run_batch=run, n_jobs=n_jobs, resume=True)
"""
)
namespace: dict[str, Any] = {"__name__": "__main__"}  # workers get what __main__ holds by value: no import of tests
exec(CODE, namespace)
fake: Callable[..., list[dict[str, Any]]] = namespace["fake"]


def run(out: Path, cells: Sequence[Cell] = CELLS, **options: Any) -> Path:
    return sweep("steps", "quick", cells, out, **({"run_batch": fake, "progress": False} | options))


def without_seconds(folder: Path) -> list[str]:
    table = read_rows(folder).drop(columns="seconds")
    return table.to_csv().splitlines()


def cells_called(calls: Path) -> list[str]:
    return [line.split()[1] for line in calls.read_text().splitlines()] if calls.exists() else []


def test_rows_are_in_grid_order_whatever_ran_first(tmp_path: Path) -> None:
    def shuffled(cells: Sequence[Cell]) -> list[list[Cell]]:
        order = np.random.default_rng(1).permutation(len(cells))
        return [[cells[each]] for each in order]

    def pairs(cells: Sequence[Cell]) -> list[Sequence[Cell]]:
        return [cells[start : start + 2] for start in range(0, len(cells), 2)]

    ways: list[dict[str, Any]] = [{}, {"n_jobs": 2}, {"batches": shuffled}, {"batches": pairs, "n_jobs": -1}]
    found = [run(tmp_path / str(k), **each) for k, each in enumerate(ways)]
    first = without_seconds(found[0])
    assert len(first) == len(CELLS) + 1
    assert read_rows(found[0])[["seed", "n_features"]].to_numpy().tolist() == [[c.seed, c.n_features] for c in CELLS]
    assert all(without_seconds(each) == first for each in found)


def test_bytes_are_equal_once_seconds_are(tmp_path: Path) -> None:
    def timeless(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        return [each | {"seconds": 1.0} for each in fake(cells)]

    one, other = (run(tmp_path / str(k), run_batch=timeless, n_jobs=k) / "rows.csv" for k in (1, 2))
    assert one.read_bytes() == other.read_bytes()
    back = run(tmp_path / "back", CELLS[::-1], run_batch=timeless) / "rows.csv"
    assert sorted(back.read_bytes().splitlines()) == sorted(one.read_bytes().splitlines())
    before = one.read_bytes(), (one.parent / "manifest.json").read_bytes()
    run(tmp_path / "1", run_batch=timeless, resume=True)  # nothing left to do
    assert (one.read_bytes(), (one.parent / "manifest.json").read_bytes()) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failed_cells_keep_their_row_and_are_retried(tmp_path: Path, n_jobs: int) -> None:
    calls = tmp_path / "calls"
    folder = run(tmp_path, run_batch=partial(fake, fails=(1,)), n_jobs=n_jobs)
    table = read_rows(folder)
    assert table["status"].tolist() == ["ok", "ok", "failed", "failed", "ok", "ok"]
    assert table["message"][2] == "MemoryError: no room, not even a little"
    assert table["feature_recovery_rate"].isna().tolist() == [False, False, True, True, False, False]
    assert (read_manifest(folder)["n_ok"], read_manifest(folder)["n_failed"]) == (4, 2)
    assert summary(folder)["first_failure"] == "MemoryError: no room, not even a little"
    told = (folder / storage.FAILURES_FILE).read_text()
    assert told.count("Traceback (most recent call last)") == told.count("not even a little") == 2
    assert "seed=1" in told
    run(tmp_path, run_batch=partial(fake, calls=str(calls)), n_jobs=n_jobs, resume=True)
    assert sorted(cells_called(calls)) == sorted(each.key() for each in CELLS[2:4])
    assert read_rows(folder)["status"].tolist() == ["ok"] * 6
    assert len((folder / "rows.csv").read_text().splitlines()) == 7
    manifest = read_manifest(folder)
    assert (manifest["n_ok"], manifest["n_failed"], len(manifest["earlier_runs"])) == (6, 0, 1)


def test_diverged_cells_are_finished(tmp_path: Path) -> None:
    def diverge(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        return [each.settings() | {"status": "diverged", "message": "non-finite weights"} for each in cells]

    folder = run(tmp_path, run_batch=diverge)
    assert read_manifest(folder)["n_failed"] == len(CELLS)
    run(tmp_path, resume=True)
    assert set(read_rows(folder)["status"]) == {"diverged"}


def test_one_bad_cell_does_not_take_its_batch_along() -> None:
    rows, tracebacks = attempt(partial(fake, fails=(1,)), CELLS)
    assert [each["status"] for each in rows] == ["ok", "ok", "failed", "failed", "ok", "ok"]
    assert [each["arm"] for each in rows] == [each.arm for each in CELLS]
    assert len(tracebacks) == 2
    assert all("no room" in each and "seed=1" in each and "line" in each for each in tracebacks)


def test_results_that_cannot_be_stored_are_failures() -> None:
    for change, said in (({"feature_recovery_rate": float("nan")}, "feature_recovery_rate"), ({"loss": 1.0}, "loss")):
        ((row,), _) = attempt(lambda cells, change=change: [fake(cells)[0] | change], CELLS[:1])  # type: ignore[misc]
        assert row["status"] == "failed"
        assert said in row["message"]
    ((row,), _) = attempt(lambda _: fake(CELLS[1:2]), CELLS[:1])
    assert "other cells" in row["message"]
    with pytest.raises(KeyboardInterrupt):
        attempt(_interrupt, CELLS[:1])


def test_a_cell_that_does_not_fit_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = Cell(n_samples=100, n_neurons=8), Cell(n_samples=10**12, n_neurons=8)
    monkeypatch.setattr(memory, "available", lambda: 2**30)
    rows, _ = attempt(fake, [small, large])
    assert [each["status"] for each in rows] == ["ok", "failed"]
    assert "GiB" in rows[1]["message"]
    monkeypatch.setattr(memory, "available", lambda: None)  # where it is not told
    assert attempt(fake, [large]).rows[0]["status"] == "ok"


def test_memory_that_is_free_is_a_number() -> None:
    free = memory.available()
    assert free is None or 2**20 < free < 2**60


def _interrupt(_: Sequence[Cell]) -> list[dict[str, Any]]:
    raise KeyboardInterrupt


def test_an_interruption_keeps_the_rows(tmp_path: Path) -> None:
    def third_time(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        return (
            _interrupt(cells) if len(done := [*done_before, 1]) > 2 else (done_before.append(len(done)), fake(cells))[1]
        )

    done_before: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, run_batch=third_time)
    folder = tmp_path / "steps" / "quick"
    assert len(read_rows(folder)) == 2
    assert (read_manifest(folder)["n_ok"], read_manifest(folder)["finished"]) == (2, None)
    run(tmp_path, resume=True)
    assert len(read_rows(folder)) == len(CELLS)


def start(out: Path, n_jobs: int, pause: float) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", SCRIPT, str(out), str(n_jobs), str(pause)]
    with (out / "stderr").open("w") as file:
        return subprocess.Popen(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=file)


def rows_in(path: Path) -> int:
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def wait_for(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


@pytest.mark.parametrize(("n_jobs", "number"), [(1, signal.SIGKILL), (2, signal.SIGKILL), (2, signal.SIGTERM)])
def test_killed_then_resumed(tmp_path: Path, n_jobs: int, number: signal.Signals) -> None:
    rows, calls = tmp_path / "steps" / "quick" / "rows.csv", tmp_path / "calls"
    process = start(tmp_path, n_jobs, 0.2)
    wait_for(lambda: rows_in(rows) >= 3)
    process.send_signal(number)
    assert process.wait(timeout=30) == (-number if number == signal.SIGKILL else 128 + number)
    said = (tmp_path / "stderr").read_text()
    assert ("go on with --resume" in said) is (number == signal.SIGTERM)
    assert "Traceback" not in said
    kept, begun = list(storage.read_cells(rows)), cells_called(calls)
    # Lost at most what was in flight: a cell per worker, and one more per worker that ended while the parent was busy.
    assert len(begun) - len(kept) <= 2 * n_jobs
    workers = {int(line.split()[0]) for line in calls.read_text().splitlines()}
    wait_for(lambda: not any(map(_alive, workers)), seconds=30)  # they end by themselves where the parent was killed
    begun = cells_called(calls)
    assert start(tmp_path, n_jobs, 0.0).wait(timeout=60) == 0
    again = cells_called(calls)[len(begun) :]
    assert sorted([*again, *kept]) == sorted(Cell(seed=k).key() for k in range(12))
    assert read_rows(rows)["seed"].tolist() == list(range(12))
    manifest = read_manifest(rows.parent)
    assert manifest["n_ok"] == 12
    assert manifest["earlier_runs"][0]["finished"] is None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")  # an ended orphan may wait there for an init that does not reap
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_killed_worker_costs_its_row_only(tmp_path: Path) -> None:
    cells = [Cell(seed=seed) for seed in range(6)]
    folder = run(tmp_path, cells, run_batch=partial(fake, dies=(4,), pause=0.05), n_jobs=2)
    rows = read_rows(folder)
    assert rows["status"].tolist() == ["ok"] * 4 + ["failed", "ok"]
    assert "killed" in rows["message"].iloc[4]
    assert "killed" in (folder / storage.FAILURES_FILE).read_text()
    calls = tmp_path / "calls"
    run(tmp_path, cells, run_batch=partial(fake, calls=str(calls)), retry_failed=True)
    assert cells_called(calls) == [cells[4].key()]
    assert (read_rows(folder)["status"] == "ok").all()


def test_only_failed_rows_are_retried(tmp_path: Path) -> None:
    def interrupted(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        if cells[0].seed == 3:
            raise KeyboardInterrupt
        return fake(cells, fails=(1,))

    cells, calls = [Cell(seed=seed) for seed in range(6)], tmp_path / "calls"
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, cells, run_batch=interrupted)
    folder = run(tmp_path, cells, run_batch=partial(fake, calls=str(calls)), retry_failed=True)
    assert cells_called(calls) == [cells[1].key()]
    assert read_manifest(folder)["finished"] is None  # cells that were never begun are left to --resume
    assert len(read_rows(run(tmp_path, cells, resume=True))) == 6
    assert read_manifest(folder)["finished"]


def test_a_torn_last_line_is_repaired_on_resume(tmp_path: Path) -> None:
    rows = run(tmp_path) / "rows.csv"
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-20])
    calls = tmp_path / "calls"
    run(tmp_path, run_batch=partial(fake, calls=str(calls)), resume=True)
    assert cells_called(calls) == [CELLS[-1].key()]
    assert len(read_rows(rows)) == len(CELLS)


def test_a_full_disk_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = RowLog.append

    def third(log: RowLog, row: dict[str, Any]) -> None:
        if len(log.rows) == 2:
            monkeypatch.setattr(os, "write", _full)
        append(log, row)

    with monkeypatch.context():
        monkeypatch.setattr(RowLog, "append", third)
        with pytest.raises(BrokenOff, match="No space left"):
            run(tmp_path)
    monkeypatch.undo()
    assert len(read_rows(tmp_path / "steps" / "quick")) == 2
    assert len(read_rows(run(tmp_path, resume=True))) == len(CELLS)


def _full(file: int, data: bytes) -> int:
    os.pwrite(file, data[:50], 0)  # the file is opened for appending: goes to its end, as a write that breaks off
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Path], object]]] = {
    "n_jobs=0": ({"n_jobs": 0}, lambda _: None),
    "n_jobs=-2": ({"n_jobs": -2}, lambda _: None),
    "cells=0": ({"cells": []}, lambda _: None),
    "--resume": ({"resume": False}, lambda _: None),
    "6 of 6 cells .*: seed=0 there, 5 here": ({"cells": [Cell(seed=5, n_features=20)]}, lambda _: None),
    "2 of 6 cells that the grid does not have": ({"cells": CELLS[:4]}, lambda _: None),
    "k=None|algorithm='modified-ba' there, 'topk' here": ({"cells": [Cell(algorithm="topk")]}, lambda _: None),
    "arms 'n = 20' and 'other' .* the same cell": ({"cells": [*CELLS, CELLS[0].replace(arm="other")]}, lambda _: None),
    "did you mean 'loky'": ({"backend": "lokey"}, lambda _: None),
    "unknown columns a, b": ({}, lambda folder: (folder / "rows.csv").write_text("a,b\n1,2\n")),
    "line 2": ({}, lambda folder: (folder / "rows.csv").write_bytes(storage.header() + b"1,2\n")),
    "experiment='resonance'": ({}, lambda folder: storage.write_manifest(folder, {"experiment": "resonance"})),
    "earlier_runs": ({}, lambda folder: (folder / "manifest.json").write_text('{"earlier_runs": 5}')),
    "not JSON": ({}, lambda folder: (folder / "manifest.json").write_text("{")),
}


@pytest.mark.parametrize("said", REFUSED)
def test_refusals_come_before_any_work_and_change_nothing(tmp_path: Path, said: str) -> None:
    options, prepare = REFUSED[said]
    folder = run(tmp_path)
    prepare(folder)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    with pytest.raises(ValueError, match=said) as refusal:
        run(tmp_path, **({"resume": True, "run_batch": _interrupt} | options))
    assert "\n" not in str(refusal.value)
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_rows_of_another_device_are_the_same_cells(tmp_path: Path) -> None:
    run(tmp_path, [Cell(device="cpu")])
    check_resumable("steps", "quick", [Cell(device="auto")], tmp_path, resume=True)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be written"):
        run(tmp_path / "file", run_batch=_interrupt)
    assert (tmp_path / "file").read_text() == "mine"


def test_the_manifest_tells_how_the_rows_came_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path / "out"), "/somewhere/private/out"
    command = ["sae-recovery", "sweep", "--out", inside, f"--out={outside}", outside, "--seed=0"]
    folder = run(Path("out"), command=command, n_jobs=1)

    def refuse(text: str) -> None:
        raise AssertionError(f"not strict JSON: {text}")

    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text, parse_constant=refuse)
    assert manifest["command"] == ["sae-recovery", "sweep", "--out", "out", "--out=out", "out", "--seed=0"]
    assert manifest["settings"]["step_size"] == "inf"
    assert manifest["grid"] == {"n_features": [20, 10], "seed": [0, 1, 2]}
    assert manifest["settings"].keys() | manifest["grid"].keys() == Cell().settings().keys()
    assert (manifest["schema"], manifest["arms"], manifest["overrides"]) == (2, ["n = 20", "n = 10"], {})
    assert (manifest["experiment"], manifest["preset"], manifest["seed"]) == ("steps", "quick", 0)
    assert (manifest["n_cells"], manifest["n_ok"], manifest["n_failed"]) == (6, 6, 0)
    assert (manifest["n_jobs"], manifest["device"]) == (1, "cpu")
    assert {"python", "numpy", "scipy", "torch", "pandas", "joblib", "numba", "sae-recovery"} == set(
        manifest["versions"]
    )
    assert manifest["git"] is None or len(manifest["git"]["commit"]) == 40
    assert manifest["started"] <= manifest["finished"]
    assert manifest["seconds"] >= 0
    assert os.uname().nodename not in text.replace("sae-recovery", "")
    assert str(tmp_path) not in text


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, run_batch=partial(fake, fails=(2,)), progress=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "steps: 100%" in printed.err
    assert "6/6" in printed.err
    assert "failed=2" in printed.err


def test_the_callers_handler_of_sigterm_is_left_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(tmp_path)
    assert signal.getsignal(signal.SIGTERM) == before


def test_one_by_one() -> None:
    assert one_by_one(CELLS[:2]) == [[CELLS[0]], [CELLS[1]]]


def test_a_setting_that_some_cells_have_is_told_of_those(tmp_path: Path) -> None:
    cells = [Cell(seed=0), Cell(algorithm="topk", k=1), Cell(algorithm="topk", k=2), Cell(algorithm="gba", gain=0.1)]
    manifest = read_manifest(run(tmp_path, cells, overrides={"seed": [0]}))
    assert manifest["grid"]["k"] == [1, 2]
    assert manifest["settings"]["gain"] == 0.1
    assert manifest["settings"]["bias_policy"] == "fixed"
    assert manifest["overrides"] == {"seed": [0]}


def test_names_of_arms_may_change(tmp_path: Path) -> None:
    run(tmp_path)
    renamed = [each.replace(arm=f"n={each.n_features}") for each in CELLS]
    folder = run(tmp_path, renamed, resume=True, run_batch=_interrupt)
    assert read_rows(folder)["arm"].tolist() == [each.arm for each in renamed]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shards_merge_into_the_rows_of_one_machine(tmp_path: Path, count: int) -> None:
    def timeless(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        return [each | {"seconds": 1.0} for each in fake(cells)]

    whole = run(tmp_path / "whole", run_batch=timeless)
    shards = [run(tmp_path, run_batch=timeless, shard=(i, count)) for i in range(count, 0, -1)]
    assert shards[0].is_relative_to(tmp_path / f"shard-{count}-of-{count}")
    assert sum(len(read_rows(each)) for each in shards) == len(CELLS)
    folders = sorted(tmp_path.glob("shard-*"), reverse=True)
    (merged,) = merge(folders, tmp_path / "merged")
    assert (merged / "rows.csv").read_bytes() == (whole / "rows.csv").read_bytes()
    ours, theirs = read_manifest(merged), read_manifest(whole)
    for name in ("schema", "experiment", "preset", "settings", "grid", "arms", "n_cells", "n_ok", "seed", "device"):
        assert ours[name] == theirs[name], name
    assert len(ours["earlier_runs"]) == count
    run(tmp_path / "merged", resume=True, run_batch=_interrupt)  # nothing left to do
    with pytest.raises(StorageError, match="a run already"):
        merge(folders, tmp_path / "merged")


def test_shards_that_do_not_make_a_whole_are_refused(tmp_path: Path) -> None:
    def refused(said: str, *folders: Path) -> None:
        with pytest.raises(StorageError, match=said):
            merge(folders, tmp_path / "merged")
        assert not (tmp_path / "merged").exists()

    first, second, third = (run(tmp_path, shard=(i, 3)) for i in (1, 2, 3))
    refused("missing: 2", first, third)
    for name in ("experiment", "preset"):
        told = read_manifest(third)
        storage.write_manifest(third, {key: each for key, each in told.items() if key != name})
        refused("does not tell", first, second, third)
        storage.write_manifest(third, told)
    refused("there twice", first, first, second)
    refused("no folder", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    refused("no runs in", tmp_path / "empty")
    refused("no shard", run(tmp_path / "whole"))
    storage.write_manifest(third, read_manifest(third) | {"finished": None})
    refused("not finished", first, second, third)
    storage.write_manifest(third, read_manifest(third) | {"finished": "now", "overrides": {"seed": [1]}})
    refused("of another run: overrides", first, second, third)
    for i in (1, 2):  # the first one too: nothing could be merged with it
        with pytest.raises(ValueError, match=f"shard={i}/2, but the grid has 1 cells"):
            run(tmp_path, CELLS[:1], shard=(i, 2))


def test_shards_that_hold_other_rows_than_they_tell_are_refused(tmp_path: Path) -> None:
    """Half a copy, one shard's rows in the folder of another, and shards of grids that differ in their root seed."""
    first, second = (run(tmp_path, shard=(i, 2)) for i in (1, 2))
    whole = (second / "rows.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    for left, said in (
        (lines[:1], "has 0 rows, but should have 3"),
        (lines[:-1], "has 2 rows"),
        ([*lines[:-1], lines[-1][:-9]], "has 2 rows"),
        ((first / "rows.csv").read_bytes().splitlines(keepends=True), "rows of the same cell"),
    ):
        (second / "rows.csv").write_bytes(b"".join(left))
        with pytest.raises(StorageError, match=said):
            merge([first, second], tmp_path / "merged")
    (second / "rows.csv").write_bytes(whole)
    other = run(tmp_path / "other", [each.replace(seed=99) for each in CELLS], shard=(2, 2))
    with pytest.raises(StorageError, match="of another run: of_grid"):
        merge([first, other], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    told = {name: each for name, each in read_manifest(second).items() if name != "of_grid"}
    storage.write_manifest(second, told)  # of an older version
    assert len(read_rows(*merge([first, second], tmp_path / "merged"))) == len(CELLS)


def test_nothing_is_written_outside_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="should be a name"):
        sweep("../../esc", "quick", CELLS, tmp_path / "a" / "b", run_batch=fake)
    assert list(tmp_path.iterdir()) == []


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    assert sweep("steps", "quick", CELLS, str(tmp_path), run_batch=fake, progress=False) == tmp_path / "steps" / "quick"


def test_every_backend_gives_the_same_rows(tmp_path: Path) -> None:
    found = [without_seconds(run(tmp_path / name, backend=name, n_jobs=2)) for name in EXECUTORS if name != "dask"]
    assert all(each == found[0] for each in found)
    assert list(serial(sum, [[1], [2, 3]])) == [1, 5]


def test_a_full_disk_for_tracebacks_loses_no_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "steps" / "quick" / storage.FAILURES_FILE).mkdir(parents=True)
    folder = run(tmp_path, run_batch=partial(fake, fails=(1,)))
    assert read_manifest(folder)["n_failed"] == 2
    assert "failures.log" in caplog.text
