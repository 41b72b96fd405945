"""Rows survive what happens to files: torn lines, foreign columns, full disks, hands that edit them."""

from __future__ import annotations

import errno
import json
import math
import os
import string
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.base import columns
from simulations.base.columns import RESULT_COLUMNS, ROW_COLUMNS
from simulations.base.settings import Settings
from simulations.runs import storage
from simulations.runs.storage import RowLog, StorageError, read_cells, read_rows

NUMBERS = [name for name, column in columns.RESULTS.items() if column.kind == "number"]
OPTIONAL = [name for name in NUMBERS if not columns.RESULTS[name].needed]
RESULTS: dict[str, Any] = dict.fromkeys(RESULT_COLUMNS, "") | dict.fromkeys(NUMBERS, 0.25) | {
    "status": "ok", "message": "", "recovery_per_step": "0 0.1 0.95", "recovery_per_step_080": "0 1",
    "version": "0.1.0",
}  # fmt: skip
NOTHING: dict[str, Any] = dict.fromkeys(RESULT_COLUMNS, "")


def row(seed: int = 0, **changes: Any) -> dict[str, Any]:
    return Settings(seed=seed).to_row() | RESULTS | changes


def written(path: Path, *rows: dict[str, Any]) -> Path:
    with RowLog(path) as log:
        for each in rows:
            log.append(each)
    return path


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_rows_come_back_typed(path: Path) -> None:
    empty = dict.fromkeys(OPTIONAL, "")
    failed = row(2) | NOTHING | {"status": "failed", "message": 'OSError: a, "b"\nand\r\x85 c', "version": "0.1.0"}
    table = read_rows(written(path, row(0), row(1, **empty, center=True, step_size=0.1), failed).parent)
    assert list(table) == list(ROW_COLUMNS)
    assert table["center"].tolist() == [False, True, False]
    assert table["center"].dtype == bool
    assert table["step_size"].tolist() == [math.inf, 0.1, math.inf]
    assert table["seed"].dtype.kind == "i"
    assert table["frequency_error"].isna().tolist() == [False, True, True]
    assert table["seconds"].isna().tolist() == [False, False, True]
    assert table["message"].tolist() == ["", "", 'OSError: a, "b" and c']
    assert table["recovery_per_step"].tolist() == ["0 0.1 0.95", "0 0.1 0.95", ""]
    assert [Settings.from_row(each).seed for each in table.to_dict("records")] == [0, 1, 2]


def test_no_rows_are_typed_too(path: Path) -> None:
    full = read_rows(written(path, row()))
    path.write_bytes(storage.HEADER)
    empty = read_rows(path)
    assert empty.empty
    numeric = full.select_dtypes(["number", "bool"]).columns
    assert empty[numeric].dtypes.equals(full[numeric].dtypes)
    path.write_bytes(b"")
    assert list(read_rows(path)) == list(ROW_COLUMNS)


finite = st.floats(0, 1)
rows = st.builds(
    row,
    seed=st.integers(0, 2**53),
    target_frequency=st.floats(0, 0.5, exclude_min=True),
    step_size=st.floats(0, exclude_min=True, allow_infinity=True),
    center=st.booleans(),
    status=st.sampled_from(storage.STATUSES),
    message=st.text(st.characters() | st.sampled_from(string.whitespace + ',"\0')),
    feature_recovery_rate=finite,
    seconds=st.floats(0, allow_infinity=False),
    neurons_per_feature=st.floats(0, allow_infinity=False) | st.just("") | st.just(math.nan),
    frequency_error=st.none() | finite,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(rows, max_size=4))
def test_any_rows_round_trip(tmp_path_factory: pytest.TempPathFactory, given_rows: list[dict[str, Any]]) -> None:
    path = written(tmp_path_factory.mktemp("rows") / "rows.csv", *given_rows)
    last = {Settings.from_row(each).key(): storage.check_row(each) for each in given_rows}
    found = read_cells(path)
    assert list(found) == list(last)
    for key, typed in last.items():
        for name, value in typed.items():
            if isinstance(value, str):  # what is no UTF-8 (a lone surrogate) comes back escaped
                value = value.encode(errors="backslashreplace").decode()
            both_undefined = value != value and found[key][name] != found[key][name]
            assert both_undefined or found[key][name] == value, name
    before = path.read_bytes()
    with RowLog(path) as log:
        log.finish(found)
    once = path.read_bytes()
    assert len(once) <= len(before)
    with RowLog(path) as log:
        log.finish(found)
    assert path.read_bytes() == once


