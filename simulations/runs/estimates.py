"""How long a sweep will take, before and while it runs, where cells differ in cost by a factor of a hundred."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from simulations.runs.cell import Cell, cost, run_cell
from simulations.runs.memory import available

FIRST_SHARE, GROWTH = 1 / 64, 4  # of a cell that is timed: from this share of it, growing
LONG_ENOUGH = 0.2  # seconds, of a timing
LEAST = {"n_steps": 20, "n_samples": 500}  # below which a timing says nothing


class Remaining:
    """Seconds left of a sweep, by the cost of what is done: rows that cost nothing teach nothing."""

    def __init__(self, costs: Mapping[str, float]) -> None:
        self.costs, self.left = costs, sum(costs.values())
        self.done, self.begin = 0.0, time.monotonic()

    def finish(self, key: str) -> None:
        """Count the cell of an identity as done."""
        self.done += self.costs.get(key, 0.0)
        self.left = max(0.0, self.left - self.costs.get(key, 0.0))

    def seconds(self) -> float | None:
        """Return about how many seconds are left, None while nothing is done."""
        return self.left * (time.monotonic() - self.begin) / self.done if self.done > 0 else None


def duration(seconds: float | None) -> str:
    """Return seconds as people say them.

    >>> duration(3_725.0), duration(75.0), duration(4.2), duration(None)
    ('1h02m', '1m15s', '4s', '?')
    """
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def estimate(cells: Sequence[Cell], n_batches: int, n_jobs: int) -> dict[str, Any]:
    """Return what a sweep of `cells` would take: seconds in one process and in `n_jobs`, memory, and what was timed.

    One cell of middle cost of every algorithm and instrument is timed on a share of its steps or samples, and costs
    are scaled from it: right to about a factor of two.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for each in cells:
        groups.setdefault((each.algorithm, each.instrument), []).append(each)
    by_group = {}
    for (algorithm, instrument), own in groups.items():
        middle = sorted(own, key=cost)[len(own) // 2]
        by_group[f"{algorithm}, {instrument}"] = seconds_per_cost(middle) * sum(map(cost, own))
    total = sum(by_group.values())
    memory = max(each.leaves.algorithm.bytes_of(each) for each in cells) * max(1, n_jobs)
    told = {"n_cells": len(cells), "n_batches": n_batches, "seconds_one_process": total}
    told |= {"seconds": total / max(1, n_jobs), "n_jobs": n_jobs, "memory_bytes": memory}
    return told | {"free_bytes": available(), "seconds_by_group": by_group}


def seconds_per_cost(cell: Cell) -> float:
    """Return the seconds a unit of cost takes, from short runs of a cell."""
    share, timed = FIRST_SHARE, False
    while True:
        small = shrunk(cell, share)
        if not timed:
            run_cell(small)  # compile
            timed = True
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            run_cell(small)
            times.append(time.perf_counter() - begin)
        if min(times) > LONG_ENOUGH or share >= 1:
            return statistics.mean(times) / cost(small)
        share *= GROWTH


def shrunk(cell: Cell, share: float) -> Cell:
    """Return the cell with a share of its steps (trained) or samples (full batch), itself where that is not allowed."""
    name = "n_samples" if cell.leaves.algorithm.full_batch else "n_steps"
    own = {each.name for leaf in cell.leaves for each in fields(leaf)}
    whole = int(getattr(cell, name, 0)) if name in own else 0
    if share >= 1 or whole <= LEAST[name]:
        return cell
    try:
        return cell.replace(**{name: max(LEAST[name], round(whole * share))})
    except ValueError:
        return cell
