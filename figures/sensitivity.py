"""Recovery over what a user has to choose, against the learning rate: a heat map a choice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from figures import methods, phase
from figures import rows as checks
from figures.style import (
    DOUBLE_COLUMN,
    EMPTY_CELL,
    HEAT_MAP,
    SMALL_FONT_SIZE,
    colour_bar,
    heading,
    new_figure,
    styled,
)

RECOVERY = "feature_recovery_rate"
SYMBOLS = {"k": "$K$"}
DEFAULTS = "defaults"  # the choice of the cells that all panels of a method share
COLUMNS = 3
# Signs in cells: all runs failed, some did, none was made.
MARKS = {"\u00d7": "\u00d7 failed or diverged", "*": "* some seeds failed", "\u2013": "\u2013 not run"}


class Panel(NamedTuple):
    """One choice of one method: the column that is chosen (empty where none is), its name, and its rows."""

    method: str
    choice: str
    name: str
    rows: pd.DataFrame


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a heat map of recovery over learning rate and value for each choice, mean over seeds.

    An arm is "METHOD, CHOICE", or "METHOD, defaults" for cells that are part of each choice of the method.  Titles
    state the worst and the best cell.  Raises ValueError for rows without the columns it reads, or in which another
    setting varies.
    """
    wanted = {_column(str(arm)) for arm in rows.get("arm", ())} - {""}
    free, results = ("learning_rate", *wanted), (RECOVERY, *sorted(wanted - set(rows.columns)))
    table, looks = methods.with_method(
        checks.prepare(rows, free=free, needs=("learning_rate",), results=results, by_arm=True)
    )
    panels = choices(table, looks)
    lines = -(-len(panels) // COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, 0.95 + 2.0 * lines)
    grid = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    rates = phase.distinct(table["learning_rate"])
    grids = [_collect(each, rates) for each in panels]
    for axes, panel, cells in zip(grid, panels, grids, strict=False):
        mesh = _heat_map(axes, panel, cells)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    colour_bar(figure, mesh, list(grid))
    marks = [text for sign, text in MARKS.items() if any((_signs(each) == sign).any() for each in grids)]
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    question = "How does recovery depend on what has to be chosen, and on the learning rate?"
    heading(figure, question, checks.title(sizes, *marks, methods.OURS))
    return figure


def choices(table: pd.DataFrame, looks: dict[str, methods.Look]) -> list[Panel]:
    """Return the panels of a table with a column `method`, in the order of methods, then of the rows.

    Raises ValueError when an arm changes another choice of its method as well.
    """
    found = []
    for method, look in looks.items():
        part = table[table["method"] == method]
        shared = part["arm"].str.endswith(f", {DEFAULTS}")
        arms = part.loc[~shared, "arm"].unique()
        columns = {arm: _column(arm) for arm in arms}
        for arm, column in columns.items():
            rows = part[shared | (part["arm"] == arm)]
            for other in set(columns.values()) - {column, ""}:
                checks.one_value(rows, other, whose=f" for {arm}")
            name = SYMBOLS.get(column, column.replace("_", " "))
            found.append(Panel(look.label, column, name, rows))
    return found


def _column(arm: str) -> str:
    """Return the setting that an arm chooses: "topk, K" chooses k, "gba, initial bias" initial_bias."""
    _, comma, choice = arm.partition(", ")
    return choice.lower().replace(" ", "_") if comma and choice != DEFAULTS else ""


def _collect(panel: Panel, rates: phase.Array) -> phase.Cells:
    """Return the cells over the learning rate and the index of the value; values can be 0 or below."""
    values = phase.distinct(panel.rows[panel.choice]) if panel.choice else np.empty(0)
    place = np.searchsorted(values, panel.rows[panel.choice]) if panel.choice else 0
    position = panel.rows.assign(position=place + 1.0)
    return phase.collect(position, "learning_rate", "position", x_values=rates)


def _heat_map(axes: Axes, panel: Panel, cells: phase.Cells) -> QuadMesh:
    """Draw the cells at equal sizes with their numbers, and state the worst and the best in the title."""
    n_rates = cells.x.size
    shown = np.ma.masked_invalid(cells.recovery)
    axes.set_facecolor(EMPTY_CELL)
    mesh = axes.pcolormesh(shown, cmap=HEAT_MAP, vmin=0, vmax=1, edgecolors="face", linewidth=0.2)
    signs = _signs(cells)
    for (i, j), value in np.ndenumerate(cells.recovery):
        text = str(signs[i, j]) if np.isnan(value) else f"{value:.2f}{signs[i, j]}"
        colour = "white" if value < 0.5 else "black"
        axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=SMALL_FONT_SIZE, color=colour)
    axes.set_xticks(np.arange(n_rates) + 0.5, [f"{rate:g}" for rate in cells.x])
    values = phase.distinct(panel.rows[panel.choice]) if panel.choice else np.empty(0)
    axes.set_yticks(np.arange(len(values)) + 0.5, [f"{value:g}" for value in values])
    axes.tick_params(length=0)
    axes.set(xlabel="learning rate", ylabel=panel.name)
    axes.set_title(f"{checks.title(panel.method, panel.name)}\n{_extremes(cells.recovery)}")
    return mesh


def _signs(cells: phase.Cells) -> npt.NDArray[np.str_]:
    """Return the sign in each cell, one of MARKS or empty."""
    none = np.isnan(cells.recovery)
    return np.select([cells.failed & none, cells.failed, none], list(MARKS), "")


def _extremes(recovery: phase.Array) -> str:
    if np.isnan(recovery).all():
        return "no run finished"
    return f"worst {np.nanmin(recovery):.2f}, best {np.nanmax(recovery):.2f}"
