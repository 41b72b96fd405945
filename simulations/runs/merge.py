"""The shards of a run joined into what one machine would have written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from simulations.base.files import StorageError, check_writable
from simulations.runs.columns import SCHEMA, cell_of
from simulations.runs.manifests import MANIFEST_FILE, outcome, read_manifest, told_of, write_manifest
from simulations.runs.provenance import provenance
from simulations.runs.rows import Row, foreign
from simulations.runs.storage import ROWS_FILE, read_cells, run_folder, write_rows
from simulations.runs.sweep import OF_A_RUN

Run = tuple[str, str]


def merge(folders: Sequence[Path | str], out: Path | str, command: Sequence[str] = ()) -> list[Path]:
    """Join the shards below `folders` into OUT/EXPERIMENT/PRESET, for every run they hold, and return those folders.

    The rows are those of a run without shards, in its order.  Raises StorageError, before anything is written, for a
    shard that is missing, there twice, not finished or not whole, shards of different grids or with a cell in common,
    and a run that is there already.
    """
    found: dict[Run, dict[int, Path]] = {}
    for folder in folders:
        for path in _manifests(Path(folder)):
            _add(found, path.parent, read_manifest(path.parent))
    if not found:
        raise StorageError(f"no runs in {', '.join(map(str, folders)) or 'no folders'}")
    joined = {run: _join(shards) for run, shards in found.items()}
    for run in joined:
        target = run_folder(out, *run)
        if (target / ROWS_FILE).exists() or (target / MANIFEST_FILE).exists():
            raise StorageError(f"{target} holds a run already: choose another --out")
        check_writable(target)
    for run, (rows, manifest) in joined.items():
        write_rows(run_folder(out, *run) / ROWS_FILE, rows)
        write_manifest(run_folder(out, *run), manifest | provenance(command))
    return [run_folder(out, *run) for run in joined]


def _manifests(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise StorageError(f"no folder {folder}")
    return [path for path in sorted(folder.rglob(MANIFEST_FILE)) if (path.parent / ROWS_FILE).exists()]


def _add(found: dict[Run, dict[int, Path]], folder: Path, manifest: dict[str, Any]) -> None:
    shard = manifest.get("shard")
    if not shard:
        raise StorageError(f"{folder} is no shard of a run: it was made without --shard")
    if not manifest.get("finished"):
        raise StorageError(f"{folder}, shard {shard[0]} of {shard[1]}, is not finished: go on with it by --resume")
    if not (manifest.get("experiment") and manifest.get("preset")):
        raise StorageError(f"{folder} does not tell its experiment and preset")
    shards = found.setdefault((manifest["experiment"], manifest["preset"]), {})
    if shard[0] in shards:
        raise StorageError(f"shard {shard[0]} is there twice: {shards[shard[0]]} and {folder}")
    shards[shard[0]] = folder


def _join(shards: dict[int, Path]) -> tuple[list[Row], dict[str, Any]]:
    manifests = {i: read_manifest(folder) for i, folder in shards.items()}
    first = next(iter(manifests.values()))
    count = first["shard"][1]
    for i, each in manifests.items():
        for name, got, wanted in (
            ("shard", each["shard"][1], count),
            ("overrides", each.get("overrides"), first.get("overrides")),
            ("of_grid", each.get("of_grid"), first.get("of_grid")),  # none where another version told none
        ):
            if got != wanted and not (name == "of_grid" and None in (got, wanted)):
                raise StorageError(f"{shards[i]} is of another run: {name}={got!r}, but should be {wanted!r}")
    missing = [str(i) for i in range(1, count + 1) if i not in shards]
    if missing:
        raise StorageError(f"{next(iter(shards.values()))} is one of {count} shards; missing: {', '.join(missing)}")
    tables = _tables([shards[i] / ROWS_FILE for i in range(1, count + 1)], manifests)
    rows: list[Row] = [
        row for group in zip_longest(*tables) for row in group if row is not None
    ]  # shard i has every count-th cell
    runs = [{name: manifests[i][name] for name in OF_A_RUN if name in manifests[i]} for i in range(1, count + 1)]
    return rows, _manifest(first, list(manifests.values()), rows) | {"earlier_runs": runs}


def _tables(files: Sequence[Path], manifests: dict[int, dict[str, Any]]) -> list[list[Row]]:
    """Return the rows of each shard; raises StorageError for rows that its manifest tells of and that are not there,
    as after half a copy, and for a cell that two shards have."""
    tables: list[list[Row]] = []
    owner: dict[str, Path] = {}
    for i, file in enumerate(files, start=1):
        cells = read_cells(file)
        if len(cells) != (told := manifests[i].get("n_cells", len(cells))):
            raise StorageError(f"{file} has {len(cells)} rows, but should have {told}: copy it again, or --resume it")
        if twice := next((owner[key] for key in cells if key in owner), None):
            raise StorageError(f"{twice} and {file} have rows of the same cell")
        owner |= dict.fromkeys(cells, file)
        tables.append(list(cells.values()))
    return tables


def _manifest(first: dict[str, Any], manifests: Sequence[dict[str, Any]], rows: Sequence[Row]) -> dict[str, Any]:
    asked = {"device": first.get("settings", {}).get("device", "auto")}  # rows tell where they ran in the end
    cells = [cell_of(row | asked) for row in rows if not foreign(row)]
    told: dict[str, Any] = {name: first[name] for name in ("settings", "grid", "arms") if name in first}
    if cells and len(cells) == len(rows):
        told = told_of(cells)
    return {
        "schema": SCHEMA,
        "experiment": first["experiment"],
        "preset": first["preset"],
        **told,
        "n_cells": len(rows),
        "overrides": first.get("overrides", {}),
        **outcome(rows),
        "started": min(each.get("started", "") for each in manifests),
        "finished": max(each["finished"] for each in manifests),
        "seconds": sum(each.get("seconds") or 0.0 for each in manifests),
        "n_jobs": max(each.get("n_jobs", 1) for each in manifests),
    }
