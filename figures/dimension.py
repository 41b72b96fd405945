"""Recovery at the centre of the band, over dimension and number of features."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled

FOLLOWS = ("target_frequency", "n_samples", "n_neurons")


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (d_model, n_features), mean over seeds.

    Raises ValueError for rows without the columns it reads, in which another setting varies, or in which the target
    frequency, the samples or the width are not the same throughout a cell.
    """
    cell = ("n_features", "d_model")
    table = checks.prepare(rows, free=(*cell, *FOLLOWS), results=("feature_recovery_rate",))
    checks.one_per_cell(table, cell, FOLLOWS)
    cells = phase.collect(table, "d_model", "n_features")
    figure = new_figure(SINGLE_COLUMN, 3.2)
    axes = figure.subplots()
    mesh = phase.heat_map(axes, cells)
    n = phase.along(cells.y)
    boundaries.reference(axes, n**0.5, n, "root_n", r"$d = \sqrt{n}$")
    boundaries.reference(axes, n, n, "superposition", "$d = n$")
    phase.number_axis(axes.xaxis, cells.x, "dimension $d$", at_most=10)
    phase.number_axis(axes.yaxis, cells.y, "features $n$")
    colour_bar(figure, mesh, [axes])
    notes = [checks.count("s", table["sparsity"].iloc[0])]
    notes += [checks.share_of_n(table, "n_samples", "N"), checks.share_of_n(table, "n_neurons", "M")]
    axes.set_title(f"{', '.join(notes)},\n{checks.frequency_note(table)}", pad=13)
    if handles := phase.legend_handles([cells]):
        legend_below(figure, handles, len(handles))
    return figure
