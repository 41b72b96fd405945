"""One row: its values typed as they will be read back, and as the texts that are written."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from simulations.base.files import StorageError
from simulations.base.settings import plain
from simulations.data.laws.choice import canonical
from simulations.data.model import LAWS
from simulations.measures.base import Column
from simulations.runs.cell import Cell, Machine
from simulations.runs.columns import cell_of, flat, results, row_columns, setting_columns, setting_fields, simulated

STATUSES = ("ok", "failed", "diverged")
# A number may leave its range by rounding alone: a sum of float32 terms of order one, or of the order of the range's
# end, is off by some units of 2^-24 = 6e-8 of it.  Sixteen units are allowed, and the number is moved to the end.
ROUNDING = 16 * 2.0**-24
Row = dict[str, Any]


def check_row(row: Mapping[str, Any]) -> Row:
    """Return the row (values or texts) typed as it will be read back; what is undefined or blank is left out.

    Numbers a rounding error outside their range are moved to its end.  Raises ValueError naming the column for an
    unknown one, a bad setting, an unknown status, and a result that is not finite or not in its range; only simulated
    rows of status ok must have every needed result.
    """
    return checked(row)[0]


def checked(row: Mapping[str, Any]) -> tuple[Row, str]:
    """Return the typed row as check_row does, and its identity."""
    order = _places()
    if unknown := [name for name in row if name not in order]:
        raise StorageError(f"unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}")
    texts = {name: text for name in sorted(row, key=order.__getitem__) if (text := text_of(row[name]))}
    typed, key = _settings({name: text for name, text in texts.items() if name not in results()})
    if (status := texts.get("status", "")) not in STATUSES:
        raise StorageError(f"status={status!r}, but should be one of {', '.join(STATUSES)}")
    for name, column in results().items():
        if name in texts:
            typed[name] = _value(name, texts[name], column)
        elif column.needed and status == "ok" and simulated(typed):
            raise StorageError(f"{name}='', but a simulated row of status ok should have it")
    return typed, key


@cache
def _places() -> Mapping[str, int]:
    return {name: place for place, name in enumerate(row_columns())}


def identity_of(cell: Cell) -> str:
    """Return the identity of the rows of a cell."""
    settings = flat(cell.settings())
    return _identity(settings) if foreign(settings) else cell.key()


def foreign(row: Mapping[str, Any]) -> bool:
    """Return whether the row is of an algorithm from elsewhere, which reading must neither need nor run."""
    return ":" in str(row.get("algorithm", ""))


def _settings(texts: Mapping[str, str]) -> tuple[Row, str]:
    """Return settings typed, and the identity of their cell; raises ValueError where they are no cell's."""
    if foreign(texts):
        kinds = {name: each.metadata["kind"] for name, each in setting_fields().items()}
        typed = {name: plain(name, text, kinds.get(name, str)) for name, text in texts.items()}
        return typed, _identity(typed)
    cell = cell_of(texts)
    return {name: getattr(cell, name, text) for name, text in texts.items()}, cell.key()


def _identity(row: Mapping[str, Any]) -> str:
    machine = {each.name for each in fields(Machine)}
    told = {name: row[name] for name in setting_columns() if name in row and name not in machine | {"arm"}}
    told |= {name: canonical(kind, told[name]) for name, kind in LAWS.items() if name in told}
    return "|".join(f"{name}={told[name]!r}" for name in sorted(told))


def _value(name: str, text: str, column: Column) -> Any:
    if column.kind == "number":
        return _number(name, text, column)
    if column.kind != "series":
        return text
    return " ".join(":".join(_part(name, part, column) for part in point.split(":")) for point in text.split())


def _part(name: str, text: str, column: Column) -> str:
    value = _number(name, text, column)
    return text if value == float(text) else repr(value)


def _number(name: str, text: str, column: Column) -> float:
    low, high = column.low, column.high
    try:
        value = float(text)
    except ValueError:
        raise StorageError(f"{name}={text!r}, but should be a number") from None
    if math.isfinite(value):
        value = _moved(value, low, high)
    if not (math.isfinite(value) and low <= value <= high):
        raise StorageError(f"{name}={text}, but should be finite and in [{low:g}, {high:g}]")
    return value


def _moved(value: float, low: float, high: float) -> float:
    for end in (low, high):
        if math.isfinite(end) and abs(value - end) <= ROUNDING * max(1.0, abs(end)):
            return min(max(value, low), high)
    return value


def text_of(value: Any) -> str:
    """Return a value on one line, so that numbers come back exactly; undefined ones are empty."""
    if type(value) is str and value.isprintable():  # as most are that come from a file
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, numbers.Integral)):
        return "" if value is None else str(value)
    if isinstance(value, numbers.Real):
        return "" if math.isnan(value) else repr(float(value))
    text = str(value)
    return text if text.splitlines() in ([], [text]) else " ".join(text.split())
