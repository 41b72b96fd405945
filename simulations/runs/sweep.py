"""A grid of cells, run in parallel into one folder: rows as they finish, resumable, with a manifest."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from simulations import __version__
from simulations.base.columns import RESULT_COLUMNS
from simulations.base.settings import SETTING_COLUMNS, Settings
from simulations.runs.provenance import now, provenance
from simulations.runs.storage import (
    MANIFEST_FILE,
    ROWS_FILE,
    Row,
    RowLog,
    StorageError,
    check_row,
    check_writable,
    read_cells,
    read_manifest,
    run_folder,
    write_manifest,
)

RunBatch = Callable[[Sequence[Settings]], Sequence[Mapping[str, Any]]]
FINISHED = ("ok", "diverged")  # running a diverged cell again would diverge again; a failed one may have lacked memory
OF_A_RUN = ("started", "finished", "seconds", "command", "n_jobs", "device", "git", "versions")
IDENTITY = tuple(name for name in SETTING_COLUMNS if name != "device")


def one_by_one(cells: Sequence[Settings]) -> list[list[Settings]]:
    """Return every cell as a batch of its own."""
    return [[each] for each in cells]


def sweep(
    experiment: str,
    preset: str,
    cells: Sequence[Settings],
    out: Path,
    *,
    run_batch: RunBatch,
    batches: Callable[[Sequence[Settings]], Sequence[Sequence[Settings]]] = one_by_one,
    n_jobs: int = 1,
    resume: bool = False,
    command: Sequence[str] = (),
    progress: bool = True,
) -> Path:
    """Run the cells that have no finished row in OUT/EXPERIMENT/PRESET yet, and return that folder.

    `batches` groups cells and `run_batch` returns one row per cell of a group; neither grouping, order of execution nor
    `n_jobs` (-1: one per core) shows in the rows, which end in the order of `cells`.  A cell that raises becomes a row
    of status failed.  Raises ValueError as check_resumable does, and RuntimeError when a worker process is killed.
    """
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs={n_jobs}, but should be at least 1, or -1 for one per core")
    check_resumable(experiment, preset, cells, out, resume=resume)
    folder = run_folder(out, experiment, preset)
    grid = {each.key(): each for each in cells}
    with _terminable(), RowLog(folder / ROWS_FILE) as log:
        pending = [each for key, each in grid.items() if log.rows.get(key, {}).get("status") not in FINISHED]
        before = read_manifest(folder) if (folder / MANIFEST_FILE).exists() else {}
        if not pending and before.get("finished"):  # nothing to add to what is told there
            log.finish(grid)
            return folder
        manifest = _manifest(experiment, preset, list(grid.values()), n_jobs, command)
        if log.rows and before:
            run_before = {name: before[name] for name in OF_A_RUN if name in before}
            manifest["earlier_runs"] = [*before.get("earlier_runs", []), run_before]
        write_manifest(folder, manifest)
        begin = time.perf_counter()
        try:
            groups = sorted(batches(pending), key=_cost, reverse=True)
            with _bar(experiment, len(grid), len(grid) - len(pending), progress) as bar:
                _run(groups, log, run_batch, n_jobs, bar)
            log.finish(grid)
        except BaseException:
            with suppress(StorageError):  # what broke off matters more than that this cannot be told
                write_manifest(folder, manifest | _outcome(log, begin))
            raise
        write_manifest(folder, manifest | _outcome(log, begin) | {"finished": now()})
    return folder


def check_resumable(experiment: str, preset: str, cells: Sequence[Settings], out: Path, *, resume: bool) -> None:
    """Raise ValueError unless a sweep of `cells` may write to OUT/EXPERIMENT/PRESET; makes the folder.

    Refused: a folder that cannot be written, of another run, or with rows of other settings or columns, and, unless
    `resume`, one with any rows.
    """
    if not cells:
        raise ValueError("cells=0, but a sweep needs at least one")
    folder = run_folder(out, experiment, preset)
    rows = folder / ROWS_FILE
    if (folder / MANIFEST_FILE).exists():
        found = read_manifest(folder)
        for name, wanted in (("experiment", experiment), ("preset", preset)):
            if found.get(name) != wanted:
                raise StorageError(f"{folder} holds another run: {name}={found.get(name)!r}, but should be {wanted!r}")
    if rows.exists():
        keys = {each.key() for each in cells}
        for key, row in read_cells(rows, warn=False).items():
            if key not in keys:
                raise StorageError(
                    f"{rows} holds rows of other settings: {_difference(row, cells)}; choose another --out"
                )
        if not resume:
            raise StorageError(f"{rows} exists: pass --resume to go on with it, or choose another --out")
    check_writable(folder)


def _difference(row: Row, cells: Sequence[Settings]) -> str:
    """Return the first setting, with both values, in which the row differs from the cell that is nearest to it."""

    def differing(cell: Settings) -> list[str]:
        return [name for name in IDENTITY if getattr(cell, name) != row[name]]

    nearest = min(cells, key=lambda cell: len(differing(cell)))
    name = differing(nearest)[0]
    return f"{name}={row[name]!r} there, {getattr(nearest, name)!r} here"


def _bar(name: str, total: int, initial: int, progress: bool) -> Any:
    """Return a progress bar on stderr, with the time that is left; a log file gets a line now and then."""
    every = 0.1 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, initial=initial, desc=name, unit="cell", mininterval=every, disable=not progress)


def _run(groups: Sequence[Sequence[Settings]], log: RowLog, run_batch: RunBatch, n_jobs: int, bar: Any) -> None:
    failed = done = 0
    with closing(_results(groups, run_batch, n_jobs)) as results:
        try:
            for rows in results:
                for row in rows:
                    log.append(row)
                    failed += row["status"] != "ok"
                bar.set_postfix(failed=failed, refresh=False)
                bar.update(len(rows))
                done += len(rows)
        except TerminatedWorkerError:
            raise RuntimeError(
                f"a worker process was killed (out of memory?) after {done} of {sum(map(len, groups))} cells, which "
                f"are kept in {log.path}: go on with --resume, or with fewer --n-jobs"
            ) from None


def _results(
    groups: Sequence[Sequence[Settings]], run_batch: RunBatch, n_jobs: int
) -> Generator[list[Row], None, None]:
    """Yield the rows of each group as it finishes; closing the iterator ends the workers."""
    workers = min(joblib.cpu_count() if n_jobs == -1 else n_jobs, len(groups))
    if workers <= 1:
        yield from (attempt(run_batch, each) for each in groups)
        return
    parallel = joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1)
    outputs = parallel(joblib.delayed(_attempt_under)(os.getpid(), run_batch, each) for each in groups)
    try:
        yield from outputs
    finally:
        with warnings.catch_warnings():  # joblib remarks that results were left unused: so they are, at an interruption
            warnings.simplefilter("ignore")
            outputs.close()


def _attempt_under(parent: int, run_batch: RunBatch, cells: Sequence[Settings]) -> list[Row]:
    _end_with(parent)
    return attempt(run_batch, cells)


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent, which may have been killed without a chance to end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def attempt(run_batch: RunBatch, cells: Sequence[Settings]) -> list[Row]:
    """Return one storable row per cell; cells of a batch that raises are tried alone, and then marked as failed."""
    try:
        rows = [dict(each) for each in run_batch(cells)]
        found = [Settings.from_row(check_row(each)).key() for each in rows]
        if sorted(found) != sorted(each.key() for each in cells):
            raise RuntimeError(f"rows of other cells: {found}")
        return rows
    except Exception as error:
        if len(cells) > 1:
            return [row for each in cells for row in attempt(run_batch, [each])]
        message = f"{type(error).__name__}: {error}"
        results = dict.fromkeys(RESULT_COLUMNS, "") | {"status": "failed", "message": message, "version": __version__}
        return [cells[0].to_row() | results]


def _cost(cells: Sequence[Settings]) -> int:
    """Return about how long a batch runs, in no unit: the long ones first leave no worker idle at the end."""
    return sum(
        (each.n_steps + 1)
        * each.n_neurons
        * (
            each.n_restarts * each.batch_size * each.d_model
            if each.trained
            else each.n_samples * each.sparsity + each.n_features * each.d_model
        )
        for each in cells
    )


@contextmanager
def _terminable() -> Iterator[None]:
    """Leave on SIGTERM as on an exception, so that workers end too; a handler of the caller's is left alone."""
    alone = threading.current_thread() is not threading.main_thread()
    if alone or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _manifest(
    experiment: str, preset: str, cells: Sequence[Settings], n_jobs: int, command: Sequence[str]
) -> dict[str, Any]:
    values = {name: list(dict.fromkeys(getattr(each, name) for each in cells)) for name in SETTING_COLUMNS}
    return {
        "experiment": experiment,
        "preset": preset,
        "seed": cells[0].seed,
        "settings": {name: each[0] for name, each in values.items() if len(each) == 1},
        "grid": {name: each for name, each in values.items() if len(each) > 1},
        "n_cells": len(cells),
        "n_ok": 0,
        "n_failed": 0,
        "started": now(),
        "finished": None,
        "seconds": None,
        "n_jobs": n_jobs,
        "device": cells[0].device,
        **provenance(command),
    }


def _outcome(log: RowLog, begin: float) -> dict[str, Any]:
    status = [row["status"] for row in log.rows.values()]
    devices = sorted({row["device"] for row in log.rows.values() if row["status"] in FINISHED})
    found: dict[str, Any] = {"n_ok": status.count("ok"), "n_failed": len(status) - status.count("ok")}
    return found | {"seconds": time.perf_counter() - begin} | ({"device": ", ".join(devices)} if devices else {})
