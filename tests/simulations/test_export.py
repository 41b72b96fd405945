"""Export to SAELens: what is in the folder, what is refused, and the real library where it is installed."""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from simulations.algorithms.autoencoders import checkpoint
from simulations.algorithms.autoencoders.export import export
from simulations.base.settings import Settings
from simulations.data import stream as data
from simulations.runs.cell import run_cell
from simulations.runs.storage import StorageError

ARCHITECTURES = {
    "gba": "jumprelu",
    "ba": "jumprelu",
    "jumprelu": "jumprelu",
    "gba-relu": "standard",
    "l1": "standard",
    "topk": "topk",
}
exported = pytest.mark.parametrize("name", ARCHITECTURES)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw less at once: the tests are about other things."""
    for name in ("BLOCK", "CALIBRATION_ROWS", "EVALUATION_ROWS"):
        monkeypatch.setattr(data, name, 500)


def trained(name: str, folder: Path, **given: Any) -> Path:
    """Train a little, so that scale, bias and b_pre are not what they were, and return the checkpoint."""
    own = {"activation": "relu"} if name == "gba-relu" else {}
    usual: dict[str, Any] = {
        "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 32, "n_groups": 4, "batch_size": 32, "n_steps": 30,
        "n_evaluations": 1, "buffer_steps": 5, "gain": 0.5, "learning_rate": 0.01, "device": "cpu", "center": True,
        "initial_bias": 0.0 if "topk" in name else -0.05,
    }  # fmt: skip
    path = folder / f"{name}.safetensors"
    run_cell(Settings(algorithm=name.removesuffix("-relu"), **(usual | own | given)), checkpoint=path)
    return path


@exported
def test_the_folder_is_what_the_checkpoint_says(name: str, tmp_path: Path) -> None:
    path, out = trained(name, tmp_path, seed=3), tmp_path / "out"
    told = export(path, "saelens", out)
    sae = checkpoint.read(path)
    W, a, b, b_pre = (each[0].numpy() for each in sae.parameters)
    assert a.std() > 0 and b_pre.any()
    tensors = {key: value.numpy() for key, value in load_file(out / "sae_weights.safetensors").items()}
    config = json.loads((out / "cfg.json").read_text())
    assert sorted(each.name for each in out.iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    assert told == {
        "format": "saelens",
        "architecture": ARCHITECTURES[name],
        "files": [str(out / "cfg.json"), str(out / "sae_weights.safetensors")],
    }
    np.testing.assert_array_equal(tensors.pop("W_enc"), W.T)
    np.testing.assert_array_equal(
        tensors.pop("W_dec"), np.stack([scale * row for scale, row in zip(a, W, strict=True)])
    )
    np.testing.assert_array_equal(tensors.pop("b_dec"), b_pre)
    jump = ARCHITECTURES[name] == "jumprelu"
    np.testing.assert_array_equal(tensors.pop("b_enc"), 0 * b if jump else b)
    if jump:
        np.testing.assert_array_equal(tensors.pop("threshold"), -b)
    assert not tensors
    assert b.any() == (name != "topk")
    assert (config["architecture"], config["d_in"], config["d_sae"]) == (ARCHITECTURES[name], 10, 32)
    assert (config["apply_b_dec_to_input"], config["normalize_activations"]) == (True, "none")
    assert config["dtype"] == "float32"
    assert config.get("k") == (2 if name == "topk" else None)
    about = config["metadata"]
    assert about["input_scale"] == sae.input_scale[0]
    assert about["input_mean"] == sae.input_mean[0].tolist()
    assert len(about["input_mean"]) == 10 and any(about["input_mean"])
    assert (about["algorithm"], about["seed"]) == (name.removesuffix("-relu"), 3)


@exported
def test_exported_tensors_encode_as_the_run_did(name: str, tmp_path: Path) -> None:
    """The forward pass of the architecture, written out: ReLU, JumpReLU without the bias, or the K largest."""
    path = trained(name, tmp_path)
    export(path, "saelens", tmp_path / "out")
    t = {key: value.double().numpy() for key, value in load_file(tmp_path / "out" / "sae_weights.safetensors").items()}
    x = np.random.default_rng(0).standard_normal((200, 10)) / np.sqrt(10)
    u = (x - t["b_dec"]) @ t["W_enc"] + t["b_enc"]
    codes = np.maximum(u, 0)
    if "threshold" in t:
        codes = codes * (u > t["threshold"])
    if name == "topk":
        codes = codes * (u >= np.sort(u, axis=1)[:, [-2]])
    own, output = checkpoint.read(path).encode(torch.from_numpy(x).float()[None])
    assert 0 < (codes > 0).mean() < 0.6
    # float32 sums of 10 and 32 terms of order 1 against float64: 1e-6, with room; no entry so near its threshold.
    np.testing.assert_allclose(own[0], codes, atol=5e-6)
    np.testing.assert_allclose(output[0], codes @ t["W_dec"] + t["b_dec"], atol=5e-6)


def test_any_replica_can_be_exported(tmp_path: Path) -> None:
    path = trained("topk", tmp_path, n_restarts=2)
    weights = checkpoint.read(path).parameters.weights
    for replica in (0, 1):
        export(path, "saelens", tmp_path / str(replica), replica)
        found = load_file(tmp_path / str(replica) / "sae_weights.safetensors")["W_enc"]
        assert torch.equal(found.T, weights[replica])
    assert not torch.equal(weights[0], weights[1])


def test_float64_becomes_float32(tmp_path: Path) -> None:
    export(trained("gba", tmp_path, dtype="float64"), "saelens", tmp_path / "out")
    found = load_file(tmp_path / "out" / "sae_weights.safetensors")
    assert {each.dtype for each in found.values()} == {torch.float32}


# Refusals


def test_batchtopk_has_no_equal(tmp_path: Path) -> None:
    path = trained("batchtopk", tmp_path)
    with pytest.raises(ValueError, match="algorithm='batchtopk' has no exact equal in SAELens") as caught:
        export(path, "saelens", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_export_is_never_overwritten(tmp_path: Path) -> None:
    path, out = trained("topk", tmp_path), tmp_path / "out"
    export(path, "saelens", out)
    before = {each.name: each.read_bytes() for each in out.iterdir()}
    for kept in ("cfg.json", "sae_weights.safetensors"):
        for name, content in before.items():
            (out / name).unlink(missing_ok=True)
            if name == kept:
                (out / name).write_bytes(content)
        with pytest.raises(StorageError, match="holds an autoencoder already; choose another --out"):
            export(path, "saelens", out)
        assert {each.name: each.read_bytes() for each in out.iterdir()} == {kept: before[kept]}


@pytest.mark.parametrize("replica", [-1, 1, 7])
def test_a_bad_replica_is_refused(replica: int, tmp_path: Path) -> None:
    path = trained("topk", tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"replica={replica}, but should be in [0, 0]")):
        export(path, "saelens", tmp_path / "out", replica)
    assert not (tmp_path / "out").exists()


def test_bad_words_and_files_are_refused(tmp_path: Path) -> None:
    path = trained("topk", tmp_path)
    with pytest.raises(ValueError, match=re.escape("format='saelen', but should be one of saelens (did you mean")):
        export(path, "saelen", tmp_path / "out")
    with pytest.raises(StorageError, match="cannot be written"):
        export(path, "saelens", path)
    for other in (tmp_path / "none", tmp_path / "text"):
        (tmp_path / "text").write_text("no checkpoint")
        with pytest.raises(StorageError, match="cannot be read"):
            export(other, "saelens", tmp_path / "out")


# The real library


@pytest.mark.skipif(importlib.util.find_spec("sae_lens") is None, reason="needs sae-lens")
@pytest.mark.filterwarnings("ignore")  # what the library and its own dependencies warn of is not ours
@exported
def test_sae_lens_loads_the_folder_and_encodes_as_we_do(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sae_lens import SAE
    path = trained(name, tmp_path)
    export(path, "saelens", tmp_path / "out")
    sae = SAE.load_from_disk(tmp_path / "out", device="cpu")
    assert sae.cfg.architecture() == ARCHITECTURES[name]
    assert sae.cfg.metadata.input_scale == checkpoint.read(path).input_scale[0]
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((300, 10)) / np.sqrt(10)).float()
    codes, output = checkpoint.read(path).encode(x[None])
    with torch.no_grad():
        theirs = sae.encode(x)
        decoded = sae.decode(theirs)
    theirs = theirs.to_dense() if theirs.is_sparse else theirs
    assert codes.any()
    # float32 sums of 10 and 32 terms of order 1 in another order.
    np.testing.assert_allclose(theirs, codes[0], atol=5e-6)
    np.testing.assert_allclose(decoded, output[0], atol=5e-6)
    assert torch.equal(theirs > 0, codes[0] > 0)
