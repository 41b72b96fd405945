"""Recovery per step as the number of features grows."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, legend_below, new_figure, styled

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons")
PANELS = (("recovery_per_step", 0.9), ("recovery_per_step_080", 0.8))
MARKERS = "os^Dv<>pPX"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against step, one line a number of features: mean over seeds, with their range as a band.

    A second panel shows the threshold 0.8 where rows carry it.  Raises ValueError for rows without the columns it
    reads, in which another setting varies, or with a history whose length is not n_steps + 1.
    """
    table = checks.prepare(rows, free=("n_features", *FOLLOWS), results=("n_steps", "recovery_per_step"))
    checks.one_per_cell(table, ("n_features",), FOLLOWS)
    panels = [(name, tau) for name, tau in PANELS if name in table.columns]
    figure = new_figure(DOUBLE_COLUMN if len(panels) > 1 else SINGLE_COLUMN, 3.0)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    sizes = sorted(int(n) for n in table["n_features"].unique())
    # Sizes are ordered, and so are these colours; the darkest to a light that still shows on white.
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(sizes)))
    styles = {
        n: {"color": colours[k], "marker": MARKERS[k % len(MARKERS)], "markersize": 3.2, "linewidth": 1.1}
        for k, n in enumerate(sizes)
    }
    for axes, (name, tau) in zip(grid.flat, panels, strict=True):
        for n in sizes:
            _line(axes, histories(table[table["n_features"] == n], name), styles[n], n)
        axes.set(title=f"cosine > {tau}", xlabel="step", ylim=(-0.03, 1.03))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9", linewidth=0.5)
        axes.set_axisbelow(True)
    grid[0, 0].set_ylabel("feature recovery rate")
    notes = [checks.count("s", table["sparsity"].iloc[0])]
    notes += [checks.share_of_n(table, *each) for each in (("d_model", "d"), ("n_samples", "N"), ("n_neurons", "M"))]
    separator = ", " if len(panels) > 1 else ",\n"
    figure.suptitle(f"{', '.join(notes)}{separator}{checks.frequency_note(table)}")
    handles = [Line2D([], [], label=_label(table, n), **styles[n]) for n in sizes]
    legend_below(figure, handles, min(len(handles), 4 if len(panels) > 1 else 2))
    return figure


def histories(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Return the recovery (finished seeds, n_steps + 1) that a column of space-separated numbers holds.

    Raises ValueError when a finished row has another number of entries, or something else than numbers.
    """
    length = int(table["n_steps"].iloc[0]) + 1
    finished = table.loc[table["status"] == "ok", name]
    try:
        parsed = [[float(word) for word in str(text).split()] for text in finished]
    except ValueError:
        raise ValueError(f"{name} should hold numbers separated by spaces") from None
    for each in parsed:
        if len(each) != length:
            raise ValueError(f"{name} has {len(each)} values, but should have n_steps + 1 = {length}")
    return np.array(parsed, dtype=float).reshape(-1, length)


def _line(axes: Axes, history: npt.NDArray[np.float64], style: dict[str, Any], n: int) -> None:
    if not len(history):
        return
    step = np.arange(history.shape[1])
    if len(history) > 1:
        low, high = history.min(axis=0), history.max(axis=0)
        axes.fill_between(step, low, high, color=style["color"], alpha=0.2, linewidth=0, gid=f"range-{n}")
    axes.plot(step, history.mean(axis=0), gid=f"mean-{n}", clip_on=False, **style)


def _label(table: pd.DataFrame, n: int) -> str:
    status = table.loc[table["n_features"] == n, "status"]
    failed = int((status != "ok").sum())
    return f"$n$ = {n:,}" + (f" ({failed} of {len(status)} failed)" if failed else "")
