"""Do dictionaries from other starts agree on real activations: shares, mean cosines, and selectivity."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import intervals, methods, real, series
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled

ALL, TOP, MCS = "consistency", "consistency_top", "consistency_mean_cosine"
LABELS = {"gba": "GBA", "topk": "TopK", "batchtopk": "BatchTopK", "l1": "L1", "ba": "BA"}
SHIFT = 0.15


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return three panels: share of neurons met again (white: of the most active), MCS, and MCS against the Z-score.

    Means over seeds with their intervals.  Raises ValueError for rows without the columns that it reads.
    """
    table, looks = real.prepare(rows, (ALL, TOP, MCS), ("selectivity_profile",))
    figure = new_figure(DOUBLE_COLUMN, 3.1)
    shares, cosines, selectivity = figure.subplots(1, 3, width_ratios=(1, 0.8, 1.35))
    for y, (name, look) in enumerate(looks.items()):
        part = table[table["method"] == name]
        _point(shares, part[ALL], y - SHIFT, name, look, look.colour)
        _point(shares, part[TOP], y + SHIFT, name, look, "white")
        _point(cosines, part[MCS], y, name, look, look.colour)
        points = series.average(part, "selectivity_profile", 2)
        points = points[points[:, 0] > 0]
        selectivity.plot(points[:, 0], points[:, 1], gid=f"profile-{name}", **look.line())
    _finish(shares, looks, "neurons with cosine > 0.9\nin the other start", "white: most active 5 %")
    _finish(cosines, looks, "mean largest cosine (MCS)", "all neurons")
    cosines.tick_params(axis="y", labelleft=False)
    selectivity.set(xscale="log", xlabel="Z-score, groups of neurons", ylabel="their MCS", title="by selectivity")
    plain_log(selectivity.xaxis)
    open_axes(selectivity, "both")
    heading(figure, f"Does GBA agree with itself more than TopK? {answer(table)}", real.notes(table))
    legend_below(figure, methods.handles(table, looks), 6)
    return figure


def answer(table: pd.DataFrame) -> str:
    """Return the mean largest cosine of GBA, TopK and L1, in words."""
    told = []
    for name in ("gba", "topk", "l1"):
        found = intervals.mean(table.loc[table["method"] == name, MCS])
        if found.n_values:
            told.append(f"{LABELS[name]} {found.value:.2f}")
    return f"MCS: {', '.join(told)}"


def _point(axes: Axes, values: pd.Series, y: float, name: str, look: methods.Look, face: str) -> None:
    found = intervals.mean(values, 0, 1)
    intervals.bar(axes, found, y, color=look.colour)
    style = look.line(markersize=4.5, linestyle="", markerfacecolor=face)
    axes.plot(found.value, y, gid=f"{values.name}-{name}", clip_on=False, zorder=3, **style)


def _finish(axes: Axes, looks: dict[str, methods.Look], label: str, title: str) -> None:
    axes.set(xlim=(-0.04, 1.04), ylim=(len(looks) - 0.5, -0.5), xlabel=label, title=title)
    axes.set_yticks(range(len(looks)), [each.label for each in looks.values()])
    open_axes(axes, "x")
