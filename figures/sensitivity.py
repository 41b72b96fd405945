"""Recovery over each choice of a user, the others as in the winner of a search: a panel a choice."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures import methods, searches
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, heading, new_figure, open_axes, plain_log, styled

NAMES = {
    "k": "$K$", "n_groups": "groups $K$", "high_target_frequency": "HTF", "low_target_frequency": "LTF",
    "learning_rate": "rate",
}  # fmt: skip
COLUMNS = 5


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a panel a method and choice: recovery over its values, a dot a seed, their mean, and what is best.

    The title of a panel tells the least and the largest mean.  Raises ValueError for rows without the columns it
    reads, or in which another setting varies.
    """
    free = ("learning_rate", "schedule")
    results = (searches.AT_080, searches.AT_090)
    table, looks = methods.with_method(checks.prepare(rows, free=free, results=results, by_arm=True))
    table = searches.split(table)
    seed = searches.search_seed(table)
    panels = [(name, knob) for name in looks for knob in _varied(table[table["method"] == name])]
    lines = -(-len(panels) // COLUMNS)
    figure = new_figure(DOUBLE_COLUMN, 0.7 + 1.55 * lines)
    grid = figure.subplots(lines, COLUMNS, squeeze=False, sharey=True).ravel()
    for axes, (name, knob) in zip(grid, panels, strict=False):
        _panel(axes, table[table["method"] == name], seed, knob, looks[name])
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[::COLUMNS]:
        axes.set_ylabel("recovery\n(cosine > 0.9)")
    sizes = checks.counts(table, n="n_features", d="d_model", M="n_neurons")
    fresh = table.loc[table["seed"] != seed, "seed"].nunique()
    notes = checks.title(sizes, f"{table['support_law'].iloc[0]} supports", f"one dot a seed, {max(fresh, 1)} seeds")
    question = "How much tuning? What is left of the winner's recovery (dashed) over its worst choice:"
    heading(figure, f"{question}{_answer(table, seed, looks)}", notes)
    return figure


def _varied(part: pd.DataFrame) -> list[str]:
    """Return the knobs that were varied of one method; its rate where none was."""
    return [each for each in dict.fromkeys(part["knob"]) if each not in (searches.TRIAL, "")] or ["learning_rate"]


def _panel(axes: Axes, part: pd.DataFrame, seed: int, knob: str, look: methods.Look) -> None:
    means = searches.sweep(axes, part, seed, knob, look, f"{part['method'].iloc[0]}-{knob}")
    best = searches.best_of(part, seed)
    if len(best):
        axes.axhline(float(best[searches.AT_090].mean()), color="0.6", linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    if knob != "initial_bias":
        axes.set_xscale("log")
        if knob in ("k", "n_groups"):
            plain_log(axes.xaxis)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(ylim=(-0.03, 1.05), xlabel=NAMES.get(knob, knob.replace("_", " ")))
    name = look.label + methods.failures(part["status"])
    axes.set_title(f"{name}\n{np.nanmin(means):.2f} to {np.nanmax(means):.2f}" if len(means) else name)
    open_axes(axes, "both")


def _answer(table: pd.DataFrame, seed: int, looks: dict[str, methods.Look]) -> str:
    """Return what is left of the winner's recovery over the values of the worst choice of each method, and which it is.

    By seed, mean over the values without the winner's own.
    """
    told = []
    for name, look in looks.items():
        part = table[table["method"] == name]
        best = searches.best_of(part, seed).set_index("seed")[searches.AT_090]
        cells = part[(part["knob"] != searches.TRIAL) & part["seed"].isin(best.index[best > 0])]
        kept = (cells[searches.AT_090] / cells["seed"].map(best)).groupby(cells["knob"]).mean().dropna()
        if len(kept):
            knob = NAMES.get(str(kept.idxmin()), str(kept.idxmin()).replace("_", " "))
            told.append(f"{look.label} {kept.min():.2f} ({knob})")
    return " " + ", ".join(told) if told else " nothing known"
