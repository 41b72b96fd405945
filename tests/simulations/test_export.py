"""Export to SAELens: what is in the folder works on raw X, what is refused, and the real library where installed."""

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
from trained_helper import draw_less, fit, job_of

from simulations.algorithms.autoencoders import checkpoint
from simulations.algorithms.autoencoders.export import export
from simulations.algorithms.base import Runtime
from simulations.base.files import StorageError

ARCHITECTURES = {
    "gba": "jumprelu",
    "ba": "jumprelu",
    "jumprelu": "jumprelu",
    "gba-relu": "standard",
    "l1": "standard",
    "topk": "topk",
    "topk-untied": "topk",
    "gated": "gated",
}
exported = pytest.mark.parametrize("name", ARCHITECTURES)
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch, 500, 500, 500)


def run(name: str, folder: Path, dtype: str = "float32", **given: Any) -> tuple[Path, Any, Array]:
    """Train a little, so that scale, bias and b_pre are not what they were; return checkpoint, fit and held-out X."""
    own: dict[str, dict[str, Any]] = {
        "gba": {"n_groups": 4, "buffer_steps": 5, "gain": 0.5, "initial_bias": -0.05},
        "gba-relu": {"n_groups": 4, "buffer_steps": 5, "gain": 0.5, "initial_bias": -0.05, "activation": "relu"},
        "ba": {"buffer_steps": 5, "gain": 0.5, "initial_bias": -0.05},
        "l1": {"initial_bias": -0.05},
        "jumprelu": {"initial_bias": -0.05},
    }
    usual: dict[str, Any] = {
        "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 32, "batch_size": 32, "n_steps": 30,
        "n_evaluations": 1, "learning_rate": 0.01, "center": True, "coefficient_law": "exponential",
    }  # fmt: skip
    path = folder / f"{name}.safetensors"
    job = job_of(algorithm=name.removesuffix("-relu"), **(usual | own.get(name, {}) | given))
    return path, fit(job, runtime=Runtime("cpu", dtype, checkpoint=path)), job.source.held_out()


def trained(name: str, folder: Path, **given: Any) -> Path:
    return run(name, folder, **given)[0]


def by_hand(t: dict[str, Array], architecture: str, k: int, X: Array) -> tuple[Array, Array]:
    """The forward pass of an architecture of SAELens, written out, on raw X: codes and reconstruction."""
    u = (X - t["b_dec"]) @ t["W_enc"]
    if architecture == "gated":
        codes = np.maximum(u * np.exp(t["r_mag"]) + t["b_mag"], 0) * (u + t["b_gate"] > 0)
    else:
        u = u + t["b_enc"]
        codes = np.maximum(u, 0)
    if architecture == "jumprelu":
        codes = codes * (u > t["threshold"])
    if architecture == "topk":
        codes = codes * (u >= np.sort(u, axis=1)[:, [-k]])
    return codes, codes @ t["W_dec"] + t["b_dec"]


@exported
@pytest.mark.parametrize("center", [True, False])
def test_exported_tensors_take_raw_data(name: str, center: bool, tmp_path: Path) -> None:
    """Without a word of the metadata: they took x = input_scale (X - input_mean), and the FVU on X was 1.25."""
    path, found, X = run(name, tmp_path, center=center, noise=0.1)
    export(path, "saelens", tmp_path / "out")
    t = {key: value.double().numpy() for key, value in load_file(tmp_path / "out" / "sae_weights.safetensors").items()}
    codes, output = by_hand(t, ARCHITECTURES[name], 2, X)
    own, reconstructed = found.code(X)
    assert 0 < (codes > 0).mean() < 0.7
    size = np.abs(X).max()
    # float32 sums of 10 and 32 terms of order 1 against float64, 1e-6 with room; times |X| in units of X.  A gate
    # within 1e-6 of its threshold may flip: none does here.
    np.testing.assert_allclose(own, codes, atol=5e-6)
    np.testing.assert_allclose(reconstructed, output, atol=5e-6 * size)
    assert np.square(output - X).sum() / np.square(X - X.mean(0)).sum() < 1


