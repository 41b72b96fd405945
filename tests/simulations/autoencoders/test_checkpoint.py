"""Checkpoints: resumed training is training that was never interrupted, bit by bit, and other files are refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from simulations.algorithms.autoencoders import checkpoint, trainer
from simulations.algorithms.autoencoders.model import reconstruct
from simulations.algorithms.autoencoders.trainer import Problem, State, Trace
from simulations.base.columns import RESULT_COLUMNS
from simulations.base.settings import Settings
from simulations.data import stream as data
from simulations.instruments.training import train
from simulations.runs.cell import run_cell
from simulations.runs.storage import StorageError, check_row

CPU = torch.device("cpu")
CLOCKS = {name for name in RESULT_COLUMNS if "seconds" in name}
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "n_groups": 4, "gain": 0.3},
    "gba-quantile": {"algorithm": "gba", "n_groups": 4, "controller": "quantile"},
    "jumprelu": {"algorithm": "jumprelu", "bandwidth": 0.2, "initial_bias": -0.05},
    "batchtopk": {"algorithm": "batchtopk"},
    "adamw": {"algorithm": "l1", "optimizer": "adamw", "schedule": "linear"},
    "restarts": {"algorithm": "topk", "n_restarts": 2},
}
method = pytest.mark.parametrize("name", METHODS)


class Interrupted(Exception):
    """What a test raises in the middle of a training."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw less at once: the tests are about other things."""
    for name in ("BLOCK", "CALIBRATION_ROWS", "EVALUATION_ROWS"):
        monkeypatch.setattr(data, name, 500)


def config(name: str, **given: Any) -> Settings:
    # Measured at steps 0, 7, 14 and 21, with a buffer of five steps: a checkpoint is in the middle of one.
    usual = {"n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 32, "n_steps": 21,
             "n_evaluations": 3, "buffer_steps": 5, "device": "cpu", "learning_rate": 0.01}  # fmt: skip
    return Settings(**(usual | METHODS[name] | given))


def interrupted(settings: Settings, path: Path, at: int) -> None:
    """Train, writing checkpoints, until the measurement at a step."""

    def after(given: Problem, state: State, trace: Trace) -> None:
        checkpoint.write(path, given, state, trace)
        if state.step == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        train([settings], CPU, getattr(torch, settings.dtype), after=after)


