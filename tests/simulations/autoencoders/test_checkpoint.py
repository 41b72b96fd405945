"""Checkpoints: resumed training is training that was never interrupted, bit by bit, and other files are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from trained_helper import CPU, DOUBLE, SINGLE, changed, draw_less, fit, job_of

from simulations.algorithms.autoencoders import checkpoint, trainer
from simulations.algorithms.autoencoders.trainer import Problem, State
from simulations.algorithms.base import Job, Runtime, Trace, algorithm_class
from simulations.base.files import StorageError

METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "n_groups": 4, "gain": 0.3, "buffer_steps": 5, "schedule": "constant"},
    "gba-quantile": {"algorithm": "gba", "n_groups": 4, "controller": "quantile", "buffer_steps": 5,
                     "schedule": "constant"},
    "jumprelu": {"algorithm": "jumprelu", "bandwidth": 0.2, "initial_bias": -0.05},
    "batchtopk": {"algorithm": "batchtopk"},
    "adamw": {"algorithm": "l1", "optimizer": "adamw", "schedule": "linear"},
    "restarts": {"algorithm": "topk", "n_restarts": 2},
    "frozen": {"algorithm": "l1", "pre_bias": "mean"},
    "gated": {"algorithm": "gated"},
    "topk-untied": {"algorithm": "topk-untied", "dead_samples": 64, "k_aux": 5},
}  # fmt: skip
method = pytest.mark.parametrize("name", METHODS)


class Interrupted(Exception):
    """What a test raises in the middle of a training."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch, 500, 500, 500)


def config(name: str, **given: Any) -> Job:
    # Measured at steps 0, 7, 14 and 21, with a buffer of five steps: a checkpoint is in the middle of one.
    usual = {"n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 32, "n_steps": 21,
             "n_evaluations": 3, "learning_rate": 0.01}  # fmt: skip
    return job_of(**(usual | METHODS[name] | given))


def interrupted(job: Job, path: Path, at: int) -> tuple[State, Trace]:
    """Train, writing checkpoints, until the measurement at a step."""
    given = trainer.problem([job], CPU, torch.float32)
    state, trace = trainer.init(given), Trace()

    def after(given: Problem, state: State, trace: Trace) -> None:
        checkpoint.write(path, given, state, trace)
        if state.step == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        trainer.run(state, given, trace, after)
    return state, trace


def kept(path: Path, runtime: Runtime = SINGLE) -> Runtime:
    return runtime._replace(checkpoint=path)


def same(left: Any, right: Any) -> None:
    """Assert that two fits are equal, bit by bit, but for their clocks."""
    np.testing.assert_array_equal(left.dictionary, right.dictionary)
    np.testing.assert_array_equal(left.shift, right.shift)
    assert (left.status, left.results) == (right.status, right.results)
    assert (left.trace.steps, left.trace.samples) == (right.trace.steps, right.trace.samples)
    np.testing.assert_array_equal(left.trace.best_cosine, right.trace.best_cosine)
    for one, other in zip((*left.held_out(), *left.before.held_out()), (*right.held_out(), *right.before.held_out())):  # noqa: B905
        assert torch.equal(one[0], other[0])


@method
@pytest.mark.parametrize("at", [0, 7, 14, 21])
def test_resumed_training_is_training_without_interruption(name: str, at: int, tmp_path: Path) -> None:
    job, path = config(name), tmp_path / "run.safetensors"
    whole = fit(job, runtime=kept(tmp_path / "whole.safetensors"))
    interrupted(job, path, at)
    half_way = path.read_bytes()
    found = fit(job, runtime=kept(path))
    assert found.status == "ok"
    same(found, whole)
    same(fit(job), whole)  # writing changes nothing either
    expected, read = (checkpoint.read(each) for each in (tmp_path / "whole.safetensors", path))
    for key, one in read.parameters.items():
        assert torch.equal(one, expected.parameters[key])  # equal bits
    assert (path.read_bytes() != half_way) == (at < 21)


