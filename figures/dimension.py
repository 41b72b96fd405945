"""Recovery at the centre of the band, over dimension and number of features."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled

FOLLOWS = ("target_frequency", "n_samples", "n_neurons")


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (d_model, n_features), mean over seeds, a panel with and without centring.

    Raises ValueError for rows without the columns it reads, in which another setting varies, or in which the target
    frequency, the samples or the width are not the same throughout a cell.
    """
    cell = ("n_features", "d_model")
    table = checks.prepare(rows, free=(*cell, *FOLLOWS), results=("feature_recovery_rate",))
    checks.one_per_cell(table, cell, FOLLOWS)
    parts = checks.by_centring(table)
    d, n = phase.distinct(table["d_model"]), phase.distinct(table["n_features"])
    wide = len(parts) > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 3.2 if wide else 3.4)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    grids = []
    ends = phase.along(n)
    for (centring, part), axes in zip(parts, panels, strict=True):
        grids.append(phase.collect(part, "d_model", "n_features", x_values=d, y_values=n))
        mesh = phase.heat_map(axes, grids[-1])
        boundaries.reference(axes, ends**0.5, ends, "root_n", r"$d = \sqrt{n}$")
        boundaries.reference(axes, ends, ends, "superposition", "$d = n$")
        axes.set_title(centring, pad=14)
        phase.number_axis(axes.xaxis, d, "dimension $d$", at_most=10)
        phase.number_axis(axes.yaxis, n, "features $n$")
        axes.label_outer()
    colour_bar(figure, mesh, list(panels))
    notes = [checks.counts(table, s="sparsity")]
    notes += [checks.share_of_n(table, "n_samples", "N"), checks.share_of_n(table, "n_neurons", "M")]
    figure.suptitle(f"{', '.join(notes)}{', ' if wide else chr(10)}{checks.frequency_note(table)}")
    if handles := phase.legend_handles(grids):
        legend_below(figure, handles, len(handles) if wide else 2)
    return figure
