"""A grid of settings, each point of it measured by a user's function or by our algorithms, in parallel, resumable."""

from __future__ import annotations

import importlib
import itertools
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sae_recovery.functions import Added, added, learn
from sae_recovery.points import Log, Task, failed, identity, plain, task_of_function
from sae_recovery.rows import run, table
from simulations import __version__
from simulations.algorithms.base import Algorithm
from simulations.base.settings import unknown
from simulations.data.model import Model
from simulations.instruments.base import instrument_class
from simulations.runs.cell import DEFAULT_INSTRUMENT, Cell, Machine
from simulations.runs.executors import check_jobs

if TYPE_CHECKING:
    import pandas as pd

OF_EVERY_ROW = ("status", "seconds", "version", "_point")


class SweepWarning(UserWarning):
    """Some points of a sweep failed; they are rows of status failed."""


def sweep(
    what: Any,
    over: Mapping[str, Sequence[Any]],
    *,
    out: str | Path | None = None,
    n_jobs: int = 1,
    resume: bool = False,
    progress: bool | None = None,
    **fixed: Any,
) -> pd.DataFrame:
    """Measure every point of a grid and return one row a point, in the order of the grid.

    `what` is a function, called with the settings of a point by keyword, that returns a dict (whose keys become
    columns); or an algorithm, its name, or a list of them, measured as `run` measures a Cell: a setting that one of
    several algorithms does not have is left out for it.  `over` has the values of each setting that varies, `fixed`
    the others; seeds are settings like all others: `over={"seed": range(5)}`.

    With `out`, rows are appended to OUT/rows.jsonl as they are done, so that they outlive a crash, beside
    manifest.json; `resume` goes on where a sweep stopped, without what is done.  Rows do not depend on `n_jobs`
    (processes; -1: one per core).  A point that raises becomes a row of status failed with its message, and at the end
    one warning tells how many; the traceback is in OUT/failures.log.  Raises ValueError, one line, for settings that
    fit neither function nor algorithm, and for an `out` that holds rows already, unless `resume`.

    >>> sweep(lambda n, k: {"sum": n + k}, over={"n": [1, 2], "k": [10]})["sum"].tolist()
    [11, 12]
    """
    check_jobs(n_jobs)
    grid = _grid(over)
    if told_anyway := [name for name in (*grid, *fixed) if name in OF_EVERY_ROW]:
        raise ValueError(f"{told_anyway[0]} is a column of every row, not a setting: choose another name")
    if twice := [name for name in grid if name in fixed]:
        raise ValueError(f"{twice[0]} is given in over and beside it")
    fixed = {name: plain(value, name) for name, value in fixed.items()}
    points = [fixed | dict(zip(grid, each, strict=True)) for each in itertools.product(*grid.values())]
    measure, points, name = _measure(what, points, set(grid))
    points = list({identity(each): each for each in points}.values())
    told = {"function": name, "settings": fixed, "grid": grid, "n_cells": len(points), "n_jobs": n_jobs}
    with Log(out, told, resume=resume) as log:
        pending = [each for each in points if log.rows.get(identity(each), {}).get("status") in (None, "failed")]
        for row in _bar(_rows(measure, pending, n_jobs), len(pending), progress):
            log.append(row)
        found = [log.rows[identity(each)] for each in points]
        log.finish(found)
    broken = [row for row in found if row.get("status") == "failed"]
    if broken:
        text = f"{len(broken)} of {len(found)} failed: {broken[0].get('message')}"
        warnings.warn(text, SweepWarning, stacklevel=2)
    return table({name: value for name, value in row.items() if name != "_point"} for row in found)


