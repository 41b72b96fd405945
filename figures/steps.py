"""Recovery per step as the number of features grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import rows as checks
from figures import series
from figures.curves import ordered_styles
from figures.methods import failures
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, heading, legend_below, new_figure, open_axes, styled

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons")
PANELS = (("recovery_per_step", 0.9), ("recovery_per_step_080", 0.8))


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against step, one line a number of features: mean over seeds, with their range as a band.

    Columns of panels are the thresholds 0.9 and, where rows carry it, 0.8; lines are without and with centred data.
    Raises ValueError for rows without the columns it reads, in which another setting varies, or with a history whose
    length is not n_steps + 1.
    """
    table = checks.prepare(
        rows,
        free=("n_features", *FOLLOWS),
        needs=("n_steps", "target_frequency", "n_neurons"),
        series=("recovery_per_step",),
    )
    checks.one_per_cell(table, ("n_features",), FOLLOWS)
    lines = checks.by_centring(table)
    columns = [(name, tau) for name, tau in PANELS if name in table.columns]
    wide = len(columns) > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 1.25 + 1.9 * len(lines))
    panels = figure.subplots(len(lines), len(columns), sharex=True, sharey=True, squeeze=False)
    styles = ordered_styles(sorted(int(n) for n in table["n_features"].unique()))
    for (centring, part), line in zip(lines, panels, strict=True):
        for (name, tau), axes in zip(columns, line, strict=True):
            for n, style in styles.items():
                _line(axes, histories(part[part["n_features"] == n], name), style, n)
            axes.set_title(checks.title(f"cosine > {tau}", centring))
            _decorate(axes)
    notes = [checks.counts(table, s="sparsity")]
    notes += [checks.share_of_n(table, *each) for each in (("d_model", "d"), ("n_samples", "N"), ("n_neurons", "M"))]
    heading(figure, "How many steps does recovery take as n grows?", checks.title(*notes, checks.frequency_note(table)))
    handles = [Line2D([], [], label=_label(table, n), **style) for n, style in styles.items()]
    legend_below(figure, handles, min(len(handles), 4 if wide else 2))
    return figure


def histories(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Return the recovery (finished seeds, n_steps + 1) that a column of space-separated numbers holds.

    Raises ValueError when a finished row has another number of entries, or something else than numbers.
    """
    length = int(table["n_steps"].iloc[0]) + 1 if len(table) else 1
    finished = table.loc[table["status"] == "ok", name]
    parsed = [series.points(text, name).ravel() for text in finished]
    for each in parsed:
        if len(each) != length:
            raise ValueError(f"{name} has {len(each)} values, but should have n_steps + 1 = {length}")
    return np.array(parsed, dtype=float).reshape(-1, length)


def _decorate(axes: Axes) -> None:
    axes.set(xlabel="step", ylabel="feature recovery rate", ylim=(-0.03, 1.03))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_axes(axes, "y")
    axes.label_outer()


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
    return f"$n$ = {n:,}" + failures(status)