@pytest.mark.parametrize("name", ["gba", "gba-quantile", "topk-untied", "batchtopk"])
@pytest.mark.parametrize("more", [{}, {"n_evaluations": 5}, {"n_samples": 1_000}])
def test_a_longer_training_goes_on(name: str, more: dict[str, Any], tmp_path: Path) -> None:
    """It was refused, and n_samples was blamed, which the longer training had derived."""
    path = tmp_path / "run.safetensors"
    fit(config(name, n_steps=21, n_samples=21 * 32), runtime=kept(path))
    longer = config(name, n_steps=28, **({"n_samples": 28 * 32} | more))
    found, whole = fit(longer, runtime=kept(path)), fit(longer)
    assert found.trace.steps[-1] == 28 and {0, 7, 14, 21} <= set(found.trace.steps)
    np.testing.assert_array_equal(found.dictionary, whole.dictionary)
    np.testing.assert_array_equal(found.trace.best_cosine[-1], whole.trace.best_cosine[-1])


@method
def test_resuming_restores_everything(name: str, tmp_path: Path) -> None:
    job, path = config(name), tmp_path / "run.safetensors"
    state, trace = interrupted(job, path, 14)
    again, history = checkpoint.resume(path, trainer.problem([job], CPU, torch.float32))
    assert again.step == 14
    assert history.steps == trace.steps == [0, 7, 14]
    assert (history.seconds, history.samples) == (trace.seconds, trace.samples)
    pairs = [(again.diverged, state.diverged)]
    pairs += [(again.memory[key], each) for key, each in state.memory.items()]
    pairs += [
        (torch.from_numpy(a), torch.from_numpy(b)) for a, b in zip(history.best_cosine, trace.best_cosine, strict=True)
    ]
    for key, other in state.parameters.items():
        one = again.parameters[key]
        pairs.append((one, other))
        moments = state.optimizer.state.get(other, {})
        assert set(again.optimizer.state.get(one, {})) == set(moments)
        pairs += [(again.optimizer.state[one][moment], value) for moment, value in moments.items()]
    assert all(torch.equal(one, other) for one, other in pairs)
    assert state.optimizer.state  # there was something to restore
    if "gba" in name:
        assert state.memory["fired"].any()


@method
@pytest.mark.parametrize("runtime", [SINGLE, DOUBLE])
def test_a_checkpoint_encodes_as_the_run_did(name: str, runtime: Runtime, tmp_path: Path) -> None:
    job, path = config(name, center=True), tmp_path / "run.safetensors"
    found = fit(job, runtime=kept(path, runtime))
    read = checkpoint.read(path)
    assert [each.given() for each in read.cells] == [job.algorithm.given()] * job.algorithm.n_restarts
    assert read.data[0]["seed"] == 0 and read.data[0]["center"] is True
    codes, output, x = next(iter(found.held_out()))
    told = read.encode(x[None].expand(len(read.cells), -1, -1))
    assert torch.equal(told[0][0], codes) and codes.any()
    assert torch.equal(told[1][0], output)
    assert read.input_scale[0] == found.code.scale
    np.testing.assert_array_equal(read.input_mean[0], found.code.mean)


def test_a_diverged_training_stays_so(tmp_path: Path) -> None:
    job, path = config("batchtopk", learning_rate=1e30), tmp_path / "run.safetensors"
    for _ in range(2):
        found = fit(job, runtime=kept(path))
        assert (found.status, found.results) == ("diverged", {"diverged_step": 1})


# Refusals


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "holds another run: seed=0 there, 1 here"),
        ({"learning_rate": 0.02}, "holds another run: learning_rate=0.01 there, 0.02 here"),
        ({"gain": 0.2}, "holds another run: gain=0.3 there, 0.2 here"),
        ({"support_law": "zipf"}, "holds another run: support_law='uniform' there, 'zipf:1.0' here"),
        ({"n_samples": 100}, "holds another run: n_samples=None there, 100 here"),
        ({"pre_bias": "learned"}, "holds another run: pre_bias='zero' there, 'learned' here"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=re.escape(f"{path} {told}")):
        fit(changed(config("gba"), **change), runtime=kept(path))
    assert path.read_bytes() == before


def test_another_precision_algorithm_or_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    with pytest.raises(StorageError, match="dtype='float32' there, 'float64' here"):
        fit(config("gba"), runtime=kept(path, DOUBLE))
    with pytest.raises(StorageError, match="algorithm='gba' there, 'gated' here"):
        fit(config("gated"), runtime=kept(path))
    with pytest.raises(StorageError, match=f"n_steps=5, but {re.escape(str(path))} is at step 7 already"):
        fit(config("gba", n_steps=5), runtime=kept(path))
    interrupted(config("adamw"), path, 7)
    with pytest.raises(StorageError, match=r"n_steps=22, but .* was trained towards n_steps=21, on which schedule="):
        fit(config("adamw", n_steps=22), runtime=kept(path))


