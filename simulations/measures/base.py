"""What a measure is: a function of a fitted dictionary and its data, registered with the columns that it fills.

Adding one is one module in simulations/measures with @measure(columns), found by discovery; it touches no committed
rows, for a column that is not in an older file reads as missing.  Light: no torch here.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from simulations.measures.look import Look

# Cosines of unit vectors in float32 exceed 1 by at most about d * 2^-23, 1e-3 at d = 8,192.
COSINE = (-1.001, 1.001)
POSITIVE = (0.0, math.inf)
ANY = (-math.inf, math.inf)


class Column(NamedTuple):
    """A result: what it is, the range of its numbers, and whether a simulated row of status ok has to have it.

    `series` holds several numbers separated by spaces, or by colons within one point; `text` holds any text.
    """

    text: str
    low: float = 0.0
    high: float = 1.0
    needed: bool = False
    kind: str = "number"


def with_interval(name: str, column: Column) -> dict[str, Column]:
    """Return a column with those of the ends of its 95 % interval."""
    text = column.text
    ends = {f"{name}_{end}": column._replace(text=f"{text}: {end} end of its 95 % interval") for end in ("low", "high")}
    return {name: column, **ends}


# The columns of every row, whatever was measured.
ALWAYS: dict[str, Column] = {
    "status": Column("ok, failed or diverged", kind="text"),
    "message": Column("why, in words", kind="text"),
    "seconds": Column("wall time of the cell", *POSITIVE, needed=True),
    "version": Column("of sae-recovery", kind="text"),
    "diverged_step": Column("step at which a number ceased to be finite", *POSITIVE),
    "extra": Column("numbers that a user's function returned, name=value", kind="text"),
}

Measured = Callable[["Look"], Mapping[str, Any]]


class Measure(NamedTuple):
    """A registered measure: its function and the columns it may fill."""

    name: str
    columns: Mapping[str, Column]
    function: Measured


REGISTRY: dict[str, Measure] = {}
_COLUMNS: dict[str, Column] = {}


def measure(**columns: Column) -> Callable[[Measured], Measured]:
    """Return a decorator that registers a measure under its function's name, with its columns.

    The function returns those of its columns that are defined; it returns {} where it does not apply (no ground truth,
    no codes).
    """

    def decorate(function: Measured) -> Measured:
        name = function.__name__
        assert name not in REGISTRY, f"two measures named {name}"
        declare(**columns)
        REGISTRY[name] = Measure(name, columns, function)
        return function

    return decorate


def declare(**columns: Column) -> None:
    """Declare columns that an algorithm or an instrument fills itself."""
    twice = [name for name in columns if name in _COLUMNS or name in ALWAYS]
    assert not twice, f"column {twice} is declared twice"
    _COLUMNS.update(columns)


@cache
def discover() -> Mapping[str, Measure]:
    """Import every module of simulations/measures and return the measures by name."""
    package = importlib.import_module("simulations.measures")
    for each in pkgutil.iter_modules(package.__path__, "simulations.measures."):
        importlib.import_module(each.name)
    return REGISTRY


def result_columns() -> dict[str, Column]:
    """Return every result column that is declared, those of every row last."""
    discover()
    return _COLUMNS | ALWAYS


def measured(look: Look) -> dict[str, Any]:
    """Return what every measure says of a fitted dictionary; undefined numbers are left out."""
    found: dict[str, Any] = {}
    for each in discover().values():
        values = each.function(look)
        foreign = [name for name in values if name not in each.columns]
        assert not foreign, f"measure {each.name} fills {foreign}, which it has not declared"
        found |= {name: value for name, value in values.items() if not _undefined(value)}
    return found


def _undefined(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))
