"""One batch tried: rows that can be stored, whatever happens, and what was raised."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from simulations import __version__
from simulations.runs.cell import Cell
from simulations.runs.columns import flat
from simulations.runs.memory import check_memory
from simulations.runs.rows import Row, check_row, checked, identity_of

RunBatch = Callable[[Sequence[Cell]], Sequence[Mapping[str, Any]]]


class Attempt(NamedTuple):
    """One row per cell of a batch, and a traceback for each that failed."""

    rows: list[Row]
    tracebacks: list[str]


def attempt(run_batch: RunBatch, cells: Sequence[Cell]) -> Attempt:
    """Return one storable row per cell; cells of a batch that raises are tried alone, and then marked as failed."""
    try:
        for each in cells:
            check_memory(each)
        return Attempt(_stored(run_batch(cells), cells), [])
    except Exception as error:
        if len(cells) > 1:
            tried = [attempt(run_batch, [each]) for each in cells]
            return Attempt([row for each in tried for row in each.rows], [one for each in tried for one in each[1]])
        message = " ".join(f"{type(error).__name__}: {error}".split())
        told = f"{identity_of(cells[0])}\n{''.join(traceback.format_exception(error))}"
        return Attempt([failed(cells[0], message)], [told])


def failed(cell: Cell, message: str) -> Row:
    """Return the row of a cell that could not be measured."""
    told = {"arm": cell.arm, "status": "failed", "message": message, "version": __version__}
    return check_row(flat(cell.settings() | told))


def _stored(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> list[Row]:
    """Return the rows as they will be read back, with the arms of their cells; raises for rows of other cells."""
    arms = {identity_of(each): each.arm for each in cells}
    found = [checked(flat(each)) for each in rows]
    if sorted(key for _, key in found) != sorted(arms):
        raise RuntimeError(f"rows of other cells: {[key for _, key in found]}")
    return [row | ({"arm": arms[key]} if arms[key] else {}) for row, key in found]
