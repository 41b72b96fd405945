"""Ours and SAELens' on identical weights and rows: equal codes, losses and gradients, but for what the papers change.

Its loss has ||x - f(x)||^2 where the TopK papers halve it.  Its TopK leaves the norms of the decoder free, as ours
on request; the authors take the part of the gradient along them off.  Its Gated lets the helper loss reach the
decoder and weighs the penalty by decoder norms, where arXiv 2404.16014 freezes a copy and has unit norms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sae_lens import SAETrainer
from sae_lens.config import SAETrainerConfig
from sae_lens.registry import get_sae_training_class
from sae_lens.saes.sae import TrainStepInput
from torch import Tensor

from simulations.algorithms.autoencoders.network import Network, Tensors, across
from simulations.algorithms.autoencoders.trainer import Problem, State, step
from simulations.algorithms.base import algorithm_class

ROWS, M, D = 17, 12, 5
CPU, F64 = torch.device("cpu"), torch.float64
# Ours, theirs, settings of ours and of theirs, its coefficients, and how much larger its loss is.
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], dict[str, float], float]] = {
    "l1": ("l1-untied", "standard", {"penalty": 0.3, "penalty_warm_up": 0.0}, {}, {"l1": 0.3}, 1),
    "jumprelu": (
        "jumprelu-untied", "jumprelu", {"penalty": 0.2, "penalty_warm_up": 0.0, "bandwidth": 0.5},
        {"jumprelu_bandwidth": 0.5}, {"l0": 0.2}, 1,
    ),
    "gated": ("gated", "gated", {"penalty": 0.4}, {}, {"l1": 0.4}, 1),
    "topk": ("topk-untied", "topk", {"k": 3}, {"k": 3}, {}, 2),
    "topk free": ("topk-untied", "topk", {"k": 3, "decoder_norm": "free"}, {"k": 3}, {}, 2),
    "batchtopk": ("batchtopk-untied", "batchtopk", {"k": 3}, {"k": 3}, {}, 2),
    "matryoshka": (
        "matryoshka", "matryoshka_batchtopk", {"k": 3, "matryoshka_widths": "3/7/12"},
        {"k": 3, "matryoshka_widths": [3, 7, 12]}, {}, 2,
    ),
}  # fmt: skip
STEPS, RATE = 30, 0.01
PARTS = {"decoder": "W_dec", "encoder": "W_enc", "gate": "W_enc", "bias": "b_enc", "pre_bias": "b_dec"}


def ours(name: str) -> tuple[Network, Tensors, Tensor]:
    """Return a network, parameters as after some training, and rows."""
    kind: Any = algorithm_class(CASES[name][0])
    settings = kind(n_neurons=M, **CASES[name][2])
    network = kind.network([settings], CPU, F64)
    rng = np.random.default_rng(7)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((1, M, D))), dim=2)
    parameters = network.parameters(start, torch.zeros(1, D, dtype=F64))
    for key, each in parameters.items():
        if key != "decoder" or name in ("l1", "jumprelu"):
            each += 0.3 * torch.from_numpy(rng.standard_normal(each.shape))
    if "threshold" in parameters:
        parameters["threshold"].abs_()
    return network, parameters, torch.from_numpy(rng.standard_normal((1, ROWS, D)))


def theirs(name: str, parameters: Tensors) -> Any:
    """Return SAELens' autoencoder with these parameters."""
    kind, config = get_sae_training_class(CASES[name][1])
    sae = kind(config(d_in=D, d_sae=M, dtype="float64", normalize_activations="none", **CASES[name][3]))
    with torch.no_grad():
        for key, each in parameters.items():
            value = each[0].T if key in ("encoder", "gate") else each[0]
            getattr(sae, PARTS.get(key, key)).copy_(value)
    return sae


