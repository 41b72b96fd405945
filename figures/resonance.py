"""Neuron resonance: recovery over target frequency and dimension, a panel for each sparsity."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, d_model), mean over seeds.

    One column of panels a sparsity, one line of panels without and one with centred data.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("target_frequency", "d_model", "sparsity"), results=("feature_recovery_rate",))
    sparsities = phase.distinct(table["sparsity"])
    lines = checks.by_centring(table)
    p, d = phase.distinct(table["target_frequency"]), phase.distinct(table["d_model"])
    wide = sparsities.size > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, (1.2 if wide else 1.7) + 2.15 * len(lines))
    panels = figure.subplots(len(lines), sparsities.size, sharex=True, sharey=True, squeeze=False)
    shown: set[str] = set()
    grids = []
    for (centring, part), line in zip(lines, panels, strict=True):
        for s, axes in zip(sparsities, line, strict=True):
            chosen = part[part["sparsity"] == s]
            grids.append(phase.collect(chosen, "target_frequency", "d_model", x_values=p, y_values=d))
            mesh = phase.heat_map(axes, grids[-1])
            shown |= _overlay(axes, table, s)
            axes.set_title(checks.title(f"$s$ = {s:.0f}", centring), pad=15)
            phase.frequency_axis(axes, p)
            phase.number_axis(axes.yaxis, d, "dimension $d$")
            axes.label_outer()
    colour_bar(figure, mesh, list(panels.flat))
    figure.suptitle(checks.counts(table, n="n_features", N="n_samples", M="n_neurons"))
    handles = boundaries.legend_handles(shown)
    handles.append(boundaries.reference_handle(r"$f = s/n$, $\sqrt{f}$, $d = \sqrt{n}$"))
    legend_below(figure, [*handles, *phase.legend_handles(grids)], 4 if wide else 2, boundaries.TITLE)
    return figure


def _overlay(axes: Axes, table: pd.DataFrame, s: float) -> set[str]:
    """Draw the conditions and the reference lines of one sparsity; return the names of the conditions in sight."""
    n, m = table["n_features"].iloc[0], table["n_neurons"].iloc[0]
    d = phase.along(phase.distinct(table["d_model"]))
    p = phase.along(phase.distinct(table["target_frequency"]))
    shown = boundaries.draw(axes, boundaries.frequencies(n, np.maximum(d, 1), s, m), d)
    boundaries.reference(axes, s / n, d, "feature_frequency", "$f$")
    boundaries.reference(axes, math.sqrt(s / n), d, "root_feature_frequency", r"$\sqrt{f}$")
    boundaries.reference(axes, p, math.sqrt(n), "root_n", r"$\sqrt{n}$")
    return shown
