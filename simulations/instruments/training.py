"""Cells of trained algorithms: settings -> results, replicas of one program at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.trainer import After, Problem, State, Trace
from simulations.base.settings import Settings
from simulations.measures.autoencoder import firing, replica, results


def train(
    cells: Sequence[Settings],
    device: torch.device,
    dtype: torch.dtype,
    *,
    resume: Callable[[Problem], tuple[State, Trace]] | None = None,
    after: After | None = None,
) -> tuple[Problem, State, Trace, list[dict[str, Any]]]:
    """Train cells that differ in trainer.BATCH_AXES only; return the trained state and the results of each cell.

    `resume` gives the state to go on from, `after` is called after every measurement.  On a CPU everything runs on one
    thread: processes are the better way to use more cores, and the bits of a product depend on the number of threads.
    """
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        given = trainer.problem(cells, device, dtype)
        state, trace = trainer.init(given), Trace()
        drawn = {id(each): each.held_out()[1] for each in given.streams}
        start = [
            firing(replica(state.parameters, r), each, drawn[id(data)])
            for r, (each, data) in enumerate(zip(given.cells, given.streams, strict=True))
        ]
        del drawn
        if resume is not None:
            state, trace = resume(given)
        trainer.run(state, given, trace, after)
        return given, state, trace, results(given, state, trace, start)
    finally:
        torch.set_num_threads(before)
