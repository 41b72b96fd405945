"""Learnability: the algorithm started at the features by hand, the interval, and invariance to threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cells_helper import evaluation_of, sample_of
from scipy.stats import binom

from simulations.algorithms.provable import modified_ba
from simulations.instruments.probes import learnability as probes
from simulations.runs.cell import Cell

CELL = Cell(
    instrument="learnability",
    n_features=48,
    d_model=24,
    sparsity=3,
    n_samples=2_000,
    target_frequency=0.02,
    n_steps=4,
    n_probes=48,
    device="cpu",
)


def learnability(cell: Cell, threads: int = 1) -> dict[str, Any]:
    return probes.learnability(cell.task(), cell.runtime(threads))


def probed_features(cell: Cell, instrument: str, n_probes: int) -> np.ndarray:
    return probes.probed_features(cell.n_features, cell.seed, instrument, n_probes)


def kept_by_hand(cell: Cell, n_steps: int) -> np.ndarray:
    """Return which of all features hold a neuron after n_steps of modified_ba.run, one run a number of steps."""
    data = sample_of(cell)
    directions = data.features / np.linalg.norm(data.features, axis=1, keepdims=True)
    weights = torch.from_numpy(directions).float()
    state = modified_ba.init(weights, cell.target_frequency)
    evaluation = evaluation_of(cell, [data], [cell.seed], torch.device("cpu"))
    final = modified_ba.run(state, evaluation, cell.replace(n_steps=n_steps)).weights[0].numpy()
    return (final * directions).sum(axis=1) > 0.9


@pytest.mark.parametrize("center", [False, True])
def test_it_is_the_algorithm_started_at_every_feature(center: bool) -> None:
    cell = CELL.replace(center=center)
    result = learnability(cell)
    by_hand = [kept_by_hand(cell, k).mean() for k in range(5)]
    assert 0 < by_hand[-1] < 1  # a cell that tells right from wrong
    np.testing.assert_allclose([float(each) for each in result["recovery_per_step"].split()], by_hand, atol=1e-6)
    assert result["learnable_fraction"] == pytest.approx(by_hand[-1])


def test_a_subset_is_distinct_features_of_the_same_data() -> None:
    some = CELL.replace(n_probes=20)
    chosen = probed_features(some, "learnability", 20)
    assert len(set(chosen)) == 20
    assert set(chosen) <= set(range(48))
    assert not np.array_equal(chosen, np.arange(20))
    assert not np.array_equal(chosen, probed_features(some.replace(seed=1), "learnability", 20))
    assert learnability(some)["learnable_fraction"] == pytest.approx(kept_by_hand(CELL, 4)[chosen].mean())


def test_more_probes_than_features_are_all_features() -> None:
    np.testing.assert_array_equal(probed_features(CELL, "learnability", 48), np.arange(48))
    assert learnability(CELL.replace(n_probes=10_000)) == learnability(CELL)


def test_threads_change_nothing() -> None:
    # 1,200 probes are three tiles.
    wide = CELL.replace(n_features=1_200, d_model=32, n_probes=1_200, n_steps=2)
    assert learnability(wide, threads=3) == learnability(wide, threads=1)


def test_the_interval_is_exact() -> None:
    # Clopper and Pearson: at either end the count seen is exactly at the 2.5 % tail.
    result = learnability(CELL)
    successes = round(result["learnable_fraction"] * 48)
    assert 0 < successes < 48
    assert binom.sf(successes - 1, 48, result["learnable_fraction_low"]) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(successes, 48, result["learnable_fraction_high"]) == pytest.approx(0.025, rel=1e-6)


def test_deep_inside_holds_and_deep_outside_does_not() -> None:
    sizes = {"n_features": 256, "d_model": 128, "sparsity": 3, "n_samples": 20_000, "n_probes": 64}
    cell = Cell(instrument="learnability", **sizes, device="cpu")
    inside, outside = (learnability(cell.replace(target_frequency=p)) for p in (0.001, 0.1))
    assert inside["learnable_fraction_low"] > outside["learnable_fraction_high"]


def test_target_frequencies_are_laid_around_the_predicted_critical_one():
    """The table is what the theory says, but for half a step; each d has its target frequencies on both sides of it."""
    from simulations.experiments import EXPERIMENTS
    from simulations.experiments.learnability import EDGES, FROM_EDGE, LONG, PROBES, SEEDS, ask

    # The rows stay when the theory is made better by less than half a step of the grid, a factor of 1.8 in p.
    for n, s, d in ((1_024, 5, 64), (4_096, 16, 512)):
        assert 1.8**-0.5 < ask(n, s, d) / EDGES[n, s][d] < 1.8**0.5
    assert ask(1_024, 8, 32) is None and EDGES[1_024, 8][32] is None
    points = [each for each in EXPERIMENTS["learnability"].points("paper") if each["arm"] == f"over d, {LONG} steps"]
    for (n, s), edges in EDGES.items():
        known = [d for d, critical in edges.items() if critical is not None]
        assert list(edges) == sorted(edges) and known == list(edges)[-len(known) :]  # none below, and nowhere else
        for d, critical in edges.items():
            same = {"n_features": n, "sparsity": s, "d_model": d, "n_steps": LONG, "n_samples": 50 * n, "center": True}
            found = [each for each in points if (same | {"n_probes": PROBES[n]}).items() <= each.items()]
            p = [each["target_frequency"] for each in found]
            assert len(p) == len(set(p)) * len(SEEDS)
            if critical is None:
                assert min(p) == pytest.approx(0.5 / n, rel=0.005) and len(set(p)) == len(FROM_EDGE)
            else:
                assert min(p) < 0.7 * critical and max(p) > 2.5 * critical and len(set(p)) == 4
    assert len(points) == sum(len(FROM_EDGE) if each is None else 4 for e in EDGES.values() for each in e.values()) * 5
