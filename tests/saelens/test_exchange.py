"""Across the border: their synthetic data as a source, their autoencoders scored, ours loaded in plain SAELens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sae_lens import SAE, TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.synthetic import HierarchyConfig, LowRankCorrelationConfig, SyntheticModel, SyntheticModelConfig
from safetensors.torch import load_file
from trained_helper import draw_less, job_of

from simulations.algorithms.autoencoders.export import export
from simulations.algorithms.base import Runtime, algorithm_class
from simulations.data.saelens import SyntheticModelSource
from simulations.instruments.simulation import results_of
from simulations.measures.score import score, score_file

CPU = Runtime("cpu")
ALGORITHMS: dict[str, dict[str, Any]] = {
    "gba": {"n_groups": 4, "buffer_steps": 5, "gain": 0.5, "initial_bias": -0.05},
    "ba": {"buffer_steps": 5, "gain": 0.5, "initial_bias": -0.05},
    "topk": {}, "topk-untied": {}, "gated": {"penalty": 0.3}, "l1": {}, "l1-untied": {}, "jumprelu": {},
    "jumprelu-untied": {},
}  # fmt: skip


def made(**given: Any) -> Any:
    return SyntheticModel(SyntheticModelConfig(**{"num_features": 48, "hidden_dim": 12, "seed": 4} | given))


MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "correlated": {"correlation": LowRankCorrelationConfig(rank=4, correlation_scale=0.2)},
    "hierarchy": {"hierarchy": HierarchyConfig(total_root_nodes=4, branching_factor=3, max_depth=2)},
}


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_features_times_activations_and_always_the_same(name: str) -> None:
    torch.rand(2)
    state = torch.get_rng_state()
    source, again, other = (SyntheticModelSource(made(**MODELS[name]), seed=seed) for seed in (3, 3, 5))
    made_up = made(**MODELS[name])
    assert np.array_equal(source.features, made_up.feature_dict.feature_vectors.detach().double().numpy())
    X, (support, values, V) = source.held_out(), source.truth
    H = np.zeros((len(X), len(V)))
    np.add.at(H, (np.arange(len(X))[:, None], support), values)
    # float32 sums of a few terms of order 1.
    np.testing.assert_allclose(X - made_up.feature_dict.bias.detach().numpy(), H @ V, atol=1e-5)
    assert (values > 0).any() and all(len(set(row)) == len(row) for row in support[:50].tolist())
    assert np.array_equal(source.batch(700, 30), again.batch(700, 30))
    assert np.array_equal(source.batch(0, 20_000)[8_000:8_400], source.batch(20, 400))
    assert not np.array_equal(source.batch(0, 30), other.batch(0, 30))
    assert not np.array_equal(source.batch(0, 30), source.batch(1, 30))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["topk", "saelens:topk", "gba"])
def test_algorithms_learn_from_their_model(name: str) -> None:
    source = SyntheticModelSource(made())
    more: dict[str, Any] = {"k": 3} if "topk" in name else {}
    fitted = algorithm_class(name)(n_neurons=64, n_steps=20, batch_size=64, **more).fit(source, CPU)
    row = results_of(fitted, source)
    assert row["status"] == "ok" and 0 <= row["feature_recovery_rate"] <= 1
    assert score(fitted, source).n_features == 48


def test_what_they_save_can_be_scored(tmp_path: Path) -> None:
    """A dictionary that holds the features of a model, saved by SAELens, has them all."""
    synthetic = made()
    sae = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=12, d_sae=60, k=3))
    sae.W_dec.data[:48] = 2 * synthetic.feature_dict.feature_vectors.detach()
    sae.save_inference_model(tmp_path / "sae")
    np.save(tmp_path / "V.npy", synthetic.feature_dict.feature_vectors.detach().numpy())
    told = score_file(tmp_path / "sae", features=tmp_path / "V.npy")
    assert told["feature_recovery_rate"] == 1 and told["n_neurons"] == 60 and told["lost"] == 0


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("center", [False, True])
def test_ours_are_exact_in_plain_saelens_on_raw_data(
    name: str, center: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_less(monkeypatch, 500, 500, 500)
    job = job_of(algorithm=name, n_features=24, d_model=10, n_neurons=32, sparsity=2, batch_size=50, n_steps=40,
                 learning_rate=0.01, center=center, noise=0.1, **ALGORITHMS[name])  # fmt: skip
    (found,) = type(job.algorithm).fit_batch([job], Runtime("cpu", checkpoint=tmp_path / "c"))
    export(tmp_path / "c", "saelens", tmp_path / "out")
    sae = SAE.load_from_disk(tmp_path / "out")
    X = job.source.held_out()
    with torch.no_grad():
        codes, output = sae.encode(torch.from_numpy(X).float()), sae(torch.from_numpy(X).float())
    own, reconstructed = found.code(X)
    assert own.any() and (own == 0).any()
    # float32 sums of 10 and 32 terms of order 1 in another order: 2e-6 was seen; in X, times its size.
    np.testing.assert_allclose(codes, own, atol=5e-6)
    np.testing.assert_allclose(output, reconstructed, atol=5e-6 * np.abs(X).max())
    assert load_file(tmp_path / "out" / "sae_weights.safetensors")["W_dec"].shape == (32, 10)
