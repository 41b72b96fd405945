"""How many features another sparse factorisation has, and how exact and sparse it is, over how often features meet."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import intervals
from figures import rows as checks
from figures.style import BLUE, DOUBLE_COLUMN, GREEN, VERMILLION, heading, new_figure, open_axes, styled

RECOVERED, UNEXPLAINED, ACTIVE = "feature_recovery_rate", "fraction_variance_unexplained", "l0"
MET = "measured_cooccurrence"
PANELS = (
    (RECOVERED, "features it has (cosine > 0.9)", BLUE),
    (UNEXPLAINED, "variance unexplained", VERMILLION),
    (ACTIVE, "active atoms a sample", GREEN),
)


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return features in common, variance unexplained and active atoms against the measured rho_2, over seeds.

    Dotted: rho_2 = 1/sqrt(n), below which H3 asks it to stay.  Raises ValueError for rows without the columns it reads,
    or in which another setting varies.
    """
    results = (RECOVERED, UNEXPLAINED, ACTIVE, MET)
    table = checks.prepare(rows, free=("support_law",), needs=("n_neurons",), results=results)
    figure = new_figure(DOUBLE_COLUMN, 2.6)
    for axes, (column, label, colour) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        axes.set(ylabel=label, xlabel=r"co-occurrence $\rho_2$", xlim=(-0.03, 1.03))
        _points(axes, table, column, colour)
        axes.axvline(1 / math.sqrt(float(table["n_features"].iloc[0])), color="0.4", linewidth=0.9, linestyle=":")
        axes.set_ylim(*((-0.03, 1.03) if column == RECOVERED else (0, None)))
        open_axes(axes, "y")
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    notes = checks.title(sizes, r"dotted: $1/\sqrt{n}$", intervals.note(table["seed"].nunique()))
    heading(figure, f"Has another sparse factorisation the same features?{answer(table)}", notes)
    return figure


def _points(axes: Axes, table: pd.DataFrame, column: str, colour: str) -> None:
    """Draw the mean over seeds of a column at each law, at the mean of its rho_2."""
    cells = sorted(
        (float(part[MET].mean()), intervals.mean(part[column], 0)) for _, part in table.groupby("support_law")
    )
    known = [each for each in cells if math.isfinite(each[0]) and math.isfinite(each[1].value)]
    for x, each in known:
        intervals.bar(axes, x, each, color=colour)
    xy = [(x, each.value) for x, each in known]
    if xy:
        axes.plot(*zip(*xy, strict=True), color=colour, marker="o", markersize=3.5, linewidth=1.1, gid=column)


def answer(table: pd.DataFrame) -> str:
    """Return in words the features in common, and the variance unexplained, at the least and the greatest rho_2."""
    means = table.groupby("support_law")[[MET, RECOVERED, UNEXPLAINED]].mean().dropna().sort_values(MET)
    if len(means) < 2:
        return ""
    low, high = (means.iloc[k] for k in (0, -1))
    told = [
        f"{each[RECOVERED]:.0%} of them at rho = {each[MET]:.2g} (unexplained: {each[UNEXPLAINED]:.2g})"
        for each in (low, high)
    ]
    return f" {', '.join(told)}"
