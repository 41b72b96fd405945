"""Rows and manifests on disk: appended durably, read back typed, never overwritten by a refused run."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import numbers
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from simulations.base.columns import RESULTS, ROW_COLUMNS, Column
from simulations.base.settings import Settings

ROWS_FILE, MANIFEST_FILE = "rows.csv", "manifest.json"
STATUSES = ("ok", "failed", "diverged")
HEADER = (",".join(ROW_COLUMNS) + "\n").encode()
Row = dict[str, Any]
log = logging.getLogger(__name__)


class StorageError(ValueError):
    """A folder or file that cannot be used as asked; the message is one line."""


def run_folder(out: Path, experiment: str, preset: str) -> Path:
    """Return the folder of a run, OUT/EXPERIMENT/PRESET, which holds rows.csv and manifest.json."""
    return out / experiment / preset


def check_writable(folder: Path) -> None:
    """Make `folder` and prove that a file can be made in it; raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from None


def check_row(row: Mapping[str, Any]) -> Row:
    """Return the row (values or texts, one per ROW_COLUMNS) typed as it will be read back; undefined numbers are nan.

    Raises ValueError naming the column for a bad setting, an unknown status, or a result that is not finite or not in
    its range.  Only simulated rows of status ok must have every needed result.
    """
    _check_columns(list(row))
    texts = {name: _text(row[name]) for name in ROW_COLUMNS}
    typed: Row = Settings.from_row(texts).to_row()
    status = texts["status"]
    if status not in STATUSES:
        raise StorageError(f"status={status!r}, but should be one of {', '.join(STATUSES)}")
    simulated = typed["instrument"] == "simulation"
    for name, column in RESULTS.items():
        typed[name] = text = texts[name]
        missing = not text and not (column.needed and status == "ok" and simulated)
        if column.kind == "number":
            typed[name] = math.nan if missing else _number(name, text, column)
        elif column.kind == "series" and not missing:
            for part in text.replace(":", " ").split() or [""]:
                _number(name, part, column)
    return typed


def _check_columns(names: list[str]) -> None:
    wrong = {
        "foreign": [name for name in names if name not in ROW_COLUMNS],
        "missing": [name for name in ROW_COLUMNS if name not in names],
    }
    if any(wrong.values()):
        raise StorageError(" and ".join(f"{what} columns {', '.join(each)}" for what, each in wrong.items() if each))


def _number(name: str, text: str, column: Column) -> float:
    low, high = column.low, column.high
    try:
        value = float(text)
    except ValueError:
        raise StorageError(f"{name}={text!r}, but should be a number") from None
    if not (math.isfinite(value) and low <= value <= high):
        raise StorageError(f"{name}={text}, but should be finite and in [{low:g}, {high:g}]")
    return value


def _text(value: Any) -> str:
    """Return the value on one line, so that numbers come back exactly; undefined ones are empty."""
    if value is None or isinstance(value, (bool, np.bool_, numbers.Integral)):
        return "" if value is None else str(value)
    if isinstance(value, numbers.Real):
        return "" if math.isnan(value) else repr(float(value))
    return " ".join(str(value).split())


def _line(row: Mapping[str, Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_text(row[name]) for name in ROW_COLUMNS])
    return buffer.getvalue().encode(errors="backslashreplace")


def _parse(path: Path, data: bytes) -> tuple[dict[str, Row], int]:
    """Return the rows by cell (the last row of a cell counts) and the number of bytes of a torn last line."""
    *lines, torn = data.split(b"\n")
    rows: dict[str, Row] = {}
    if not lines and HEADER.startswith(torn):  # empty, or killed while the header was written
        return rows, len(torn)
    names: list[str] = []
    for count, line in enumerate(lines or [torn], start=1):
        try:
            values = next(csv.reader([line.decode()], strict=True), [])
            if count == 1:
                _check_columns(names := values)
                if tuple(names) != ROW_COLUMNS:
                    raise StorageError("the columns are in another order, or one occurs twice")
                continue
            if len(values) != len(names):
                raise StorageError(f"{len(values)} values, but should be {len(names)}")
            row = check_row(dict(zip(names, values, strict=True)))
        except (ValueError, csv.Error) as error:
            raise StorageError(f"{path}, line {count}: {error}") from None
        rows[Settings.from_row(row).key()] = row
    return rows, len(torn)


