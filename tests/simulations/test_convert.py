"""Rows of schema 1 become rows of today's cells, with every result as it was, once."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simulations.base.files import StorageError
from simulations.experiments import experiment
from simulations.runs.cell import Cell
from simulations.runs.columns import SCHEMA, results, setting_fields
from simulations.runs.convert import convert, main
from simulations.runs.grid import cells_of
from simulations.runs.storage import read_manifest, read_rows
from simulations.runs.sweep import check_resumable

NAME, PRESET = "consistency", "quick"
# What the one flat list of settings had for cells that do not have it.
ELSEWHERE = {"bias_policy": "fixed", "n_probes": "200", "target_recovery": "0.95", "k": "3", "n_groups": "10"}
NEW = {"arm", "options", "auxiliary", "k_aux", "dead_samples"}
RESULTS = {"status": "ok", "version": "0.1.0", "recovery_per_step": "0 0.1", "recovery_per_step_080": "0 0.5"}


def old_row(cell: Cell, number: float) -> dict[str, str]:
    settings = {name: str(each.metadata["default"]) for name, each in setting_fields().items() if name not in NEW}
    numbers = {name: repr(number) for name, column in results().items() if column.needed and column.kind == "number"}
    own = {name: str(value) for name, value in cell.settings().items()} | {"pre_bias": "zero"}
    return {"algorithm": ""} | settings | ELSEWHERE | own | {"device": "cpu", "seconds": ""} | numbers | RESULTS


def old_run(folder: Path, rows: Sequence[dict[str, str]], **manifest: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rows.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    told = {"experiment": NAME, "preset": PRESET, "seed": 0, "settings": {"penalty_kind": "l0"}, "grid": {}}
    (folder / "manifest.json").write_text(json.dumps(told | {"command": ["as", "it", "was"]} | manifest))
    return folder


@pytest.fixture
def cells() -> list[Cell]:
    return cells_of(experiment(NAME).points(PRESET))


@pytest.fixture
def folder(tmp_path: Path, cells: list[Cell]) -> Path:
    return old_run(tmp_path / NAME / PRESET, [old_row(each, 0.1 + 0.1 * k) for k, each in enumerate(cells)])


def test_rows_become_those_of_their_cells(folder: Path, cells: list[Cell]) -> None:
    assert convert(folder)
    table, manifest = read_rows(folder), read_manifest(folder)
    assert table["arm"].tolist() == [each.arm for each in cells]
    assert table["feature_recovery_rate"].tolist() == [0.1 + 0.1 * k for k in range(len(cells))]
    assert table["pre_bias"].tolist() == [each.settings().get("pre_bias", "") for each in cells]
    assert table["k"].isna().tolist() == ["k" not in each.names for each in cells]
    assert set(table["device"]) == {"cpu"}
    assert (manifest["schema"], manifest["arms"]) == (SCHEMA, [each.arm for each in cells])
    assert manifest["command"] == ["as", "it", "was"]
    check_resumable(NAME, PRESET, cells, folder.parent.parent, resume=True)


def test_once_is_enough(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "torn")
    convert(folder)
    after = [(folder / name).read_bytes() for name in ("rows.csv", "manifest.json")]
    assert not convert(folder)
    assert [(folder / name).read_bytes() for name in ("rows.csv", "manifest.json")] == after
    # Broken off between the two files, it goes on.
    torn = folder.parent / "torn"
    (torn / "rows.csv").write_bytes(after[0])
    assert convert(torn)
    assert [(torn / name).read_bytes() for name in ("rows.csv", "manifest.json")] == after


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": "12345"}, "1 of 6 rows are of no cell .*: line 2 "),
        ({"pre_bias": "mean"}, "line 2 "),
        ({"learning_rate": "0.5"}, "line 2 "),
        ({"gone": "1"}, "columns that are no more: gone"),
    ],
)
def test_a_row_of_no_cell_leaves_everything_as_it_was(
    folder: Path, cells: list[Cell], change: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [old_row(each, 0.5) | dict.fromkeys(change, "") for each in cells]
    for old, each in zip(rows, cells, strict=True):
        old |= {name: old_row(each, 0.5).get(name, "") for name in change}
    rows[0] |= change
    old_run(folder, rows)
    before = [(folder / name).read_bytes() for name in ("rows.csv", "manifest.json")]
    with pytest.raises(StorageError, match=said):
        convert(folder)
    assert main([str(folder.parent.parent)]) == 1
    assert "left as it was" in capsys.readouterr().err
    assert [(folder / name).read_bytes() for name in ("rows.csv", "manifest.json")] == before


def test_a_setting_that_a_cell_does_not_have_says_nothing(folder: Path, cells: list[Cell]) -> None:
    rows = [old_row(each, 0.5) | {"n_probes": "77"} for each in cells]
    assert convert(old_run(folder, rows))
