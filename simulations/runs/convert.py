"""Rows of schema 1 (one flat list of settings, no arm) turned into today's, once: `python -m simulations.runs.convert`.

A row becomes that of the cell, among its experiment's points at root seed 0, whose own settings it has; its results are
untouched.  A folder with a row that is no cell's any longer is left as it is, and told: run that experiment again.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from simulations.base.files import StorageError
from simulations.base.settings import plain
from simulations.data.laws.choice import canonical
from simulations.data.model import LAWS
from simulations.experiments import experiment
from simulations.runs.cell import Cell, Machine
from simulations.runs.columns import SCHEMA, results, setting_fields
from simulations.runs.grid import cells_of, keyed
from simulations.runs.manifests import MANIFEST_FILE, read_manifest, told_of, write_manifest
from simulations.runs.rows import Row, check_row
from simulations.runs.storage import ROWS_FILE, write_rows

PRE_BIAS = {"zero": "learned", "mean": "learned-mean"}  # both were starts of a b_pre that was learned
Texts = Mapping[str, str]


def convert(folder: Path) -> bool:
    """Convert FOLDER/rows.csv and its manifest, atomically, and return whether there was anything to do.

    Raises StorageError, with the folder as it was, for rows that are of no cell of the experiment.
    """
    manifest = read_manifest(folder)
    path = folder / ROWS_FILE
    old = list(csv.DictReader(io.StringIO(path.read_text())))
    if manifest.get("schema", 1) == SCHEMA and (not old or "arm" in old[0]):
        return False
    cells = _cells(manifest)
    if not old or "arm" not in old[0]:  # else it broke off between the two files
        write_rows(path, _converted(path, old, cells))
    told = {name: value for name, value in told_of(cells).items() if name != "seed"}
    write_manifest(folder, {"schema": SCHEMA} | manifest | told | {"schema": SCHEMA, "n_cells": len(old)})
    return True


def _cells(manifest: Mapping[str, Any]) -> list[Cell]:
    points = experiment(str(manifest.get("experiment"))).points(str(manifest.get("preset")), seed=0)
    return list(keyed(cells_of(points)).values())


def _converted(path: Path, old: Sequence[Texts], cells: Sequence[Cell]) -> list[Row]:
    """Return today's rows in the order of the old ones; raises StorageError listing those of no cell."""
    known = _by_settings(cells, set(old[0]) if old else set())
    rows: list[Row] = []
    strangers: list[str] = []
    for line, each in enumerate(old, start=2):
        found = [cell for names, cells_by in known.items() if (cell := cells_by.get(_values(each, names)))]
        if len(found) != 1:
            strangers.append(f"line {line} ({'of no cell' if not found else f'of {len(found)} cells'})")
            continue
        told = {name: each[name] for name in each if name in results()}
        rows.append(check_row(found[0].settings() | {"arm": found[0].arm, "device": each["device"]} | told))
    lost = [name for name in (old[0] if old else ()) if name not in results() and name not in setting_fields()]
    lost = [name for name in lost if name not in ("algorithm", "instrument") and any(each[name] for each in old)]
    if lost:
        raise StorageError(f"{path}: columns that are no more: {', '.join(lost)}")
    if strangers:
        shown = ", ".join(strangers[:5]) + (", ..." if len(strangers) > 5 else "")
        raise StorageError(f"{path}: {len(strangers)} of {len(old)} rows are of no cell of the experiment: {shown}")
    return rows


def _by_settings(cells: Sequence[Cell], old: set[str]) -> dict[tuple[str, ...], dict[tuple[Any, ...], Cell]]:
    """Return the cells by the names of those of their own settings that old rows have, and by their values.

    A cell with a setting given that old rows do not have is no old row's.
    """
    machine = {each.name for each in fields(Machine)}
    found: dict[tuple[str, ...], dict[tuple[Any, ...], Cell]] = {}
    for each in cells:
        names = tuple(name for name in each.settings() if name in old and name not in machine)
        if set(each.given()) - {"arm"} <= set(names) | machine:
            settings = each.settings()
            values = tuple(_canonical(name, settings[name]) for name in names)
            found.setdefault(names, {})[values] = each
    return found


def _values(row: Texts, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_canonical(name, _old_value(name, row[name])) for name in names)


def _old_value(name: str, text: str) -> Any:
    if name in ("algorithm", "instrument"):
        return text
    if name == "pre_bias":
        return PRE_BIAS.get(text, text)
    return plain(name, text, setting_fields()[name].metadata["kind"])


def _canonical(name: str, value: Any) -> Any:
    return canonical(LAWS[name], value) if name in LAWS else value


def main(words: Sequence[str]) -> int:
    """Convert every run below the given folders; return 1 where one was left as it was."""
    refused = 0
    for folder in words or ("results",):
        for path in sorted(Path(folder).rglob(ROWS_FILE)):
            if not (path.parent / MANIFEST_FILE).exists():
                continue
            try:
                print(f"{path.parent}: {'converted' if convert(path.parent) else 'nothing to do'}")
            except (ValueError, OSError) as error:
                refused += 1
                print(f"{path.parent}: left as it was: {error}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
