"""Rows survive what happens to files: torn lines, foreign columns, full disks, hands that edit them."""

from __future__ import annotations

import errno
import json
import math
import os
import string
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.runs import rows as row_module
from simulations.runs import storage
from simulations.runs.cell import Cell
from simulations.runs.columns import cell_of, results, row_columns, setting_fields
from simulations.runs.storage import RowLog, StorageError, read_cells, read_rows

NUMBERS = [name for name, column in results().items() if column.kind == "number"]
OPTIONAL = [name for name in NUMBERS if not results()[name].needed]
SERIES = [name for name, column in results().items() if column.kind == "series" and column.needed]
RESULTS: dict[str, Any] = {name: min(0.25, results()[name].high) for name in NUMBERS}
RESULTS |= dict.fromkeys(SERIES, "0 0.1 0.95") | {"status": "ok", "message": "", "version": "0.1.0"}


def row(seed: int = 0, **changes: Any) -> dict[str, Any]:
    changed = {name: value for name, value in changes.items() if name in setting_fields()}
    return Cell(seed=seed, **changed).settings() | RESULTS | changes


def failed(seed: int, **changes: Any) -> dict[str, Any]:
    return Cell(seed=seed).settings() | {"status": "failed", "version": "0.1.0"} | changes


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
    bad = failed(2, message='OSError: a, "b"\nand\r\x85 c', arm="centred")
    full = row(1, **dict.fromkeys(OPTIONAL, ""), center=True, step_size=0.1)
    table = read_rows(written(path, row(0), full, bad).parent)
    assert list(table) == list(row_columns())
    assert table["center"].tolist() == [False, True, False]
    assert table["center"].dtype == bool
    assert table["step_size"].tolist() == [math.inf, 0.1, math.inf]
    assert table["seed"].dtype.kind == "i"
    assert table["frequency_error"].isna().tolist() == [False, True, True]
    assert table["seconds"].isna().tolist() == [False, False, True]
    assert table["message"].tolist() == ["", "", 'OSError: a, "b" and c']
    assert table["recovery_per_step"].tolist() == ["0 0.1 0.95", "0 0.1 0.95", ""]
    assert table["arm"].tolist() == ["", "", "centred"]
    assert [cell_of(each).seed for each in table.to_dict("records")] == [0, 1, 2]


def test_a_setting_that_is_not_the_cells_own_is_blank(path: Path) -> None:
    top = Cell(algorithm="topk", k=2, seed=2).settings() | RESULTS
    table = read_rows(written(path, row(0), top, Cell(instrument="learnability").settings() | {"status": "ok"}))
    assert table["k"].isna().tolist() == [True, False, True]
    assert table["k"].dtype == float
    assert table["bias_policy"].tolist() == ["fixed", "", "fixed"]
    assert table["n_probes"].isna().tolist() == [True, True, False]
    cells = [cell_of(each) for each in table.to_dict("records")]
    assert [each.key() for each in cells] == list(read_cells(path))
    with pytest.raises(StorageError, match=r"line 3: .* is no setting of algorithm=modified-ba"):
        read_rows(edited(path, "topk,", "modified-ba,"))


def test_seeds_are_exact_whatever_their_size(path: Path) -> None:
    seeds = [2**53 + 1, 2**64 + 1]
    table = read_rows(written(path, *(row(seed) for seed in seeds)))
    assert table["seed"].tolist() == seeds
    assert [cell_of(each).seed for each in table.to_dict("records")] == seeds


def test_no_rows_are_typed_too(path: Path) -> None:
    full = read_rows(written(path, row()))
    path.write_bytes(storage.header())
    empty = read_rows(path)
    assert empty.empty
    own = [name for name in full if name in row()]
    assert empty[own].dtypes.equals(full[own].dtypes)
    path.write_bytes(b"")
    assert list(read_rows(path)) == list(row_columns())


def test_a_file_without_a_newer_column_reads_as_missing_and_gains_it(path: Path) -> None:
    table = pd.read_csv(written(path, row(0), row(1)), dtype=str, keep_default_na=False)
    older = [name for name in reversed(row_columns()) if name not in ("arm", "normalize", "frequency_error")]
    table[older].to_csv(path, index=False)
    keys = list(read_cells(path))
    assert keys == [Cell(seed=0).key(), Cell(seed=1).key()]  # a setting that is not told has its default
    assert read_rows(path)["frequency_error"].isna().all()
    assert read_rows(path)["normalize"].isna().all()
    written(path, row(2))
    assert path.read_bytes().startswith(storage.header())
    assert list(read_cells(path)) == [*keys, Cell(seed=2).key()]
    assert read_rows(path)["frequency_error"].isna().tolist() == [True, True, False]


