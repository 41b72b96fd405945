"""How often neurons fire before and after training, and against their targets, on real activations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import boundaries, firing, methods, real, series
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, styled

PROFILE = "target_profile"
COLUMNS = 3


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a histogram of firing frequencies an arm, before (grey) and after training, and a panel of the targets.

    Means over seeds; of each target the median over its neurons, with quartiles.  Raises ValueError for rows without
    the columns that it reads, or with histograms of other bins.
    """
    table, looks = real.prepare(rows, ("control_error",), (*firing.HISTOGRAMS, PROFILE))
    n_panels = len(looks) + 1
    lines = -(-n_panels // COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, 1.0 + 2.0 * lines)
    grid = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
    for axes, (name, look) in zip(grid, looks.items(), strict=False):
        _histogram(axes, table[table["method"] == name], look)
    for axes in grid[n_panels:]:
        axes.set_visible(False)
    _targets(grid[len(looks)], table, looks)
    heading(
        figure,
        f"Do neurons keep their targets on a real model? {answer(table, looks)}",
        real.notes(table, "bars: quartiles over neurons, grey: before training"),
    )
    legend_below(figure, methods.handles(table, looks), 6)
    return figure


def answer(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return the median factor between achieved and target frequency of each method, in words."""
    told = []
    for name, look in looks.items():
        error = table.loc[table["method"] == name, "control_error"].dropna()
        if len(error):
            told.append(f"{look.label} {np.exp(error.mean()):.1f}")
    return f"Median factor off: {', '.join(told)}" if told else ""


def _histogram(axes: Axes, part: pd.DataFrame, look: methods.Look) -> None:
    axes.set_title(look.label)
    firing.before_and_after(axes, part, look.colour, every=2)


def _targets(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look]) -> None:
    """Draw the median frequency of the neurons of each target, with quartiles, and the line where the two are equal."""
    ends = (3e-4, 1.0)
    axes.plot(ends, ends, gid="equal", **boundaries.REFERENCE)
    for name, look in looks.items():
        points = series.average(table[table["method"] == name], PROFILE, 4)
        for target, low, _, high in points:
            axes.plot([target] * 2, [max(low, 1e-5), max(high, 1e-5)], color=look.colour, linewidth=0.9)
        if len(points):
            axes.plot(points[:, 0], np.maximum(points[:, 2], 1e-5), gid=f"targets-{name}", **look.line())
    axes.set(xscale="log", yscale="log", xlabel="target frequency", ylabel="achieved", title="target and achieved")
    open_axes(axes, "both")