def test_the_device_may_be_another(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    assert fit(config("gba"), runtime=Runtime("auto", checkpoint=path)).status == "ok"


@pytest.mark.parametrize(("there", "here"), [((0,), (0, 1)), ((0, 1), (0,))])
def test_another_number_of_replicas_is_refused(there: tuple[int, ...], here: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    given = trainer.problem([config("gba", seed=seed) for seed in there], CPU, torch.float32)
    checkpoint.write(path, given, trainer.init(given), Trace())
    other = trainer.problem([config("gba", seed=seed) for seed in here], CPU, torch.float32)
    with pytest.raises(StorageError, match=f"holds {len(there)} replicas, but should hold {len(here)}"):
        checkpoint.resume(path, other)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100, bytes(200)])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read") as caught:
        fit(config("gba"), runtime=kept(path))
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


@pytest.mark.parametrize(
    "metadata",
    [None, {"sae-recovery": "{}"}, {"sae-recovery": "[]"}, {"sae-recovery": '{"format": "something else"}'}],
)
def test_other_safetensors_are_refused(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weights": torch.zeros(2, 2)}, path, metadata)
    with pytest.raises(StorageError, match="is not a checkpoint of sae-recovery"):
        fit(config("gba"), runtime=kept(path))


def spoiled(path: Path, how: str) -> None:
    """Write the checkpoint again with something wrong."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        told = json.loads(file.metadata()["sae-recovery"])
    if how == "tensor missing":
        del tensors["parameter.weights"]
    elif how == "wrong shape":
        tensors["parameter.weights"] = tensors["parameter.weights"][:, :-1].contiguous()
    elif how == "wrong type":
        tensors["parameter.scale"] = tensors["parameter.scale"].double()
    elif how == "not a number":
        tensors["parameter.bias"][0, 0] = float("nan")
    elif how == "no settings":
        told["cells"] = "mine"
    elif how == "unknown setting":
        told["cells"][0]["charm"] = 3
    elif how == "unknown algorithm":
        told["cells"][0]["algorithm"] = "gbb"
    elif how == "bad setting":
        told["cells"][0]["n_neurons"] = -3
    elif how == "uneven":
        told["input_scale"] = []
    elif how == "no step":
        del told["step"]
    save_file(tensors, path, {"sae-recovery": json.dumps(told)})


@pytest.mark.parametrize(
    "how",
    ["tensor missing", "wrong shape", "wrong type", "not a number", "no settings", "unknown setting", "uneven",
     "unknown algorithm", "bad setting", "no step"],
)  # fmt: skip
def test_a_broken_checkpoint_is_refused_in_a_line(how: str, tmp_path: Path) -> None:
    """These were KeyError, TypeError or a training on numbers that are none."""
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    spoiled(path, how)
    for use in (lambda: checkpoint.read(path), lambda: fit(config("gba"), runtime=kept(path))):
        with pytest.raises(StorageError, match=f"{re.escape(str(path))} is broken: ") as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", ["memory.fired", "moment.weights.exp_avg", "moment.scale.step", "diverged"])
def test_what_is_needed_to_go_on_has_to_be_there(lost: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    interrupted(config("gba"), path, 7)
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    del tensors[lost]
    save_file(tensors, path, told)
    with pytest.raises(StorageError, match=f"is broken: {lost} is missing"):
        fit(config("gba"), runtime=kept(path))


def test_a_missing_checkpoint_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(StorageError, match="cannot be read"):
            checkpoint.read(path)


def test_a_checkpoint_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot be written"):
        fit(config("gba"), runtime=kept(tmp_path / "file" / "run.safetensors"))
    assert fit(config("gba"), runtime=kept(tmp_path / "new" / "run.safetensors")).status == "ok"


def test_algorithms_without_a_checkpoint_refuse_one(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    source = config("gba").source
    algorithm = algorithm_class("dictionary-learning")(n_neurons=10, n_steps=2, batch_size=100)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"checkpoint='.*run', but dictionary-learning has none"):
        algorithm.fit(source, kept(tmp_path / "run"))
    assert not list(tmp_path.iterdir())
