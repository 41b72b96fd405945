"""Recovery over the cut-off level h_i of features: a line a sparsity, and a heat map over the width."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import curves, phase, series
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, colour_bar, heading, legend_below, new_figure, open_axes, plain_log, styled
from theory.transitions import crossing

PROFILE = "level_profile"
EFFECTIVE = "$1/h_i^2$ of a feature"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against 1/h_i^2 for each s at the greatest width, against 1/(s h_i^2), and over (M, 1/h_i^2).

    A level_profile holds points (1/h_i^2, recovery), strongest first.  Raises ValueError for rows without the columns
    it reads, or in which another setting varies.
    """
    free = ("sparsity", "n_neurons")
    table = checks.prepare(rows, free=free, needs=("n_neurons",), series=(PROFILE,))
    points = _points(table)
    figure = new_figure(DOUBLE_COLUMN, 3.0)
    left, middle, right = figure.subplots(1, 3, gridspec_kw={"width_ratios": (1, 1, 1.15)})
    widest = points[points["n_neurons"] == points["n_neurons"].max()]
    for s, style in curves.ordered_styles(sorted(points["sparsity"].unique())).items():
        part = widest[widest["sparsity"] == s]
        for axes, x in ((left, "effective"), (middle, "relative")):
            curves.line(axes, part, x, "recovered", f"$s$ = {s:.0f}", style)
    for axes, label in ((left, EFFECTIVE), (middle, "$1/(s\\,h_i^2)$, relative to the others")):
        axes.set(xscale="log", ylim=(-0.03, 1.03), xlabel=label)
        plain_log(axes.xaxis)
        open_axes(axes, "y")
    left.set_ylabel("recovery of such features")
    least = points["sparsity"].min()
    cells = phase.collect(points[points["sparsity"] == least], "n_neurons", "effective", value="recovered")
    mesh = phase.heat_map(right, cells)
    phase.label_axis(right, right.xaxis, "n_neurons", cells.x)
    plain_log(right.yaxis)
    right.set(ylabel="$1/h_i^2$", title=f"$s$ = {least:.0f}" if len(points) else "")
    colour_bar(figure, mesh, [right], "recovery of such features")
    legend_below(figure, left.get_legend_handles_labels()[0], 4)
    notes = [checks.counts(table, n="n_features", d="d_model"), "centred data"]
    notes += [f"lines: $M$ = {points['n_neurons'].max():,.0f}"] if len(points) else []
    question = f"Do weak features take more neurons, and what makes a feature weak?{_growth(points)}"
    heading(figure, question, checks.title(*notes, _answer(points)))
    return figure


def _points(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each group of features: s, M, 1/h^2 (its mean over seeds), 1/(s h^2) and recovery."""
    found = []
    for _, row in table[table["status"] == "ok"].iterrows():
        for k, (effective, recovered) in enumerate(series.points(row[PROFILE], PROFILE, 2)):
            found.append((row["sparsity"], row["n_neurons"], k, effective, recovered))
    points = pd.DataFrame(found, columns=["sparsity", "n_neurons", "group", "effective", "recovered"])
    points["effective"] = points.groupby(["sparsity", "group"])["effective"].transform("mean")
    return points.assign(relative=points["effective"] / points["sparsity"])


def _growth(points: pd.DataFrame) -> str:
    """Return as which powers of M the 1/h^2 grows at which half of the features are recovered, over s."""
    slopes = []
    for _, part in points.groupby("sparsity"):
        rates = [(m, each.groupby("effective")["recovered"].mean()) for m, each in part.groupby("n_neurons")]
        half = [(float(str(m)), crossing(each.index, each)) for m, each in rates if len(each) > 1]
        x, y = np.log([each for each in half if np.isfinite(each[1])]).reshape(-1, 2).T
        slopes += [float(np.polyfit(x, y, 1)[0])] if len(x) > 1 else []
    if not slopes:
        return ""
    powers = dict.fromkeys(f"$M^{{{each:.2f}}}$" for each in (min(slopes), max(slopes)))
    return f" Half at $1/h_i^2$ ~ {' to '.join(powers)}"


def _answer(points: pd.DataFrame) -> str:
    """Return at which 1/(s h^2) half of the features are recovered, over s, at the greatest width."""
    widest = points[points["n_neurons"] == points["n_neurons"].max()]
    found = []
    for _, part in widest.groupby("sparsity"):
        rates = part.groupby("relative")["recovered"].mean()
        found.append(crossing(rates.index, rates) if len(rates) else np.nan)
    known = [each for each in found if np.isfinite(each)]
    return f"half at $1/(s h_i^2)$ = {min(known):.2g} to {max(known):.2g}" if known else ""
