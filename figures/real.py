"""Rows on real activations on their way into a figure: checked, numeric, and what the panels share in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes

from figures import intervals
from figures import rows as checks
from figures.methods import Look, with_method

SAME = ("n_neurons", "n_steps", "batch_size", "activations")  # settings that all rows of a figure share
NEEDS = ("d_model", *SAME, "seed", "arm", "status")
NO_TRUTH = "no ground truth"


def prepare(
    rows: pd.DataFrame, results: Sequence[str], series: Sequence[str] = ()
) -> tuple[pd.DataFrame, dict[str, Look]]:
    """Return the rows with their method, `results` numeric (nan where a row is not ok or has none), and the looks.

    Raises ValueError for no rows, for a missing column that every row has, and where a setting that all share varies.
    """
    if missing := [name for name in NEEDS if name not in rows.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    if rows.empty:
        raise ValueError("rows=0, but a figure needs at least one row")
    table = rows.reset_index(drop=True)
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *results, *series])))
    blank = table.isin(["", "nan", "None"])
    table = table.astype({name: object for name in table.columns[blank.any()]}).mask(blank)
    for name in ("d_model", "n_neurons", "n_steps", "batch_size", "seed"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    for name in SAME:
        checks.one_value(table, name)
    for name in results:
        table[name] = pd.to_numeric(table[name], errors="coerce").where(table["status"] == "ok")
    table, looks = with_method(table)
    # Rivals are in the form of their authors here, whatever else their names are of.
    return table, {name: replace(look, label=look.label.removesuffix(", tied")) for name, look in looks.items()}


def notes(table: pd.DataFrame, bars: str = "") -> str:
    """Return the data, the sizes, the seeds and what the bars of a figure are, by default intervals over seeds."""
    model, _, rest = str(table["activations"].iloc[0]).partition(".residual")
    block = f", after block {rest.partition('.')[0]}" if rest else ""
    tokens = int(table["n_steps"].iloc[0] * table["batch_size"].iloc[0])
    sizes = checks.counts(table, d="d_model", M="n_neurons")
    return checks.title(
        f"{model}{block}",
        sizes,
        f"{tokens / 1e3:,.0f}k training tokens",
        bars or intervals.note(table["seed"].nunique()),
        NO_TRUTH,
    )


def means(table: pd.DataFrame, method: str, x: str, y: str) -> list[tuple[intervals.Mean, intervals.Mean]]:
    """Return the geometric mean of x and the mean of y over seeds of each arm of a method, in the order of x."""
    found = []
    for _, part in table[table["method"] == method].groupby("arm", sort=False):
        point = intervals.log_mean(part[x]), intervals.mean(part[y])
        if point[0].n_values and point[1].n_values:
            found.append(point)
    return sorted(found, key=lambda each: each[0].value)


def unmeasured(axes: Axes) -> None:
    """Say in a panel that nothing of it was measured, as where the transformer was not asked."""
    axes.text(0.5, 0.5, "not measured in these rows", ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])
