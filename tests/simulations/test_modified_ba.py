"""The algorithm: one step by hand, invariances, independence of neurons, and the theorem's ordering."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from cells_helper import dense, evaluation_of, sample_of, start_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.update import CPU_TILE, Dense, Factored
from simulations.data.sampling import Sample
from simulations.runs.cell import Cell, run_batch, run_cell
from simulations.runs.columns import results

CPU = torch.device("cpu")
SMALL = Cell(
    n_features=24, d_model=12, sparsity=3, n_samples=600, n_neurons=64, target_frequency=0.1, n_steps=3, dtype="float64"
)


def trace_of(config: Cell, data: Sample, start: np.ndarray) -> modified_ba.Trace:
    dtype = getattr(torch, config.dtype)
    state = modified_ba.init(torch.from_numpy(start).to(dtype), config.target_frequency)
    return modified_ba.run(state, evaluation_of(config, [data], [config.seed], CPU), config)


def same_results(left: dict[str, object], right: dict[str, object]) -> bool:
    return all(left.get(name) == right.get(name) for name in results() if not name.startswith("seconds"))


@pytest.mark.parametrize("step_size", [math.inf, 0.7])
def test_one_step_is_the_formula(step_size: float) -> None:
    config = SMALL.replace(n_steps=1, step_size=step_size)
    data = sample_of(config)
    start = start_of(config, data)
    X = np.stack([data.values[row] @ data.features[data.support[row]] for row in range(600)])
    bias = -norm.isf(0.1)
    u = X @ start.T
    gradient = np.where(u > -bias, 2 * u + bias, 0).T @ X / 600
    moved = gradient if math.isinf(step_size) else start + step_size * gradient
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    expected = np.where(norms > 0, moved / np.where(norms > 0, norms, 1), start)
    # Unit vectors from float64 sums of 600 terms: 600 * 2.2e-16 relative, with room for cancellation.
    np.testing.assert_allclose(trace_of(config, data, start).weights[0].numpy(), expected, atol=1e-11)


def test_dead_neuron_keeps_its_weight_and_counts() -> None:
    config = SMALL.replace(n_steps=2)
    data = sample_of(config)
    mean = np.einsum("ms,msd->d", data.values, data.features[data.support]) / 600
    # A hand-made law: all activations are one vector, so its opposite never fires.
    data = data._replace(support=np.zeros((600, 1), np.int32), values=np.ones((600, 1)))
    away = -data.features[0] / np.linalg.norm(data.features[0])
    trace = trace_of(config, data, np.stack([away, mean / np.linalg.norm(mean)]))
    np.testing.assert_allclose(trace.weights[0, 0].numpy(), away, atol=1e-15)  # untouched but for normalisation
    assert trace.activation_frequency[0, 0] == 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), step_size=st.sampled_from([math.inf, 1.0]))
def test_rotating_features_and_start_rotates_the_result(seed: int, step_size: float) -> None:
    config = SMALL.replace(seed=seed, step_size=step_size)
    data = sample_of(config)
    start = start_of(config, data)
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 12)))[0]
    plain = trace_of(config, data, start)
    rotated = trace_of(config, data._replace(features=data.features @ rotation), start @ rotation)
    # Rounding of order 1e-15 grows by the map's expansion over three steps; 1e-8 leaves seven digits of room.
    np.testing.assert_allclose(rotated.weights[0].numpy(), plain.weights[0].numpy() @ rotation, atol=1e-8)
    np.testing.assert_allclose(rotated.best_cosine.numpy(), plain.best_cosine.numpy(), atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_permuting_features_permutes_the_recovery(seed: int) -> None:
    config = SMALL.replace(seed=seed)
    data = sample_of(config)
    order = np.random.default_rng(seed).permutation(24)
    renamed = np.argsort(order)[data.support].astype(np.int32)
    plain = trace_of(config, data, start_of(config, data))
    permuted = trace_of(config, data._replace(support=renamed, features=data.features[order]), start_of(config, data))
    np.testing.assert_allclose(
        permuted.best_cosine.numpy(), plain.best_cosine.numpy()[..., order], atol=1e-8
    )  # as above


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adding_neurons_changes_no_neuron_and_never_lowers_recovery(dtype: str) -> None:
    base = SMALL.replace(n_features=40, dtype=dtype, n_samples=2_000)
    traces = []
    for width in (5, 64, CPU_TILE, CPU_TILE + 100):
        config = base.replace(n_neurons=width)
        data = sample_of(config)
        traces.append(trace_of(config, data, start_of(config, data)))
    for small, large in pairwise(traces):
        width = small.weights.shape[1]
        assert torch.equal(small.weights, large.weights[:, :width])  # equal bits, not only nearly
        assert (large.best_cosine >= small.best_cosine).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000), policy=st.sampled_from(["fixed", "tracking"]), center=st.booleans())
def test_unit_norms_and_recovery_falls_in_tau(seed: int, policy: str, center: bool) -> None:
    config = SMALL.replace(seed=seed, bias_policy=policy, center=center)
    data = sample_of(config)
    norms = trace_of(config, data, start_of(config, data)).weights.norm(dim=-1).numpy()
    np.testing.assert_allclose(norms, 1, atol=1e-12)  # one float64 division of a 12-vector
    row = run_cell(config)
    assert row["feature_recovery_rate"] <= row["feature_recovery_rate_080"]
    assert row["matched_recovery_rate"] <= row["feature_recovery_rate"]


@pytest.mark.parametrize("center", [False, True])
def test_tracking_makes_every_neuron_fire_at_its_target(center: bool) -> None:
    config = SMALL.replace(bias_policy="tracking", center=center, coefficient_law="exponential", target_frequency=0.05)
    data = sample_of(config)
    state = modified_ba.init(torch.from_numpy(start_of(config, data)), 0.05)
    _, info = modified_ba.step(state, evaluation_of(config, [data], [0], CPU), config)
    reachable = info.bias < 0
    assert reachable.double().mean() > 0.9
    assert (info.fired[reachable] == 30).all()  # 0.05 * 600, continuous values: no ties
    assert (info.fired[~reachable] <= 30).all()
    assert (info.bias <= 0).all()


def test_batches_and_threads_equal_single_cells() -> None:
    config = SMALL.replace(n_neurons=700, n_samples=900)
    cells = [config.replace(seed=seed, target_frequency=p) for seed in (0, 1) for p in (0.05, 0.2)]
    singles = [run_cell(each) for each in cells]
    assert all(same_results(*pair) for pair in zip(run_batch(cells), singles, strict=True))
    assert same_results(run_cell(config, threads=2), run_cell(config))


def test_batches_of_unequal_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="seed, target_frequency only"):
        run_batch([SMALL, SMALL.replace(sparsity=4)])


def test_history_starts_at_the_start_and_ends_at_the_row() -> None:
    row = run_cell(SMALL)
    history = [float(word) for word in row["recovery_per_step"].split()]
    assert len(history) == SMALL.n_steps + 1
    assert history[-1] == pytest.approx(row["feature_recovery_rate"], abs=1e-6)  # six significant digits are kept
    assert history[0] == pytest.approx(run_cell(SMALL.replace(n_steps=0))["feature_recovery_rate"], abs=1e-6)


def test_dense_and_factored_rows_agree() -> None:
    rows = [run_cell(SMALL.replace(evaluation=form)) for form in ("factored", "dense")]
    for name in ("feature_recovery_rate", "mean_max_cosine", "activation_frequency"):
        assert rows[0][name] == pytest.approx(rows[1][name], abs=1e-8)  # float64 rounding, expanded over three steps


def test_noise_goes_through_the_dense_form_and_blurs() -> None:
    config = SMALL.replace(noise=3.0)
    data = evaluation_of(config, [sample_of(config)], [0], CPU)
    assert isinstance(data, Dense)
    clean = dense([sample_of(config)], device=CPU, dtype=torch.float64, center=False)
    added = (data.X - clean.X).numpy().ravel()
    # 7,200 draws: the mean has standard error 3/sqrt(7200), the variance 9 sqrt(2/7200); five of each: alarm 6e-7.
    assert abs(added.mean()) < 5 * 3 / math.sqrt(added.size)
    assert abs(added.var() - 9) < 5 * 9 * math.sqrt(2 / added.size)


def test_mini_batches_use_their_rows_only() -> None:
    config = SMALL.replace(n_steps=1, batch_size=200)
    data = sample_of(config)
    part = data._replace(support=data.support[:200], values=data.values[:200])
    small = config.replace(n_samples=200, batch_size=0)
    start = start_of(config, data)
    left, right = trace_of(config, data, start), trace_of(small, part, start)
    assert torch.equal(left.weights, right.weights)
    assert modified_ba._batch(600, 200, 4) == slice(200, 400)


def test_start_from_data_are_samples() -> None:
    config = SMALL.replace(initialization="data", n_neurons=10)
    data = sample_of(config)
    X = Factored([data], device=CPU, dtype=torch.float64, center=False)
    rows = np.stack([data.values[row] @ data.features[data.support[row]] for row in range(600)])
    assert X.n_samples == 600
    start = start_of(config, data)
    distance = np.abs(start[:, None] - rows[None]).max(axis=2).min(axis=1)
    assert distance.max() < 1e-12  # the same sums in another order


def test_deep_inside_the_band_beats_deep_outside() -> None:
    """n = 64, s = 3: the band is [1/64, 1/16]; inside p = 0.03, far above p = 0.45.

    False alarm: inside recovers 0.3 to 0.5 of the features, far above none; 0.15 of 192 features is 29 features, more
    than ten standard deviations of either.  Power: an algorithm that ignores p gives equal rates and fails.
    """
    config = Cell(n_features=64, d_model=32, n_samples=6_000, n_neurons=1_024, center=True)
    inside, above = (
        np.mean([run_cell(config.replace(target_frequency=p, seed=s))["feature_recovery_rate"] for s in (0, 1, 2)])
        for p in (0.03, 0.45)
    )
    assert inside > above + 0.15


def test_a_row_is_what_the_dictionary_says() -> None:
    config = SMALL.replace(n_neurons=300, n_samples=2_000, target_frequency=0.02, center=True)
    row = run_cell(config)
    data = sample_of(config)
    W = trace_of(config, data, start_of(config, data)).weights[0].numpy()
    cosines = (data.features / np.linalg.norm(data.features, axis=1, keepdims=True)) @ W.T
    X = np.stack([data.values[row] @ data.features[data.support[row]] for row in range(2_000)])
    fires = ((X - X.mean(axis=0)) @ W.T > norm.isf(0.02)).mean(axis=0)
    best = cosines.max(axis=1)
    assert 0 < row["feature_recovery_rate"] == (best > 0.9).mean()
    assert row["feature_recovery_rate_080"] == (best > 0.8).mean() > row["feature_recovery_rate"]
    assert row["mean_max_cosine"] == pytest.approx(best.mean(), abs=1e-12)  # float64 sums of twelve terms
    assert row["max_angle_degrees"] == pytest.approx(math.degrees(math.acos(best.min())), abs=1e-6)
    assert row["polysemantic_fraction"] == pytest.approx((cosines.max(axis=0) <= 0.9).mean(), abs=1e-12)
    assert row["activation_frequency"] == pytest.approx(fires.mean(), abs=1e-12)
    assert row["dead_fraction"] == pytest.approx((fires == 0).mean(), abs=1e-12)
    assert row["neurons_per_feature"] == pytest.approx((cosines.max(axis=0) > 0.9).sum() / (best > 0.9).sum())
