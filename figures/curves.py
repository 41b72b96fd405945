"""One variable over another, a line a group: mean with the range as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import RECOVERY_LABEL, SINGLE_COLUMN, legend_below, new_figure, open_axes, styled

MARKERS = "os^Dv<>pPX"


@styled
def curve(df: pd.DataFrame, x: str, y: str = "feature_recovery_rate", by: str | None = None) -> Figure:
    """Return `y` over the column x of any table, a line a value of the column `by`: mean over the other columns.

    Bands are the range where there are several rows.  Rows whose column `status`, if there is one, is not "ok" are
    left out.  Raises ValueError for a missing column, or no rows that finished.
    """
    if missing := [name for name in (x, y, *([by] if by else [])) if name not in df.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    table = df[df["status"] == "ok"] if "status" in df.columns else df
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in (x, y)}
    table = table.assign(**numbers).dropna(subset=[x, y])
    if table.empty:
        raise ValueError("rows=0, but a figure needs at least one row that finished")
    spread = bool((table[x] > 0).all()) and table[x].max() >= 10 * table[x].min()
    figure, axes = panel(x.replace("_", " "), logarithmic=spread, ylabel=y.replace("_", " "))
    if y != "feature_recovery_rate":
        axes.set_ylim(auto=True)
    groups = list(table.groupby(by, sort=True)) if by else [("", table)]
    for (key, part), style in zip(groups, ordered_styles([name for name, _ in groups]).values(), strict=True):
        line(axes, part, x, y, f"{by.replace('_', ' ')} = {key!s}" if by else "", style)
    if by:
        legend_below(figure, axes.get_legend_handles_labels()[0], 2)
    return figure


def panel(xlabel: str, *, logarithmic: bool, ylabel: str = RECOVERY_LABEL, height: float = 3.0) -> tuple[Figure, Axes]:
    """Return a figure of one column, that many inches high, with the axes of the recovery rate over `xlabel`."""
    figure = new_figure(SINGLE_COLUMN, height)
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.03, 1.03))
    if logarithmic:
        axes.set_xscale("log")
    open_axes(axes, "y")
    return figure, axes


def ordered_styles(keys: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    """Return a colour and a marker for each of the ordered keys: the darkest to a light that still shows on white."""
    colours = matplotlib.colormaps["viridis"]([0.85 * k / max(1, len(keys) - 1) for k in range(len(keys))])
    return {
        key: {"color": colours[k], "marker": MARKERS[k % len(MARKERS)], "markersize": 3.2, "linewidth": 1.1}
        for k, key in enumerate(keys)
    }


def line(axes: Axes, table: pd.DataFrame, x: str, y: str, label: str, style: Mapping[str, Any]) -> None:
    """Draw the mean of `y` over the rows of equal `x`, and the range as a band where there are several."""
    groups = table.sort_values(x).groupby(x, sort=True)[y]
    mean, low, high = groups.mean(), groups.min(), groups.max()
    if (high > low).any():
        axes.fill_between(mean.index.to_numpy(), low, high, color=style["color"], alpha=0.2, linewidth=0)
    axes.plot(mean.index.to_numpy(), mean, label=label, clip_on=False, **style)