def test_a_torn_last_line_is_skipped_then_removed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = written(path, row(0), row(1)).read_bytes()
    path.write_bytes(torn := whole + whole.splitlines()[-1][:30])
    assert len(read_rows(path)) == 2
    assert path.read_bytes() == torn
    assert "torn" in caplog.text
    written(path, row(2))
    assert len(read_rows(path)) == 3
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("kept", [0, 5, len(storage.HEADER) - 1])
def test_a_torn_header_is_repaired(path: Path, kept: int) -> None:
    path.write_bytes(storage.HEADER[:kept])
    assert read_rows(path).empty
    assert written(path).read_bytes() == storage.HEADER


def test_the_last_row_of_a_cell_counts(path: Path) -> None:
    written(path, row(0, seconds=1.0), row(1), row(0, seconds=2.0))
    assert read_rows(path)["seconds"].tolist() == [2.0, 0.25]


def _without(column: str, text: str) -> str:
    return text.replace(f",{column}", "", 1)


HEADER = storage.HEADER.decode()
FOREIGN = {
    "foreign columns a, b": "a,b\n1,2\n",
    "missing columns seed": _without("seed", HEADER),
    "foreign columns loss": HEADER.replace("\n", ",loss\n"),
    "foreign columns b": "b",  # no newline, but no torn header either
    "another order": HEADER.replace("sparsity,n_samples", "n_samples,sparsity"),
    "occurs twice": HEADER.replace("\n", ",seed\n"),
    "line 1": "\n",
    "line 1: 'utf-8'": "\udcff\n",
}


@pytest.mark.parametrize(("said", "text"), FOREIGN.items(), ids=FOREIGN)
def test_foreign_columns_are_refused_untouched(path: Path, said: str, text: str) -> None:
    path.write_bytes(before := text.encode(errors="surrogateescape"))
    for use in (read_rows, RowLog):
        with pytest.raises(StorageError, match=said) as refusal:
            use(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "feature_recovery_rate=nan": ({"feature_recovery_rate": 0.125}, "nan"),
    "feature_recovery_rate=''": ({"feature_recovery_rate": 0.125}, ""),
    "dead_fraction=inf": ({"dead_fraction": 0.125}, "inf"),
    "dead_fraction=1.5": ({"dead_fraction": 0.125}, "1.5"),
    "chance_recovery_rate=-0.1": ({"chance_recovery_rate": 0.125}, "-0.1"),
    "max_angle_degrees=200": ({"max_angle_degrees": 0.125}, "200"),
    "seconds='long'": ({"seconds": 0.125}, "long"),
    "n_neurons='4096.5'": ({"n_neurons": 125}, "4096.5"),
    "sparsity=9999": ({"sparsity": 125}, "9999"),
    "status='perhaps'": ({"status": "diverged"}, "perhaps"),
    "recovery_per_step=nan": ({"recovery_per_step": "0.125"}, "0 nan"),
    "recovery_per_step=''": ({"recovery_per_step": "0.125"}, ""),
}


