"""A grid of cells, run in parallel into one folder: rows as they finish, resumable, with a manifest."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from simulations.base.files import StorageError, check_writable
from simulations.base.progress import bar
from simulations.base.signals import check, terminable
from simulations.runs import cell as cell_module
from simulations.runs.attempts import Attempt, RunBatch, attempt, failed
from simulations.runs.cell import Cell, cost
from simulations.runs.columns import SCHEMA
from simulations.runs.estimates import Remaining, duration
from simulations.runs.executors import DEFAULT_EXECUTOR, Executor, check_jobs, executor
from simulations.runs.grid import Overrides, difference, fingerprint, keyed, part_of
from simulations.runs.leftovers import remove_leftovers
from simulations.runs.manifests import MANIFEST_FILE, outcome, read_manifest, told_of, write_manifest
from simulations.runs.provenance import now, provenance
from simulations.runs.rows import checked, identity_of
from simulations.runs.storage import FAILURES_FILE, ROWS_FILE, RowLog, read_cells, run_folder

OF_A_RUN = ("started", "finished", "seconds", "command", "n_jobs", "device", "git", "versions")
log = logging.getLogger(__name__)


def one_by_one(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return every cell as a batch of its own."""
    return [[each] for each in cells]


def sweep(
    experiment: str,
    preset: str,
    cells: Sequence[Cell],
    out: Path | str,
    *,
    run_batch: RunBatch = cell_module.run_batch,
    batches: Callable[[Sequence[Cell]], Sequence[Sequence[Cell]]] = one_by_one,
    n_jobs: int = 1,
    resume: bool = False,
    command: Sequence[str] = (),
    progress: bool = True,
    overrides: Overrides | None = None,
    shard: tuple[int, int] | None = None,
    backend: str = DEFAULT_EXECUTOR,
    scheduler: str = "",
    retry_failed: bool = False,
) -> Path:
    """Run the cells that have no finished row in OUT/EXPERIMENT/PRESET yet, and return that folder.

    `batches` groups cells and `run_batch` returns one row per cell of a group; neither grouping, order of execution,
    `backend` nor `n_jobs` (-1: one per core) shows in the rows, which end in the order of `cells`.  A cell that raises
    becomes a row of status failed, with its traceback in failures.log.  `shard` (i, k) runs every k-th cell from the
    i-th into OUT/shard-i-of-k, for `merge` to join; `overrides` is told in the manifest.  Raises ValueError as
    check_resumable does.  A cell that kills its worker, also alone, becomes a failed row.  `retry_failed` runs those
    cells alone whose row has failed; `scheduler` is the address of that of backend dask.
    """
    check_jobs(n_jobs)
    execute, resume = executor(backend, scheduler), resume or retry_failed
    part: dict[str, Any] = {}
    if shard:
        part = {"shard": list(shard), "of_grid": fingerprint(cells)}
        out, cells = shard_folder(out, shard), part_of(cells, shard)
    check_resumable(experiment, preset, cells, out, resume=resume)
    folder, grid = run_folder(out, experiment, preset), keyed(cells)
    arms = {key: each.arm for key, each in grid.items()}
    told = f"terminated; finished cells are kept in {folder}: go on with --resume"
    with terminable(told), RowLog(folder / ROWS_FILE) as rows:
        status = {key: rows.rows[key].get("status") if key in rows.rows else None for key in grid}
        # Running a diverged cell again would diverge again; a failed one may have lacked memory.
        wanted = ("failed",) if retry_failed else ("failed", None)
        pending = [each for key, each in grid.items() if status[key] in wanted]
        before = read_manifest(folder) if (folder / MANIFEST_FILE).exists() else {}
        if not pending and before.get("finished"):  # nothing to add to what is told there
            rows.finish(arms)
            return folder
        manifest = _manifest(experiment, preset, list(grid.values()), n_jobs, command)
        manifest |= {"overrides": dict(overrides or {})} | part
        if rows.rows and before:
            run_before = {name: before[name] for name in OF_A_RUN if name in before}
            manifest["earlier_runs"] = [*before.get("earlier_runs", []), run_before]
        if removed := remove_leftovers(before.get("process")):
            log.warning("removed %d entries in shared memory that a killed run of this folder left", removed)
        write_manifest(folder, manifest | {"process": os.getpid()})  # of a run that is killed it stays there
        begin = time.perf_counter()
        try:
            groups = sorted(batches(pending), key=lambda each: sum(map(cost, each)), reverse=True)
            with _bar(experiment, len(grid), len(grid) - len(pending), progress) as shown:
                _run(groups, rows, run_batch, execute, n_jobs, shown)
            rows.finish(arms)
        except BaseException:
            with suppress(StorageError):  # what broke off matters more than that this cannot be told
                write_manifest(folder, manifest | _ended(rows, begin))
            raise
        whole = len(rows.rows) == len(grid)  # of a retry alone there may be cells that were never begun
        write_manifest(folder, manifest | _ended(rows, begin) | {"finished": now() if whole else None})
    return folder


