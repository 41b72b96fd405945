"""The trainer: against autograd and torch's Adam, the controller in it, where it starts and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from statistics_helper import assert_z, seed_of
from torch import Tensor
from trained_helper import (
    DOUBLE,
    F32,
    F64,
    METHODS,
    UNTIED,
    draw_less,
    fit,
    job_of,
    small,
    started,
    tied,
    trained,
)

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.base import Job
from simulations.data.model import Model
from theory.closed_forms import cap_probability

method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


# One step and several


class Jump(torch.autograd.Function):
    """z = u 1(u > theta) and the number of active neurons, with their pseudo-derivatives (arXiv 2407.14435)."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, theta: Tensor, width: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(u, theta)
        ctx.width = width
        on = (u > theta).to(u.dtype)
        return u * on, on

    @staticmethod
    def backward(ctx: Any, to_z: Tensor, to_on: Tensor) -> tuple[Tensor, Tensor, None]:
        u, theta = ctx.saved_tensors
        near = ((u - theta).abs() < ctx.width / 2).to(u.dtype) / ctx.width
        return to_z * (u > theta), (-(to_z * theta + to_on) * near).sum(0), None


def usual_training(settings: Any, start: Sequence[Tensor], batches: Sequence[Tensor]) -> list[Tensor]:
    """Train with autograd and torch.optim, as it is usually written, without a controller."""
    W, a, b, b_pre = parameters = [each[0].clone().requires_grad_() for each in start]
    learned = [W, a, b_pre, *([b] if settings.name in ("l1", "jumprelu") else [])]
    if settings.optimizer == "adamw":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            learned, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
    else:
        optimizer = torch.optim.Adam(learned, lr=settings.learning_rate)
    for k, x in enumerate(batches):
        if settings.schedule == "linear":
            past = max(0, k + 1 - settings.n_steps / 2) / (settings.n_steps / 2)
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 + past * (0.01 - 1))
        u = (x[0] - b_pre) @ W.T
        penalty: Tensor | float = 0.0
        if settings.name == "jumprelu":
            z, on = Jump.apply(u, -b, settings.bandwidth)
            cost = torch.tanh(4 * a.abs() * z) if settings.penalty_kind == "tanh" else on
            penalty = settings.penalty * cost.sum()
        elif settings.name in ("topk", "batchtopk"):
            flat = u if settings.name == "topk" else u.reshape(1, -1)
            largest = flat.topk(settings.k * flat.shape[1] // u.shape[1], dim=1)
            z = torch.zeros_like(flat).scatter(1, largest.indices, largest.values.relu()).reshape(u.shape)
        else:
            z = u * (u + b > 0) if settings.jump else (u + b).relu()
            penalty = settings.penalty * (a * z).abs().sum() if settings.name == "l1" else 0.0
        loss = (0.5 * ((z * a) @ W + b_pre - x[0]).square().sum() + penalty) / x.shape[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            W /= W.norm(dim=1, keepdim=True)
            if settings.name == "jumprelu":
                b.clamp_(max=0)
    return [each.detach() for each in parameters]


@method
@pytest.mark.parametrize("evaluation", ["auto", "dense"])
@pytest.mark.parametrize("how", [{}, {"optimizer": "adamw", "weight_decay": 3.0, "schedule": "linear"}])
def test_training_is_autograd_and_adam(name: str, evaluation: str, how: dict[str, Any]) -> None:
    own = {"buffer_steps": 1_000} if "ba" in name and name != "batchtopk" else {}
    job = small(name, evaluation=evaluation, **own, **how)
    settings = job.algorithm
    state, given = started(job)
    batches = [trainer.inputs(given, k) for k in range(settings.n_steps)]
    expected = usual_training(settings, tied(state), batches)
    start = [each.clone() for each in tied(state)]
    for x in batches:
        trainer.step(state, given, x)
    for value, wanted, before in zip(tied(state), expected, start, strict=True):
        # Rounding of 1e-16 in a gradient over eps = 1e-8 of Adam: 1e-8 of a step of 0.003, twelve times.
        np.testing.assert_allclose(value[0], wanted, atol=1e-9)
        assert (value != before).any() or value is tied(state).bias
    assert (tied(state).bias != start[2]).any() == (settings.name in ("l1", "jumprelu"))


@method
def test_rows_stay_on_the_sphere(name: str) -> None:
    for dtype, ulp in ((F32, 1.2e-7), (F64, 2.3e-16)):
        state, given = started(small(name, learning_rate=0.05), dtype=dtype)
        for k in range(6):
            trainer.step(state, given, trainer.inputs(given, k))
            norms = tied(state).weights.double().norm(dim=2)
            # Each entry of w / |w| is off by an ulp or two: the norm too.
            np.testing.assert_allclose(norms, 1, atol=4 * ulp)


def test_thresholds_of_a_jumprelu_stay_above_zero() -> None:
    """Biases of -0.001 and steps of 0.01: without a penalty some go up, and stop at 0; with one they go down."""
    for penalty, stopped in ((0.0, True), (1.0, False)):
        job = small("jumprelu", penalty=penalty, initial_bias=-0.001, learning_rate=0.01)
        bias = tied(trained(job)[0]).bias
        assert (bias <= 0).all()
        assert (bias == 0).any() == stopped


def test_the_optimiser_steps_at_the_learning_rate_of_the_step() -> None:
    job = small("topk", schedule="linear", n_steps=10)
    state, given = started(job)
    for step in range(10):
        trainer.step(state, given, trainer.inputs(given, step))
        assert state.optimizer.param_groups[0]["lr"] == trainer.learning_rate(job.algorithm, step)


def test_a_batch_of_known_sizes_takes_a_step_of_the_learning_rate() -> None:
    """The first step of Adam moves every parameter with a gradient by the learning rate, before W is normalised."""
    state, given = started(small("topk", learning_rate=0.01))
    before = tied(state).pre_bias.clone()
    trainer.step(state, given, trainer.inputs(given, 0))
    moved = (tied(state).pre_bias - before).abs()
    np.testing.assert_allclose(moved, 0.01, rtol=1e-5)  # eps = 1e-8 of Adam over a gradient of order 0.01


# The controller in the trainer


def never(n_rows: int) -> Tensor:
    raise AssertionError("the paper's controller needs no samples")


def test_the_controller_waits_for_a_full_buffer_and_empties_it() -> None:
    state, given = started(small("gba", buffer_steps=3, learning_rate=1e-9))
    fired, top = torch.zeros(1, 30, dtype=F64), torch.zeros(1, 30, dtype=F64)
    for k in range(2):
        x = trainer.inputs(given, k)
        seen = trainer.step(state, given, x)
        y = torch.einsum("rbd,rmd->rbm", x, tied(state).weights) - 0.1
        assert torch.equal(seen.fired, (y > 0).to(F64).sum(1))  # a learning rate of 1e-9 flips no gate
        fired, top = fired + seen.fired, torch.maximum(top, y.amax(1).clamp(min=0))
        assert torch.equal(state.memory["fired"], fired)
        np.testing.assert_allclose(state.memory["top"], top, atol=1e-7)  # two steps of 1e-9 along each of ten axes
        assert (tied(state).bias == -0.1).all()
    seen = trainer.step(state, given, trainer.inputs(given, 2))
    assert not state.memory["fired"].any() and not state.memory["top"].any()
    assert (tied(state).bias != -0.1).any()
    np.testing.assert_allclose(state.memory["frequency_last"], (fired + seen.fired) / 96, rtol=1e-15)  # float64


def test_constants_of_the_controller_are_exact_in_float64() -> None:
    """One neuron that fires on every sample with r = 1/2 goes from 0 down by gain * r, in full float64."""
    state, given = started(small("gba", n_groups=1, gain=0.1, initial_bias=0.0))
    state.memory["fired"].fill_(10)
    state.memory["top"].fill_(0.5)
    given.network.control(state.parameters, state.memory, 10, 4)  # type: ignore[attr-defined]
    np.testing.assert_allclose(tied(state).bias, -0.05, rtol=1e-15)  # a float64 ulp or two


def test_on_target_is_the_first_update_with_nine_in_ten_near_it() -> None:
    state, given = started(small("gba", n_groups=1, high_target_frequency=0.4))
    for step, (n_over, reached) in enumerate([(4, -1), (3, 2), (0, 2)], start=1):
        state.memory["fired"].fill_(50)  # 0.5 = 1.25 * 0.4 still counts as near
        state.memory["fired"][0, :n_over] = 51
        state.memory["top"].fill_(1)
        given.network.control(state.parameters, state.memory, 100, step)  # type: ignore[attr-defined]
        assert state.memory["on_target"].tolist() == [reached]
    assert torch.equal(state.memory["frequency_last"], torch.full((1, 30), 0.5, dtype=F64))
    assert state.memory["frequency_before"][0, :4].tolist() == [0.51, 0.51, 0.51, 0.5]


@pytest.mark.parametrize("controller", ["paper", "quantile", "quantile-below"])
def test_every_controller_brings_frequencies_down_to_the_target(controller: str) -> None:
    """u is symmetric at the start, so half of the samples fire; targets from 0.3 to 0.05; fresh samples at the end."""
    own = {"gain": 0.3} if controller == "paper" else {}
    job = job_of(
        algorithm="gba", n_features=20, d_model=10, sparsity=2, n_neurons=30, n_groups=4, controller=controller,
        high_target_frequency=0.3, low_target_frequency=0.05, n_steps=120, batch_size=32, buffer_steps=4, **own,
        learning_rate=1e-9, center=True, coefficient_law="exponential", initial_bias=-0.1, n_evaluations=2,
    )  # fmt: skip
    found = fit(job)
    x = (job.source.held_out() - found.code.mean) * found.code.scale
    u = x @ found.before.dictionary.T
    frequency, target = (found.encode(job.source.held_out()) != 0).mean(0), found.target_frequency
    assert (u > 0).mean() > 0.35
    # The controllers see 4 x 32 samples at a time (128, a standard error of 9 to 40 % of the target), so the mean over
    # the groups of 7 or 8 neurons is what is asserted, within half of the target and far from the start.
    for p in np.unique(target):
        ratio = frequency[target == p].mean() / p
        assert 0.5 < ratio < 1.5 if controller != "paper" else ratio < 1.5, (p, ratio)
    assert 0 <= found.results["steps_to_target"] <= 120


def test_the_quantile_controller_draws_no_sample_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its latest samples are kept: drawing them anew was counted as training, and is not possible of an iterator."""
    job = small("gba-quantile", n_steps=20)
    drawn: list[int] = []
    batch = job.source.view

    def view(*given: Any) -> Any:
        made = batch(*given)
        rows = made.batch
        monkeypatch.setattr(made, "batch", lambda step, size: drawn.append(step) or rows(step, size))
        return made

    monkeypatch.setattr(job.source, "view", view)
    fit(job)
    assert drawn == list(range(20))


# Where it starts: the same for every algorithm


def test_algorithms_see_the_same_data_and_start_from_the_same_dictionary() -> None:
    states = [started(small(name, noise=0.1)) for name in (*METHODS, *UNTIED)]
    first, given = states[0]
    weights = given.network.dictionary(first.parameters)
    for state, other in states[1:]:
        assert torch.equal(other.network.dictionary(state.parameters), weights)
        for k in (0, 7):
            assert torch.equal(trainer.inputs(other, k), trainer.inputs(given, k))
    moved, _ = started(small("gba", seed=5))
    assert not torch.isclose(tied(moved).weights, weights).any(2).all()


@pytest.mark.parametrize("restart", [0, 1])
def test_the_start_knows_nothing_of_the_features(restart: int) -> None:
    """A neuron and a feature are independent directions: the cosine exceeds t with chance A_d(t) = I_{1-t^2}(...) / 2.

    The pairs of one dictionary are pairwise independent, so their count has the binomial variance.  Power: one planted
    feature per neuron adds 300 to some 400 pairs, 14 standard errors.
    """
    n, M, d, t = 150, 300, 8, 0.8
    for seed in range(4):
        job = job_of(algorithm="gba", n_features=n, d_model=d, n_neurons=M, seed=seed_of("start") % 10**6 + seed,
                     n_restarts=restart + 1)  # fmt: skip
        state, given = started(job, dtype=F32)
        assert job.source.truth is not None
        V = job.source.truth.features
        W = tied(state).weights[restart].double().numpy()
        cosines = V / np.linalg.norm(V, axis=1, keepdims=True) @ W.T
        p = float(cap_probability(d, t))
        error = np.sqrt(n * M * p * (1 - p))
        assert_z(float((cosines > t).sum()), n * M * p, error, "pairs above 0.8", comparisons=4)
        best = trainer.best_cosine(state, given)
        assert best is not None
        np.testing.assert_allclose(best[restart], cosines.max(axis=1), atol=1e-6)  # float32 sums of eight terms


def is_among(start: Tensor, x: Tensor) -> bool:
    """Return whether every direction of a start (M, d) is that of a row of x."""
    unit = x / x.norm(dim=1, keepdim=True)
    return float((start @ unit.T).amax(1).min()) > 1 - 1e-12  # float64


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_start_from_data_are_held_out_samples(noise: float) -> None:
    """With their noise, which was left out."""
    job = small("topk", initialization="data", center=True, n_restarts=2, noise=noise)
    state, given = started(job)
    assert all(is_among(start, given.held_out(0)) for start in tied(state).weights)
    assert not torch.equal(*tied(state).weights)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_start_from_data_picks_no_empty_row(noise: float) -> None:
    """Of Bernoulli rows with s = 1 a share 1/e has no active feature: no direction to start from, or that of noise."""
    job = small("gba", initialization="data", support_law="bernoulli", sparsity=1, noise=noise)
    state, given = started(job)
    assert job.source.truth is not None
    busy = torch.from_numpy(job.source.truth.values.any(axis=1))
    assert 0.2 < (~busy).double().mean() < 0.5
    assert is_among(tied(state).weights[0], given.held_out(0)[busy])
    assert fit(job).status == "ok"


def test_held_out_rows_are_drawn_once_for_all_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    job = small("topk", initialization="data", n_restarts=3)
    draw = type(job.source)._draw  # type: ignore[attr-defined]
    monkeypatch.setattr(
        type(job.source), "_draw", lambda self, rows, part: drawn.append(part) or draw(self, rows, part)
    )
    others = [Job(job.algorithm.replace(initial_scale=a), Model(**job.source.model.given()).stream())  # type: ignore[attr-defined]
              for a in (0.1, 0.2)]  # fmt: skip
    for found in fit(job, *others):
        assert sum(len(codes) for codes, *_ in found.held_out()) == 1_000
    assert drawn.count("evaluation") == 1


# b_pre


def test_pre_bias_starts_where_the_settings_say() -> None:
    means = {}
    for how in ("learned", "learned-mean", "zero", "mean"):
        state, given = started(small("topk", pre_bias=how))
        means[how] = tied(state).pre_bias[0].numpy()
    assert not means["learned"].any() and not means["zero"].any()
    assert np.array_equal(means["learned-mean"], means["mean"])
    x = given.held_out(0).numpy()
    errors = x.std(axis=0) * np.sqrt(1 / 1_000 + 1 / 2_000)
    for value, expected, error in zip(x.mean(axis=0), means["mean"], errors, strict=True):
        assert_z(value, expected, error, "mean of x", comparisons=10)


@pytest.mark.parametrize("name", [*METHODS, *UNTIED])
def test_pre_bias_that_is_frozen_stays(name: str) -> None:
    """Both ways were the start of a learned one, and nothing could be frozen."""
    for how in ("learned", "learned-mean", "zero", "mean"):
        job = small(name, pre_bias=how, n_steps=3, optimizer="adamw", weight_decay=1.0)
        start = started(job)[0].parameters["pre_bias"]
        end = trained(job)[0].parameters["pre_bias"]
        assert torch.equal(start, end) == (how in ("zero", "mean"))


def test_the_shift_is_b_pre_in_units_of_the_data() -> None:
    job = small("l1", center=True)
    state, given = started(job)
    trainer.run(state, given, trainer.Trace())
    found = fit(job, runtime=DOUBLE)
    expected = tied(state).pre_bias[0] / given.views[0].scale
    np.testing.assert_allclose(found.shift, expected, rtol=1e-15)  # a division in float64


# Measuring on the way


def test_trace_measures_at_equal_parts() -> None:
    job = small("topk", n_steps=10, n_evaluations=4)
    assert trainer.evaluation_steps(job.algorithm) == [0, 2, 5, 8, 10]  # 2.5 and 7.5 round to even
    assert trainer.evaluation_steps(job.algorithm.replace(n_steps=2)) == [0, 1, 2]
    called: list[int] = []
    state, trace = trained(job, after=lambda given, state, trace: called.append(state.step))
    assert called == trace.steps == [0, 2, 5, 8, 10]
    assert trace.samples == [32 * step for step in trace.steps]
    assert state.step == 10
    assert trace.seconds == sorted(trace.seconds)
    V = job.source.features  # type: ignore[attr-defined]
    cosines = V / np.linalg.norm(V, axis=1, keepdims=True) @ tied(state).weights[0].numpy().T
    np.testing.assert_allclose(trace.best_cosine[-1][0], cosines.max(axis=1), atol=1e-14)  # float64


def test_the_clock_counts_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not measuring, not drawing the data, and not the first gradient, which compiles."""
    now = [0.0]

    def tick(seconds: float) -> Callable[..., None]:
        return lambda *_: now.__setitem__(0, now[0] + seconds)

    step, inputs = trainer.step, trainer.inputs
    state, given = started(small("topk", n_steps=4))
    gradients = given.network.gradients
    monkeypatch.setattr(trainer.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(trainer, "step", lambda *args: (tick(1.0)(), step(*args))[1])
    monkeypatch.setattr(trainer, "inputs", lambda *args: (tick(10.0)(), inputs(*args))[1])
    calls: list[int] = []

    def compiling(*args: Any) -> Any:
        calls.append(1)
        tick(1_000.0 if len(calls) == 1 else 0.0)()
        return gradients(*args)

    monkeypatch.setattr(given.network, "gradients", compiling)
    trace = trainer.Trace()
    trainer.run(state, given, trace, tick(100.0))
    assert trace.seconds == [0, 2, 4]
    assert len(calls) == 5


@pytest.mark.parametrize("norm", [0.0, 1e-3, 1e9])
def test_clipping_is_that_of_torch_replica_by_replica(norm: float) -> None:
    """The step of a clipped gradient equals that of torch's own clipping, on what is learned alone."""
    jobs = [small("l1", clip_norm=norm, penalty=each, pre_bias="zero") for each in (0.02, 0.2)]
    state, given = started(*jobs)
    x = trainer.inputs(given, 0)
    gradients, _ = given.network.gradients(state.parameters, state.memory, x)
    names = given.network.learned(state.parameters)
    assert "pre_bias" not in names
    trainer.step(state, given, x)
    for r in range(2):
        leaves = [torch.nn.Parameter(gradients[name][r].clone()) for name in names]
        for leaf, name in zip(leaves, names, strict=True):
            leaf.grad = gradients[name][r].clone()
        if norm:
            torch.nn.utils.clip_grad_norm_(leaves, norm)
        for leaf, name in zip(leaves, names, strict=True):
            # float64; torch adds the squares of each parameter apart.
            torch.testing.assert_close(state.parameters[name].grad[r], leaf.grad, rtol=1e-12, atol=0)


def test_rates_rise_and_fall_as_told() -> None:
    def rates(**own: Any) -> Any:
        settings = small("topk", n_steps=10, learning_rate=2.0, **own).algorithm
        return pytest.approx([trainer.learning_rate(settings, step) / 2 for step in range(10)], rel=1e-13)  # float64

    assert rates(schedule="constant") == [1] * 10
    assert rates(schedule="constant", warm_up=0.4) == [0.25, 0.5, 0.75] + [1] * 7
    assert rates(schedule="tail") == [1] * 8 + [0.505, 0.01]
    assert rates(schedule="linear") == [1] * 5 + [0.802, 0.604, 0.406, 0.208, 0.01]  # down by 0.99 / 5 each


def test_the_memory_of_adam_is_the_one_that_is_asked_for() -> None:
    for value in (0.0, 0.9):
        state, _ = started(small("topk", beta1=value))
        assert state.optimizer.param_groups[0]["betas"] == (value, 0.999)
    assert started(small("gated"))[0].optimizer.param_groups[0]["betas"] == (0, 0.999)
