"""The library dictionary_learning: its defaults and starts, and that ours train as its code does, step by step."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from trained_helper import draw_less

from simulations.algorithms.autoencoders.trainer import Problem, State, step
from simulations.algorithms.base import Runtime, algorithm_class
from simulations.algorithms.dictionary_learning import LIKE, _module
from simulations.algorithms.kinds.dictionary_learning_trainers import KINDS
from simulations.data.model import Model
from simulations.instruments.simulation import results_of
from simulations.runs.cell import Cell

ROWS, M, D, STEPS, RATE = 17, 12, 5, 30, 0.01
F64 = torch.float64
SIZED = {"k", "target_l0", "lr", "matryoshka_widths"}  # of language models there, or worked out
PLAIN = {"warmup_steps": 0, "steps": 3_000}
# Ours, settings of both, and how much larger its loss is: it does not halve squares, and takes means over sizes twice.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], float]] = {
    "topk": ("topk-untied", {"k": 3}, {"k": 3}, 2),
    "batchtopk": ("batchtopk-untied", {"k": 3}, {"k": 3}, 2),
    "matryoshka": (
        "matryoshka", {"k": 3, "matryoshka_widths": "3/6/12"}, {"k": 3, "group_fractions": [0.25, 0.25, 0.5]}, 2 / 9
    ),
    "gated": ("gated", {"penalty": 0.4}, {"l1_penalty": 0.4, "sparsity_warmup_steps": 0}, 1),
}  # fmt: skip
PARTS = {
    "decoder": ("decoder.weight", "W_dec"), "encoder": ("encoder.weight", "W_enc"), "gate": ("encoder.weight",),
    "bias": ("encoder.bias", "b_enc"), "pre_bias": ("b_dec", "decoder_bias"), "r_mag": ("r_mag",),
    "b_gate": ("gate_bias",), "b_mag": ("mag_bias",),
}  # fmt: skip


def theirs(kind: str, **told: Any) -> Any:
    module, name = KINDS[kind].trainer.split(".")
    return getattr(_module(module), name)(**LIKE | {"activation_dim": D, "dict_size": M, "device": "cpu"} | told)


def part(trainer: Any, key: str) -> torch.Tensor:
    """Return a parameter of theirs with our axes: rows for latents."""
    own = dict(trainer.ae.named_parameters())
    name = next(each for each in PARTS[key] if each in own)
    return own[name].data.T if name in ("decoder.weight", "W_enc") else own[name].data


@pytest.mark.parametrize("kind", CASES)
def test_ours_train_as_the_code_that_their_authors_name(kind: str) -> None:
    """Adam, unit columns and gradients across them: the same weights after 30 steps, but for its 1e-6 in those norms.

    Its clipping at norm 1 is out of reach of such small x; what it does at step 0 alone is a median for b_dec.
    """
    name, own, told, factor = CASES[kind]
    settings: Any = algorithm_class(name)(n_neurons=M, learning_rate=RATE, n_steps=STEPS, **own)
    network = settings.network([settings], torch.device("cpu"), F64)
    rng = np.random.default_rng(7)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((1, M, D))), dim=2)
    parameters = network.parameters(start, torch.zeros(1, D, dtype=F64))
    trainer = theirs(kind, lr=RATE, **PLAIN, **told)
    trainer.ae.to(F64)
    for key, each in parameters.items():
        if key != "decoder":
            each += 0.03 * torch.from_numpy(rng.standard_normal(each.shape))
        part(trainer, key).copy_(each[0])
    for group in trainer.optimizer.param_groups:
        group["eps"] *= factor  # so that Adam sees the same ratio
    optimizer = torch.optim.Adam(list(parameters.values()), betas=(settings.beta1, 0.999), fused=True)
    state = State(parameters, network.memory(parameters), optimizer, torch.full((1,), -1))
    given = Problem([settings], [], [], network)
    moved = {key: each.clone() for key, each in parameters.items()}
    for each in range(STEPS):
        x = 0.03 * torch.from_numpy(rng.standard_normal((1, ROWS, D)))
        step(state, given, x)
        trainer.update(each + 1, x[0])
    for key, each in parameters.items():
        np.testing.assert_allclose(each[0], part(trainer, key), atol=1e-4, err_msg=key)
        assert (each - moved[key]).abs().max() > 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_theirs(kind: str) -> None:
    module, name = KINDS[kind].trainer.split(".")
    known = inspect.signature(getattr(_module(module), name)).parameters
    own = {each.name for each in KINDS[kind](n_neurons=M).own()} - set(KINDS[kind].ours) - SIZED
    assert {each: getattr(KINDS[kind](), each) for each in own} == {each: known[each].default for each in own}
    cell = Cell(algorithm=f"dictionary-learning:{kind}", n_neurons=64, n_steps=20_000)
    told = cell.leaves.algorithm.resolved(cell).config()
    for each in ("warmup_steps", "sparsity_warmup_steps", "threshold_start_step", "threshold_beta"):
        assert told.get(each) == (known[each].default if each in known else None)
    sizes = {"group_fractions": [1.0]} if kind == "matryoshka" else {}
    k = {"k": 3} if "k" in known else {}
    assert told["lr"] == pytest.approx(theirs(kind, dict_size=64, **PLAIN, **k, **sizes).lr)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_is_whole_and_depends_on_the_seed_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)

    def fit(seed: int) -> Any:
        torch.rand(seed + 1)
        source = Model(n_features=16, d_model=8, sparsity=2, seed=seed).stream()
        given = {"n_neurons": 32, "n_steps": 20, "batch_size": 16, "n_evaluations": 2}
        fitted = algorithm_class(f"dictionary-learning:{kind}")(**given).fit(source, Runtime("cpu"))
        row = results_of(fitted, source)
        assert row["status"] == "ok" and 0 <= row["feature_recovery_rate"] <= 1 and row["l0"] > 0
        return fitted

    first, again, other = fit(0), fit(0), fit(1)
    assert np.array_equal(first.dictionary, again.dictionary)
    assert first.dictionary.shape == (32, 8) and not np.allclose(first.dictionary, other.dictionary)
    np.testing.assert_allclose(np.linalg.norm(first.dictionary, axis=1), 1, atol=1e-5)
