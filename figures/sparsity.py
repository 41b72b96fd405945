"""Recovery over target frequency and sparsity: the band opens at s = 3."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, sparsity), mean over seeds, a panel with and without centring.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("target_frequency", "sparsity"), results=("feature_recovery_rate",))
    parts = checks.by_centring(table)
    p, s = phase.distinct(table["target_frequency"]), phase.distinct(table["sparsity"])
    wide = len(parts) > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 3.7 if wide else 4.2)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    shown: set[str] = set()
    grids = []
    for (centring, part), axes in zip(parts, panels, strict=True):
        grids.append(phase.collect(part, "target_frequency", "sparsity", x_values=p, y_values=s))
        mesh = phase.heat_map(axes, grids[-1])
        shown |= _overlay(axes, table)
        axes.set_title(centring, pad=14)
        phase.frequency_axis(axes, p)
        phase.number_axis(axes.yaxis, s, "sparsity $s$")
        axes.label_outer()
    colour_bar(figure, mesh, list(panels))
    figure.suptitle(checks.counts(table, n="n_features", d="d_model", N="n_samples", M="n_neurons"))
    handles = [*boundaries.legend_handles(shown), boundaries.reference_handle(r"$f = s/n$ and $\sqrt{f}$")]
    legend_below(figure, [*handles, *phase.legend_handles(grids)], 4 if wide else 2, boundaries.TITLE)
    return figure


def _overlay(axes: Axes, table: pd.DataFrame) -> set[str]:
    """Draw the conditions and the feature frequency as curves of s; return the names of the conditions in sight."""
    n, d, m = (table[name].iloc[0] for name in ("n_features", "d_model", "n_neurons"))
    s = phase.along(phase.distinct(table["sparsity"]))
    s = s[(s >= 1) & (s <= n)]  # the lowest cell reaches below s = 1, where no condition is defined
    boundaries.reference(axes, s / n, s, "feature_frequency", "$f$")
    boundaries.reference(axes, np.sqrt(s / n), s, "root_feature_frequency", r"$\sqrt{f}$")
    return boundaries.draw(axes, boundaries.frequencies(n, d, s, m), s)
