"""Kinds with an encoder of their own: equations by hand, gradients by differences, starts, warm-up and thresholds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trained_helper import CPU, DOUBLE, F64, differences, draw_less, fit, job_of

from simulations.algorithms.autoencoders.export import export
from simulations.algorithms.autoencoders.network import Network, Tensors
from simulations.algorithms.base import Runtime, algorithm_class

ROWS, M, D = 7, 9, 5
CASES: dict[str, list[dict[str, Any]]] = {
    "l1-untied": [{"penalty": 0.3}, {"penalty": 1.2}],
    "jumprelu-untied": [{"penalty": 0.05}, {"penalty": 0.4}],
}
SMALL: dict[str, Any] = {
    "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 32, "n_steps": 12,
    "n_evaluations": 2, "learning_rate": 0.003,
}  # fmt: skip


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


def drawn(name: str) -> tuple[Network, Tensors, Tensors, torch.Tensor]:
    """Return a network of two replicas, parameters as after some training, memory past the warm-up, and x."""
    rng = np.random.default_rng(5)
    kind: Any = algorithm_class(name)
    more = {"bandwidth": 0.5} if name == "jumprelu-untied" else {}
    network = kind.network([kind(n_neurons=M, n_steps=10, **more, **each) for each in CASES[name]], CPU, F64)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((2, M, D))), dim=2)
    parameters = network.parameters(start, torch.zeros(2, D, dtype=F64))
    for each in parameters.values():
        each += 0.3 * torch.from_numpy(rng.standard_normal(each.shape))
    if "threshold" in parameters:
        parameters["threshold"].abs_()
    memory = network.memory(parameters)
    memory["done"] += 10
    return network, parameters, memory, torch.from_numpy(rng.standard_normal((2, ROWS, D)))


def by_hand(name: str, p: dict[str, Any], x: Any, penalty: float) -> float:
    total = 0.0
    for row in x:
        u = p["encoder"] @ (row - p["pre_bias"]) + p["bias"]
        if name == "l1-untied":
            z = np.maximum(u, 0)
            sparsity = sum(z[m] * np.linalg.norm(p["decoder"][m]) for m in range(M))
        else:
            z = np.where(u > p["threshold"], u, 0)
            sparsity = (u > p["threshold"]).sum()
        total += ((row - z @ p["decoder"] - p["pre_bias"]) ** 2).sum() + penalty * sparsity
    return total / len(x)


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_are_those_of_the_equations(name: str) -> None:
    network, parameters, memory, x = drawn(name)
    gradients, seen = network.gradients(parameters, memory, x)
    for r, settings in enumerate(network.cells):
        own = {key: each[r].numpy().copy() for key, each in parameters.items()}
        told = partial(by_hand, name, own, x[r].numpy(), settings.penalty)
        assert float(seen.loss[r]) == pytest.approx(told(), rel=1e-12)
        for key, value in own.items():
            if key == "threshold":
                continue  # of straight-through gradients the loss knows nothing
            expected = differences(told, value)
            # Rounding of a loss of order 10: 1e-15 / 1e-6.
            np.testing.assert_allclose(gradients[key][r], expected, atol=3e-8)
            assert np.abs(expected).max() > 1e-3


def test_thresholds_move_by_the_straight_through_gradients() -> None:
    """Eq. 11 and 12, summed by hand: (-theta <e, w_dec> 2 - penalty) / eps where |u - theta| < eps/2."""
    network, p, memory, x = drawn("jumprelu-untied")
    found = network.gradients(p, memory, x)[0]["threshold"].numpy()
    eps = network.settings.bandwidth
    for r, settings in enumerate(network.cells):
        E, W, b, c, theta = (p[key][r].numpy() for key in ("encoder", "decoder", "bias", "pre_bias", "threshold"))
        expected = np.zeros(M)
        for row in x[r].numpy():
            u = E @ (row - c) + b
            error = np.where(u > theta, u, 0) @ W + c - row
            near = np.abs(u - theta) < eps / 2
            expected -= near / eps * (theta * 2 * (W @ error) + settings.penalty) / ROWS
        np.testing.assert_allclose(found[r], expected, atol=1e-13)  # float64, some hundred terms
        assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_the_start_is_small_and_transposed(name: str) -> None:
    kind: Any = algorithm_class(name)
    network = kind.network([kind(n_neurons=M)], CPU, F64)
    start = torch.nn.functional.normalize(torch.ones(1, M, D, dtype=F64), dim=2)
    p = network.parameters(start, torch.zeros(1, D, dtype=F64))
    assert torch.equal(p["encoder"], p["decoder"]) and not p["bias"].any() and not p["pre_bias"].any()
    np.testing.assert_allclose(p["decoder"].norm(dim=2), 0.1, atol=1e-15)
    if name == "jumprelu-untied":
        assert (p["threshold"] == 0.001).all()


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("l1-untied", {"beta1": 0.9, "clip_norm": 1.0, "schedule": "tail", "penalty_warm_up": 0.05}),
        ("jumprelu-untied", {"beta1": 0.0, "clip_norm": 1.0, "bandwidth": 0.001, "initial_threshold": 0.001}),
        ("gated", {"beta1": 0.0, "clip_norm": 0.0, "schedule": "constant"}),
        *(
            (name, {"beta1": 0.9, "clip_norm": 0.0, "auxiliary": 1 / 32, "pre_bias": "learned-mean"})
            for name in ("topk-untied", "batchtopk-untied", "matryoshka")
        ),
    ],
)
def test_defaults_are_the_authors(name: str, recipe: dict[str, Any]) -> None:
    settings = algorithm_class(name)(n_neurons=M)
    assert {key: getattr(settings, key) for key in recipe} == recipe


@pytest.mark.parametrize("name", CASES)
def test_the_penalty_rises_over_its_share_of_the_steps(name: str) -> None:
    kind: Any = algorithm_class(name)
    network = kind.network([kind(n_neurons=M, n_steps=40, penalty=0.8, penalty_warm_up=0.1)], CPU, F64)
    memory = {"done": torch.zeros(1, dtype=F64)}
    seen = []
    for _ in range(6):
        seen.append(float(network.weight(memory)))
        network.remember({}, memory, None, ROWS, None)  # type: ignore[arg-type]
    assert seen == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("center", [False, True])
def test_exported_tensors_take_raw_data(name: str, center: bool, tmp_path: Path) -> None:
    job = job_of(algorithm=name, **SMALL, center=center, noise=0.1)
    found = fit(job, runtime=Runtime("cpu", checkpoint=tmp_path / "c"))
    told = export(tmp_path / "c", "saelens", tmp_path / "out")
    X = job.source.held_out()
    t = {key: each.double().numpy() for key, each in load_file(tmp_path / "out" / "sae_weights.safetensors").items()}
    assert told["architecture"] == json.loads((tmp_path / "out" / "cfg.json").read_text())["architecture"]
    u = (X - t["b_dec"]) @ t["W_enc"] + t["b_enc"]
    codes = np.maximum(u, 0) * (u > t.get("threshold", 0))
    own, output = found.code(X)
    assert 0 < (own > 0).mean() < 1
    # float32 sums of 10 and 30 terms of order 1, and of order |X| in X.
    np.testing.assert_allclose(own, codes, atol=5e-6)
    np.testing.assert_allclose(output, codes @ t["W_dec"] + t["b_dec"], atol=5e-6 * np.abs(X).max())


@pytest.mark.parametrize("name", CASES)
def test_everything_learns_and_thresholds_stay_above_0(name: str) -> None:
    job = job_of(algorithm=name, **(SMALL | {"learning_rate": 0.05}))
    assert np.isfinite(fit(job, runtime=DOUBLE).dictionary).all()
    network, p, memory, x = drawn(name)
    assert all(each.any() for each in network.gradients(p, memory, x)[0].values())
    if "threshold" in p:
        p["threshold"][:] = -1.0
        network.project(p)
        assert not p["threshold"].any()


BATCHES: dict[str, dict[str, Any]] = {
    "batchtopk-untied": {"k": 2, "auxiliary": 0.0},
    "matryoshka": {"k": 2, "auxiliary": 0.0, "matryoshka_widths": "2/5/9"},
}


def batch_by_hand(p: dict[str, Any], x: Any, settings: Any) -> float:
    """1/2 of the squared errors of the nested dictionaries, with the K B largest positive latents of the batch."""
    y = (x - p["pre_bias"]) @ p["encoder"].T + p["bias"]
    floor = np.sort(y, axis=None)[-settings.k * len(x)]
    z = np.where((y >= floor) & (y > 0), y, 0)
    widths = [int(each) for each in getattr(settings, "matryoshka_widths", str(M)).split("/")]
    outputs = [z[:, :width] @ p["decoder"][:width] + p["pre_bias"] for width in widths]
    return sum(0.5 * ((x - each) ** 2).sum() for each in outputs) / len(x)


@pytest.mark.parametrize("name", BATCHES)
def test_batches_share_their_active_latents(name: str) -> None:
    kind: Any = algorithm_class(name)
    network = kind.network([kind(n_neurons=M, k_aux=1, **BATCHES[name])], CPU, F64)
    rng = np.random.default_rng(6)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((1, M, D))), dim=2)
    parameters = network.parameters(start, torch.zeros(1, D, dtype=F64))
    for key in ("encoder", "bias", "pre_bias"):
        parameters[key] += 0.3 * torch.from_numpy(rng.standard_normal(parameters[key].shape))
    x = torch.from_numpy(rng.standard_normal((1, ROWS, D)))
    gradients, seen = network.gradients(parameters, network.memory(parameters), x)
    own = {key: each[0].numpy().copy() for key, each in parameters.items()}
    assert float(seen.fired.sum()) == 2 * ROWS
    told = partial(batch_by_hand, own, x[0].numpy(), network.settings)
    assert float(seen.loss[0]) == pytest.approx(told(), rel=1e-12)
    for key in ("encoder", "bias", "pre_bias"):  # that of the decoder is without its part along the rows
        # Rounding of a loss of order 10: 1e-15 / 1e-6.
        np.testing.assert_allclose(gradients[key][0], differences(told, own[key]), atol=3e-8)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_is_exported_with_its_threshold(name: str, tmp_path: Path) -> None:
    job = job_of(algorithm=name, **SMALL, k=2)
    found = fit(job, runtime=Runtime("cpu", checkpoint=tmp_path / "c"))
    assert export(tmp_path / "c", "saelens", tmp_path / "out")["architecture"] == "jumprelu"
    own, _ = found.code(job.source.held_out())  # its 1,000 rows are one batch, whose smallest code is the threshold
    threshold = load_file(tmp_path / "out" / "sae_weights.safetensors")["threshold"].numpy()
    assert threshold[0] == pytest.approx(own[own > 0].min(), abs=1e-5) and len(set(threshold)) == 1


def test_one_size_of_matryoshka_is_batchtopk() -> None:
    one, other = (
        fit(job_of(algorithm=name, **SMALL, k=2, **more), runtime=DOUBLE).dictionary
        for name, more in (("matryoshka", {"matryoshka_widths": "30"}), ("batchtopk-untied", {}))
    )
    assert np.array_equal(one, other)