def _grid(over: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the values of each setting that varies, plain; raises ValueError for what is no grid."""
    if not isinstance(over, Mapping):
        raise ValueError(f"over={over!r}, but should have a list of values for each setting, as {{'seed': [0, 1]}}")
    for name, values in over.items():  # the values of a text would be its letters
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise ValueError(f"over: {name}={values!r}, but should be a list of values")
    grid = {str(name): [plain(value, name) for value in values] for name, values in over.items()}
    if empty := [name for name, values in grid.items() if not values]:
        raise ValueError(f"over: {empty[0]} has no values")
    return grid


def _measure(what: Any, points: list[dict[str, Any]], varied: set[str]) -> tuple[Task, list[dict[str, Any]], str]:
    """Return the function settings -> row, the settings of every point, and the name of what is measured."""
    from sae_recovery.learners import DictionaryLearner

    chosen = list(what) if isinstance(what, (list, tuple)) else [what]
    kinds = (str, Algorithm, DictionaryLearner)
    own = [isinstance(each, kinds) or (isinstance(each, type) and issubclass(each, kinds[1:])) for each in chosen]
    if not any(own) and len(chosen) == 1 and callable(what):
        return task_of_function(what, points[0]), points, getattr(what, "__qualname__", type(what).__name__)
    if not chosen or not all(own):
        raise ValueError(
            "sweep takes one function, or algorithms (objects, classes, names such as 'gba' or 'file.py:train')"
        )
    from sae_recovery.fitting import algorithm

    algorithms = [algorithm(each) for each in chosen]
    return measure_cell, _cells(algorithms, points, varied), ", ".join(type(each).name for each in algorithms)


def measure_cell(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a cell."""
    return run(Cell(**settings))


def _cells(
    algorithms: Sequence[Algorithm], points: Sequence[Mapping[str, Any]], varied: set[str]
) -> list[dict[str, Any]]:
    """Return the settings of each cell; raises ValueError for a setting that no algorithm has, and a bad cell.

    What an algorithm was given itself goes before what is fixed for all, and what is `varied` before both.
    """
    has = {id(each): _known(each, str(points[0].get("instrument", DEFAULT_INSTRUMENT))) for each in algorithms}
    known = set().union(*has.values())
    if foreign := [name for name in points[0] if name not in known]:
        raise unknown(foreign, sorted(known), " or ".join(f"algorithm={type(each).name}" for each in algorithms))
    found = []
    for point in points:
        for each in algorithms:
            own = {name: value for name, value in point.items() if name in has[id(each)]}
            usual = {field.name: field.default for field in fields(each)}
            given = {
                name: plain(value, name)
                for name, value in each.given().items()
                if name not in varied and value != usual[name]
            }
            found.append({"algorithm": type(each).name} | own | given)
            Cell(**found[-1])
    return found


def _known(algorithm: Algorithm, instrument: str) -> set[str]:
    kind = instrument_class(instrument)
    leaves = (Model, type(algorithm), kind, Machine)
    return {"instrument", "arm"} | {each.name for leaf in leaves for each in fields(leaf)} - {*kind.without}


def _rows(measure: Task, points: Sequence[dict[str, Any]], n_jobs: int) -> Iterator[dict[str, Any]]:
    """Yield the row of each point as it is done."""
    import joblib

    workers = min(joblib.cpu_count() if n_jobs == -1 else n_jobs, len(points))
    if workers <= 1:
        with _one_thread():
            yield from (attempt(measure, each) for each in points)
        return
    known = added()
    with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        try:
            yield from parallel(joblib.delayed(_attempt_knowing)(known, measure, each) for each in points)
        except BrokenProcessPool:
            raise RuntimeError("a worker process was killed (out of memory?); finished rows are kept: resume") from None


def _one_thread() -> AbstractContextManager[Any]:
    """Return a context in which products run on one thread, as they do in a worker: their bits depend on it."""
    try:
        limits: Any = importlib.import_module("threadpoolctl").threadpool_limits(1)
    except ImportError:
        return nullcontext()
    return limits  # type: ignore[no-any-return]


def _attempt_knowing(known: Added, measure: Task, point: dict[str, Any]) -> dict[str, Any]:
    learn(known)
    return attempt(measure, point)


def attempt(measure: Task, point: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a point; of one that raises, status failed, message and traceback."""
    begin = time.perf_counter()
    try:
        results = {str(name): plain(value, name) for name, value in measure(point).items()}
        if "_point" in results:
            raise ValueError("_point was returned, but is a column of every row: choose another name")
        clash = [name for name in results if name in point and results[name] != point[name]]
        if clash:
            raise ValueError(f"{clash[0]}={results[clash[0]]!r} was returned, but is a setting, {point[clash[0]]!r}")
    except Exception as error:
        return failed(point, error, traceback.format_exc(), time.perf_counter() - begin)
    told = {"status": "ok", "seconds": time.perf_counter() - begin, "version": __version__}
    return {"_point": identity(point)} | point | told | results


def _bar(rows: Iterator[dict[str, Any]], total: int, progress: bool | None) -> Iterator[dict[str, Any]]:
    """Show how far the sweep is, on a terminal unless told otherwise."""
    from tqdm import tqdm

    shown = sys.stderr.isatty() if progress is None else progress
    yield from tqdm(rows, total=total, unit="cell", disable=not shown)