@exported
def test_the_folder_says_what_it_is(name: str, tmp_path: Path) -> None:
    path, out = trained(name, tmp_path, seed=3), tmp_path / "out"
    told = export(path, "saelens", out)
    tensors, config = load_file(out / "sae_weights.safetensors"), json.loads((out / "cfg.json").read_text())
    assert sorted(each.name for each in out.iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    assert told == {
        "format": "saelens",
        "architecture": ARCHITECTURES[name],
        "files": [str(out / "cfg.json"), str(out / "sae_weights.safetensors")],
    }
    parts = {"W_enc": (10, 32), "W_dec": (32, 10), "b_dec": (10,)}
    parts |= dict.fromkeys(("b_gate", "b_mag", "r_mag") if name == "gated" else ("b_enc",), (32,))
    parts |= {"threshold": (32,)} if ARCHITECTURES[name] == "jumprelu" else {}
    assert {key: tuple(value.shape) for key, value in tensors.items()} == parts
    assert (config["architecture"], config["d_in"], config["d_sae"]) == (ARCHITECTURES[name], 10, 32)
    assert (config["apply_b_dec_to_input"], config["normalize_activations"]) == (True, "none")
    assert config["dtype"] == "float32"
    assert config.get("k") == (2 if "topk" in name else None)
    about = config["metadata"]
    assert (about["algorithm"], about["seed"]) == (name.removesuffix("-relu"), 3)
    assert not {"input_scale", "input_mean"} & set(about)  # nothing is left to be done


def test_batchtopk_has_a_fixed_threshold(tmp_path: Path) -> None:
    """The mean over batches of the smallest active y (Bussmann et al.): as many are active as in batches, roughly."""
    path, found, X = run("batchtopk", tmp_path, n_steps=200)
    told = export(path, "saelens", tmp_path / "out")
    assert told["architecture"] == "jumprelu"
    t = {key: value.double().numpy() for key, value in load_file(tmp_path / "out" / "sae_weights.safetensors").items()}
    codes, output = by_hand(t, "jumprelu", 2, X)
    own, reconstructed = found.code(X)  # all 500 rows are one batch, whose smallest code is the threshold
    assert t["threshold"][0] == pytest.approx(own[own > 0].min(), abs=1e-5) and len(set(t["threshold"])) == 1
    assert (codes > 0).sum() == pytest.approx((own > 0).sum(), abs=2)
    np.testing.assert_allclose(output, reconstructed, atol=1e-5 * np.abs(X).max() + own[own > 0].min() * 3)


def test_any_replica_can_be_exported(tmp_path: Path) -> None:
    path = trained("topk", tmp_path, n_restarts=2)
    read = checkpoint.read(path)
    weights = read.parameters["weights"]
    for replica in (0, 1):
        export(path, "saelens", tmp_path / str(replica), replica)
        found = load_file(tmp_path / str(replica) / "sae_weights.safetensors")["W_enc"]
        np.testing.assert_allclose(found.T / read.input_scale[replica], weights[replica], rtol=1e-6)
    assert not torch.equal(weights[0], weights[1])


def test_float64_becomes_float32(tmp_path: Path) -> None:
    export(trained("gba", tmp_path, dtype="float64"), "saelens", tmp_path / "out")
    found = load_file(tmp_path / "out" / "sae_weights.safetensors")
    assert {each.dtype for each in found.values()} == {torch.float32}


# Refusals


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
    path, found, X = run(name, tmp_path)
    export(path, "saelens", tmp_path / "out")
    sae = SAE.load_from_disk(tmp_path / "out", device="cpu")
    assert sae.cfg.architecture() == ARCHITECTURES[name]
    codes, output = found.code(X)
    with torch.no_grad():
        theirs = sae.encode(torch.from_numpy(X).float())
        decoded = sae.decode(theirs)
    theirs = theirs.to_dense() if theirs.is_sparse else theirs
    assert codes.any()
    # float32 sums of 10 and 32 terms of order 1 in another order, and of order |X| in X.
    np.testing.assert_allclose(theirs, codes, atol=5e-6)
    np.testing.assert_allclose(decoded, output, atol=5e-6 * np.abs(X).max())
