"""What a cell is measured with: its simulation, or probes that reach where no simulation can."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from simulations.base.settings import Settings
from simulations.instruments.learnability import learnability
from simulations.instruments.width import width
from simulations.runs import cell as cells
from simulations.runs.cell import resolve_device, row_of

PROBES: dict[str, Callable[..., dict[str, Any]]] = {"learnability": learnability, "width": width}


def run_batch(batch: Sequence[Settings], *, threads: int = 1) -> list[dict[str, Any]]:
    """Return the row of each cell of a batch by the instrument of its settings; errors as cells.run_batch."""
    if batch[0].instrument == "simulation":
        return cells.run_batch(batch, threads=threads)
    rows = []
    for each in batch:
        begin = time.perf_counter()
        results = PROBES[each.instrument](each, threads=threads)
        seconds = time.perf_counter() - begin
        rows.append(row_of(each, resolve_device(each.device), seconds, {"status": "ok"} | results))
    return rows
