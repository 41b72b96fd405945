"""Learnability: the algorithm started at the features by hand, the interval, and invariance to threads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from simulations.algorithms.provable import modified_ba
from simulations.base.settings import Settings
from simulations.instruments.learnability import exact_interval, learnability, probed_features
from simulations.runs.cell import evaluation_of, resolve_device, sample_of

CELL = Settings(
    n_features=48, d_model=24, sparsity=3, n_samples=2_000, target_frequency=0.02, n_steps=4, n_probes=48, device="cpu"
)


def kept_by_hand(cell: Settings, n_steps: int) -> np.ndarray:
    """Return which of all features hold a neuron after n_steps of modified_ba.run, one run a number of steps."""
    data = sample_of(cell)
    directions = data.features / np.linalg.norm(data.features, axis=1, keepdims=True)
    weights = modified_ba.torch.from_numpy(directions).float()
    state = modified_ba.init(weights, cell.target_frequency)
    evaluation = evaluation_of(cell, [data], [cell.seed], resolve_device("cpu"))
    final = modified_ba.run(state, evaluation, replace(cell, n_steps=n_steps)).weights[0].numpy()
    return (final * directions).sum(axis=1) > 0.9


@pytest.mark.parametrize("center", [False, True])
def test_it_is_the_algorithm_started_at_every_feature(center: bool) -> None:
    cell = replace(CELL, center=center)
    result = learnability(cell)
    by_hand = [kept_by_hand(cell, k).mean() for k in range(5)]
    assert 0 < by_hand[-1] < 1  # a cell that tells right from wrong
    np.testing.assert_allclose([float(each) for each in result["recovery_per_step"].split()], by_hand, atol=1e-6)
    assert result["learnable_fraction"] == pytest.approx(by_hand[-1])


def test_a_subset_is_distinct_features_of_the_same_data() -> None:
    some = replace(CELL, n_probes=20)
    chosen = probed_features(some, "learnability", 20)
    assert len(set(chosen)) == 20
    assert set(chosen) <= set(range(48))
    assert not np.array_equal(chosen, np.arange(20))
    assert not np.array_equal(chosen, probed_features(replace(some, seed=1), "learnability", 20))
    assert learnability(some)["learnable_fraction"] == pytest.approx(kept_by_hand(CELL, 4)[chosen].mean())


def test_more_probes_than_features_are_all_features() -> None:
    np.testing.assert_array_equal(probed_features(CELL, "learnability", 48), np.arange(48))
    assert learnability(replace(CELL, n_probes=10_000)) == learnability(CELL)


def test_threads_change_nothing() -> None:
    # 1,200 probes are three tiles.
    wide = replace(CELL, n_features=1_200, d_model=32, n_probes=1_200, n_steps=2)
    assert learnability(wide, threads=3) == learnability(wide, threads=1)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (180, 200)])
def test_the_interval_is_exact(successes: int, trials: int) -> None:
    # Clopper and Pearson: at either end the count seen is exactly at the 2.5 % tail; no end where there is none.
    low, high = exact_interval(successes, trials)
    if successes:
        assert binom.sf(successes - 1, trials, low) == pytest.approx(0.025, rel=1e-6)
    if successes < trials:
        assert binom.cdf(successes, trials, high) == pytest.approx(0.025, rel=1e-6)
    assert (low == 0) == (successes == 0)
    assert (high == 1) == (successes == trials)


def test_deep_inside_holds_and_deep_outside_does_not() -> None:
    cell = Settings(n_features=256, d_model=128, sparsity=3, n_samples=20_000, n_probes=64, device="cpu")
    inside, outside = (learnability(replace(cell, target_frequency=p)) for p in (0.001, 0.1))
    assert inside["learnable_fraction_low"] > outside["learnable_fraction_high"]
