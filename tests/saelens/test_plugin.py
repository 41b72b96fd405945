"""GBA and BA inside SAELens: the same numbers as our own trainer, and what is saved loads in plain SAELens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sae_recovery.saelens as plugin
import torch
from sae_lens import (
    SAE,
    LanguageModelSAERunnerConfig,
    LanguageModelSAETrainingRunner,
    LoggingConfig,
    SAETrainer,
    TrainingSAE,
)
from sae_lens.config import SAETrainerConfig
from sae_lens.synthetic import SyntheticModel, SyntheticModelConfig, train_toy_sae
from sae_lens.util import temporary_seed
from torch import Tensor
from trained_helper import draw_less, job_of

from simulations.algorithms.autoencoders import trainer
from simulations.data.saelens import SyntheticModelSource
from simulations.measures.score import score

D, M, ROWS, STEPS = 16, 64, 32, 47
OWN: dict[str, dict[str, Any]] = {
    "gba": {"n_groups": 4, "buffer_steps": 10, "gain": 0.3, "initial_bias": -0.05, "pre_bias": "zero"},
    "gba-quantile": {
        "n_groups": 4,
        "buffer_steps": 10,
        "controller": "quantile",
        "initial_bias": 0.0,
        "pre_bias": "learned",
    },
    "ba": {
        "target_frequency": 0.05,
        "buffer_steps": 10,
        "gain": 0.3,
        "initial_bias": 0.0,
        "initial_scale": 0.1,
        "pre_bias": "learned",
    },
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


def config_of(name: str, **given: Any) -> Any:
    kind = plugin.BATrainingSAEConfig if name == "ba" else plugin.GBATrainingSAEConfig
    return kind(d_in=D, d_sae=M, **OWN[name] | given)


def trainer_of(sae: Any, batches: Iterator[Tensor], steps: int, rate: float = 0.01) -> Any:
    config = SAETrainerConfig(total_training_samples=steps * ROWS, train_batch_size_samples=ROWS, lr=rate, lr_end=rate)
    return SAETrainer(cfg=config, sae=sae, data_provider=batches)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_training_in_saelens_is_training_here(name: str, scale: float) -> None:
    """Two routes: SAELens' trainer with autograd on inputs of any norm, and ours with gradients by hand.

    The rate is small enough for gradients below norm 1, where SAELens clips.
    """
    algorithm = name.partition("-")[0]
    job = job_of(algorithm=algorithm, n_features=32, d_model=D, n_neurons=M, batch_size=ROWS, n_steps=STEPS,
                 learning_rate=0.01, schedule="constant", **OWN[name])  # fmt: skip
    given = trainer.problem([job], torch.device("cpu"), torch.float32)
    state = trainer.init(given)
    sae = plugin.ControlledTrainingSAE(config_of(name, input_norm=scale))
    sae.W_dec.data.copy_(state.parameters["weights"][0])
    theirs = trainer_of(sae, (scale * given.views[0].batch(k, ROWS) for k in range(STEPS)), STEPS)
    for k in range(STEPS):
        trainer.step(state, given, trainer.inputs(given, k))
    theirs.fit()
    sae.project()
    names = {"weights": sae.W_dec, "scale": sae.output_scale, "bias": sae.b_enc, "pre_bias": sae.b_dec}
    assert state.parameters["bias"].std() > 0.01  # the controller did something
    for key, found in names.items():
        # 47 steps of Adam on float32 sums in another order: some 1e-6; a gate that flips would show as 1e-3.
        np.testing.assert_allclose(found.detach(), state.parameters[key][0], atol=5e-5, err_msg=key)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("normalize", ["none", "expected_average_only_in"])
def test_what_is_saved_loads_as_a_jumprelu_on_raw_inputs(name: str, normalize: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(5 * rng.standard_normal((40, ROWS, D))).float() + 1
    sae = plugin.ControlledTrainingSAE(config_of(name, normalize_activations=normalize))
    one = trainer_of(sae, iter(x), 12)
    one.cfg.n_batches_for_norm_estimate = 20
    one.fit()
    sae.save_inference_model(tmp_path)
    loaded = SAE.load_from_disk(tmp_path)
    assert loaded.cfg.architecture() == "jumprelu" and loaded.cfg.normalize_activations == "none"
    assert loaded.cfg.metadata.training_architecture == name.partition("-")[0]
    codes = sae.encode(x[-1])
    assert 0 < (codes != 0).float().mean() < 1
    # float32 sums of some 50 terms of order 10.
    np.testing.assert_allclose(loaded.encode(x[-1]).detach(), codes.detach(), atol=5e-6)
    np.testing.assert_allclose(loaded(x[-1]).detach(), sae(x[-1]).detach(), atol=5e-5)


def test_a_checkpoint_goes_on_where_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.standard_normal((25, ROWS, D))).float()
    whole = plugin.ControlledTrainingSAE(config_of("gba"))
    start = {name: each.clone() for name, each in whole.state_dict().items()}
    trainer_of(whole, iter(x), 25).fit()
    half = plugin.ControlledTrainingSAE(config_of("gba"))
    half.load_state_dict(start)
    first = trainer_of(half, iter(x[:13]), 13)
    first.fit()
    half._control()  # a checkpoint is written between steps, the last of which the controller may not have seen yet
    half.save_model(tmp_path)
    again = TrainingSAE.load_from_disk(tmp_path)
    assert isinstance(again, plugin.ControlledTrainingSAE)
    second = trainer_of(again, iter(x[13:]), 12)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.fit()
    for (name, one), other in zip(whole.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_it_trains_on_their_synthetic_model() -> None:
    """With train_toy_sae, one import and one configuration; recovery is judged on the features that the model has.

    The mean best cosine went from 0.57, of random directions, to 0.79; the bound leaves room for another processor.
    """
    made = SyntheticModel(SyntheticModelConfig(num_features=32, hidden_dim=D, seed=0))
    made.activation_generator.firing_probabilities.fill_(0.06)
    source = SyntheticModelSource(made)
    with temporary_seed(1):  # SAELens draws start and data from the global generator
        sae = TrainingSAE.from_dict(
            plugin.BATrainingSAEConfig(d_in=D, d_sae=M, target_frequency=0.05, gain=0.3).to_dict()
        )
        before = score(sae.W_dec.detach().numpy(), source).mean_max_cosine
        train_toy_sae(
            sae, made.feature_dict, made.activation_generator, training_samples=400_000, batch_size=256, lr=5e-3
        )
    after = score(sae.W_dec.detach().numpy(), source).mean_max_cosine
    assert after > before + 0.12


def cached(folder: Path, hook: str) -> None:
    """Write activations as CacheActivationsRunner does: sequences of features of a known dictionary."""
    from datasets import Array2D, Dataset, Features

    rng = np.random.default_rng(2)
    rows = np.einsum(
        "bsn,nd->bsd", rng.random((64, 8, 20)) * (rng.random((64, 8, 20)) < 0.1), rng.standard_normal((20, D))
    )
    made = Dataset.from_dict({hook: 3 * rows + 0.1}, features=Features({hook: Array2D((8, D), "float32")}))
    made.save_to_disk(str(folder))


def test_it_trains_on_cached_activations_of_a_language_model(tmp_path: Path) -> None:
    """LanguageModelSAETrainingRunner without network: the model is tiny and random, and is not asked."""
    from datasets import Dataset
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    hook = "blocks.0.hook_resid_post"
    cached(tmp_path / "cache", hook)
    model = HookedTransformer(
        HookedTransformerConfig(n_layers=1, d_model=D, n_ctx=8, n_heads=2, d_head=8, d_vocab=20, act_fn="relu", seed=0)
    )
    runner = LanguageModelSAETrainingRunner(
        LanguageModelSAERunnerConfig(
            sae=config_of("gba", normalize_activations="expected_average_only_in"), model_name="none", hook_name=hook,
            dataset_path="none", context_size=8, use_cached_activations=True, n_batches_for_norm_estimate=2,
            cached_activations_path=str(tmp_path / "cache"), training_tokens=2_048, train_batch_size_tokens=64,
            store_batch_size_prompts=4, n_batches_in_buffer=16, lr=0.01, output_path=str(tmp_path / "out"),
            checkpoint_path=None, logger=LoggingConfig(log_to_wandb=False),
        ),
        override_dataset=Dataset.from_dict({"tokens": [[0] * 8] * 64}),
        override_model=model,
    )  # fmt: skip
    trained = runner.run()
    loaded = SAE.load_from_disk(tmp_path / "out")
    assert loaded.cfg.architecture() == "jumprelu" and loaded.cfg.metadata.hook_name == hook
    assert int(trained.steps_done) == 32 and trained.b_enc.min() < -0.05
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((5, D))).float()
    np.testing.assert_allclose(loaded(x).detach(), trained(x).detach(), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gain": -1}, "^gain=-1"),
        ({"controller": "quantile", "gain": 0.1}, "^gain=0.1, but algorithm=gba has no gain"),
        ({"n_groups": 100}, r"^n_groups=100, but should be in \[1, n_neurons=64\]"),
        ({"normalize_activations": "layer_norm"}, "^normalize_activations='layer_norm'"),
        ({"input_norm": -1.0}, "^input_norm=-1.0"),
    ],
)
def test_what_is_not_allowed_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plugin.GBATrainingSAEConfig(d_in=D, d_sae=M, **given)


def test_inputs_without_a_norm_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^mean norm of the inputs 0\.0, but should be finite and above 0$"):
        plugin.ControlledTrainingSAE(config_of("gba")).encode(torch.zeros(3, D))


def test_importing_registers_once() -> None:
    code = "import sae_recovery.saelens as p, importlib; importlib.reload(p); from sae_lens.registry import SAE_TRAINING_CLASS_REGISTRY as r; print(r['gba'][1].__name__, r['ba'][1].__name__)"  # noqa: E501
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["GBATrainingSAEConfig", "BATrainingSAEConfig"]
