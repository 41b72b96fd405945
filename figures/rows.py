"""Rows on their way into a figure: checked, made numeric, and described in a title."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from simulations.base.settings import SETTING_COLUMNS
from theory.conditions import band

# Every figure reads these; what is no setting is checked by the figure that needs it.
PROBLEM = ("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency")
# Averaged over, or deciding no result.
NEVER_FIXED = ("seed", "device")


def prepare(rows: pd.DataFrame, *, free: Sequence[str], results: Sequence[str] = ()) -> pd.DataFrame:
    """Return a copy of the rows with numeric problem columns, in which only `free`, center, seed and device vary.

    Raises ValueError when there are no rows, when a column of the problem, `status` or one of `results` is missing,
    when a number is not one, or when a setting that is not `free` has several values.
    """
    needed = (*PROBLEM, "center", "status", *results)
    if missing := [name for name in needed if name not in rows.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    if rows.empty:
        raise ValueError("rows=0, but a figure needs at least one row")
    table = rows.reset_index(drop=True)
    for name in PROBLEM:
        table[name] = _positive(table[name], name)
    table["center"] = [_truth(value) for value in table["center"]]
    for name in SETTING_COLUMNS:
        if name in table.columns and name not in ("center", *free, *NEVER_FIXED):
            _one_value(table[name], name)
    return table


def one_per_cell(table: pd.DataFrame, cell: Sequence[str], columns: Sequence[str]) -> None:
    """Raise ValueError unless each of `columns` is a function of the columns in `cell`."""
    for name in columns:
        several = table.groupby(list(cell))[name].agg("nunique") > 1
        if several.any():
            where = several[several].index[0]
            place = ", ".join(f"{key}={value:g}" for key, value in zip(cell, np.atleast_1d(where), strict=True))
            raise ValueError(f"{name} has several values at {place}, but should have one")


def _positive(column: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = ~(np.isfinite(numbers) & (numbers > 0))
    if bad.any():
        raise ValueError(f"{name}={column[bad].iloc[0]}, but should be a positive number")
    return numbers


def _truth(value: object) -> bool:
    if str(value) not in ("True", "False"):
        raise ValueError(f"center={value}, but should be True or False")
    return str(value) == "True"


def _one_value(column: pd.Series, name: str) -> None:
    values = list(column.unique())
    if len(values) > 1:
        shown = ", ".join(str(value) for value in values[:4]) + (", ..." if len(values) > 4 else "")
        raise ValueError(f"{name}={shown}, but should have one value in this figure")


def by_centring(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows without and with centred data, as far as there are any, each with its name: a panel each.

    Rows that are all without have an empty name: nothing is compared, so there is nothing to say.
    """
    names = {False: "not centred" if table["center"].any() else "", True: "centred data"}
    return [(names[key], table[table["center"] == key]) for key in names if (table["center"] == key).any()]


def title(*parts: str) -> str:
    """Return "s = 3, centred data" from the parts that are not empty."""
    return ", ".join(part for part in parts if part)


def counts(table: pd.DataFrame, **symbols: str) -> str:
    """Return "n = 256, M = 2,048" for columns that are the same in all rows, from symbol=column."""
    return ", ".join(count(symbol, table[name].iloc[0]) for symbol, name in symbols.items())


def count(symbol: str, value: float) -> str:
    """Return "N = 20,000" for a number that all rows share."""
    return f"${symbol}$ = {value:,.0f}"


def share_of_n(table: pd.DataFrame, name: str, symbol: str) -> str:
    """Return "M = 8n" where the column is proportional to n_features, and its range otherwise."""
    ratio = table[name] / table["n_features"]
    if np.ptp(ratio) <= 1e-9 * ratio.max():  # two roundings of one quotient are far closer
        exact = Fraction(float(ratio.iloc[0])).limit_denominator(1000)
        top = "n" if exact.numerator == 1 else f"{exact.numerator}n"
        return f"${symbol} = {top}$" if exact.denominator == 1 else f"${symbol} = {top}/{exact.denominator}$"
    return f"${symbol}$ from {table[name].min():,.0f} to {table[name].max():,.0f}"


def frequency_note(table: pd.DataFrame) -> str:
    """Return where the target frequencies lie: at the geometric centre of the theorem's band, or just their range.

    The band is taken at eps = zeta = 0, where it is widest; 1 % covers centres rounded to three digits.
    """
    edges = band(table["n_features"], table["d_model"], table["sparsity"], epsilon=0.0, zeta=0.0)
    p = table["target_frequency"].to_numpy()
    if np.all(np.abs(p / np.sqrt(edges.lower * edges.upper) - 1) < 0.01):
        return "$p$ at the centre of the band"
    return f"$p$ from {p.min():.3g} to {p.max():.3g}"
