"""The manifest of a run: what made its rows, in strict JSON; read back with every type checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulations.base.files import StorageError, replace, strict
from simulations.runs.cell import Cell
from simulations.runs.columns import SCHEMA, setting_columns

MANIFEST_FILE = "manifest.json"
MOST_SHARDS = 1_000_000
TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("experiment", "preset", "started", "device", "of_grid"), str),
    **dict.fromkeys(("schema", "n_cells", "n_ok", "n_failed", "n_jobs", "seed", "process"), int),
    **dict.fromkeys(("settings", "grid", "overrides", "versions"), dict),
    **dict.fromkeys(("arms", "earlier_runs", "command", "shard"), list),
    "finished": (str, type(None)),
    "seconds": (int, float, type(None)),
    "git": (dict, type(None)),
}
WORDS = {str: "a text", int: "an integer", dict: "an object", list: "a list", float: "a number"}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write FOLDER/manifest.json atomically, in strict JSON; raises StorageError."""
    text = json.dumps(strict(manifest), indent=2, allow_nan=False) + "\n"
    replace(folder / MANIFEST_FILE, text.encode())


def read_manifest(folder: Path | str) -> dict[str, Any]:
    """Return the content of FOLDER/manifest.json.

    Raises StorageError when it is not there, no JSON object, of a newer version, or holds an entry of a wrong type.
    """
    path = Path(folder) / MANIFEST_FILE
    try:
        if path.exists() and not path.is_file():
            raise StorageError(f"{path} is no regular file")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise StorageError(f"{path} is not a manifest")
    for name, kinds in TYPES.items():
        value = found.get(name)
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if name in found and not (isinstance(value, kinds) and not isinstance(value, bool)):
            words = " or ".join(WORDS[each] for each in kinds if each in WORDS)
            raise StorageError(f"{path}: {name}={str(value)[:80]!r}, but should be {words}")
    if "shard" in found and not _is_shard(found["shard"]):
        raise StorageError(f"{path}: shard={str(found['shard'])[:80]}, but should be [i, k] with 1 <= i <= k")
    if found.get("schema", 1) > SCHEMA:
        raise StorageError(f"{path} was written by a newer version: schema={found['schema']}, known up to {SCHEMA}")
    return found


def _is_shard(told: Sequence[object]) -> bool:
    """Return whether it is shard i of k, which no more than a million machines share."""
    match told:
        case [int(i), int(k)]:
            return not isinstance(i, bool) and not isinstance(k, bool) and 1 <= i <= k <= MOST_SHARDS
    return False


def told_of(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return what a manifest says of a grid: settings that all cells share, axes in which they differ, and arms.

    A setting counts for the cells that have it.
    """
    values: dict[str, dict[str, Any]] = {name: {} for name in setting_columns()}
    for each in cells:
        for name, value in each.settings().items():
            values.setdefault(name, {}).setdefault(repr(value), value)
    listed = {name: list(each.values()) for name, each in values.items()}
    return {
        "seed": cells[0].seed,
        "settings": {name: each[0] for name, each in listed.items() if len(each) == 1},
        "grid": {name: each for name, each in listed.items() if len(each) > 1},
        "arms": list(dict.fromkeys(each.arm for each in cells if each.arm)),
        "n_cells": len(cells),
    }


def outcome(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a manifest says of rows: how many went well, and where they ran."""
    rows = list(rows)
    n_ok = sum(row["status"] == "ok" for row in rows)
    devices = sorted({row["device"] for row in rows if row["status"] != "failed" and "device" in row})
    return {"n_ok": n_ok, "n_failed": len(rows) - n_ok} | ({"device": ", ".join(devices)} if devices else {})
