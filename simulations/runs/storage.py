"""Rows on disk: appended durably, read back typed, never overwritten by a refused run.

A row is a dict of its cell's own settings and of its results; what it does not have is not in the dict, and blank in
the file.  Columns may come in any order, and an older file may lack some; one that is not known is refused.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from simulations.base.files import BrokenOff, StorageError, check_writable, replace, strict
from simulations.runs.columns import flat, results, row_columns, setting_fields
from simulations.runs.manifests import MANIFEST_FILE, read_manifest, write_manifest
from simulations.runs.rows import Row, check_row, checked, text_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FAILURES_FILE", "MANIFEST_FILE", "ROWS_FILE", "Row", "RowLog", "StorageError", "check_row", "check_writable",
    "header", "read_cells", "read_manifest", "read_rows", "replace", "rows_file", "run_folder", "strict",
    "write_manifest", "write_rows",
]  # fmt: skip
ROWS_FILE, FAILURES_FILE = "rows.csv", "failures.log"
csv.field_size_limit(2**31 - 1)  # a long series or message is one field; csv's own limit is 131,072 characters
log = logging.getLogger(__name__)


def run_folder(out: Path | str, experiment: str, preset: str) -> Path:
    """Return the folder of a run, OUT/EXPERIMENT/PRESET, which holds rows.csv and manifest.json.

    Raises StorageError for a name that would lead out of `out`.
    """
    for what, name in (("experiment", experiment), ("preset", preset)):
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise StorageError(f"{what}={name!r}, but should be a name of letters, digits, dots and dashes")
    return Path(out) / experiment / preset


def rows_file(path: Path | str) -> Path:
    """Return the rows file that `path` names: itself, or the one in that folder."""
    return Path(path) / ROWS_FILE if Path(path).is_dir() else Path(path)


def header(names: Sequence[str] | None = None) -> bytes:
    """Return the first line of a rows file."""
    return (",".join(names or row_columns()) + "\n").encode()


def _line(row: Mapping[str, Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([text_of(row.get(name)) for name in row_columns()])
    return buffer.getvalue().encode(errors="backslashreplace")


def _check_header(names: Sequence[str]) -> None:
    foreign = [name for name in names if name not in row_columns()]
    if foreign:
        raise StorageError(f"unknown column{'s' * (len(foreign) > 1)} {', '.join(foreign)}")
    twice = [name for name in row_columns() if names.count(name) > 1]
    if twice:
        raise StorageError(f"column {twice[0]} occurs twice")
    if "status" not in names:
        raise StorageError("no column status")


def _parse(path: Path, data: bytes) -> tuple[dict[str, Row], int]:
    """Return the rows by cell (the last row of a cell counts) and the number of bytes of a torn last line."""
    *lines, torn = data.split(b"\n")
    rows: dict[str, Row] = {}
    if not lines and header().startswith(torn):  # empty, or killed while the header was written
        return rows, len(torn)
    names: list[str] = []
    for count, line in enumerate(lines or [torn], start=1):
        try:
            values = next(csv.reader([line.decode()], strict=True), [])
            if count == 1:
                if line.startswith(BOM_UTF8):
                    raise StorageError("begins with a byte order mark, as spreadsheets write; save it as plain UTF-8")
                _check_header(names := values)
                continue
            if len(values) != len(names):
                raise StorageError(f"{len(values)} values, but should be {len(names)}")
            row, key = checked(dict(zip(names, values, strict=True)))
        except (ValueError, csv.Error) as error:
            old = "; these are rows of version 0.1.0: run the experiment again"
            hint = old if names and "arm" not in names and count > 1 else ""
            raise StorageError(f"{path}, line {count}: {error}{hint}") from None
        rows[key] = row
    return rows, len(torn)


def _bytes_of(path: Path) -> bytes:
    """Return what a regular file holds; raises StorageError for what is none (a pipe would never end)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StorageError(f"{path} is no regular file")
        return path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"no rows at {path}") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None


def read_cells(path: Path | str, *, warn: bool = True) -> dict[str, Row]:
    """Return the typed rows of a rows file by identity; a torn last line is skipped (and logged if `warn`).

    Raises StorageError for a file that is not there, has unknown columns, or holds a bad row: path, line and column.
    """
    path = Path(path)
    rows, torn = _parse(path, _bytes_of(path))
    if torn and warn:
        log.warning("%s: the last line is torn (no newline at its end) and was skipped", path)
    return rows


