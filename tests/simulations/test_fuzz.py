"""Whatever is given - settings, command lines, rows, manifests, checkpoints - is used, or refused in one line.

Exit codes are 0, 1, 2 and 130, nothing ends in a traceback, and no file that was there is changed by a refusal.  The
long form (SOAK=20, `make soak`) draws twenty times as many examples, others each time, and predicts in earnest.
"""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from trained_helper import SINGLE, draw_less, fit, job_of

from simulations.algorithms.autoencoders import checkpoint
from simulations.algorithms.base import discover
from simulations.base.files import StorageError
from simulations.cli import commands, main
from simulations.data.model import Model
from simulations.experiments import EXPERIMENTS, PRESETS
from simulations.instruments import base as instruments
from simulations.runs import cell as cell_module
from simulations.runs import sweep as sweep_module
from simulations.runs.cell import Cell
from simulations.runs.columns import flat, results
from simulations.runs.memory import check_memory
from simulations.runs.rows import checked, identity_of, text_of
from simulations.runs.storage import read_cells
from theory import plan as plan_module
from theory import recovery_prediction

SOAK = int(os.environ.get("SOAK", 0))
NUMBERS = [0, 1, -1, 2, 3, 7, 2**31, 2**53 + 1, 2**63, 2**64, 10**20, 10**400, -(10**30), 0.0, -0.0, 0.5, 1e-320, 1e154,
           1e308, math.inf, -math.inf, math.nan]  # fmt: skip
WORDS = ["", " ", "nan", "inf", "1e400", "0x10", "²", "٣", "1_000", "True", "true", "a\nb", "\0", "\udcff", "x" * 300,
         "uniform", "zipf", "zipf:", "zipf:nan", "zipf:1e308", "zipf:-1", "relu", "1,2", "--", "-1", "=", "a=b",
         "nothing:here", "nothing.py:train", "../..", "/dev/null", "/dev/full", "résumé"]  # fmt: skip
THINGS = [None, True, False, b"bytes", [], {}, (1,), object(), np.float32(0.5), np.int64(3), np.str_("relu"),
          np.array([1, 2]), 1j, Model]  # fmt: skip
anything = st.sampled_from([*NUMBERS, *WORDS, *THINGS]) | st.text(max_size=8) | st.integers() | st.floats()


def fuzz(examples: int) -> Any:
    """Return Hypothesis settings: always the same examples in the suite, new ones and more of them in a soak."""
    unchecked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples * max(1, SOAK),
        deadline=None,
        derandomize=not SOAK,
        database=None,
        suppress_health_check=unchecked,
    )


# Settings

OF_MODEL = [each.name for each in fields(Model)]
OF_ALGORITHM = {name: [each.name for each in fields(kind)] for name, kind in discover().items()}
OF_INSTRUMENT = {name: [each.name for each in fields(kind)] for name, kind in instruments.discover().items()}


@st.composite
def given_settings(draw: st.DrawFn) -> dict[str, Any]:
    algorithm, instrument = draw(st.sampled_from(sorted(OF_ALGORITHM))), draw(st.sampled_from(sorted(OF_INSTRUMENT)))
    names = [*OF_ALGORITHM[algorithm], *OF_MODEL, *OF_INSTRUMENT[instrument], "device", "dtype", "arm"]
    own = draw(st.dictionaries(st.sampled_from(names), anything, min_size=1, max_size=3))
    return {"algorithm": algorithm, "instrument": instrument} | own


@fuzz(150)
@given(given_settings())
def test_settings_are_allowed_or_refused(told: dict[str, Any]) -> None:
    try:
        cell = Cell(**told)
    except ValueError as refusal:
        assert "\n" not in str(refusal)
        return
    assert cell.replace(seed=1).seed == 1
    texts = {name: text_of(value) for name, value in flat(cell.settings() | {"status": "failed"}).items()}
    row, key = checked(texts)
    assert key == identity_of(cell) == identity_of(Cell(**cell.given()))
    assert checked({name: text_of(value) for name, value in row.items()}) == (row, key)
    try:
        check_memory(cell)
    except MemoryError as refusal:
        assert "GiB" in str(refusal)


# Command lines

COMMANDS = ["cell", "learnability", "width", "conditions", "predict", "plan", "score", "export", "sweep", "merge",
            "figure", "scorecard", "list"]  # fmt: skip
SKIPPED = {"--n-jobs", "--scheduler", "--backend", "--help", "-h", "--version"}  # processes, and other machines
NEEDED = [name for name, column in results().items() if column.needed and column.kind == "number"]


