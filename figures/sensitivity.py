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
    new_figure,
    styled,
)

RECOVERY = "feature_recovery_rate"
CHOICES = {"initial_bias": "initial bias", "initial_scale": "initial scale", "penalty": "penalty", "k": "$K$"}
COLUMNS = 3
# Signs in cells: all runs failed, some did, none was made.
MARKS = {"\u00d7": "\u00d7 failed or diverged", "*": "* some seeds failed", "\u2013": "\u2013 not run"}


class Panel(NamedTuple):
    """One choice of one method: its rows, in which nothing varies but the choice and the learning rate."""

    method: str
    choice: str
    rows: pd.DataFrame


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a heat map of recovery over learning rate and value for each choice, mean over seeds.

    The choices are the settings that vary among the rows of a method; the others of a method stay at the value that
    is most frequent.  Titles state the worst and the best cell.  Raises ValueError for rows without the columns it
    reads, in which another setting varies, or which change two choices at once.
    """
    table = methods.prepare(rows, free=("learning_rate",), results=(RECOVERY,))
    methods.one_setting(table, "method", but=tuple(CHOICES))
    panels = choices(table)
    lines = -(-len(panels) // COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, 0.75 + 2.0 * lines)
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
    figure.suptitle(checks.title(sizes, *marks))
    return figure


def choices(table: pd.DataFrame) -> list[Panel]:
    """Return the panels of a table as `methods.prepare` returns it, in the order of methods, then of CHOICES.

    Raises ValueError when nothing varies in a method, or a row leaves the usual value of two choices at once.
    """
    found = []
    for method in methods.in_order(table["method"]):
        part = table[table["method"] == method]
        varied = [name for name in CHOICES if len(part[name].unique()) > 1]
        usual = {name: part[name].mode().iloc[-1] for name in varied}
        away = {name: part[name] != usual[name] for name in varied}
        if not varied:
            raise ValueError(f"{method} varies in none of {', '.join(CHOICES)}, but should in this figure")
        if (sum(each.astype(int) for each in away.values()) > 1).any():
            raise ValueError(f"{' and '.join(varied)} of {method} vary at once, but should one by one")
        for name in varied:
            elsewhere = [away[other] for other in varied if other != name]
            kept = ~np.logical_or.reduce(elsewhere) if elsewhere else np.ones(len(part), dtype=bool)
            found.append(Panel(method, name, part[kept]))
    return found


def _collect(panel: Panel, rates: phase.Array) -> phase.Cells:
    """Return the cells over the learning rate and the index of the value; values can be 0 or below."""
    values = phase.distinct(panel.rows[panel.choice])
    position = panel.rows.assign(position=np.searchsorted(values, panel.rows[panel.choice]) + 1.0)
    return phase.collect(position, "learning_rate", "position", x_values=rates)


def _heat_map(axes: Axes, panel: Panel, cells: phase.Cells) -> QuadMesh:
    """Draw the cells at equal sizes with their numbers, and state the worst and the best in the title."""
    n_values, n_rates = cells.recovery.shape
    shown = np.ma.masked_invalid(cells.recovery)
    axes.set_facecolor(EMPTY_CELL)
    mesh = axes.pcolormesh(shown, cmap=HEAT_MAP, vmin=0, vmax=1, edgecolors="face", linewidth=0.2)
    signs = _signs(cells)
    for (i, j), value in np.ndenumerate(cells.recovery):
        text = str(signs[i, j]) if np.isnan(value) else f"{value:.2f}{signs[i, j]}"
        colour = "white" if value < 0.5 else "black"
        axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=SMALL_FONT_SIZE, color=colour)
    axes.set_xticks(np.arange(n_rates) + 0.5, [f"{rate:g}" for rate in cells.x])
    values = phase.distinct(panel.rows[panel.choice])
    axes.set_yticks(np.arange(n_values) + 0.5, [f"{value:g}" for value in values])
    axes.tick_params(length=0)
    axes.set(xlabel="learning rate", ylabel=CHOICES[panel.choice])
    axes.set_title(f"{panel.method}, {CHOICES[panel.choice]}\n{_extremes(cells.recovery)}")
    return mesh


def _signs(cells: phase.Cells) -> npt.NDArray[np.str_]:
    """Return the sign in each cell, one of MARKS or empty."""
    none = np.isnan(cells.recovery)
    return np.select([cells.failed & none, cells.failed, none], list(MARKS), "")


def _extremes(recovery: phase.Array) -> str:
    if np.isnan(recovery).all():
        return "no run finished"
    return f"worst {np.nanmin(recovery):.2f}, best {np.nanmax(recovery):.2f}"