def read_cells(path: Path, *, warn: bool = True) -> dict[str, Row]:
    """Return the typed rows of a rows file by Settings.key(); a torn last line is skipped (and logged if `warn`).

    Raises StorageError for a file that is not there, has other columns, or holds a bad row: path, line and column.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"no rows at {path}") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None
    rows, torn = _parse(path, data)
    if torn and warn:
        log.warning("%s: the last line is torn (no newline at its end) and was skipped", path)
    return rows


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a rows.csv, or of the folder that holds one: ROW_COLUMNS typed, undefined numbers nan.

    Raises StorageError as read_cells does.
    """
    rows = read_cells(path / ROWS_FILE if path.is_dir() else path)
    table = pd.DataFrame(list(rows.values()), columns=list(ROW_COLUMNS))
    kinds = {name: type(value) for name, value in Settings().to_row().items() if type(value) is not str}
    numeric = {name: float for name, column in RESULTS.items() if column.kind == "number"}
    return table.astype(numeric | (kinds if table.empty else {}))


class RowLog:
    """The append-only rows file of one sweep; `rows` holds what it says so far, by Settings.key().

    Opening repairs a torn last line, and refuses a file of other columns or one that another sweep is writing to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror or error}") from None
        try:
            self._lock()
            data = path.read_bytes()
            self.rows, torn = _parse(path, data)
            if torn:
                os.ftruncate(self._file, len(data) - torn)
                log.warning("%s: the last line was torn (no newline at its end) and was removed", path)
            if len(data) == torn:
                self._write(HEADER)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        if sys.platform == "win32":
            return
        import fcntl  # not everywhere; without it two sweeps of one folder are not told apart

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(f"{self.path}: another sweep is writing to it") from None
        except OSError:  # a file system without locks
            return

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row so that it outlives a crash of the program or the machine.

        Raises ValueError for a row that could not be read back, and StorageError, with the file as it was before, where
        it cannot be written (a full disk).
        """
        typed = check_row(row)
        self._write(_line(row))
        self.rows[Settings.from_row(typed).key()] = typed

    def _write(self, line: bytes) -> None:
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk took part of a row only: it may be full")
            os.fsync(self._file)
        except OSError as error:
            try:
                os.ftruncate(self._file, size)
            except OSError:
                log.warning("%s: its last line is torn, and is repaired when the sweep is resumed", self.path)
            raise StorageError(
                f"{self.path} cannot be written: {error.strerror or error}; earlier rows are kept"
            ) from None

    def finish(self, keys: Iterable[str]) -> None:
        """Rewrite the file atomically with the rows of `keys` in that order, so that no race shows in it."""
        lines = [_line(self.rows[key]) for key in keys if key in self.rows]
        data = HEADER + b"".join(lines)
        if data != self.path.read_bytes():
            replace(self.path, data)

    def close(self) -> None:
        """Close the file and let other sweeps in."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader meets the old bytes or the new ones, also after a crash."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror or error}; it is as it was") from None


def strict(value: Any) -> Any:
    """Return `value` as strict JSON can hold it: inf and nan become text, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): strict(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write FOLDER/manifest.json atomically, in strict JSON; raises StorageError."""
    text = json.dumps(strict(manifest), indent=2, allow_nan=False) + "\n"
    replace(folder / MANIFEST_FILE, text.encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the content of FOLDER/manifest.json; raises StorageError when it is not there or no JSON object."""
    path = folder / MANIFEST_FILE
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise StorageError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise StorageError(f"{path} is not a manifest")
    return found