def measured(cells: Sequence[Cell], **_: object) -> list[dict[str, Any]]:
    """Return rows of nothing that was measured."""
    history = {"recovery_per_step": "0 1", "recovery_per_step_080": "0 1", "version": "0"}
    numbers = dict.fromkeys(NEEDED, 0.5)
    return [each.settings() | history | numbers | {"arm": each.arm, "status": "ok"} for each in cells]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Measure and predict nothing, in grids of two cells, in a folder with files that nobody may change."""
    monkeypatch.setattr(cell_module, "run_cell", lambda cell, **_: measured([cell])[0])
    monkeypatch.setattr(sweep_module, "sweep", partial(sweep_module.sweep, run_batch=measured, progress=False))
    for name, real in EXPERIMENTS.items():
        small = replace(real, grids=dict.fromkeys(PRESETS, lambda real=real: list(real.grids["quick"]())[:2]))
        monkeypatch.setitem(EXPERIMENTS, name, small)  # type: ignore[arg-type]
    if not SOAK:  # seconds each
        monkeypatch.setattr(recovery_prediction, "predict", lambda **_: recovery_prediction.Prediction(*[0.5] * 5))
        monkeypatch.setattr(plan_module, "plan", lambda **_: (_ for _ in ()).throw(ValueError("no plan")))
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine" / "resonance" / "quick"
    assert main(["sweep", "resonance", "--device", "cpu", "--out", "mine"]) == 0
    whole = (mine / "rows.csv").read_bytes()
    (mine / "rows.csv").write_bytes(whole[: whole.rstrip(b"\n").rfind(b"\n") + 1])  # something is left to do
    (mine / "a.safetensors").write_bytes(b"mine")
    np.save(mine / "W.npy", np.eye(8))
    return tmp_path


FILES = ["mine", "mine/resonance/quick", "mine/resonance/quick/rows.csv", "mine/resonance/quick/a.safetensors",
         "mine/resonance/quick/W.npy", "new", "mine/resonance/quick/W.npy/below"]  # fmt: skip


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(COMMANDS))
    sub = commands.parser(name)._subparsers._group_actions[0].choices[name]  # type: ignore[union-attr,index,call-overload]
    flags = sorted(set(sub._option_string_actions) - SKIPPED)
    named = st.sampled_from([*EXPERIMENTS, "all", *FILES, *PRESETS])
    values = named | st.sampled_from(WORDS) | st.sampled_from(NUMBERS).map(str) | st.text(max_size=5)
    words = [name, *draw(st.lists(named, max_size=2))]
    for flag in draw(st.lists(st.sampled_from(flags), max_size=4)):
        words += draw(st.sampled_from([[flag], [f"{flag}={draw(values)}"], [flag, draw(values)]]))
    return words


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file() and each.suffix != ".lock"}


def code_of(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as leave:
        return int(leave.code or 0)  # type: ignore[arg-type]


@fuzz(100)
@given(words=command_lines())
def test_command_lines_are_run_or_refused(words: list[str], quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(quick / "mine")
    code = code_of(words)
    said = capsys.readouterr().err
    assert code in (0, 1, 2, 130), words
    assert "Traceback" not in said
    if code == 2:
        assert len(said.strip().split("\n")) == 1, (words, said)
    after = contents(quick / "mine")
    assert {name: after.get(name) for name in before} == before, words


# Rows and manifests

JSON = st.sampled_from([None, True, 0, -1, 5, 1.5, 10**400, "", "x", "ok", [], [1], {}, {"a": 1}, [[]], "\ud800"])


def damaged(data: bytes, draw: st.DrawFn) -> bytes:
    """Return the bytes with something lost, changed or more."""
    at = draw(st.integers(0, max(0, len(data) - 1)))
    how = draw(st.sampled_from(["lose", "cut", "change", "insert", "line", "field"]))
    lines = data.split(b"\n")
    if how == "lose":
        return data[:at] + data[at + draw(st.integers(1, 40)) :]
    if how == "cut":
        return data[:at]
    if how == "line":
        return data + draw(st.sampled_from(lines)) + draw(st.sampled_from([b"", b"\n", b"\r\n"]))
    if how == "field" and len(lines) > 1:
        values = lines[1].split(b",")
        place = draw(st.integers(0, len(values) - 1))
        values[place] = draw(st.sampled_from([*WORDS, *map(str, NUMBERS)])).encode(errors="surrogatepass")
        return b"\n".join([lines[0], b",".join(values), *lines[2:]])
    piece = draw(st.binary(min_size=1, max_size=4) | st.sampled_from([b"\0", b"\n", b'"', b",", b"nan", b"\xff", b"["]))
    return data[:at] + piece + data[at + (len(piece) if how == "change" else 0) :]


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, Any]:
    if draw(st.booleans()):
        name = draw(st.sampled_from(["rows.csv", "manifest.json"]))
        return name, lambda data: damaged(data, draw)

    def with_another_value(data: bytes) -> bytes:
        told = json.loads(data)
        key = draw(st.sampled_from(["earlier_runs", "shard", *sorted(told)]))
        if key in told and draw(st.booleans()):
            del told[key]
        else:
            told[key] = draw(JSON)
        return json.dumps(told).encode()

    return "manifest.json", with_another_value


@contextmanager
def restored(folder: Path) -> Iterator[None]:
    before = {each: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    try:
        yield
    finally:
        for each in folder.iterdir():
            each.unlink()
        for each, data in before.items():
            each.write_bytes(data)


@fuzz(50)
@given(damage=damages(), which=st.sampled_from(["sweep", "sweep", "sweep", "merge", "figure", "scorecard"]))
def test_damaged_runs_are_used_or_refused(
    damage: tuple[str, Any], which: str, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quick / "mine" / "resonance" / "quick"
    words = {
        "sweep": ["sweep", "resonance", "--device", "cpu", "--out", "mine", "--resume"],
        "figure": ["figure", "resonance", "--rows", "mine", "--out", "pictures"],
        "merge": ["merge", "mine", "--out", "merged"],
        "scorecard": ["scorecard", "--rows", "mine", "--out", "judged"],
    }[which]
    name, change = damage
    with restored(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        before = contents(folder)
        try:
            known = read_cells(folder / "rows.csv", warn=False)
        except ValueError:
            known = None
        code = code_of(words)
        said = capsys.readouterr().err
        assert code in (0, 1, 2), said
        if code or which != "sweep":
            assert contents(folder) == before
        elif known is not None:
            now = read_cells(folder / "rows.csv")
            assert all(now[key] | {"arm": ""} == row | {"arm": ""} for key, row in known.items())
        if code == 2:
            assert len([line for line in said.strip().split("\n") if "torn" not in line]) == 1, said


# Checkpoints

TRAINED: dict[str, Any] = {
    "algorithm": "gba", "n_groups": 2, "gain": 0.3, "buffer_steps": 2, "schedule": "constant", "n_features": 12,
    "d_model": 6, "sparsity": 2, "n_neurons": 8, "batch_size": 16, "n_steps": 4, "n_evaluations": 2,
}  # fmt: skip


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    draw_less(monkeypatch, 100, 100, 100)
    path = tmp_path / "run.safetensors"
    fit(job_of(**TRAINED), runtime=SINGLE._replace(checkpoint=path))
    return path


def put(told: Any, draw: st.DrawFn) -> Any:
    """Return the JSON with one value, at any depth, lost or another one."""
    if isinstance(told, dict | list) and told and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(told) if isinstance(told, dict) else list(range(len(told)))))
        changed = copy.copy(told)
        if draw(st.integers(0, 3)):
            changed[key] = put(changed[key], draw)
        else:
            del changed[key]
        return changed
    return draw(JSON | st.sampled_from([1e300, -1.0, 10**12, 8]))


def spoiled(each: torch.Tensor, how: str) -> torch.Tensor:
    if how == "type":
        return each.to(torch.int64) if each.is_floating_point() else each.to(torch.float32)
    if how == "half":
        return each.to(torch.float16)
    if how == "shape":
        return each[..., :-1].contiguous() if each.ndim else each[None]
    return each * float(how) if each.is_floating_point() else each


@fuzz(100)
@given(data=st.data(), how=st.sampled_from(["bytes", "told", "told", "lost", "type", "half", "shape", "nan", "inf"]))
def test_damaged_checkpoints_are_used_or_refused(data: st.DataObject, how: str, trained: Path) -> None:
    path = trained.with_name("damaged.safetensors")
    if how == "bytes":
        path.write_bytes(damaged(trained.read_bytes(), data.draw))
    else:
        with safe_open(trained, framework="pt") as file:
            told = json.loads(file.metadata()["sae-recovery"])
        tensors = load_file(trained)
        if how == "told":
            told = put(told, data.draw)
        else:
            name = data.draw(st.sampled_from(sorted(tensors)))
            lost = tensors.pop(name)
            tensors |= {} if how == "lost" else {name: spoiled(lost, how)}
        save_file(tensors, path, {"sae-recovery": json.dumps(told)})
    before = path.read_bytes()
    try:
        read = checkpoint.read(path)
        codes, _ = read.encode(torch.ones(len(read.cells), 3, 6).to(read.parameters["weights"].dtype))
        assert torch.isfinite(codes).all() or (read.parameters["weights"].abs() > 1e30).any()
    except StorageError as refusal:
        assert str(path) in str(refusal) and "\n" not in str(refusal)
    try:
        fit(job_of(**TRAINED | {"n_steps": 6}), runtime=SINGLE._replace(checkpoint=path))
    except StorageError as refusal:
        assert str(path) in str(refusal) and "\n" not in str(refusal)
        assert path.read_bytes() == before


def all_whole(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each.long() if name.startswith("parameter.") else each for name, each in tensors.items()}


def one_lost(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each for name, each in tensors.items() if name != "best_cosine.1"}


@pytest.mark.parametrize(("change", "said"), [(all_whole, "parameters are int64"), (one_lost, "best_cosine")])
def test_what_is_wrong_throughout_is_told(change: Any, said: str, trained: Path) -> None:
    with safe_open(trained, framework="pt") as file:
        told = file.metadata()
    save_file(change(load_file(trained)), trained, told)
    with pytest.raises(StorageError, match=said):
        fit(job_of(**TRAINED), runtime=SINGLE._replace(checkpoint=trained))


def test_a_checkpoint_of_endless_nesting_is_refused(trained: Path) -> None:
    save_file(load_file(trained), trained, {"sae-recovery": "[" * 100_000})
    with pytest.raises(StorageError, match="cannot be read"):
        checkpoint.read(trained)
