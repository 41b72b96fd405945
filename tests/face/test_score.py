"""score: the definitions of SAELens by a second route, and what holds for every dictionary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sae_recovery as sr
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.optimize import linear_sum_assignment

from simulations.measures import matching
from simulations.measures.score import score_file
from simulations.testing.strategies import dictionaries, models, samples

RNG = np.random.default_rng(0)


def by_definition(W: Any, V: Any, z: Any, H: Any) -> dict[str, float]:
    """The definitions of sae_lens/synthetic/evals.py, dense."""
    W, V = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (W, V))
    cosine = np.abs(W @ V.T)
    rows, columns = linear_sum_assignment(1 - cosine)
    best = cosine.argmax(axis=1)
    fires, there = z > 0, H[:, best] > 0
    tp, fp, fn = ((a & b).sum(axis=0) for a, b in ((fires, there), (fires, ~there), (~fires, there)))
    precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 0)
    recall = np.where(tp + fn > 0, tp / np.maximum(tp + fn, 1), 0)
    f1 = np.where(precision + recall > 0, 2 * precision * recall / np.maximum(precision + recall, 1e-300), 0)
    return {
        "mcc": cosine[rows, columns].mean(), "uniqueness": len(set(best)) / len(W), "precision": precision.mean(),
        "recall": recall.mean(), "f1_score": f1.mean(), "accuracy": (fires == there).mean(),
        "sae_l0": fires.sum(axis=1).mean(), "true_l0": (H > 0).sum(axis=1).mean(),
        "dead_latents": (~fires.any(axis=0)).sum(),
    }  # fmt: skip


def test_a_name_of_a_file_may_have_the_sign_of_a_key(tmp_path: Path) -> None:
    folder, W = tmp_path / "run #2", np.eye(3)
    folder.mkdir()
    np.save(folder / "W #1.npy", W)
    np.savez(folder / "both.npz", A=W, B=-W)
    for name in (folder / "W #1.npy", f"{folder / 'both.npz'}#B"):
        assert sr.score(str(name), W).n_neurons == 3
    with pytest.raises(ValueError, match="holds A, B, but no C; say which one: FILE#NAME"):
        sr.score(f"{folder / 'both.npz'}#C", W)


def test_the_numbers_of_saelens_by_its_definitions() -> None:
    X, sparse, V = sr.Model(n_features=20, d_model=12, sparsity=3).sample(3_000)
    H, W = sparse.toarray(), RNG.standard_normal((50, 12))
    W[:15] = V[:15] + 0.4 * RNG.standard_normal((15, 12))
    z = np.maximum(X @ W.T - 4, 0)
    found = sr.score(W, V, z, H, X=X, reconstruction=0.8 * X)
    for name, value in by_definition(W, V, z, H).items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert found.shrinkage == pytest.approx(0.8)
    expected = 1 - 0.04 * np.square(X).sum() / np.square(X - X.mean(axis=0)).sum()
    assert found.explained_variance == pytest.approx(expected)
    assert {"lost", "mcc"} <= set(dict(found)) and found.recovery_up_to_shift is None and "f1_score" in repr(found)


@pytest.mark.parametrize(("n", "M"), [(40, 160), (60, 30), (50, 50)])
@pytest.mark.parametrize("kind", ["random", "equal"])
def test_the_matching_is_exact_without_the_whole_matrix(n: int, M: int, kind: str, monkeypatch: Any) -> None:
    V, W = RNG.standard_normal((n, 8)), RNG.standard_normal((M, 8))
    if kind == "equal":  # all neurons alike: every row wants the same partner, and all candidates are looked at
        W = np.tile(V[:2], (M // 2, 1))
    whole = matching.mean_correlation(W, V)
    monkeypatch.setattr(matching, "DENSE", 0)
    monkeypatch.setattr(matching, "CANDIDATES", 2)
    monkeypatch.setattr(matching, "BLOCK", 7)
    assert matching.mean_correlation(W, V) == pytest.approx(whole, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), drawn=samples(max_samples=20))
def test_what_holds_for_every_dictionary(data: st.DataObject, drawn: Any) -> None:
    W = data.draw(dictionaries(drawn.V))
    found = sr.score(W, drawn.V)
    assert 0 <= found.matched_recovery_rate <= found.feature_recovery_rate <= found.feature_recovery_rate_080 <= 1
    assert found.lost == len(found.lost_features) == round((1 - found.feature_recovery_rate) * found.n_features)
    assert -1e-6 <= found.mcc <= 1 + 1e-6 and 0 < found.uniqueness <= 1
    Q = np.linalg.qr(np.random.default_rng(1).standard_normal((W.shape[1], W.shape[1])))[0]
    turned = sr.score(W @ Q, drawn.V @ Q)
    assert turned.mean_max_cosine == pytest.approx(found.mean_max_cosine, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(world=models())
def test_every_world_that_is_drawn_can_be_sampled(world: sr.Model) -> None:
    X, H, V = world.sample(5)
    assert X.shape == (5, world.d_model) and H.shape == (5, world.n_features) and np.isfinite(V).all()


def test_a_shift_common_to_all_neurons_is_told() -> None:
    world = sr.Model(n_features=30, d_model=60, sparsity=4, dictionary_law="orthogonal")
    _, H, V = world.sample(500)
    c = 8 * RNG.standard_normal(60)
    total = H.toarray().sum(axis=1).mean()
    found = sr.score(V + c, V, truth=H.toarray(), b_pre=-total * c)
    assert found.feature_recovery_rate == 0 and found.recovery_up_to_shift == 1
    assert sr.score(V + c, world, b_pre=-total * c).recovery_up_to_shift == 1
    with pytest.raises(ValueError, match="b_pre was given without truth"):
        sr.score(V + c, V, b_pre=c)


def test_any_kind_of_matrix_gives_the_same_score(tmp_path: Path) -> None:
    V = RNG.integers(-8, 8, (6, 5)).astype(np.float32) + 0.5
    np.save(tmp_path / "V.npy", V)
    np.savez(tmp_path / "V.npz", other=np.ones(3), W_dec=V)
    save_file({"W_dec": torch.from_numpy(V).bfloat16(), "b": torch.ones(3)}, tmp_path / "V.safetensors")
    given = [V, V.tolist(), torch.nn.Parameter(torch.from_numpy(V)), torch.from_numpy(V).half(), tmp_path / "V.npy"]
    given += [torch.from_numpy(V).bfloat16(), str(tmp_path / "V.npz"), tmp_path / "V.safetensors"]
    for W in [*given, f"{tmp_path / 'V.npz'}#W_dec"]:
        assert sr.score(W, V).mean_max_cosine == pytest.approx(1, abs=1e-6)


def folder(path: Path, W: Any) -> Path:
    path.mkdir()
    (path / "cfg.json").write_text(json.dumps({"architecture": "standard", "d_in": W.shape[1], "d_sae": len(W)}))
    tensors = {"W_dec": torch.from_numpy(W), "W_enc": torch.from_numpy(W.T.copy()), "b_dec": torch.zeros(W.shape[1])}
    save_file(tensors, path / "sae_weights.safetensors")
    return path


def test_a_file_is_scored_as_the_command_line_asks(tmp_path: Path) -> None:
    world = sr.Model(n_features=16, d_model=8, sparsity=2)
    V = world.sample(2).V.astype(np.float32)
    np.save(tmp_path / "V.npy", V)
    for found in (
        score_file(folder(tmp_path / "sae", V), model=world),
        score_file(tmp_path / "V.npy", features=tmp_path / "V.npy"),
    ):
        assert found["mcc"] == pytest.approx(1, abs=1e-6) and json.dumps(found, allow_nan=False)
    with pytest.raises(ValueError, match="one of the two"):
        score_file(tmp_path / "V.npy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", None, "no such file"),
        ("a.pt", b"x", "unknown format"),
        ("a.npy", b"not an array", "no .npy file of numbers"),
        ("a.npz", b"PK not a zip", "no .npz file of numbers"),
        ("a.safetensors", b"", "header is longer"),
        ("a.safetensors", (3).to_bytes(8, "little") + b"{x}", "not JSON"),
        ("a.safetensors", (2).to_bytes(8, "little") + b"{}", "holds nothing"),
        ("a.safetensors", (33).to_bytes(8, "little") + b'{"W":{"dtype":"F32","shape":[2]}}', "incomplete"),
    ],
)
def test_a_broken_file_is_one_line_with_its_path(name: str, content: Any, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        sr.score(tmp_path / name, np.eye(3))
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "W.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="never loaded"):
        sr.score(tmp_path / "W.npy", np.eye(3))
    cut = folder(tmp_path / "sae", np.eye(4, dtype=np.float32)) / "sae_weights.safetensors"
    cut.write_bytes(cut.read_bytes()[:-8])
    with pytest.raises(ValueError, match="shorter than its header says"):
        sr.score(tmp_path / "sae", np.eye(4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]], [[1.0]]), "both should have d columns"),
        (([[1.0]], None), "no ground truth"),
        (([[1.0]], [[1.0]], [[1.0, 2.0]]), r"codes of shape \(1, 2\), but should be \(samples, n_neurons=1\)"),
        (([[1.0]], [[1.0]], [[1.0]], [[1.0, 1.0]]), r"truth of shape \(1, 2\)"),
        (([1.0], [[1.0]]), r"W of shape \(1,\)"),
        (([[1.0]], [[np.nan]]), "V contains NaN or infinity, first in row 0"),
        (([["a"]], [[1.0]]), "should hold numbers"),
    ],
)
def test_shapes_that_do_not_match_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sr.score(*arguments)


def test_without_truth_nothing_is_called_true() -> None:
    W = RNG.standard_normal((30, 10))
    same, other = sr.consistency(W, 2 * W[::-1]), sr.consistency(W, RNG.standard_normal((40, 10)))
    assert same.consistency == 1 and not same.ground_truth and other.consistency < 0.2
    seen = sr.frequencies(np.maximum(RNG.standard_normal((500, 3)), 0) * [1, 0, 1])
    assert seen.dead_latents == 1 and seen.sae_l0 == pytest.approx(1, abs=0.2) and not seen.ground_truth
    assert "no ground truth" in repr(same) and "no ground truth" in repr(seen)
