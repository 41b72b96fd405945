"""What the benchmark reports of a run: phases, ranges, ratios of neighbours, and the traffic of a step."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from cells_helper import sample_of, source_of, start_of

from simulations.algorithms.provable import modified_ba
from simulations.evidence.benchmark import (
    CASES,
    NO_TIME,
    Timed,
    benchmark_workers,
    both_forms,
    compare,
    copy_bandwidth,
    step_bytes,
    timed_run,
)
from simulations.runs.cell import Cell
from simulations.runs.executors import loky

SMALL = Cell(
    n_features=24,
    d_model=12,
    sparsity=3,
    n_samples=600,
    n_neurons=300,
    target_frequency=0.1,
    n_steps=3,
    dtype="float64",
)


def test_phases_of_hand_made_runs() -> None:
    active = np.array([0.0, 0.25, 0.75])
    factored = [Timed(np.array([1.0, 2.0, 4.0, 1.0]), active), Timed(np.array([2.0, 2.0, 2.0, 2.0]), active)]
    dense = [Timed(np.array([10.0, 9.0, 9.0, 4.0]), active), Timed(np.array([10.0, 12.0, 12.0, 6.0]), active)]
    found = compare(factored, dense, SMALL, bandwidth=1e9)
    assert found["first_step"]["ratio"] == [5.0, 7.5, 10.0]
    assert found["steady_step"]["seconds_factored"] == [2.0, 2.5, 3.0]  # a step, of two
    assert found["steady_step"]["ratio"] == [3.0, 4.5, 6.0]
    assert found["steady_step"]["active_share"] == 0.5
    assert found["whole_run"]["ratio"] == [4.0, 4.5, 5.0]
    moved = (step_bytes(SMALL, 0.25) + step_bytes(SMALL, 0.75)) / 2
    assert found["steady_step"]["bytes_per_second"] == pytest.approx(moved / 2.5)
    assert found["steady_step"]["traffic_to_copy_bandwidth"] == pytest.approx(moved / 2.5 / 1e9)


def test_one_step_has_no_steady_state() -> None:
    run = Timed(np.array([1.0, 1.0]), np.array([0.1]))
    assert set(compare([run], [run], SMALL, bandwidth=1e9)) == {"first_step", "whole_run"}


def test_traffic_counts_what_a_step_touches() -> None:
    # 600 * 300 pre-activations of 3 gathers each, a tenth of them with 3 reads and 3 writes, 8 bytes a number.
    gathered, scattered = 600 * 300 * 3, 600 * 300 * 0.1 * 3 * 2
    products = 2 * 24 * 300 + 2 * 300 * 12 + 2 * 24 * 12
    assert step_bytes(SMALL, 0.1) == pytest.approx(8 * (gathered + scattered + products))
    assert step_bytes(SMALL.replace(batch_size=300), 0.0) == pytest.approx(8 * (gathered / 2 + products))


@pytest.mark.parametrize("form", [0, 1])
def test_a_timed_run_is_the_run(form: int) -> None:
    weights = modified_ba.init(torch.from_numpy(start_of(SMALL, sample_of(SMALL))), 0.1).weights
    evaluation = both_forms(source_of(SMALL), torch.device("cpu"), torch.float64)[form]
    timed = timed_run(evaluation, weights, SMALL)
    assert timed.seconds.shape == (4,)
    assert (timed.seconds > 0).all()
    state = modified_ba.tile(modified_ba.init(weights, 0.1), 0, 320)  # whole slices of LANES
    for share in timed.active:
        state, info = modified_ba.step(state, evaluation, SMALL)
        assert share == pytest.approx(float(info.fired[:, :300].double().mean()) / 600)


def test_copies_take_time() -> None:
    assert 1e8 < copy_bandwidth(torch.device("cpu"), repeats=1) < 1e13  # bytes a second, on anything


def test_workers_are_timed_with_their_start_up() -> None:
    found = benchmark_workers(n_cells=4, cell=SMALL.replace(**NO_TIME))
    assert found["workers_cells"] == 4
    assert 0 < found["seconds_start_up"] < found["seconds_workers"]
    assert found["ratio_workers"] == found["seconds_one_worker"] / found["seconds_workers"]
    assert found["cell_beside_others_to_alone"] > 0


def test_processes_serve_the_next_batches_too() -> None:
    """So that start-up, timed apart, is not counted twice."""
    first, second = (set(loky(_process, [[each] for each in range(8)], 2)) for _ in range(2))
    assert os.getpid() not in first | second
    assert len(first | second) <= 2


def _process(_: Sequence[int]) -> int:
    return os.getpid()


def test_every_case_is_a_cell() -> None:
    for changes, repeats in CASES.values():
        assert repeats > 0
        SMALL.replace(**changes)
