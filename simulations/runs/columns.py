"""The columns of a row: every setting there is, then every result there is; a row has some of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from functools import cache
from typing import Any

from simulations.algorithms import base as algorithms
from simulations.data.model import Model
from simulations.instruments import base as instruments
from simulations.measures.base import Column, result_columns
from simulations.runs.cell import CHOICES, DEFAULT_INSTRUMENT, Cell, Machine

OPTIONS = "options"  # settings of a user's function that no algorithm here has, name=value
SCHEMA = 2  # version of the columns, told in every manifest; 1 had one flat list of settings and no arm


@cache
def setting_fields() -> Mapping[str, Field[Any]]:
    """Return the field of every setting that any model, algorithm, instrument or machine here has, by its column."""
    found: dict[str, Field[Any]] = {each.name: each for each in fields(Model)}
    found |= {name: each for name, each in algorithms.all_fields().items() if name not in found}
    for kind in instruments.discover().values():
        found |= {each.name: each for each in fields(kind) if each.name not in found}
    return found | {each.name: each for each in fields(Machine)}


@cache
def setting_columns() -> tuple[str, ...]:
    """Return the columns of the settings, the choices first."""
    return (*CHOICES, *setting_fields(), OPTIONS)


@cache
def results() -> Mapping[str, Column]:
    """Return the result columns by name."""
    instruments.discover()
    return result_columns()


@cache
def row_columns() -> tuple[str, ...]:
    """Return every column of a row, in order."""
    return (*setting_columns(), *results())


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the settings that have no column of their own folded into `options`, canonical text."""
    columns = row_columns()
    own = {name: value for name, value in row.items() if name not in columns}
    told = {name: value for name, value in row.items() if name in columns}
    return told | ({OPTIONS: " ".join(f"{name}={own[name]}" for name in sorted(own))} if own else {})


def cell_of(row: Mapping[str, Any]) -> Cell:
    """Return the cell of a row, also of one of texts; raises ValueError naming a bad setting."""
    given = {name: row[name] for name in (*CHOICES, *setting_fields()) if not _blank(row.get(name))}
    for word in str(row.get(OPTIONS) or "").split():
        name, _, value = word.partition("=")
        given[name] = value
    return Cell(**given)


def simulated(row: Mapping[str, Any]) -> bool:
    """Return whether the row is of a simulation, which has every needed result."""
    return str(row.get("instrument") or DEFAULT_INSTRUMENT) == DEFAULT_INSTRUMENT


def _blank(value: Any) -> bool:
    return value is None or value == "" or value != value