@pytest.mark.parametrize("name", CASES)
def test_codes_losses_and_gradients_agree_on_identical_weights(name: str) -> None:
    network, parameters, x = ours(name)
    sae, (*_, coefficients, factor) = theirs(name, parameters), CASES[name]
    out = sae.training_forward_pass(TrainStepInput(x[0], coefficients, None, 0, False))
    out.loss.backward()
    close = 1e-6 if name == "jumprelu" else 1e-12  # its thresholds are float32; else float64 sums of some ten terms
    memory = network.memory(parameters)
    gradients, _ = network.gradients(parameters, memory, x)
    loss, codes = network.loss(parameters, memory, x)
    np.testing.assert_allclose(codes[0], out.feature_acts.detach(), atol=close)
    assert factor * float(loss[0]) == pytest.approx(out.loss.item(), rel=close)
    assert 0 < (codes != 0).sum() < codes.numel()
    for key, each in gradients.items():
        their = getattr(sae, PARTS.get(key, key)).grad
        their = their.T if key in ("encoder", "gate") else their
        if name == "gated" and key in ("decoder", "pre_bias"):
            their = their - _of_the_helper(sae, x[0], coefficients["l1"])[key]
        if key == "decoder" and name not in ("l1", "jumprelu", "topk free"):
            their = across(their[None], parameters["decoder"])[0]
        np.testing.assert_allclose(factor * each[0], their, atol=close, err_msg=key)
        assert their.abs().max() > 1e-3


@pytest.mark.parametrize("name", ["l1", "jumprelu"])
def test_training_agrees_step_by_step(name: str) -> None:
    """The whole recipe, Adam and clipping too: the same weights after 30 steps of both trainers, from defaults of ours.

    SAELens keeps thresholds in float32: here in float64, so that only rounding is left, some 1e-16 a step, which Adam
    enlarges where a gradient nearly vanishes.  Of the other kinds the decoder has unit rows here and any there.
    """
    network, parameters, _ = ours(name)
    settings, sae = network.settings, theirs(name, parameters)
    if name == "jumprelu":
        sae.threshold.data = parameters["threshold"][0].clone()
    for key, value in CASES[name][4].items():
        setattr(sae.cfg, f"{key}_coefficient", value)
    told = {"train_batch_size_samples": ROWS, "total_training_samples": STEPS * ROWS, "lr": RATE, "lr_end": RATE}
    config = SAETrainerConfig(**told, adam_beta1=settings.beta1, device="cpu")
    trainer = SAETrainer(cfg=config, sae=sae, data_provider=iter(()))
    network.settings = settings.replace(learning_rate=RATE, schedule="constant", n_steps=STEPS)
    given = Problem([network.settings], [], [], network)
    optimizer = torch.optim.Adam(list(parameters.values()), betas=(settings.beta1, 0.999), fused=True)
    state = State(parameters, network.memory(parameters), optimizer, torch.full((1,), -1))
    rng, clipped = np.random.default_rng(3), 0
    for _ in range(STEPS):
        x = torch.from_numpy(rng.standard_normal((1, ROWS, D)))
        clipped += (
            sum(float(each.square().sum()) for each in network.gradients(parameters, state.memory, x)[0].values()) > 1
        )
        step(state, given, x)
        trainer.step(x[0])
    assert clipped > STEPS / 2  # what is not tried is not tested
    for key, each in parameters.items():
        their = getattr(sae, PARTS.get(key, key)).detach()
        np.testing.assert_allclose(each[0], their.T if key == "encoder" else their, atol=1e-9, err_msg=key)


def _of_the_helper(sae: Any, x: Tensor, penalty: float) -> dict[str, Tensor]:
    """Return the gradients that SAELens' helper loss and weighted penalty send into the decoder, by hand.

    With p = ReLU(pi) and e = p W_dec + b_dec - x: 2 p^T e / B + penalty (mean p) w / |w|, and of b_dec, beyond what
    reaches it through pi, 2 mean e.
    """
    with torch.no_grad():
        p = ((x - sae.b_dec) @ sae.W_enc + sae.b_gate).relu()
        error = p @ sae.W_dec + sae.b_dec - x
        along = sae.W_dec / sae.W_dec.norm(dim=1, keepdim=True)
        return {"decoder": 2 * p.T @ error / len(x) + penalty * p.mean(0)[:, None] * along,
                "pre_bias": 2 * error.mean(0)}  # fmt: skip
