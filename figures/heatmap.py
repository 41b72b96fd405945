"""Heat maps of any rows over two of their columns, a panel for each value of others, with the theorem's lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import boundaries, phase
from figures.style import (
    DOUBLE_COLUMN,
    RECOVERY_LABEL,
    SINGLE_COLUMN,
    colour_bar,
    heading,
    legend_below,
    new_figure,
    styled,
)

MOST = 4  # panels side by side


class Panel(NamedTuple):
    """One heat map: what it says above it, its rows, and the column along its y axis."""

    title: str
    rows: pd.DataFrame
    y: str


def heatmap(
    df: pd.DataFrame,
    x: str,
    y: str,
    value: str = phase.RECOVERY,
    theory: bool = True,
    panel: str | Sequence[str] | None = None,
) -> Figure:
    """Return the heat map of `value` over columns x and y of any table, mean over its other columns.

    `panel`: a column, or several, with a panel for each of their values.  `theory`: with the conditions of the theorem
    over target_frequency and d_model, sparsity or n_features, as far as the table has the settings that they take.
    Rows whose column `status`, if there is one, is not "ok" are crossed out; cells where chance alone would give half
    of the recovery rate (columns d_model and n_neurons) are hatched.
    Raises ValueError for a missing column, no rows, or an axis that holds no positive numbers.
    """
    names = [panel] if isinstance(panel, str) else list(panel or ())
    if missing := [name for name in (x, y, value, *names) if name not in df.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    if df.empty:
        raise ValueError("rows=0, but a figure needs at least one row")
    table = df.reset_index(drop=True)
    for name in (x, y):
        table[name] = pd.to_numeric(table[name], errors="coerce")
        if not (table[name] > 0).all():
            raise ValueError(f"{name} should hold positive numbers, to be an axis of a heat map")
    groups = list(table.groupby(names, sort=True, dropna=False)) if names else [((), table)]
    panels = [Panel(_told(names, key), part, y) for key, part in groups]
    across = min(len(panels), MOST)
    lines = [panels[k : k + across] for k in range(0, len(panels), across)]
    return diagram(lines, x, value=value, label=_label(value), theory=theory)


def _told(names: Sequence[str], key: tuple[object, ...]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} = {each}" for name, each in zip(names, key, strict=True))


def _label(value: str) -> str:
    return RECOVERY_LABEL if value == phase.RECOVERY else value.replace("_", " ")


@styled
def diagram(
    lines: Sequence[Sequence[Panel]],
    x: str,
    *,
    question: str = "",
    notes: str = "",
    value: str = phase.RECOVERY,
    label: str = RECOVERY_LABEL,
    theory: bool = True,
    references: bool = True,
    height: float = 2.15,
    also: Callable[[Axes, Panel], Sequence[Line2D]] | None = None,
) -> Figure:
    """Return lines of heat maps over the column x, which all share; panels of one line share their y axis.

    Rates have a line where they pass 1/2.  `also` draws more on a panel, and returns legend handles of what it drew.
    """
    across = max(len(line) for line in lines)
    wide = across > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, (1.3 if wide else 1.75) + height * len(lines))
    grid = figure.subplots(len(lines), across, squeeze=False)
    everything = pd.concat([panel.rows for line in lines for panel in line])
    x_values, limits = phase.distinct(everything[x]), _limits(everything[value])
    shown: set[str] = set()
    cells, more = [], {}
    for line, row in zip(lines, grid, strict=True):
        y_values = phase.distinct(pd.concat([panel.rows[panel.y] for panel in line]))
        for panel, axes in zip(line, row, strict=False):
            found = phase.collect(panel.rows, x, panel.y, value=value, x_values=x_values, y_values=y_values)
            mesh = phase.heat_map(axes, found, limits)
            shown |= boundaries.overlay(axes, panel.rows, x, panel.y, references=references) if theory else set()
            if limits == (0.0, 1.0) and phase.half(axes, found, "half"):
                more["half"] = phase.half_handle("half of them")
            more |= {str(each.get_label()): each for each in also(axes, panel)} if also else {}
            axes.set_title(panel.title, pad=14 if theory and references else 5)
            phase.label_axis(axes, axes.xaxis, x, x_values)
            phase.label_axis(axes, axes.yaxis, panel.y, y_values)
            if wide:
                axes.label_outer()
            cells.append(found)
        for axes in row[len(line) :]:
            axes.set_visible(False)
    colour_bar(figure, mesh, list(grid.flat), label)
    heading(figure, question, notes)
    handles = phase.legend_handles(cells)
    if theory and x == "target_frequency" and {"n_features", "d_model", "sparsity"} <= set(everything.columns):
        told = {panel.y for line in lines for panel in line}
        handles = [*_theory_handles(shown, everything, told if references else set()), *more.values(), *handles]
    else:
        handles = [*more.values(), *handles]
    if handles:
        legend_below(figure, handles, min(len(handles), 4 if wide else 2), boundaries.TITLE if shown else None)
    return figure


def _limits(values: pd.Series) -> tuple[float, float]:
    """Return 0 and 1 for rates, else the range of the values."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size or (numbers.min() >= 0 and numbers.max() <= 1):
        return 0.0, 1.0
    return float(numbers.min()), float(numbers.max())


def _theory_handles(shown: set[str], table: pd.DataFrame, axes: set[str]) -> list[Line2D]:
    width = "n_neurons" in table.columns and bool(table["n_neurons"].notna().any())
    handles = boundaries.legend_handles(shown, width=width)
    if not axes:
        return handles
    also = r", $d = \sqrt{n}$" if "d_model" in axes else ""
    return [*handles, boundaries.reference_handle(r"$f = s/n$, $\sqrt{f}$" + also)]
