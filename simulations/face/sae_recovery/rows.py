"""Rows as a user meets them: one cell as a typed dict, many as a table; NaN and lists, never an empty text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.base.files import StorageError
from simulations.runs.cell import Cell

if TYPE_CHECKING:
    import pandas as pd

ROWS_FILE = "rows.jsonl"


def run(
    cell: Cell | None = None, *, threads: int = 1, checkpoint: str | Path | None = None, **flat: Any
) -> dict[str, Any]:
    """Measure one cell and return its row: its settings and its results, typed.

    `cell` is a Cell, or its settings are given flat, `run(algorithm="topk", n_features=64, k=3)`; given with a cell,
    they change it.  A series is a list of numbers, or of lists of them.  Raises ValueError for settings that are not
    allowed, and whatever the algorithm raises.

    >>> row = run(n_features=16, d_model=8, sparsity=2, n_neurons=32, n_samples=200, seed=1)
    >>> row["status"], type(row["recovery_per_step"])
    ('ok', <class 'list'>)
    """
    from simulations.runs.cell import run_cell

    chosen = Cell(**flat) if cell is None else cell.replace(**flat)
    return typed(run_cell(chosen, threads=threads, checkpoint=checkpoint))


def typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with each series as a list, without what is blank."""
    kinds = _series()
    found = {}
    for name, value in row.items():
        if value is None or (isinstance(value, str) and not value):
            continue
        found[name] = _numbers(value) if name in kinds and isinstance(value, str) else value
    return found


def _series() -> set[str]:
    from simulations.instruments import base
    from simulations.measures.base import result_columns

    base.discover()
    return {name for name, column in result_columns().items() if column.kind == "series"}


def _numbers(text: str) -> list[Any]:
    points = [[float(part) for part in point.split(":")] for point in text.split()]
    return [point[0] for point in points] if all(len(point) == 1 for point in points) else points


def untyped(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table as the figures read it: each series a text again, and "" for a missing word."""
    series = _series()
    found = rows.copy()
    for name in found.columns:
        column = found[name]
        if name in series:
            found[name] = [_text(value) for value in column]
        elif column.dtype.kind not in "biuf" and any(isinstance(value, str) for value in column):
            found[name] = ["" if value is None or value != value else value for value in column]
    return found


def _text(value: Any) -> str:
    if not isinstance(value, list):
        return value if isinstance(value, str) else ""
    return " ".join(
        ":".join(f"{each:.9g}" for each in (point if isinstance(point, list) else [point])) for point in value
    )


def read_rows(path: str | Path) -> pd.DataFrame:
    """Return the rows of a folder, typed: of an experiment (rows.csv) or of a `sweep` (rows.jsonl).

    What a row does not have is NaN, a series is a list; columns that no row has are left out.  Raises ValueError, one
    line with the path, for a file that is not there or broken.
    """
    path = Path(path)
    file = path / ROWS_FILE if path.is_dir() and (path / ROWS_FILE).exists() else path
    if file.suffix == ".jsonl":
        return table(read_lines(file)[0])
    from simulations.runs import storage

    return table(typed(row) for row in storage.read_cells(storage.rows_file(path)).values())


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a file of JSON lines, and the bytes of a torn last line; raises StorageError."""
    try:
        *lines, torn = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None
    rows = []
    for count, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StorageError(f"{path}, line {count}: no JSON: {error}") from None
        if not isinstance(row, dict):
            raise StorageError(f"{path}, line {count}: no row")
        rows.append(row)
    return rows, len(torn)


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table, columns in the order they are met, NaN for what a row does not have."""
    import pandas as pd

    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    values = {name: [_known(row.get(name)) for row in listed] for name in names}
    return pd.DataFrame(values, columns=names)


def _known(value: Any) -> Any:
    return math.nan if value is None or (isinstance(value, str) and not value) else value
