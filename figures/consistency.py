"""Do dictionaries from other starts agree: per method, beside chance, recovery and selectivity."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import boundaries, intervals, methods, searches, series
from figures import rows as checks
from figures.style import BLACK, DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, styled

ALL, TOP, CHANCE = "consistency", "consistency_top", "consistency_chance"
RECOVERY = "feature_recovery_rate"
FACES = {ALL: None, TOP: "white"}  # None: filled with the colour of the method
TEXTS = {ALL: "all neurons", TOP: "most active 5 %"}
SHIFT = 0.14


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return three panels: consistency and recovery, a line a method, and MCS against the Z-score of neurons.

    A dot a seed, and the means over seeds with their intervals.  Raises ValueError for rows without the columns it
    reads, or in which
    another setting varies.
    """
    results = (ALL, TOP, CHANCE, RECOVERY)
    free = ("learning_rate", "schedule")  # of each method, its own
    checked = checks.prepare(rows, free=free, results=results, series=("selectivity_profile",), by_arm=True)
    everything, looks = methods.with_method(checked)
    table = everything
    if len(set(table["seed"])) > 1:  # the seed of the search is not judged
        table = table[table["seed"] != searches.search_seed(searches.split(table))]
    figure = new_figure(DOUBLE_COLUMN, 3.1)
    shares, recovery, selectivity = figure.subplots(1, 3, width_ratios=(1, 0.75, 1.35))
    for y, (name, look) in enumerate(looks.items()):
        part = table[table["method"] == name]
        for column, shift in ((ALL, -SHIFT), (TOP, SHIFT)):
            searches.mark(shares, y + shift, part[column], look, f"{column}-{name}", FACES[column])
        searches.mark(recovery, y, part[RECOVERY], look, f"{RECOVERY}-{name}")
        _profile(selectivity, part, name, look)
    _shares(shares, everything, looks)
    _rates(recovery, len(looks), "recovery", "feature recovery rate")
    recovery.tick_params(axis="y", labelleft=False)
    selectivity.set(xscale="log", xlabel="Z-score, groups of neurons", ylabel="their mean largest cosine (MCS)")
    selectivity.set_title("agreement and selectivity")
    open_axes(selectivity, "both")
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    note = intervals.note(table["seed"].nunique())
    notes = checks.title(sizes, f"{table['support_law'].iloc[0]} supports", note, "one dot a seed")
    heading(figure, f"Do two starts agree, every method at its searched best? {_answer(table, looks)}", notes)
    legend_below(figure, _kinds(table[CHANCE]), 3)
    return figure


def _answer(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return the share of all neurons that agree, and that of the most active, of those that the paper compares."""
    told = []
    for name in ("gba", "topk", "topk-untied", "l1-untied"):
        means = table.loc[table["method"] == name, [ALL, TOP]].mean()
        told += [f"{looks[name].label} {means[ALL]:.2f} ({means[TOP]:.2f})"] if name in looks else []
    return f"Neurons that do (most active 5 %): {', '.join(told)}" if told else ""


def _shares(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look]) -> None:
    """Finish the panel of consistency: the lines of the methods and the level of chance, which all of them share."""
    _rates(axes, len(looks), "consistency", "share of neurons with cosine\n> 0.9 in another start")
    failed = {name: methods.failures(table.loc[table["method"] == name, "status"]) for name in looks}
    axes.set_yticks(range(len(looks)), [looks[name].label + failed[name].replace(" (", "\n(") for name in looks])
    chance = table[CHANCE].dropna()
    if len(chance):
        axes.axvline(float(chance.iloc[0]), gid="chance", zorder=1, **boundaries.REFERENCE)


def _rates(axes: Axes, n_lines: int, title: str, label: str) -> None:
    axes.set(xlim=(-0.04, 1.04), ylim=(n_lines - 0.5, -0.5), xlabel=label, title=title)
    axes.set_yticks(range(n_lines))
    axes.set_xticks([0, 0.5, 1])
    open_axes(axes, "x")


def _profile(axes: Axes, part: pd.DataFrame, name: str, look: methods.Look) -> None:
    """Draw the mean profile of a method, without the groups that hold neurons that never fire (Z-score 0)."""
    points = series.average(part, "selectivity_profile", 2)
    points = points[points[:, 0] > 0]
    axes.plot(points[:, 0], points[:, 1], gid=f"profile-{name}", **look.line())


def _kinds(chance: pd.Series) -> list[Line2D]:
    style: dict[str, Any] = {"color": BLACK, "marker": "o", "markersize": 4.5, "linestyle": ""}
    kinds = [Line2D([], [], markerfacecolor=FACES[name] or BLACK, label=TEXTS[name], **style) for name in FACES]
    known = chance.dropna()
    return [*kinds, boundaries.reference_handle(f"chance ({known.iloc[0]:.1g})")] if len(known) else kinds