@pytest.mark.parametrize("said", BAD_VALUES)
def test_bad_values_are_refused_with_line_and_column(path: Path, said: str) -> None:
    change, new = BAD_VALUES[said]
    ((name, good),) = change.items()
    written(path, row(0), row(1, **change))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2].replace(f",{good},", f",{new},", 1)]))
    with pytest.raises(StorageError, match=f"line 3: {name}=") as refusal:
        read_rows(path)
    assert said in str(refusal.value)
    before = path.read_bytes()
    with pytest.raises(StorageError):
        RowLog(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", ["", "1,2", '"open', "x" * 10])
def test_a_malformed_line_is_refused_with_its_number(path: Path, line: str) -> None:
    header, first, second = written(path, row(0), row(1)).read_text().splitlines()
    path.write_text("\n".join([header, first, line, second, ""]))
    with pytest.raises(StorageError, match="line 3"):
        read_rows(path)


@pytest.mark.parametrize("change", [{"feature_recovery_rate": math.nan}, {"dead_fraction": 2.0}, {"loss": 1.0}])
def test_a_row_that_could_not_be_read_is_not_written(path: Path, change: dict[str, Any]) -> None:
    before = written(path, row(0)).read_bytes()
    with RowLog(path) as log, pytest.raises(ValueError, match=next(iter(change))):
        log.append(row(1) | change)
    assert path.read_bytes() == before


@pytest.mark.parametrize("rolls_back", [True, False])
def test_a_full_disk_leaves_a_readable_file(path: Path, monkeypatch: pytest.MonkeyPatch, rolls_back: bool) -> None:
    before = written(path, row(0)).read_bytes()
    write = os.write

    def full(file: int, data: bytes) -> int:
        write(file, data[:40])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with RowLog(path) as log, monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        if not rolls_back:
            patch.setattr(os, "ftruncate", broken)
        with pytest.raises(StorageError, match="No space left"):
            log.append(row(1))
    assert (path.read_bytes() == before) is rolls_back
    assert read_rows(path)["seed"].tolist() == [0]
    assert read_rows(written(path, row(2)))["seed"].tolist() == [0, 2]


def test_a_short_write_is_rolled_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(path, row(0)).read_bytes()
    write = os.write
    with RowLog(path) as log, monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[:40]))
        with pytest.raises(StorageError, match="full"):
            log.append(row(1))
    assert path.read_bytes() == before


def test_finish_orders_and_an_interrupted_finish_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(path, row(2), row(0), row(1)).read_bytes()
    keys = [Settings(seed=seed).key() for seed in (0, 1, 2, 3)]

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RowLog(path) as log:
        with monkeypatch.context() as patch, pytest.raises(StorageError, match="No space left"):
            patch.setattr(os, "fsync", full)
            log.finish(keys)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]
        log.finish(keys)
    assert read_rows(path)["seed"].tolist() == [0, 1, 2]
    assert list(path.parent.iterdir()) == [path]


def test_two_sweeps_of_one_folder_are_told_apart(path: Path) -> None:
    pytest.importorskip("fcntl")
    with RowLog(path), pytest.raises(StorageError, match="another sweep"):
        RowLog(path)
    written(path, row())


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "resonance" / "quick"):
        with pytest.raises(StorageError, match="cannot be written"):
            storage.check_writable(folder)
        with pytest.raises(StorageError, match="cannot be written"):
            RowLog(folder / "rows.csv")
    assert (tmp_path / "file").read_text() == "mine"
    storage.check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no rows at"):
        read_rows(tmp_path)
    with pytest.raises(StorageError, match="manifest"):
        storage.read_manifest(tmp_path)
    assert storage.run_folder(tmp_path, "steps", "quick") == tmp_path / "steps" / "quick"


def test_the_manifest_is_strict_json(tmp_path: Path) -> None:
    given_content = {"step_size": math.inf, "grid": {"eta": (0.1, math.inf)}, "n": 3, "git": None, "odd": math.nan}

    def refuse(text: str) -> None:
        raise AssertionError(f"not strict JSON: {text}")

    storage.write_manifest(tmp_path, given_content)
    wanted = {"step_size": "inf", "grid": {"eta": [0.1, "inf"]}, "n": 3, "git": None, "odd": "nan"}
    assert json.loads((tmp_path / "manifest.json").read_text(), parse_constant=refuse) == wanted
    assert storage.read_manifest(tmp_path) == wanted
    for text in ("{", "[1]", "\udcff"):
        (tmp_path / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(StorageError, match="manifest"):
            storage.read_manifest(tmp_path)


def test_numbers_are_written_exactly(path: Path) -> None:
    ours = read_rows(written(path, row(0, mean_max_cosine=0.1 + 0.2), row(1, seconds=1e-17)))
    theirs = pd.read_csv(path, dtype=str)
    for name in ("mean_max_cosine", "seconds"):
        assert ours[name].tolist() == [float(each) for each in theirs[name]]
