"""Recovery over the target frequency, a line an activation function."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import curves
from figures import rows as checks
from figures.style import BLUE, GREEN, ORANGE, VERMILLION, heading, legend_below, styled

STYLES = tuple({"color": c, "marker": m} for c, m in ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (VERMILLION, "D")))


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against target frequency for each activation; solid lines are centred data, dashed ones not.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "center")
    results = ("feature_recovery_rate",)
    table = checks.prepare(rows, free=free, needs=("target_frequency",), results=results, by_arm=True)
    figure, axes = curves.panel("target frequency $p$", logarithmic=True, height=3.4)
    both = len(table["center"].unique()) > 1
    arms = list(table["arm"].unique())
    for (name, center), part in table[table["status"] == "ok"].groupby(["arm", "center"], sort=False):
        look = STYLES[arms.index(name) % len(STYLES)]
        style = look | {"markersize": 3.2, "linewidth": 1.1, "linestyle": "-" if center else "--"}
        label = f"{name}{'' if center else ', not centred'}" if both else str(name)
        curves.line(axes, part, "target_frequency", "feature_recovery_rate", label, style)
    axes.axvline(1 / table["n_features"].iloc[0], color="0.5", linewidth=0.8, linestyle=":", label="$1/n$")
    legend_below(figure, axes.get_legend_handles_labels()[0], 2)
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    heading(figure, f"Is recovery the same with every activation?{_answer(table)}", sizes)
    return figure


def _answer(table: pd.DataFrame) -> str:
    """Return the recovery of each activation at its best p, and how far apart two are at one p, means over seeds."""
    means = table.groupby(["arm", "center", "target_frequency"])["feature_recovery_rate"].mean().dropna()
    best = means.groupby("arm", sort=False).max()
    if best.empty:
        return ""
    at_one = means.groupby(["center", "target_frequency"])
    told = ", ".join(f"{name} {each:.2f}" for name, each in best.items())
    return f" At its best p {told}; at one p they differ by up to {(at_one.max() - at_one.min()).max():.2f}"