def same_row(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return all(left[name] == right[name] for name in left if name not in CLOCKS)


@method
@pytest.mark.parametrize("at", [0, 7, 14, 21])
def test_resumed_training_is_training_without_interruption(name: str, at: int, tmp_path: Path) -> None:
    settings, path = config(name), tmp_path / "run.safetensors"
    whole = run_cell(settings, checkpoint=tmp_path / "whole.safetensors")
    interrupted(settings, path, at)
    half_way = path.read_bytes()
    row = run_cell(settings, checkpoint=path)
    check_row(row)
    assert row["status"] == "ok"
    assert same_row(row, whole)
    assert same_row(run_cell(settings), whole)  # writing changes nothing either
    expected, found = (checkpoint.read(each) for each in (tmp_path / "whole.safetensors", path))
    for one, other in zip(found.parameters, expected.parameters, strict=True):
        assert torch.equal(one, other)  # equal bits
    assert (path.read_bytes() != half_way) == (at < 21)


@method
def test_resuming_restores_everything(name: str, tmp_path: Path) -> None:
    settings, path = config(name), tmp_path / "run.safetensors"
    kept: list[tuple[State, Trace]] = []

    def after(given: Problem, state: State, trace: Trace) -> None:
        checkpoint.write(path, given, state, trace)
        if state.step == 14:
            kept.append((state, trace))
            raise Interrupted

    with pytest.raises(Interrupted):
        train([settings], CPU, torch.float32, after=after)
    (state, trace), given = kept[0], trainer.problem([settings], CPU, torch.float32)
    again, history = checkpoint.resume(path, given)
    assert (again.step, again.floor, again.buffer.samples) == (14, state.floor, state.buffer.samples)
    assert history.steps == trace.steps == [0, 7, 14]
    assert history.seconds == trace.seconds
    pairs = [(again.on_target, state.on_target), (again.diverged, state.diverged)]
    pairs += zip(again.buffer[1:], state.buffer[1:], strict=True)
    pairs += zip(again.last_frequency, state.last_frequency, strict=True)
    pairs += zip(history.best_cosine, trace.best_cosine, strict=True)
    pairs += zip(again.parameters, state.parameters, strict=True)
    for one, other in zip(again.parameters, state.parameters, strict=True):
        moments = state.optimizer.state.get(other, {})
        assert set(again.optimizer.state.get(one, {})) == set(moments)
        pairs += [(again.optimizer.state[one][key], value) for key, value in moments.items()]
    assert all(torch.equal(one, other) for one, other in pairs)
    assert state.optimizer.state  # there was something to restore
    if "gba" in name:
        assert state.buffer.samples == 4 * 32 and state.buffer.fired.any()


@method
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_checkpoint_encodes_as_the_run_did(name: str, dtype: str, tmp_path: Path) -> None:
    settings, path = config(name, dtype=dtype, center=True), tmp_path / "run.safetensors"

    def after(given: Problem, state: State, trace: Trace) -> None:
        checkpoint.write(path, given, state, trace)

    given, state, *_ = train([settings], CPU, getattr(torch, dtype), after=after)
    x = trainer.inputs(given, 3)
    trained = checkpoint.read(path)
    assert trained.cells == list(given.cells)
    codes, output = trained.encode(x)
    expected_codes, expected_output = reconstruct(state.parameters, given.gate, x)
    assert torch.equal(codes, expected_codes) and codes.any()
    assert torch.equal(output, expected_output)
    for scale, mean, stream in zip(trained.input_scale, trained.input_mean, given.streams, strict=True):
        assert scale == stream.scale
        np.testing.assert_array_equal(mean, stream.mean)


def test_a_diverged_training_keeps_its_row(tmp_path: Path) -> None:
    settings, path = config("batchtopk", learning_rate=1e30), tmp_path / "run.safetensors"
    rows = [run_cell(settings, checkpoint=path) for _ in range(2)]
    assert [row["status"] for row in rows] == ["diverged"] * 2
    assert [check_row(row)["diverged_step"] for row in rows] == [1, 1]


# Refusals


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed=0 there, 1 here"),
        ({"learning_rate": 0.02}, "learning_rate=0.01 there, 0.02 here"),
        ({"n_steps": 22, "n_samples": 672}, "n_steps=21 there, 22 here"),
        ({"gain": 0.2}, "gain=0.3 there, 0.2 here"),
        ({"dtype": "float64"}, "dtype='float32' there, 'float64' here"),
        ({"support_law": "zipf"}, "support_law='uniform' there, 'zipf' here"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=re.escape(f"{path} holds another run: {told}")):
        run_cell(replace(config("gba"), **change), checkpoint=path)
    assert path.read_bytes() == before


def test_the_device_may_be_another(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    assert run_cell(config("gba", device="auto"), checkpoint=path)["status"] == "ok"


@pytest.mark.parametrize(("there", "here"), [((0,), (0, 1)), ((0, 1), (0,))])
def test_another_number_of_replicas_is_refused(there: tuple[int, ...], here: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    given = trainer.problem([config("gba", seed=seed) for seed in there], CPU, torch.float32)
    state, trace = trainer.init(given), Trace()
    trace.best_cosine.append(trainer.best_cosine(state, given))
    checkpoint.write(path, given, state, trace)
    other = trainer.problem([config("gba", seed=seed) for seed in here], CPU, torch.float32)
    with pytest.raises(StorageError, match=f"holds {len(there)} replicas, but should hold {len(here)}"):
        checkpoint.resume(path, other)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100, bytes(200)])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read") as caught:
        run_cell(config("gba"), checkpoint=path)
    assert "\n" not in str(caught.value)
    with pytest.raises(StorageError, match="cannot be read"):
        checkpoint.read(path)
    assert path.read_bytes() == content


def test_a_torn_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="cannot be read"):
        checkpoint.read(path)


@pytest.mark.parametrize("metadata", [None, {"sae-recovery": "{}"}, {"sae-recovery": '{"format": "something else"}'}])
def test_other_safetensors_are_refused(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weights": torch.zeros(2, 2)}, path, metadata)
    with pytest.raises(StorageError, match="is not a checkpoint of sae-recovery"):
        run_cell(config("gba"), checkpoint=path)


def test_a_missing_checkpoint_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(StorageError, match="cannot be read"):
            checkpoint.read(path)


def test_a_checkpoint_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be written"):
        run_cell(config("gba"), checkpoint=tmp_path / "file" / "run.safetensors")
    assert run_cell(config("gba"), checkpoint=tmp_path / "new" / "run.safetensors")["status"] == "ok"


@pytest.mark.parametrize("algorithm", ["modified-ba", "dictionary-learning"])
def test_algorithms_without_a_checkpoint_refuse_one(algorithm: str, tmp_path: Path) -> None:
    settings = Settings(algorithm=algorithm, n_features=20, d_model=10, n_samples=600, n_neurons=10, batch_size=100)
    with pytest.raises(ValueError, match=f"checkpoint='.*run', but {algorithm} has none"):
        run_cell(settings, checkpoint=tmp_path / "run")
    assert not list(tmp_path.iterdir())
