"""Recovery over the target frequency, a line an activation function."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import curves
from figures import rows as checks
from figures.style import BLUE, GREEN, ORANGE, legend_below, styled

LOOKS = {
    "relu": ("ReLU", {"color": BLUE, "marker": "o"}),
    "smooth-relu": ("smooth ReLU", {"color": ORANGE, "marker": "s"}),
    "jumprelu": ("JumpReLU", {"color": GREEN, "marker": "^"}),
}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against target frequency for each activation; solid lines are centred data, dashed ones not.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("activation", "target_frequency")
    table = checks.prepare(rows, free=free, results=("activation", "feature_recovery_rate"))
    figure, axes = curves.panel("target frequency $p$", logarithmic=True)
    both = len(table["center"].unique()) > 1
    for (name, center), part in table[table["status"] == "ok"].groupby(["activation", "center"], sort=False):
        label, look = LOOKS[str(name)]
        style = look | {"markersize": 3.2, "linewidth": 1.1, "linestyle": "-" if center else "--"}
        label = f"{label}{'' if center else ', not centred'}" if both else label
        curves.line(axes, part, "target_frequency", "feature_recovery_rate", label, style)
    axes.axvline(1 / table["n_features"].iloc[0], color="0.5", linewidth=0.8, linestyle=":", label="$1/n$")
    legend_below(figure, axes.get_legend_handles_labels()[0], 2)
    axes.set_title(checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons"))
    return figure
