"""Neuron resonance: recovery over target frequency and dimension, a panel for each sparsity."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled

PANELS_IN_A_ROW = 3


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, d_model), one panel a sparsity, mean over seeds.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("target_frequency", "d_model", "sparsity"), results=("feature_recovery_rate",))
    sparsities = [int(s) for s in phase.distinct(table["sparsity"])]
    n, m = table["n_features"].iloc[0], table["n_neurons"].iloc[0]
    p, d = phase.distinct(table["target_frequency"]), phase.distinct(table["d_model"])
    columns = min(len(sparsities), PANELS_IN_A_ROW)
    lines = math.ceil(len(sparsities) / columns)
    wide = len(sparsities) > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 0.9 + 2.45 * lines + (0 if wide else 0.5))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    shown: set[str] = set()
    grids = []
    y = phase.along(d)
    for s, axes in zip(sparsities, panels.flat, strict=False):
        grids.append(
            phase.collect(table[table["sparsity"] == s], "target_frequency", "d_model", x_values=p, y_values=d)
        )
        mesh = phase.heat_map(axes, grids[-1])
        shown |= boundaries.draw(axes, boundaries.frequencies(n, np.maximum(y, 1), s, m), y)
        boundaries.reference(axes, s / n, y, "feature_frequency", "$f$")
        boundaries.reference(axes, math.sqrt(s / n), y, "root_feature_frequency", r"$\sqrt{f}$")
        boundaries.reference(axes, phase.along(p), math.sqrt(n), "root_n", r"$\sqrt{n}$")
        axes.set_title(f"$s$ = {s}", pad=14)
        phase.frequency_axis(axes, p)
        phase.number_axis(axes.yaxis, d, "dimension $d$")
        axes.yaxis.label.set_visible(len(grids) % columns == 1 or columns == 1)
        lowest = len(grids) > len(sparsities) - columns
        axes.xaxis.label.set_visible(lowest)
        axes.tick_params(labelbottom=lowest)
    for axes in panels.flat[len(sparsities) :]:
        axes.set_visible(False)
    colour_bar(figure, mesh, list(panels.flat))
    counts = (("n", "n_features"), ("N", "n_samples"), ("M", "n_neurons"))
    figure.suptitle(", ".join(checks.count(symbol, table[name].iloc[0]) for symbol, name in counts))
    handles = boundaries.legend_handles(shown)
    handles.append(boundaries.reference_handle(r"$f = s/n$, $\sqrt{f}$, $d = \sqrt{n}$"))
    title = f"sufficient conditions of the theorem ({boundaries.CONSTANTS})"
    legend_below(figure, [*handles, *phase.legend_handles(grids)], 4 if wide else 2, title)
    return figure
