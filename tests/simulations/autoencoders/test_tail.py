"""The tail of u that quantile controllers keep: against sorting, in any batches, and never with a word to the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from trained_helper import job_of

from simulations.algorithms.autoencoders import controller, trainer
from simulations.algorithms.autoencoders.controlled import ControlledNetwork
from simulations.algorithms.autoencoders.controller import Groups
from simulations.algorithms.autoencoders.selection import keep_largest
from simulations.algorithms.autoencoders.tail import Tail, middle
from simulations.algorithms.base import algorithm_class

CPU = torch.device("cpu")


def values(seed: int, *shape: int, ties: bool = False, dtype: str = "float32") -> np.ndarray[Any, Any]:
    drawn = np.random.default_rng([seed, 9]).standard_normal(shape)
    return (np.round(drawn) if ties else drawn).astype(dtype)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 90),
    width=st.integers(1, 210),
    ties=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    data=st.data(),
)
def test_the_largest_are_those_of_sorting(
    seed: int, n_rows: int, width: int, ties: bool, dtype: str, data: st.DataObject
) -> None:
    """Two calls, of rows from `first` on; columns outside start to stop, and ranks below `count`, stay as they were."""
    start = data.draw(st.integers(0, width - 1))
    stop = data.draw(st.integers(start + 1, width))
    first, cut = data.draw(st.integers(0, n_rows)), data.draw(st.integers(0, n_rows))
    count = data.draw(st.integers(1, 40))
    y = values(seed, n_rows, width, ties=ties, dtype=dtype)
    least = np.finfo(dtype).min
    kept = np.full((count + 1, width), least, dtype)
    keep_largest(y[:cut].copy(), min(first, cut), start, stop, count, kept)
    keep_largest(y[cut:].copy(), max(0, first - cut), start, stop, count, kept)
    wanted = np.full_like(kept, least)
    rows = -np.sort(-y[first:, start:stop], axis=0)[:count]
    wanted[: len(rows), start:stop] = rows
    assert np.array_equal(kept, wanted)


def test_nan_is_never_among_the_largest() -> None:
    y = values(0, 30, 70)
    y[::3] = np.nan
    kept = np.full((5, 70), np.finfo("float32").min, "float32")
    keep_largest(y, 0, 0, 70, 5, kept)
    assert np.array_equal(kept, -np.sort(-np.delete(y, np.s_[::3], axis=0), axis=0)[:5])


def groups(*cells: dict[str, Any], dtype: torch.dtype = torch.float32) -> Groups:
    return controller.groups([algorithm_class("gba")(n_neurons=150, **each) for each in cells], CPU, dtype)


GROUPS = groups(
    {"n_groups": 7, "high_target_frequency": 0.4, "low_target_frequency": 0.004},
    {"n_groups": 3, "high_target_frequency": 0.9, "low_target_frequency": 0.02},
)


def by_sorting(of: Groups, u: np.ndarray[Any, Any], n_rows: int) -> np.ndarray[Any, Any]:
    """Return the wanted biases (R, M) from u (R, N, M), neuron by neuron."""
    found = np.empty(of.target.shape)
    for r, m in np.ndindex(*of.target.shape):
        p = float(of.target[r, m])
        rows = min(n_rows, controller.quantile_rows(p))
        column = np.sort(u[r, -rows:, m].astype("float64"))[::-1]
        count = min(max(round(p * rows), 1), max(rows - 1, 1))
        found[r, m] = -(column[count - 1] + column[min(count, rows - 1)]) / 2
    return found


@pytest.fixture(params=["compiled", "torch"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Do what a CPU does, and what a GPU does."""
    if request.param == "torch":
        monkeypatch.setattr("simulations.algorithms.autoencoders.tail.AVAILABLE", False)
    return str(request.param)


@pytest.mark.parametrize(("batch", "steps"), [(300, 9), (64, 33), (1, 20), (2_500, 1), (7, 150)])
def test_biases_are_minus_quantiles_of_the_last_rows(route: str, batch: int, steps: int) -> None:
    """8 / 0.004 samples are 2,000, fewer where the buffer has fewer, and batches do not divide them."""
    u = values(1, 2, batch * steps, 150)
    tail = Tail(GROUPS, batch * steps, CPU, torch.float32)
    bias = torch.zeros(2, 150)
    kept = tail.empty(bias)
    for k in range(steps):
        tail.add(kept, torch.from_numpy(u[:, k * batch : (k + 1) * batch]), (steps - 1 - k) * batch)
    # The middle of two float32 numbers below 5 has a rounding error of 2^-24 of it.
    np.testing.assert_allclose(tail.biases(kept, bias), by_sorting(GROUPS, u, batch * steps), rtol=0, atol=5e-7)


def test_batches_that_are_too_early_are_not_looked_at() -> None:
    tail = Tail(GROUPS, 10_000, CPU, torch.float32)
    kept = tail.empty(torch.zeros(2, 150))
    tail.add(kept, torch.full((2, 50, 150), torch.inf), tail.rows)
    assert tail.rows == 2_000 and (kept == tail.least).all()