def shard_folder(out: Path | str, shard: tuple[int, int]) -> Path:
    """Return where shard i of k of a run goes."""
    return Path(out) / f"shard-{shard[0]}-of-{shard[1]}"


def check_resumable(experiment: str, preset: str, cells: Sequence[Cell], out: Path | str, *, resume: bool) -> None:
    """Raise ValueError unless a sweep of `cells` may write to OUT/EXPERIMENT/PRESET; makes the folder.

    Refused: one cell under two arms; a folder that cannot be written, of another run, or with rows of other settings or
    unknown columns, and, unless `resume`, one with any rows.
    """
    folder, grid = run_folder(out, experiment, preset), keyed(cells)
    path = folder / ROWS_FILE
    if (folder / MANIFEST_FILE).exists():
        found = read_manifest(folder)
        for name, wanted in (("experiment", experiment), ("preset", preset)):
            if found.get(name) != wanted:
                raise StorageError(f"{folder} holds another run: {name}={found.get(name)!r}, but should be {wanted!r}")
    if path.exists():
        rows = read_cells(path, warn=False)
        others = [key for key in rows if key not in grid]
        if others:
            apart = difference(rows[others[0]], grid.values())
            which = f"{len(others)} of {len(rows)} cells that the grid does not have (any longer)"
            raise StorageError(f"{path} holds rows of {which}: {apart}; choose another --out")
        if not resume:
            raise StorageError(f"{path} exists: pass --resume to go on with it, or choose another --out")
    check_writable(folder)


def summary(folder: Path) -> dict[str, Any]:
    """Return what the command line says of a run that has ended."""
    manifest = read_manifest(folder)
    rows = list(read_cells(folder / ROWS_FILE).values())
    failed = [row for row in rows if row["status"] != "ok"]
    told: dict[str, Any] = {"experiment": manifest["experiment"], "preset": manifest["preset"]}
    told |= {"rows": str(folder / ROWS_FILE), "manifest": str(folder / MANIFEST_FILE)}
    told |= {"n_cells": len(rows), "n_ok": len(rows) - len(failed), "n_failed": len(failed)}
    if failed:
        told["first_failure"] = failed[0].get("message", failed[0]["status"])
        told |= {"failures": str(folder / FAILURES_FILE)} if (folder / FAILURES_FILE).exists() else {}
    return told | {"seconds": manifest.get("seconds")}


def _bar(name: str, total: int, initial: int, progress: bool) -> Any:
    """Return a progress bar on stderr; a log file gets a line now and then."""
    every = 0.1 if sys.stderr.isatty() else 10.0
    # Its own guess of the time left takes every cell for equal: the one behind the bar goes by cost.
    form = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
    return bar(
        total=total, initial=initial, desc=name, unit="cell", mininterval=every, disable=not progress, bar_format=form
    )


def _run(
    groups: Sequence[Sequence[Cell]], rows: RowLog, run_batch: RunBatch, execute: Executor, n_jobs: int, bar: Any
) -> None:
    n_failed = 0
    remaining = Remaining({identity_of(each): cost(each) for group in groups for each in group})
    with closing(execute(partial(attempt, run_batch), groups, n_jobs, _killed)) as attempts:
        for tried in attempts:
            check()
            for row in tried.rows:
                rows.append(row)
                n_failed += row["status"] != "ok"
                remaining.finish(checked(row)[1])
            keep_tracebacks(rows.path.with_name(FAILURES_FILE), tried.tracebacks)
            bar.set_postfix(failed=n_failed, left=duration(remaining.seconds()), refresh=False)
            bar.update(len(tried.rows))


def _killed(cells: Sequence[Cell]) -> Attempt:
    """Return the failed rows of a batch whose worker was killed, also with nothing beside it."""
    message = "its worker process was killed (out of memory?)"
    return Attempt([failed(each, message) for each in cells], [f"{identity_of(each)}\n{message}" for each in cells])


def keep_tracebacks(path: Path, tracebacks: Sequence[str]) -> None:
    """Append tracebacks to the file of failures; a disk that is too full for them loses no rows."""
    if not tracebacks:
        return
    try:
        if path.exists() and not path.is_file():  # to open a pipe would take until someone reads it
            raise OSError("it is no regular file")
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{now()} {each}\n" for each in tracebacks)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror or error)


def _manifest(
    experiment: str, preset: str, cells: Sequence[Cell], n_jobs: int, command: Sequence[str]
) -> dict[str, Any]:
    run: dict[str, Any] = {"schema": SCHEMA, "experiment": experiment, "preset": preset} | told_of(cells)
    run |= {"n_ok": 0, "n_failed": 0, "started": now(), "finished": None, "seconds": None}
    return run | {"n_jobs": n_jobs, "device": cells[0].device} | provenance(command)


def _ended(rows: RowLog, begin: float) -> dict[str, Any]:
    return outcome(rows.rows.values()) | {"seconds": time.perf_counter() - begin}
