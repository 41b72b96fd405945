"""Starts of the provable algorithm from pairs of samples: what they are, of which width they depend, what they buy."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cells_helper import Cell, source_of

from simulations.algorithms.base import Job
from simulations.algorithms.provable.fit import PAIRED, fit, start_of
from simulations.runs.cell import run_batch

SMALL = Cell(n_features=40, d_model=24, sparsity=3, n_samples=400, n_neurons=300, initialization="pairs")


def starts(cell: Cell) -> Any:
    return start_of(cell.task().algorithm, source_of(cell))


def partners(cell: Cell) -> tuple[Any, Any, Any]:
    """Return the samples a and b of each start (M,), found among all pairs, and the samples X (N, d)."""
    X = np.asarray(source_of(cell).X)
    X = X - X.mean(axis=0) if cell.center else X
    found = starts(cell)
    # x_a + x_b = w exactly where |w - x_a - x_b|^2 = 0: all N^2 sums, by their squares.
    gram, norms = X @ X.T, (X**2).sum(axis=1)
    sums = norms[:, None] + norms[None] + 2 * gram
    pairs = []
    for w in found:
        along = X @ w
        far = sums - 2 * (along[:, None] + along[None]) + w @ w
        pairs.append(np.unravel_index(np.argmin(far), far.shape))
    a, b = np.array(pairs).T
    # The products cancel to about 1e-13 of |w|^2, and the sum of two rows has its own rounding; both far below 1e-9.
    np.testing.assert_allclose(X[a] + X[b], found, atol=1e-9 * math.sqrt(cell.d_model))
    return a, b, X


@pytest.mark.parametrize("changes", [{}, {"center": True}, {"noise": 0.2}])
def test_a_start_is_the_sum_of_two_samples_that_share_a_feature(changes: dict[str, Any]) -> None:
    """Two samples drawn at random share one with probability 1 - C(37, 3) / C(40, 3) = 0.21, of 300 +- 0.024.

    Of 24 candidates some share one but in 0.3 % of cases; crosstalk, at d = 24, lets another one win now and then.
    """
    cell = SMALL.replace(**changes)
    a, b, X = partners(cell)
    support = source_of(cell).sample.support
    shared = np.array([bool(set(support[i]) & set(support[j])) for i, j in zip(a, b, strict=True)])
    assert (a != b).all() and shared.mean() > 0.7
    # The partner is the sample that a neuron along the other fires most on, of d candidates of N: among the uppermost
    # of all samples.  Its mean rank would be one half if it were any of them, and is 1/(d + 1) as it is.
    gram = X @ X.T
    common = gram[a, b][:, None]
    rank = np.minimum((gram[a] > common).mean(axis=1), (gram[b] > common).mean(axis=1)).mean()
    assert rank < 3 / (cell.d_model + 1)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_more_starts_change_none(noise: float) -> None:
    widths = (5, PAIRED, PAIRED + 1, 3 * PAIRED)
    found = [starts(SMALL.replace(n_neurons=width, noise=noise, center=True)) for width in widths]
    assert [each.shape for each in found] == [(width, 24) for width in widths]
    for small, large in pairwise(found):
        assert np.array_equal(small, large[: len(small)])  # equal bits


def test_known_factors_and_rows_alone_give_the_same_starts() -> None:
    source = source_of(SMALL.replace(center=True))
    alone = SimpleNamespace(rows=lambda: source.X, n_samples=400, d_model=24, seed=source.seed, center=True)
    for kind in ("data", "pairs"):
        algorithm = SMALL.replace(initialization=kind, center=True).task().algorithm
        left, right = start_of(algorithm, source), start_of(algorithm, alone)  # type: ignore[arg-type]
        np.testing.assert_allclose(left, right, atol=1e-10)  # sums of 3 terms of size 1 in another order


def test_a_sample_that_is_alone_or_null_is_no_trouble() -> None:
    one = starts(SMALL.replace(n_samples=1))
    np.testing.assert_allclose(one, np.broadcast_to(2 * source_of(SMALL.replace(n_samples=1)).X[0], one.shape))
    rare = SMALL.replace(support_law="bernoulli", sparsity=1, n_samples=300)
    assert (~source_of(rare).X.any(axis=1)).sum() > 50  # a share of about 1/e
    assert np.linalg.norm(starts(rare), axis=1).min() > 1


def test_pairs_recover_what_samples_alone_do_not() -> None:
    """Samples alone lose the features whose count is low: about sqrt(pi / (4 k)), k = N s/n = 47 samples of each.

    That is 0.13 of the features lost, against next to none from pairs, in each of three worlds; 0.05 of 3 * 64 features
    is 10 of them, where 25 are lost and 2: three standard deviations of either.
    """
    world = {"n_features": 64, "d_model": 48, "n_samples": 1_000, "n_neurons": 1_024, "n_steps": 6, "center": True}
    own = {"target_frequency": 1e-4, "activation": "jumprelu"}
    kinds = ("data", "pairs")
    cells = {kind: [Cell(**world, **own, initialization=kind, seed=seed) for seed in range(3)] for kind in kinds}
    data, pairs = (np.mean([row["feature_recovery_rate"] for row in run_batch(cells[kind])]) for kind in kinds)
    assert pairs > data + 0.05


def test_looking_for_pairs_counts_as_training() -> None:
    cells = [SMALL.replace(initialization=each) for each in ("pairs", "sphere")]
    fitted = [fit([Job(cell.task().algorithm, source_of(cell))], cell.runtime())[0] for cell in cells]
    looked, drawn = (each.trace.seconds[0] for each in fitted)
    assert looked > 0 and drawn == 0
