"""Approach and trajectories: neurons start where they should, and what becomes of them is told as it is."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.instruments.probes.paths import told
from simulations.runs.cell import Cell, run_cell
from theory.rare_events import log_tail

SMALL = {"n_features": 64, "d_model": 32, "n_samples": 6_400, "center": True, "device": "cpu"}


def series(text: str) -> np.ndarray:
    return np.array([float(each) for each in text.split()])


def test_probes_start_at_the_depth_and_arrive_from_near_not_from_far() -> None:
    near, far = (
        run_cell(
            Cell(**SMALL, instrument="approach", n_probes=64, n_steps=3, target_frequency=0.005, start_depth=depth)
        )
        for depth in (9.0, 0.5)
    )
    for row, depth in ((near, 9.0), (far, 0.5)):
        # 10^-depth is the chance that a random direction comes nearer; six digits of the cosine are kept in the series.
        assert -log_tail(row["start_cosine"], 32) / np.log(10) == pytest.approx(depth, rel=1e-6)
        alignment, arrived = series(row["alignment_per_step"]), series(row["recovery_per_step"])
        assert alignment[0] == pytest.approx(row["start_cosine"], abs=1e-5) and arrived[0] == 0
        assert arrived[-1] == pytest.approx(row["arrived_fraction"], abs=1e-6) and len(arrived) == 4
        assert row["arrived_fraction_low"] <= row["arrived_fraction"] <= row["arrived_fraction_high"]
    # Four in five from a cosine of 0.8, where most features hold a neuron; a few in a hundred from 0.08.
    assert near["arrived_fraction"] > far["arrived_fraction"] + 0.4


def test_a_depth_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"start_depth=0.0, but should be in \(0, 300\]"):
        Cell(instrument="approach", start_depth=0)
    with pytest.raises(ValueError, match="n_neurons"):
        Cell(instrument="approach", n_neurons=5)


def test_kinds_of_paths_by_hand() -> None:
    """Three neurons and three features: one keeps its first, one changes, one ends between two."""
    start = [[0.5, 0.1, 0.0], [0.4, 0.3, 0.0], [0.2, 0.5, 0.3]]
    end = [[0.95, 0.2, 0.1], [0.1, 0.97, 0.0], [0.3, 0.6, 0.7]]
    found = told(np.array([start, end]), np.ones(3))
    assert [found[name] for name in ("kept_fraction", "changed_fraction", "mixed_fraction")] == [
        pytest.approx(1 / 3)
    ] * 3
    points = {tuple(map(float, each.split(":"))) for each in found["neuron_trajectories"].split()}
    assert points == {
        (0, 0, 0, 0.5, 0.1), (0, 0, 1, 0.95, 0.2),  # its rival: nearest to its end but for the first
        (1, 1, 0, 0.4, 0.3), (1, 1, 1, 0.1, 0.97),
        (2, 2, 0, 0.5, 0.3), (2, 2, 1, 0.6, 0.7),
    }  # fmt: skip


def test_the_front_runner_is_that_of_the_largest_projection() -> None:
    """Four neurons: nearest and longest both win, the nearest alone, the longest alone, and one that nothing wins.

    After the first step the feature that wins is ahead for each of the three.
    """
    start = [[0.5, 0.2, 0.0], [0.5, 0.4, 0.0], [0.5, 0.4, 0.0], [0.1, 0.5, 0.0]]
    after = [[0.6, 0.2, 0.0], [0.9, 0.4, 0.0], [0.5, 0.6, 0.0], [0.1, 0.7, 0.0]]
    end = [[0.95, 0.2, 0.0], [0.95, 0.1, 0.0], [0.1, 0.95, 0.0], [0.6, 0.7, 0.0]]
    found = told(np.array([start, after, end]), np.array([1.0, 1.5, 1.0]))
    assert found["kept_fraction"] == 0.5 and found["changed_fraction"] == 0.25 and found["mixed_fraction"] == 0.25
    assert found["kept_by_projection"] == 0.5 and found["kept_after_one_step"] == 0.75
    plain = told(np.array([start, after, end]), np.ones(3))
    assert plain["kept_by_projection"] == plain["kept_fraction"]


def test_projections_are_those_of_the_features_of_the_world() -> None:
    """With features of one length the largest projection is the nearest; with Gaussian ones it wins more often."""
    cell = SMALL | {"instrument": "trajectories", "n_probes": 200, "n_steps": 6, "target_frequency": 0.005}
    same = run_cell(Cell(**cell, dictionary_law="sphere"))
    assert same["kept_by_projection"] == same["kept_fraction"]
    other = run_cell(Cell(**cell))
    # 0.13 to 0.23 more in six such worlds; the fixed seed has 0.23, where rounding turns no neuron or a few of 200.
    assert other["kept_by_projection"] > other["kept_fraction"]
    assert other["kept_after_one_step"] > other["kept_by_projection"]


def test_random_neurons_of_an_easy_world_mostly_end_on_features() -> None:
    row = run_cell(Cell(**SMALL, instrument="trajectories", n_probes=50, n_steps=4, target_frequency=0.005))
    shares = [row[f"{name}_fraction"] for name in ("kept", "changed", "mixed")]
    assert sum(shares) == pytest.approx(1)
    points = np.array([[float(x) for x in each.split(":")] for each in row["neuron_trajectories"].split()])
    kept = points[(points[:, 0] == 0) & (points[:, 2] == 4)]
    assert len(kept) and (kept[:, 3] > 0.9).all()
    first = points[points[:, 2] == 0]
    assert (first[:, 3] >= first[:, 4] - 1e-9).all()  # nothing is nearer to a start than its first feature


def test_level_profile_is_of_features_of_unequal_weights_only() -> None:
    same = {"n_neurons": 64, "n_steps": 1, "target_frequency": 0.01}
    assert "level_profile" not in run_cell(Cell(**SMALL, **same))
    row = run_cell(Cell(**SMALL, **same, coefficient_law="levels:0.25:3"))
    points = np.array([[float(x) for x in each.split(":")] for each in row["level_profile"].split()])
    weak = (0.25 * 9 + 0.75) ** -0.5 / 3**0.5  # E[h^2] = 1/s; a quarter is three times as strong
    # Sixteen strong features in groups of six: two whole groups, and four of the third.
    np.testing.assert_allclose(points[:, 0] * weak**2 * 9, [1, 1, (4 + 2 * 9) / 6, *[9] * 9], rtol=2e-3)
    assert ((points[:, 1] >= 0) & (points[:, 1] <= 1)).all()
