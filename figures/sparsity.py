"""Recovery over target frequency and sparsity: the band opens at s = 3."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, sparsity), mean over seeds.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("target_frequency", "sparsity"), results=("feature_recovery_rate",))
    n, d, m = (table[name].iloc[0] for name in ("n_features", "d_model", "n_neurons"))
    cells = phase.collect(table, "target_frequency", "sparsity")
    figure = new_figure(SINGLE_COLUMN, 4.0)
    axes = figure.subplots()
    mesh = phase.heat_map(axes, cells)
    s = phase.along(cells.y)
    s = s[(s >= 1) & (s <= n)]  # the lowest cell reaches below s = 1, where no condition is defined
    shown = boundaries.draw(axes, boundaries.frequencies(n, d, s, m), s)
    boundaries.reference(axes, s / n, s, "feature_frequency", "$f$")
    boundaries.reference(axes, np.sqrt(s / n), s, "root_feature_frequency", r"$\sqrt{f}$")
    phase.frequency_axis(axes, cells.x)
    phase.number_axis(axes.yaxis, cells.y, "sparsity $s$")
    colour_bar(figure, mesh, [axes])
    counts = (("n", "n_features"), ("d", "d_model"), ("N", "n_samples"), ("M", "n_neurons"))
    axes.set_title(", ".join(checks.count(symbol, table[name].iloc[0]) for symbol, name in counts), pad=16)
    handles = [*boundaries.legend_handles(shown), boundaries.reference_handle(r"$f = s/n$ and $\sqrt{f}$")]
    title = f"sufficient conditions of the theorem ({boundaries.CONSTANTS})"
    legend_below(figure, [*handles, *phase.legend_handles([cells])], 2, title)
    return figure
