"""What each choice does to reconstruction and sparsity on real activations, one choice at a time."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import intervals, methods, real
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled

L0, UNEXPLAINED = "l0", "fraction_variance_unexplained"
DEFAULTS = "defaults"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return two panels, a line an arm ("METHOD, CHOICE VALUE"): FVU, and active neurons a token.

    Means over seeds with their intervals; a dashed line is the method with all its defaults.  Raises ValueError for
    rows without the columns that it reads.
    """
    table, looks = real.prepare(rows, (L0, UNEXPLAINED))
    arms = [arm for name in looks for arm in table.loc[table["method"] == name, "arm"].unique()]
    figure = new_figure(DOUBLE_COLUMN, 1.5 + 0.2 * len(arms))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column in zip(panels, (UNEXPLAINED, L0), strict=True):
        _lines(axes, table, looks, arms, column)
    panels[0].set(xlabel="fraction of variance unexplained")
    panels[1].set(xlabel="active neurons a token, $L_0$")
    panels[0].set_yticks(range(len(arms)), [_label(arm) for arm in arms])
    panels[0].set_ylim(len(arms) - 0.4, -0.6)
    heading(figure, f"Is GBA nearly tuning-free here? {answer(table, looks)}", real.notes(table))
    legend_below(figure, methods.handles(table, looks), 6)
    return figure


def answer(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return the span of FVU over the choices of each method, in words."""
    told = []
    for name, look in looks.items():
        values = [intervals.log_mean(part[UNEXPLAINED]) for _, part in table[table["method"] == name].groupby("arm")]
        known = [each.value for each in values if each.n_values]
        if known:
            told.append(f"{look.label} {min(known):.2f} to {max(known):.2f}")
    return f"FVU over choices: {', '.join(told)}"


def _label(arm: str) -> str:
    return arm.partition(", ")[2] or arm


def _lines(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look], arms: list[str], column: str) -> None:
    for y, arm in enumerate(arms):
        part = table[table["arm"] == arm]
        look = looks[str(part["method"].iloc[0])]
        found = intervals.log_mean(part[column])
        intervals.bar(axes, found, y, color=look.colour)
        axes.plot(found.value, y, gid=f"{column}-{arm}", **look.line(linestyle="", markersize=4.5, zorder=3))
        if arm.endswith(DEFAULTS) and found.n_values:
            own = [k for k, each in enumerate(arms) if each.partition(",")[0] == arm.partition(",")[0]]
            span = [min(own) - 0.4, max(own) + 0.4]
            axes.plot([found.value] * 2, span, color=look.colour, linewidth=0.8, linestyle="--", gid=f"default-{arm}")
    axes.set_xscale("log")
    plain_log(axes.xaxis)
    open_axes(axes, "both")
