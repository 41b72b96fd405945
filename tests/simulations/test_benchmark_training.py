"""The training benchmark: that both sides of a ratio do the same work, and that the ratios are of what is measured."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.controlled import ControlledNetwork
from simulations.data import synthetic as data
from simulations.evidence import benchmark_training as benchmark
from simulations.runs.cell import Cell

TINY: dict[str, Any] = {
    "n_features": 24, "d_model": 12, "n_neurons": 40, "batch_size": 64, "n_steps": 1_000, "device": "cpu",
    "coefficient_law": "half-normal", "learning_rate": 0.003, "pre_bias": "learned", "schedule": "constant",
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the problem that is timed."""
    for name in ("BLOCK", "CALIBRATION_ROWS", "EVALUATION_ROWS"):
        monkeypatch.setattr(data, name, 1_000)
    monkeypatch.setattr(benchmark, "COMMON", Cell(algorithm="topk", **TINY))


@pytest.mark.parametrize("given", [{"algorithm": "topk"}, {"algorithm": "gba", "initial_bias": -0.1, "n_groups": 4}])
def test_the_dense_loop_does_the_same_work(given: dict[str, Any]) -> None:
    settings = Cell(**(TINY | given))
    step, state, problem = benchmark.ours(settings)
    other = benchmark.dense_loop(settings)
    for k in range(10):
        x = trainer.inputs(problem, k)
        step(x)
        other(x)
    theirs = inspect.getclosurevars(other).nonlocals
    assert state.step == 10
    # Ten float32 steps of 0.003: gradients off by 1e-7 of order 1e-3 move a weight by 1e-4 of a step each.
    np.testing.assert_allclose(state.parameters["weights"][0], theirs["W"].detach(), atol=1e-4)
    np.testing.assert_allclose(state.parameters["scale"][0], theirs["a"].detach(), atol=1e-4)
    np.testing.assert_allclose(state.parameters["pre_bias"][0], theirs["b_pre"].detach(), atol=1e-4)
    start = trainer.init(problem).parameters["weights"]
    assert (state.parameters["weights"] - start).abs().max() > 0.01


def test_seconds_per_step_are_means_of_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times two batches, taking turns, after one call to warm up that does not count."""
    now, order = [0.0], []
    seconds = {"a": iter([100, 1, 2, 9, 9, 4, 5]), "b": iter([100, 3, 3, 1, 1, 2, 2])}

    def way(name: str) -> benchmark.Step:
        def step(x: torch.Tensor) -> None:
            order.append(name)
            now[0] += next(seconds[name])

        return step

    monkeypatch.setattr(benchmark.time, "thread_time", lambda: now[0])
    found = benchmark.seconds_per_step({"a": way("a"), "b": way("b")}, [torch.zeros(1)] * 2, 3)
    assert found == {"a": [1.5, 9, 4.5], "b": [3, 1, 2]}
    assert "".join(order) == "ab" + "aabb" * 3


def test_ratios_are_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Medians of three turns, by hand; a buffer has 50 steps."""
    times = {
        "topk": [0.002, 0.001, 0.004], "topk_dense_loop": [0.006, 0.006, 0.006], "gba": [0.001] * 3,
        "gba_dense_loop": [0.008] * 3, "topk_sae_lens": [0.01] * 3, "controller_paper": [5e-4] * 3,
        "controller_quantile": [0.001, 0.002, 0.006],
    }  # fmt: skip
    monkeypatch.setattr(benchmark, "seconds_per_step", lambda steps, *_: {name: times[name] for name in steps})
    monkeypatch.setattr(benchmark, "sae_lens_loop", lambda settings: lambda x: None)
    found = benchmark.benchmark_training(repeats=1, n_batches=2)
    assert found["samples_per_second_topk"] == pytest.approx(64 / 0.002)
    assert found["samples_per_second_gba_dense_loop"] == pytest.approx(64 / 0.008)
    assert found["ratio_topk_to_dense_loop"] == pytest.approx(3)
    assert found["ratio_topk_to_dense_loop_range"] == pytest.approx([1.5, 6])
    assert found["ratio_gba_to_dense_loop"] == pytest.approx(8)
    assert found["ratio_topk_to_sae_lens"] == pytest.approx(5)
    assert found["controller_share_of_topk_step_paper"] == pytest.approx(0.005)
    assert found["controller_share_of_topk_step_quantile"] == pytest.approx(0.02)
    assert found["controller_share_of_topk_step_quantile_range"] == pytest.approx([0.01, 0.04])
    assert not [name for name in found if "per_second_controller" in name]
    monkeypatch.setattr(benchmark, "sae_lens_loop", lambda settings: None)
    assert not [name for name in benchmark.benchmark_training(repeats=1, n_batches=2) if "sae_lens" in name]


def test_the_controller_is_timed_over_one_whole_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed counts every step of a buffer and moves the biases at its end, with u of several batches."""
    passed: list[tuple[Any, ...]] = []
    remember = ControlledNetwork.remember
    settings = benchmark._gba(controller="quantile", buffer_steps=7)
    batches = [torch.randn(1, 64, 12) for _ in range(3)]
    buffer = benchmark.controller_buffer(settings, batches)
    monkeypatch.setattr(ControlledNetwork, "remember", lambda self, *all: passed.append(all) or remember(self, *all))
    bias = inspect.getclosurevars(buffer).nonlocals["state"].parameters["bias"]
    before = bias.clone()
    buffer(batches[0])
    assert [each[-1] for each in passed] == list(range(1, 8))
    assert len({each[2].u.data_ptr() for each in passed}) == 3
    assert (bias != before).any()


def test_the_benchmark_runs_and_says_what_of() -> None:
    before = torch.get_num_threads()
    found = benchmark.benchmark_training(repeats=1, n_batches=2)
    assert torch.get_num_threads() == before
    assert {name: found[name] for name in ("n_features", "d_model", "n_neurons", "batch_size", "k")} == {
        "n_features": 24, "d_model": 12, "n_neurons": 40, "batch_size": 64, "k": 3,
    }  # fmt: skip
    numbers = [value for name, value in found.items() if "ratio" in name or "per_second" in name or "share" in name]
    assert len(numbers) >= 12
    assert all((np.isfinite(value) & (np.array(value) > 0)).all() for value in numbers)
    assert 0 < found["gba_activity"] < 1


def test_the_problem_is_the_one_that_was_timed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    common = benchmark.COMMON
    assert (common.algorithm, common.n_features, common.d_model, common.n_neurons) == ("topk", 512, 128, 2_048)
    assert (common.batch_size, common.k, common.dictionary_law) == (512, 3, "sphere")
    low = benchmark._gba(initial_bias=benchmark.LOW_ACTIVITY)
    assert (low.n_neurons, low.activation, low.n_samples) == (2_048, "jumprelu", 512 * 10**6)