def read_rows(path: Path | str) -> pd.DataFrame:
    """Return the rows of a rows.csv, or of the folder that holds one, as a table of every column there is.

    What a row does not have is nan in a column of numbers and "" in one of words; integers stay integers where every
    row has one.  Raises StorageError as read_cells does.
    """
    import pandas as pd

    rows = list(read_cells(rows_file(path)).values())
    kinds = {name: each.metadata["kind"] for name, each in setting_fields().items()}
    kinds |= {name: float for name, column in results().items() if column.kind == "number"}
    columns = {}
    for name in row_columns():
        kind = kinds.get(name, str)
        values = [row.get(name, "" if kind is str else float("nan")) for row in rows]
        complete = all(name in row for row in rows)
        columns[name] = pd.Series(values, dtype=_dtype(kind, values, complete), name=name)
    return pd.DataFrame(columns, columns=list(row_columns())).copy()  # in one block: a column more is cheap then


def _dtype(kind: type, values: Sequence[Any], complete: bool) -> Any:
    if kind is str:
        return None if values else "str"
    if kind is bool:
        return bool if complete else object
    if kind is int and complete:  # exact above 2^53 and 2^63 too
        return "int64" if all(-(2**63) <= each < 2**63 for each in values) else object
    return float


class RowLog:
    """The append-only rows file of one sweep; `rows` holds what it says so far, by identity.

    Opening repairs a torn last line and adds columns that an older file lacks; it refuses a file of unknown columns,
    and one that another sweep is writing to.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with ExitStack() as stack:
            stack.callback(_lock(self.path).release)
            self._file = self._open()
            stack.callback(lambda: os.close(self._file))  # another one after the file was replaced
            data = self.path.read_bytes()
            self.rows, torn = _parse(self.path, data)
            if torn:
                os.ftruncate(self._file, len(data) - torn)
                log.warning("%s: the last line was torn (no newline at its end) and was removed", self.path)
            if len(data) == torn:
                self._write(header())
            elif not data.startswith(header()):
                self._rewrite(self.rows.values())
            self._closing = stack.pop_all().close

    def _open(self) -> int:
        try:
            if self.path.exists() and not self.path.is_file():
                raise StorageError(f"{self.path} is no regular file")
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror or error}") from None

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row so that it outlives a crash of the program or the machine.

        Raises ValueError for a row that could not be read back, and StorageError, with the file as it was before, where
        it cannot be written (a full disk).
        """
        typed, key = checked(flat(row))
        self._write(_line(typed))
        self.rows[key] = typed

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
            raise BrokenOff(
                f"{self.path} cannot be written: {error.strerror or error}; earlier rows are kept"
            ) from None

    def finish(self, arms: Mapping[str, str]) -> None:
        """Rewrite the file atomically with the rows of the cells of `arms` first, in that order and with those arms.

        No race shows in it, and no row is lost: those of other cells follow.
        """
        for key, arm in arms.items():
            if key in self.rows:
                self.rows[key] |= {"arm": arm}
        order = [key for key in arms if key in self.rows]
        order += [key for key in self.rows if key not in arms]
        self._rewrite(self.rows[key] for key in order)

    def _rewrite(self, rows: Iterable[Row]) -> None:
        if (data := header() + b"".join(map(_line, rows))) != self.path.read_bytes():
            replace(self.path, data)
            old, self._file = self._file, self._open()
            os.close(old)

    def close(self) -> None:
        """Close the file and let other sweeps in."""
        self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(path: Path) -> FileLock:
    """Return the acquired lock of a rows file: a file beside it, for the rows file itself is replaced in the end."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StorageError(f"{path}: another sweep is writing to it") from None
    except (OSError, NotImplementedError) as error:
        raise StorageError(f"{path} cannot be written: {getattr(error, 'strerror', '') or error}") from None
    return lock


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole rows file atomically; raises StorageError for a row that could not be read back."""
    replace(path, header() + b"".join(_line(check_row(flat(row))) for row in rows))
