"""What the standard preset costs: the estimate from a sample of cells against the cost of all of them."""

import numpy as np
import pytest

from simulations.evidence.cost import Cost, cost_of, drawn


def test_a_constant_ratio_is_estimated_without_error() -> None:
    recorded = np.array([1.0, 10.0, 100.0, 5.0])
    assert cost_of(recorded, [2, 2, 1], recorded[[2, 2, 1]] / 4) == Cost(116.0, 29.0, 0.0, 3)
    assert cost_of(recorded, [], []) == Cost(116.0, 116.0, 0.0, 0)  # nothing could be timed


def test_cells_are_drawn_in_proportion_to_their_seconds() -> None:
    recorded, generator = np.array([0.5, 8.0, 0.0, 1.5]), np.random.default_rng(0)
    counts = np.bincount(np.ravel([drawn(recorded, 5, generator) for _ in range(2_000)]), minlength=4)
    # Systematic: each count is within 1 of its expectation in every draw of five, so its deviation is at most 1/2.
    np.testing.assert_allclose(counts / 2_000, 5 * recorded / recorded.sum(), atol=5 * 0.5 / 2_000**0.5)
    assert counts[2] == 0


def test_the_estimate_is_right_on_average_where_ratios_differ() -> None:
    generator = np.random.default_rng(1)
    recorded = generator.lognormal(0, 2, 300)
    now = recorded**0.8 * generator.uniform(0.2, 1.5, 300)  # the long ones gain more
    costs = [cost_of(recorded, places := drawn(recorded, 12, generator), now[places]) for _ in range(2_000)]
    seconds = np.array([each.seconds for each in costs])
    assert seconds.mean() == pytest.approx(now.sum(), abs=5 * seconds.std() / 2_000**0.5)
    plain = [recorded.sum() * np.mean((now / recorded)[generator.integers(0, 300, 12)]) for _ in range(2_000)]
    assert abs(np.mean(plain) - now.sum()) > 5 * np.std(plain) / 2_000**0.5  # cells drawn evenly would mislead
