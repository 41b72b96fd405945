"""Rows on their way into a figure: checked, made numeric, and described in a title."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from theory.conditions import band

# Settings that rows of one figure share, unless it shows what they do: those of the data and of the training, which
# the methods of a comparison have in common, and those that each method has for itself.
COMMON = (
    *("n_features", "d_model", "sparsity", "n_samples", "support_law", "coefficient_law", "dictionary_law"),
    *("normalize", "noise", "n_neurons", "n_steps", "learning_rate", "schedule", "optimizer", "weight_decay"),
    *("batch_size", "n_evaluations", "n_restarts", "dtype", "n_probes", "target_recovery"),
)
OWN = (
    *("algorithm", "instrument", "center", "controller", "activation", "gain", "gain_ratio", "relaxation"),
    *("buffer_steps", "dead_frequency", "n_groups", "high_target_frequency", "low_target_frequency"),
    *(
        "target_frequency",
        "k",
        "penalty",
        "penalty_kind",
        "bandwidth",
        "initial_bias",
        "start_frequency",
        "initial_scale",
        "pre_bias",
    ),
    *("initialization", "bias_policy", "step_size", "evaluation", "options"),
)
WORDS = frozenset(
    {"support_law", "coefficient_law", "dictionary_law", "normalize", "schedule", "optimizer", "dtype", "algorithm"}
    | {"instrument", "center", "controller", "activation", "penalty_kind", "pre_bias", "initialization"}
    | {"bias_policy", "evaluation", "options"}
)
PROBLEM = ("n_features", "d_model", "sparsity", "n_samples")  # every figure reads these


def prepare(
    rows: pd.DataFrame,
    *,
    free: Sequence[str] = (),
    needs: Sequence[str] = (),
    results: Sequence[str] = (),
    series: Sequence[str] = (),
    by_arm: bool = False,
) -> pd.DataFrame:
    """Return a copy of the rows with numeric settings and `results`, in which only `free`, seed and device vary.

    `by_arm`: rows of several arms, each with settings of its OWN.  Without it only centring may vary besides.  PROBLEM
    and `needs` are positive numbers; `results` are nan in rows that are not ok; columns in `series` stay as they are;
    the rest may be missing
    or blank (a setting that a method does not have).
    Raises ValueError when there are no rows, when a column or a number is missing, or a setting that is not `free` has
    several values.
    """
    needed = (*PROBLEM, *needs, "center", "status", *(["arm"] if by_arm else []), *results, *series)
    if missing := [name for name in dict.fromkeys(needed) if name not in rows.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    if rows.empty:
        raise ValueError("rows=0, but a figure needs at least one row")
    table = rows.reset_index(drop=True)
    blank = table.isin(["", "nan", "None"])
    table = table.astype({name: object for name in table.columns[blank.any()]}).mask(blank)
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *COMMON, *OWN, "seed"])))
    for name in (*COMMON, *OWN, "seed"):
        if name not in WORDS:
            table[name] = _numbers(table[name], name, positive=name in (*PROBLEM, *needs))
    table["seed"] = table["seed"].fillna(0).astype(int)
    table["center"] = [_truth(value) for value in table["center"]]
    for name in results:
        table[name] = pd.to_numeric(table[name], errors="coerce").where(table["status"] == "ok")
    for name in COMMON if by_arm else (*COMMON, *OWN):
        if name != "center":
            one_value(table, name, free)
    if by_arm:
        for arm, part in table.groupby("arm", sort=False):
            for name in OWN:
                one_value(part, name, free, f" for {arm}")
    return table.copy()  # in one block: a figure may add columns


def one_per_cell(table: pd.DataFrame, cell: Sequence[str], columns: Sequence[str]) -> None:
    """Raise ValueError unless each of `columns` is a function of the columns in `cell`."""
    for name in columns:
        several = table.groupby(list(cell))[name].agg("nunique") > 1
        if several.any():
            where = several[several].index[0]
            place = ", ".join(f"{key}={value:g}" for key, value in zip(cell, np.atleast_1d(where), strict=True))
            raise ValueError(f"{name} has several values at {place}, but should have one")


def _numbers(column: pd.Series, name: str, *, positive: bool) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = numbers.isna() & column.notna()
    if positive:
        bad = ~(np.isfinite(numbers) & (numbers > 0))
    if bad.any():
        wanted = "a positive number" if positive else "a number"
        raise ValueError(f"{name}={column[bad].iloc[0]}, but should be {wanted}")
    return numbers


def _truth(value: object) -> bool:
    if str(value) not in ("True", "False"):
        raise ValueError(f"center={value}, but should be True or False")
    return str(value) == "True"


def one_value(table: pd.DataFrame, name: str, free: Sequence[str] = (), whose: str = "") -> None:
    """Raise ValueError, naming `whose` setting it is, when a column that is not `free` has several values."""
    values = [] if name in free else list(table[name].dropna().unique())
    if len(values) > 1:
        shown = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values[:4])
        more = ", ..." if len(values) > 4 else ""
        raise ValueError(f"{name}={shown}{more}, but should have one value{whose} in this figure")


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
    """Return "n = 256, M = 2,048" for columns that have one value, from symbol=column; what is blank is left out."""
    known = {symbol: table[name].dropna() for symbol, name in symbols.items()}
    return ", ".join(count(symbol, column.iloc[0]) for symbol, column in known.items() if len(column))


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
