"""Equal pre-activations: exactly K, or K B, are active, those of the lowest index, in every way of computing them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from trained_helper import DOUBLE, draw_less, fit, job_of, started

from simulations.algorithms.autoencoders import selection, trainer
from simulations.algorithms.autoencoders.network import largest
from simulations.algorithms.autoencoders.sparse import batch_floor, sparse_gradients
from simulations.algorithms.autoencoders.tied import Gate, Parameters, dense_gradients
from simulations.algorithms.base import algorithm_class

CPU, F64 = torch.device("cpu"), torch.float64
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


def tied_values(seed: int, *shape: int) -> Array:
    """Return values of which many are equal."""
    return np.random.default_rng([seed, 11]).integers(-2, 4, shape) / 4


def first_largest(y: Array, count: int) -> Array:
    """Return which of y (width,) are among the `count` largest, the first of equal ones, and positive."""
    chosen = np.zeros(len(y), dtype=bool)
    chosen[np.argsort(-y, kind="stable")[:count]] = True
    return chosen & (y > 0)


@settings(max_examples=120, deadline=None)
@given(rows=st.integers(1, 5), width=st.integers(1, 150), seed=st.integers(0, 10_000), data=st.data())
def test_every_way_takes_the_first_of_equal_ones(rows: int, width: int, seed: int, data: st.DataObject) -> None:
    k, y = data.draw(st.integers(1, width)), tied_values(seed, rows, width)
    expected = np.array([first_largest(row, k) for row in y])
    assert np.array_equal(largest(torch.from_numpy(y)[None], [k])[0].numpy(), expected)
    found, heap = np.empty(width + 1, np.int64), np.empty(k)
    for row, wanted in zip(y, expected, strict=True):
        count = selection.indices_of_largest(row, k, heap, found)
        assert sorted(found[:count]) == np.flatnonzero(wanted).tolist()
    flat = first_largest(y.ravel(), k * rows)
    floor, ties = batch_floor(y.copy(), k * rows, data.draw(st.sampled_from([0.0, 0.25, 0.6])))
    above, at = y.ravel() > floor, (y.ravel() == floor) & (floor > 0)
    assert np.array_equal(above | (at & (np.cumsum(at) <= ties)), flat)


def test_replicas_with_other_k_take_their_own() -> None:
    y = torch.ones(3, 2, 5)
    active = largest(y, [1, 3, 5])
    assert active.sum(2).tolist() == [[1, 1], [3, 3], [5, 5]]
    assert active[1, 0].tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("name", ["topk", "batchtopk"])
@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 8), k=st.integers(1, 6), seed=st.integers(0, 1_000))
def test_sparse_equals_dense_with_ties(name: str, rows: int, k: int, seed: int) -> None:
    """Unit rows on the axes and values in quarters: every y is exact, and most are equal to others."""
    W = torch.eye(3, dtype=F64)[torch.from_numpy(np.random.default_rng(seed).integers(0, 3, 6))]
    zeros, ones = torch.zeros(1, 6, dtype=F64), torch.full((1, 6), 0.5, dtype=F64)
    parameters = Parameters(W[None], ones, zeros, torch.zeros(1, 3, dtype=F64))
    x = torch.from_numpy(tied_values(seed, 1, rows, 3))
    gate = Gate([algorithm_class(name)(n_neurons=6, k=k)], CPU, F64)
    left, seen, _ = sparse_gradients(parameters, gate, x)
    right, wanted = dense_gradients(parameters, gate, x)
    assert torch.equal(seen.fired, wanted.fired)
    assert seen.n_active == wanted.n_active == min(k * rows, int((x @ W.T > 0).sum())) or name == "topk"
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)  # a dozen float64 terms of order 1


@pytest.mark.parametrize("name", ["topk", "batchtopk"])
def test_equal_samples_of_the_default_coefficients_are_no_exception(name: str) -> None:
    """Of 20 features two at a time there are 190 samples: in a batch of 256 most occur twice.

    The L0 of training, of the dense form and of the measurement is K, to the entry; it was above for the dense forms
    and below for the sparse one.
    """
    job = job_of(algorithm=name, n_features=20, d_model=10, sparsity=2, n_neurons=30, batch_size=256, n_steps=5)
    assert job.source.model.coefficient_law == "constant"
    for evaluation in ("auto", "dense"):
        own = job._replace(algorithm=job.algorithm.replace(evaluation=evaluation))
        state, problem = started(own)
        for k in range(5):
            x = trainer.inputs(problem, k)
            assert len(torch.unique(x[0], dim=0)) < 200
            assert trainer.step(state, problem, x).n_active == 2 * 256
    codes = fit(job, runtime=DOUBLE).encode(job.source.held_out())
    assert (codes != 0).sum() == 2 * len(codes)


def test_both_ways_train_alike_on_the_default_coefficients() -> None:
    for name in ("topk", "batchtopk"):
        found = []
        for evaluation in ("auto", "dense"):
            job = job_of(algorithm=name, n_features=20, d_model=10, sparsity=2, n_neurons=30, batch_size=256,
                         n_steps=20, evaluation=evaluation, n_evaluations=1)  # fmt: skip
            found.append(fit(job, runtime=DOUBLE).dictionary)
        # Rounding of 1e-16 over eps = 1e-8 of Adam: 1e-8 of a step of 0.001, twenty times.
        np.testing.assert_allclose(*found, atol=1e-8)
