"""Recovery over one variable, a line a group: mean over seeds with their range as a band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import SINGLE_COLUMN, new_figure

MARKERS = "os^Dv<>pPX"


def panel(xlabel: str, *, logarithmic: bool) -> tuple[Figure, Axes]:
    """Return a figure of one column with the axes of the recovery rate over `xlabel`."""
    figure = new_figure(SINGLE_COLUMN, 2.7)
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel="feature recovery rate (cosine > 0.9)", ylim=(-0.03, 1.03))
    if logarithmic:
        axes.set_xscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def ordered_styles(keys: list[Any]) -> dict[Any, dict[str, Any]]:
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