finite = st.floats(0, 1)
rows = st.builds(
    row,
    seed=st.integers(0, 2**53),
    target_frequency=st.floats(0, 0.5, exclude_min=True),
    step_size=st.floats(0, exclude_min=True, allow_infinity=True),
    center=st.booleans(),
    status=st.sampled_from(row_module.STATUSES),
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
    last = {cell_of(each).key(): storage.check_row(each) for each in given_rows}
    found = read_cells(path)
    assert list(found) == list(last)
    for key, typed in last.items():
        for name, value in typed.items():
            if isinstance(value, str):  # what is no UTF-8 (a lone surrogate) comes back escaped
                value = value.encode(errors="backslashreplace").decode()
            assert found[key][name] == value, name
    before = path.read_bytes()
    arms = dict.fromkeys(found, "")
    with RowLog(path) as log:
        log.finish(arms)
    once = path.read_bytes()
    assert len(once) <= len(before)
    with RowLog(path) as log:
        log.finish(arms)
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


@pytest.mark.parametrize("kept", [0, 5, len(storage.header()) - 1])
def test_a_torn_header_is_repaired(path: Path, kept: int) -> None:
    path.write_bytes(storage.header()[:kept])
    assert read_rows(path).empty
    assert written(path).read_bytes() == storage.header()


def test_the_last_row_of_a_cell_counts(path: Path) -> None:
    written(path, row(0, seconds=1.0), row(1), row(0, seconds=2.0))
    assert read_rows(path)["seconds"].tolist() == [2.0, 0.25]


HEADER = storage.header().decode()
FOREIGN = {
    "unknown columns a, b": "a,b\n1,2\n",
    "unknown column loss": HEADER.replace("\n", ",loss\n"),
    "unknown column b": "b",  # no newline, but no torn header either
    "seed occurs twice": HEADER.replace("\n", ",seed\n"),
    "no column status": HEADER.replace(",status,", ","),
    "line 1": "\n",
    "line 1: 'utf-8'": "\udcff\n",
    "line 1: begins with a byte order mark": "\ufeff" + HEADER,
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
    arms = {Cell(seed=seed).key(): f"arm {seed}" for seed in (0, 1, 3)}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with RowLog(path) as log:
        with monkeypatch.context() as patch, pytest.raises(StorageError, match="No space left"):
            patch.setattr(os, "fsync", full)
            log.finish(arms)
        assert path.read_bytes() == before
        assert {each.name for each in path.parent.iterdir()} == {"rows.csv", ".rows.csv.lock"}
        log.finish(arms)
        assert read_rows(path)["seed"].tolist() == [0, 1, 2]  # no row is dropped, also not that of another cell
        log.append(row(4))  # into the new file
    assert read_rows(path)["seed"].tolist() == [0, 1, 2, 4]
    assert read_rows(path)["arm"].tolist() == ["arm 0", "arm 1", "", ""]
    assert {each.name for each in path.parent.iterdir()} == {"rows.csv", ".rows.csv.lock"}


def test_two_sweeps_of_one_folder_are_told_apart(path: Path) -> None:
    pytest.importorskip("fcntl")
    with RowLog(path) as log:
        with pytest.raises(StorageError, match="another sweep"):
            RowLog(path)
        log.append(row())
        log.finish({})
        path.unlink()  # as finish does, which replaces the file
        with pytest.raises(StorageError, match="another sweep"):
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


@pytest.mark.parametrize("name", ["../../esc", "..", "a/b", "", "/tmp", "-x"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    for names in ((name, "quick"), ("steps", name)):
        with pytest.raises(StorageError, match="but should be a name"):
            storage.run_folder(tmp_path, *names)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    for name, make in (("pipe", os.mkfifo), ("folder", os.mkdir)):
        path = tmp_path / name / "rows.csv"
        path.parent.mkdir()
        make(path)
        for use in (read_cells, RowLog):
            with pytest.raises(StorageError, match="no regular file"):
                use(path)
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(StorageError, match="no regular file"):
        storage.read_manifest(tmp_path)


def test_the_manifest_is_strict_json(tmp_path: Path) -> None:
    given_content = {"step_size": math.inf, "grid": {"eta": (0.1, math.inf)}, "n": 3, "git": None, "odd": math.nan}

    def refuse(text: str) -> None:
        raise AssertionError(f"not strict JSON: {text}")

    storage.write_manifest(tmp_path, given_content)
    wanted = {"step_size": "inf", "grid": {"eta": [0.1, "inf"]}, "n": 3, "git": None, "odd": "nan"}
    assert json.loads((tmp_path / "manifest.json").read_text(), parse_constant=refuse) == wanted
    assert storage.read_manifest(tmp_path) == wanted
    deep = "[" * 100_000 + "]" * 100_000
    wrong = ['{"earlier_runs": 5}', '{"grid": []}', '{"n_ok": "3"}', '{"schema": true}', '{"schema": 99}', deep]
    wrong += [f'{{"shard": {each}}}' for each in ("[]", "[1]", "[0, 2]", "[3, 2]", "[1, true]", "[1, 1000000000000]")]
    for text in ("{", "[1]", "\udcff", *wrong):
        (tmp_path / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(StorageError, match="manifest") as refusal:
            storage.read_manifest(tmp_path)
        assert "\n" not in str(refusal.value)


def test_numbers_are_written_exactly(path: Path) -> None:
    ours = read_rows(written(path, row(0, mean_max_cosine=0.1 + 0.2), row(1, seconds=1e-17)))
    theirs = pd.read_csv(path, dtype=str)
    for name in ("mean_max_cosine", "seconds"):
        assert ours[name].tolist() == [float(each) for each in theirs[name]]


class Word(StrEnum):
    RELU = "jumprelu"


@pytest.mark.parametrize("value", [np.str_("jumprelu"), Word.RELU, "jumprelu"])
def test_words_of_other_types_are_plain(path: Path, value: str) -> None:
    given = row(activation=value, n_neurons=np.int64(40), center=np.bool_(True), seconds=np.float32(0.5))
    (found,) = read_cells(written(path, given | {"activation": value})).values()
    assert {type(each) for each in found.values()} <= {str, int, float, bool}
    assert (found["activation"], found["n_neurons"], found["center"], found["seconds"]) == ("jumprelu", 40, True, 0.5)
    assert list(read_cells(path)) == [Cell(activation="jumprelu", n_neurons=40, center=True).key()]


def test_a_law_with_a_newline_is_refused_or_plain(path: Path) -> None:
    with pytest.raises(ValueError, match="support_law"):
        written(path, row() | {"support_law": "zipf\n:1x"})
    assert read_rows(path).empty
    assert list(read_cells(written(path, row(support_law="zipf:1\n")))) == [Cell(support_law="zipf").key()]


def test_a_long_field_can_be_read_again(path: Path) -> None:
    long = failed(1, message="x" * 200_000)
    (found,) = read_cells(written(path, long)).values()
    assert len(found["message"]) == 200_000
    series = row(2, recovery_per_step=" ".join(["0.123456"] * 40_000))
    assert read_rows(written(path, series))["recovery_per_step"].str.len().max() == 9 * 40_000 - 1


# One unit of float32 beside 1 is 1.2e-7: what a sum of a few terms is off by is no fault of the row, more is.
@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("selectivity", -3.5e-10, 0.0),
        ("dead_fraction", 1 + 2.0**-23, 1.0),
        ("max_angle_degrees", 180 * (1 + 2.0**-23), 180.0),
        ("dead_fraction", 1 + 1e-5, None),
        ("selectivity", -1e-5, None),
        ("seconds", 1e-12, 1e-12),
        ("recovery_per_step", "0.1 -1e-9 1.0000001", "0.1 0.0 1.0"),
        ("recovery_per_step", "0.1 -1e-3 1", None),
    ],
)
def test_rounding_does_not_cost_a_row(path: Path, name: str, value: Any, stored: Any) -> None:
    if stored is None:
        with pytest.raises(StorageError, match=f"{name}="):
            written(path, row(**{name: value}))
    else:
        assert read_rows(written(path, row(**{name: value})))[name].tolist() == [stored]


def test_rows_of_an_algorithm_from_elsewhere_need_no_code_of_it(path: Path, tmp_path: Path) -> None:
    """Reading rows runs nothing that they name: a function that is gone, or one that would do harm."""
    marker = tmp_path / "ran"
    code = tmp_path / "mine.py"
    code.write_text(f"open({str(marker)!r}, 'w')\ndef train(batches, *, d_model): pass\n")
    own = {"algorithm": f"{code}:train", "options": "depth=3", "n_neurons": 40}
    given = [Cell(seed=seed).settings() | RESULTS | own | {"seed": seed} for seed in (0, 1)]
    table = read_rows(written(path, *given, *given))
    assert table["seed"].tolist() == [0, 1]
    assert table["options"].tolist() == ["depth=3"] * 2
    assert not marker.exists()
