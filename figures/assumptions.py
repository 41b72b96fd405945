"""Recovery where one assumption of the theorem is broken: a line a world, a mark a method."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals
from figures import rows as checks
from figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    ORANGE,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    open_axes,
    styled,
)

RECOVERED = "feature_recovery_rate"
LOOKS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", VERMILLION))
FREE = (
    *("sparsity", "n_samples", "support_law", "coefficient_law", "dictionary_law", "noise", "n_neurons", "n_steps"),
    *("learning_rate", "schedule", "optimizer", "weight_decay", "batch_size", "n_evaluations", "k"),
)
APART = 0.17  # of the methods of a world, in lines
HARDER = "6 active features"  # a world that breaks nothing


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery in each world, mean over seeds with its interval; a line of dots is the canonical world.

    Arms are "METHOD: WORLD", the first world the canonical one.  Raises ValueError for rows without the columns it
    reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=FREE, results=(RECOVERED,), by_arm=True)
    parts = table["arm"].astype(str).str.partition(": ")
    table["method"], table["world"] = parts[0], parts[2]
    methods, worlds = list(dict.fromkeys(table["method"])), list(dict.fromkeys(table["world"]))
    figure = new_figure(DOUBLE_COLUMN, 1.2 + 0.3 * len(worlds))
    axes = figure.subplots()
    kept, broken = {}, [world for world in worlds[1:] if world != HARDER]
    for k, (method, (marker, colour)) in enumerate(zip(methods, LOOKS, strict=False)):
        own = table[table["method"] == method]
        means = {world: intervals.mean(own.loc[own["world"] == world, RECOVERED], 0, 1) for world in worlds}
        axes.axvline(means[worlds[0]].value, color=colour, linewidth=0.7, linestyle=":")
        for line, world in enumerate(worlds):
            y = line + APART * (k - (len(methods) - 1) / 2)
            axes.plot([means[world].value], [y], marker=marker, color=colour, markersize=3.6, linestyle="")
            intervals.bar(axes, means[world], y, color=colour)
        reference = means[worlds[0]].value
        kept[method] = sum(means[world].value >= 0.9 * reference for world in broken)
    axes.set(ylim=(len(worlds) - 0.5, -0.5), xlim=(-0.02, 1.02), xlabel="feature recovery rate (cosine > 0.9)")
    axes.set_yticks(range(len(worlds)), [f"{each} (breaks nothing)" if each == HARDER else each for each in worlds])
    open_axes(axes, "x")
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=4, label=method)
        for method, (marker, colour) in zip(methods, LOOKS, strict=False)
    ]
    legend_below(figure, handles, 4)
    answer = ", ".join(f"{method} in {count}" for method, count in kept.items())
    sizes = checks.counts(table, n="n_features", d="d_model")
    notes = checks.title(sizes, "dotted: the canonical world", intervals.note(table["seed"].nunique()))
    question = "What is recovered where one assumption of the theorem is broken?"
    heading(figure, f"{question} Nine tenths are kept, of {len(broken)} such worlds, by {answer}", notes)
    return figure
