"""The points of a sweep, and the file of their rows: appended durably, one JSON object a line."""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from sae_recovery.rows import ROWS_FILE, read_lines
from simulations import __version__
from simulations.base.files import StorageError, check_writable, replace, strict
from simulations.runs.storage import FAILURES_FILE
from simulations.runs.sweep import keep_tracebacks

MANIFEST_FILE = "manifest.json"
Task = Callable[[dict[str, Any]], Mapping[str, Any]]
log = logging.getLogger(__name__)


def plain(value: Any, name: object = "a setting") -> Any:
    """Return `value` as JSON can hold it: numbers, texts, lists, None; raises ValueError, naming it, for others."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        return plain(value.item(), name)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), name)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return plain(value.detach().cpu().tolist(), name)
    if isinstance(value, (list, tuple)):
        return [plain(each, name) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each, name) for key, each in value.items()}
    if isinstance(value, os.PathLike):
        return str(value)
    raise ValueError(f"{name} is of type {type(value).__name__}, but should be a number, a text or a list of them")


def identity(point: Mapping[str, Any]) -> str:
    """Return the text that tells a point from others: equal settings have equal ones."""
    return json.dumps(dict(point), sort_keys=True)


def task_of_function(function: Callable[..., Any], point: Mapping[str, Any]) -> Task:
    """Return a user's function of settings by keyword, or of one mapping, as a task; raises ValueError for others."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return partial(call, function, True)
    try:
        signature.bind(**point)
        return partial(call, function, True)
    except TypeError as error:
        fault = error
    own = [each for each in signature.parameters.values() if each.default is each.empty]
    if len(own) == 1 and own[0].kind in (own[0].POSITIONAL_ONLY, own[0].POSITIONAL_OR_KEYWORD):
        return partial(call, function, False)
    name = getattr(function, "__name__", type(function).__name__)
    raise ValueError(f"{name}{signature} cannot be called with {', '.join(point)}: {fault}")


def call(function: Callable[..., Any], by_keyword: bool, point: dict[str, Any]) -> Mapping[str, Any]:
    """Return what a user's function says of a point; raises ValueError unless that is a dict."""
    returned = function(**point) if by_keyword else function(dict(point))
    if not isinstance(returned, Mapping):
        raise ValueError(f"the function returned {type(returned).__name__}, but should return a dict")
    return returned


def failed(point: Mapping[str, Any], error: Exception, trace: str, seconds: float) -> dict[str, Any]:
    """Return the row of a point that raised."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    told = {"status": "failed", "message": message, "seconds": seconds, "version": __version__}
    return {"_point": identity(point)} | dict(point) | told | {"_trace": trace}


class Log:
    """The rows of one sweep by point, in OUT/rows.jsonl, or in memory without `out`.

    Opening repairs a torn last line; it refuses a folder that another sweep is writing to, one that holds rows already
    unless `resume`, and rows of another function.
    """

    def __init__(self, out: str | Path | None, told: Mapping[str, Any], *, resume: bool) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.folder = None if out is None else Path(out)
        self._told, self._stack = dict(told), ExitStack()
        if self.folder is None:
            return
        check_writable(self.folder)
        with ExitStack() as stack:
            lock = FileLock(self.folder / f".{ROWS_FILE}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                raise StorageError(f"{self.folder}: another sweep is writing to it") from None
            stack.callback(lock.release)
            self._resume(self.folder, resume)
            self._write_manifest(None)
            self._stack = stack.pop_all()

    def _resume(self, folder: Path, resume: bool) -> None:
        path, manifest = folder / ROWS_FILE, folder / MANIFEST_FILE
        if not path.exists():
            return
        if not resume:
            raise StorageError(f"{path} exists: pass resume=True to go on with it, or choose another out")
        if manifest.exists():
            try:
                before = json.loads(manifest.read_bytes())
            except ValueError:
                raise StorageError(f"{manifest} is no JSON") from None
            if not isinstance(before, dict):
                raise StorageError(f"{manifest} is not a manifest")
            if before.get("function") != self._told["function"]:
                raise StorageError(
                    f"{folder} holds rows of {before.get('function')!r}, but should be of {self._told['function']!r}"
                )
        rows, torn = read_lines(path)
        if torn:
            os.truncate(path, path.stat().st_size - torn)
            log.warning("%s: the last line was torn and was removed", path)
        self.rows = {str(row.get("_point")): row for row in rows}

    def append(self, row: Mapping[str, Any]) -> None:
        """Keep a row so that it outlives a crash; the traceback of a failed one goes to a file of its own."""
        kept = {name: value for name, value in row.items() if name != "_trace"}
        if self.folder is not None:
            if row.get("_trace"):
                keep_tracebacks(self.folder / FAILURES_FILE, [f"{row['_point']}\n{row['_trace']}"])
            _append(self.folder / ROWS_FILE, kept)
        self.rows[str(row["_point"])] = kept

    def finish(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rewrite the file with these rows first, in their order, so that no race shows in it."""
        if self.folder is None:
            return
        first = {str(row["_point"]): row for row in rows}
        whole = [*rows, *(row for point, row in self.rows.items() if point not in first)]
        replace(self.folder / ROWS_FILE, b"".join(map(_line, whole)))
        status = [str(row.get("status")) for row in rows]
        self._write_manifest({"n_ok": status.count("ok"), "n_failed": status.count("failed")})

    def _write_manifest(self, outcome: Mapping[str, Any] | None) -> None:
        from simulations.runs.provenance import now, provenance

        assert self.folder is not None
        if outcome is None:
            self._told |= {"started": now(), "finished": None, **provenance(sys.argv)}
        else:
            self._told |= {"finished": now(), **outcome}
        text = json.dumps(strict(self._told), indent=2, allow_nan=False, default=str) + "\n"
        replace(self.folder / MANIFEST_FILE, text.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(row)) + "\n").encode()


def _append(path: Path, row: Mapping[str, Any]) -> None:
    """Append a line and wait until it is on the disk; the file is as it was where that fails."""
    try:
        with path.open("ab") as file:
            size = file.seek(0, os.SEEK_END)
            try:
                file.write(_line(row))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(path, size)
                raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}; earlier rows are kept") from None
