"""Gated and untied TopK: their equations by hand, their gradients by finite differences, AuxK and their starts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from trained_helper import CPU, DOUBLE, F64, differences, draw_less, fit, job_of, small, started, trained

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.network import Network, Tensors
from simulations.algorithms.base import algorithm_class

ROWS, M, D = 7, 9, 5


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


def network_of(name: str, *settings: dict[str, Any]) -> Network:
    kind: Any = algorithm_class(name)
    return kind.network([kind(n_neurons=M, **each) for each in settings], CPU, F64)  # type: ignore[no-any-return]


def drawn(network: Network, seed: int) -> tuple[Tensors, Tensors, Tensor]:
    """Return parameters as after some training, memory in which half of the latents are dead, and x."""
    rng = np.random.default_rng([seed, 3])
    R = len(network.cells)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((R, M, D))), dim=2)
    parameters = network.parameters(start, torch.zeros(R, D, dtype=F64))
    for name, each in parameters.items():
        if name != "decoder":
            each += 0.3 * torch.from_numpy(rng.standard_normal(each.shape))
    memory = network.memory(parameters)
    for each in memory.values():
        each[:, ::2] = 1e9
    return parameters, memory, torch.from_numpy(rng.standard_normal((R, ROWS, D)))


def gated_by_hand(p: dict[str, Any], x: Any, penalty: float, frozen: dict[str, Any]) -> float:
    total = 0.0
    for row in x:
        pi = [p["gate"][m] @ (row - p["pre_bias"]) + p["b_gate"][m] for m in range(M)]
        mag = [np.exp(p["r_mag"][m]) * (pi[m] - p["b_gate"][m]) + p["b_mag"][m] for m in range(M)]
        f = [max(mag[m], 0.0) if pi[m] > 0 else 0.0 for m in range(M)]
        output = sum(f[m] * p["decoder"][m] for m in range(M)) + p["pre_bias"]
        helper = sum(max(pi[m], 0.0) * frozen["decoder"][m] for m in range(M)) + frozen["pre_bias"]
        total += ((row - output) ** 2).sum() + penalty * sum(max(each, 0.0) for each in pi)
        total += ((row - helper) ** 2).sum()
    return total / len(x)


def topk_by_hand(p: dict[str, Any], x: Any, settings: Any, dead: Any, frozen: dict[str, Any]) -> float:
    """The error that AuxK is to explain has no gradient: it is that of the frozen parameters."""

    def reconstructed(q: dict[str, Any], row: Any) -> tuple[Any, Any]:
        y = q["encoder"] @ (row - q["pre_bias"]) + q["bias"]
        kept = np.argsort(-y, kind="stable")[: settings.k]
        return y, sum(max(y[m], 0.0) * q["decoder"][m] for m in kept) + q["pre_bias"]

    total = 0.0
    for row in x:
        y, output = reconstructed(p, row)
        error = row - reconstructed(frozen, row)[1]
        chosen = [m for m in np.argsort(-y, kind="stable") if dead[m]][: settings.k_aux]
        helped = sum(max(y[m], 0.0) * p["decoder"][m] for m in chosen)
        total += 0.5 * ((row - output) ** 2).sum() + 0.5 * settings.auxiliary * ((error - helped) ** 2).sum()
    return total / len(x)


CASES: dict[str, list[dict[str, Any]]] = {
    "gated": [{"penalty": 0.3}, {"penalty": 1.2}],
    "topk-untied": [{"k": 2, "k_aux": 3, "auxiliary": 0.4}, {"k": 4, "k_aux": 3, "auxiliary": 1.5}],
}


@pytest.mark.parametrize(("name", "own"), [*((name, {}) for name in CASES), ("topk-untied", {"decoder_norm": "free"})])
def test_loss_and_gradients_are_those_of_the_equations(name: str, own: dict[str, Any]) -> None:
    """Central differences of the loss as written in the papers, replica by replica."""
    free = bool(own)
    network = network_of(name, *({**each, **own} for each in CASES[name]))
    parameters, memory, x = drawn(network, 1)
    gradients, seen = network.gradients(parameters, memory, x)
    loss, _ = network.loss(parameters, memory, x)
    for r, settings in enumerate(network.cells):
        own = {key: each[r].numpy().copy() for key, each in parameters.items()}
        frozen = {key: each.copy() for key, each in own.items()}
        if name == "gated":
            by_hand = partial(gated_by_hand, own, x[r].numpy(), settings.penalty, frozen)
        else:
            by_hand = partial(topk_by_hand, own, x[r].numpy(), settings, memory["silent"][r].numpy() > 0, frozen)
        assert float(loss[r]) == pytest.approx(by_hand(), rel=1e-12)  # float64, some hundred terms
        for key, value in own.items():
            expected = differences(by_hand, value)
            if key == "decoder" and not free:  # the part along its rows is taken off
                expected -= (expected * value).sum(1, keepdims=True) * value
            # Rounding of a loss of order 10: 1e-15 / 1e-6; the third derivative times step^2 is far below.
            np.testing.assert_allclose(gradients[key][r], expected, atol=3e-8)
            assert np.abs(expected).max() > 1e-3
    assert torch.equal(seen.fired, (network.forward(parameters, x)[0] != 0).to(F64).sum(1))


@pytest.mark.parametrize("name", CASES)
def test_the_start(name: str) -> None:
    """The encoder is the transposed decoder, whose columns have norm 1, and that of gated is small; biases are 0."""
    state, _ = started(small(name))
    p = state.parameters
    scale = 0.1 if name == "gated" else 1
    np.testing.assert_allclose(p["gate" if name == "gated" else "encoder"], scale * p["decoder"], rtol=1e-15)
    np.testing.assert_allclose(p["decoder"].norm(dim=2), 1, atol=1e-15)
    for key in ("r_mag", "b_gate", "b_mag", "bias"):
        assert key not in p or not p[key].any()


@pytest.mark.parametrize("name", CASES)
def test_the_decoder_stays_on_the_sphere_and_everything_learns(name: str) -> None:
    job = small(name, learning_rate=0.05)
    before, after = started(job)[0].parameters, trained(job)[0].parameters
    np.testing.assert_allclose(after["decoder"].norm(dim=2), 1, atol=1e-15)
    assert all(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("norm", ["unit", "free"])
def test_free_norms_go_on_into_the_encoder(norm: str) -> None:
    """f(x) is what it was before the decoder was put back on the sphere; a norm that is not free is lost."""
    network = network_of("topk-untied", *({**each, "decoder_norm": norm} for each in CASES["topk-untied"]))
    parameters, _, x = drawn(network, 1)
    parameters["decoder"] *= torch.linspace(0.5, 0.9, parameters["decoder"].shape[1])[:, None]
    before = network.forward({**parameters, "encoder": parameters["encoder"].clone()}, x)
    latents = before[0] * parameters["decoder"].norm(dim=2)[:, None]
    network.project(parameters)
    np.testing.assert_allclose(parameters["decoder"].norm(dim=2), 1, atol=1e-15)
    same = before[0] != 0  # K are chosen by what they add to f, so that others may be chosen now
    after = (x - parameters["pre_bias"][:, None]) @ parameters["encoder"].mT + parameters["bias"][:, None]
    assert np.allclose(after[same], latents[same], rtol=1e-12) == (norm == "free")


@pytest.mark.parametrize("name", ["l1-untied", "gated"])
def test_a_first_output_far_above_x_stalls_adam_and_a_small_one_does_not(name: str) -> None:
    """Random directions of norm r give f(x) of about (M/2d) r x, 8 x at r = 1; Adam remembers its gradients.

    The mean best cosine seen at seeds 0 to 3 was larger by 0.07 to 0.10 (l1) and by 0.08 to 0.16 (gated).
    """
    given = {"n_features": 12, "d_model": 8, "n_neurons": 128, "batch_size": 64, "n_steps": 300, "sparsity": 2,
             "learning_rate": 5e-3, "schedule": "linear", "n_evaluations": 1}  # fmt: skip

    def found(**own: Any) -> float:
        _, trace = trained(job_of(algorithm=name, **given, **own), dtype=torch.float32)
        return float(trace.best_cosine[-1].mean())

    assert found() > found(initial_norm=0.999) + 0.03


def test_auxk_revives_the_dead() -> None:
    """Latents that never fire at the start: without AuxK they stay dead, with it they learn."""
    alive = {}
    for weight in (0.0, 1 / 32):
        job = small("topk-untied", n_steps=60, auxiliary=weight, dead_samples=32, learning_rate=0.02, k=1)
        state, given = started(job)
        state.parameters["bias"][:, :15] = -1.0
        trainer.run(state, given, trainer.Trace())
        moved = state.parameters["encoder"] - started(job)[0].parameters["encoder"]
        alive[weight] = int((moved[0, :15].norm(dim=1) > 1e-9).sum())
    assert alive[0.0] == 0 and alive[1 / 32] >= 5


def test_silence_is_counted_in_samples() -> None:
    state, given = started(small("topk-untied"))
    never = torch.ones(1, 30, dtype=torch.bool)
    for k in range(3):
        seen = trainer.step(state, given, trainer.inputs(given, k))
        never &= seen.fired == 0
        assert not state.memory["silent"][seen.fired > 0].any()
    assert torch.equal(state.memory["silent"] == 96, never)


def test_codes_of_topk_untied_are_exactly_k() -> None:
    job = small("topk-untied", k=3)
    assert ((fit(job, runtime=DOUBLE).encode(job.source.held_out()) != 0).sum(1) <= 3).all()