def test_who_has_not_seen_enough_keeps_its_bias(route: str) -> None:
    tail = Tail(GROUPS, 500, CPU, torch.float32)
    bias = torch.linspace(-1, 0, 300).reshape(2, 150)
    kept = tail.empty(bias)
    assert torch.equal(tail.biases(kept, bias), bias)
    tail.add(kept, torch.from_numpy(values(2, 2, 40, 150)), 0)
    enough = torch.tensor([[min(each.above, each.rows - 1) < 40 for each in part for _ in range(each.start, each.stop)]
                           for part in tail.segments])  # fmt: skip
    assert torch.equal(tail.biases(kept, bias) != bias, enough) and enough.any() and not enough.all()


def test_what_is_kept_has_one_shape_whatever_the_batches() -> None:
    """As SAELens asks for it before it knows them; the deepest is 0.9 of 64 samples, and the one after."""
    like = torch.zeros(2, 150)
    shapes = {Tail(GROUPS, rows, CPU, torch.float32).empty(like).shape for rows in (1, 63, 700, 10**6)}
    assert shapes == {(2, 59, 150)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000), n_rows=st.integers(1, 60), data=st.data())
def test_the_middle_is_that_of_sorting(seed: int, n_rows: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, max(1, n_rows - 1)))
    y = values(seed, n_rows, 4, ties=True, dtype="float64")
    column = -np.sort(-y, axis=0)
    wanted = (column[count - 1] + column[min(count, n_rows - 1)]) / 2
    assert middle(torch.from_numpy(y), count).tolist() == wanted.tolist()


CELL: dict[str, Any] = {
    "algorithm": "gba", "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "n_groups": 4,
    "high_target_frequency": 0.3, "low_target_frequency": 0.05, "n_steps": 40, "batch_size": 32, "buffer_steps": 4,
    "relaxation": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("controller_name", ["quantile", "quantile-below"])
@pytest.mark.parametrize("evaluation", ["auto", "dense"])
def test_training_uses_u_of_the_weights_that_saw_the_samples(controller_name: str, evaluation: str) -> None:
    """A float64 training replayed: u by einsum of each step's own weights, sorted; every bias, at every update."""
    job = job_of(controller=controller_name, evaluation=evaluation, **CELL)
    given_ = trainer.problem([job], CPU, torch.float64)
    state = trainer.init(given_)
    network: Any = given_.network
    of, latest = network.groups, []
    for k in range(16):
        x = trainer.inputs(given_, k)
        weights, b_pre, bias = (state.parameters[name].clone() for name in ("weights", "pre_bias", "bias"))
        latest.append(torch.einsum("rbd,rmd->rbm", x - b_pre[:, None], weights))
        trainer.step(state, given_, x)
        if (k + 1) % 4:
            assert torch.equal(state.parameters["bias"], bias)
            continue
        u = torch.cat(latest[-4:], dim=1).numpy()
        wanted = torch.from_numpy(by_sorting(of, u, 128)).clamp(-1, 0)
        if controller_name == "quantile-below":
            fired = torch.from_numpy((u + bias[:, None].numpy() > 0).mean(1))
            wanted = torch.where((fired > of.target) | (fired < 1e-6), wanted, bias)
        # Sums of ten products below 1 in another order: a few times 1e-16.
        np.testing.assert_allclose(state.parameters["bias"], wanted, rtol=0, atol=1e-14)
        assert (state.memory["tail"] == torch.finfo(torch.float64).min).all()


def test_the_paper_keeps_no_u() -> None:
    job = job_of(**{name: value for name, value in CELL.items() if name != "relaxation"})
    given_ = trainer.problem([job], CPU, torch.float64)
    state = trainer.init(given_)
    assert trainer.step(state, given_, trainer.inputs(given_, 0)).u is None
    assert "tail" not in state.memory and "top" in state.memory


@pytest.mark.parametrize("controller_name", ["paper", "quantile", "quantile-below"])
def test_a_controller_asks_the_device_for_no_number(controller_name: str) -> None:
    """Tensors without numbers raise as soon as one is asked for: a step on a GPU would wait there."""
    own = {} if controller_name == "paper" else {"relaxation": 0.5}
    kind, common = algorithm_class("gba"), {"controller": controller_name, "buffer_steps": 3, "batch_size": 40}
    cells = [kind(n_neurons=150, n_groups=each, initial_bias=-0.1, **common, **own) for each in (7, 3)]
    device = torch.device("meta")
    network = ControlledNetwork(cells, device, torch.float32)
    shapes = {"weights": (2, 150, 10), "scale": (2, 150), "bias": (2, 150), "pre_bias": (2, 10)}
    parameters: dict[str, Tensor] = {name: torch.empty(shape, device=device) for name, shape in shapes.items()}
    memory = network.memory(parameters)
    with pytest.raises((RuntimeError, NotImplementedError)):
        float(parameters["bias"].sum())
    for step in range(1, 7):
        _, seen = network.gradients(parameters, memory, torch.empty(2, 40, 10, device=device))
        network.remember(parameters, memory, seen, 40, step)
