"""Recovery over the co-occurrence rho_2 of features that meet in clusters, and where it ends, over partners and n."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import curves, intervals
from figures import rows as checks
from figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    open_axes,
    plain_log,
    styled,
)
from theory.cooccurrence import cluster_cooccurrence, cluster_law
from theory.transitions import crossing

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons", "support_law")
RECOVERED = "feature_recovery_rate"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against rho_2 for each number of partners, and the critical rho_2 over partners and over n.

    Critical: half of the recovery without clusters is left.  Raises ValueError for rows without the columns it reads,
    of other support laws, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("n_features", *FOLLOWS), results=(RECOVERED,), series=("support_law",))
    laws = [cluster_law(text) for text in table["support_law"].astype(str)]
    table["partners"] = [size - 1 for size, _ in laws]
    told = zip(table["n_features"], table["sparsity"], laws, strict=True)
    table["rho"] = [cluster_cooccurrence(n, s, size, probability) for n, s, (size, probability) in told]
    n_main = float(str(table.groupby("n_features")["partners"].nunique().idxmax()))
    main = table[table["n_features"] == n_main]
    figure = new_figure(DOUBLE_COLUMN, 3.2)
    left, right = figure.subplots(1, 2)
    for m, style in curves.ordered_styles(sorted(main["partners"].unique())).items():
        part = main[(main["partners"] == m) & (main["status"] == "ok")]
        curves.line(left, part, "rho", RECOVERED, f"{m} partner{'s' if m > 1 else ''}", style)
    left.set(xscale="log", ylim=(-0.03, 1.03), xlabel=rf"co-occurrence $\rho_2$ of partners, $n$ = {n_main:,.0f}")
    plain_log(left.xaxis)
    left.set_ylabel("feature recovery rate (cosine > 0.9)")
    open_axes(left, "y")
    slope = _critical(right, table, n_main)
    legend_below(figure, [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]], 5)
    notes = [checks.counts(table, s="sparsity"), checks.share_of_n(table, "n_neurons", "M"), "centred data"]
    answer = rf"critical $\rho_2$ goes as $m^{{{slope:.2f}}}$" if math.isfinite(slope) else "no critical value in sight"
    notes += [answer, "the sum of squares says $m^{-0.5}$"]
    heading(figure, "At which co-occurrence does recovery end, with one partner and with many?", checks.title(*notes))
    return figure


def critical(part: pd.DataFrame) -> list[float]:
    """Return the rho of each seed at which half of the recovery at its smallest rho is left, where it falls to that."""
    found = []
    for _, each in part[part["status"] == "ok"].groupby("seed"):
        rates = each.groupby("rho")[RECOVERED].mean()
        if len(rates) and rates.iloc[0] > 0:
            found.append(crossing(rates.index, rates / rates.iloc[0]))
    return [each for each in found if math.isfinite(each)]


def _critical(axes: Axes, table: pd.DataFrame, n_main: float) -> float:
    """Draw the critical rho_2 over the number of partners, other n in another colour; return its slope at n_main."""
    points = []
    for (n, m), part in table.groupby(["n_features", "partners"]):
        if values := critical(part):
            points.append((float(str(n)), float(str(m)), intervals.log_mean(values)))
    style: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 3.6, "linestyle": ""}
    axes.plot([], [], label=f"$n$ = {n_main:,.0f}", **style)
    for n, m, mean in points:
        own = n == n_main
        look = style if own else style | {"color": VERMILLION, "marker": "s"}
        axes.plot([m], [mean.value], zorder=3, **look)
        intervals.bar(axes, m, mean, color=look["color"])
        if not own:
            axes.annotate(f"$n$ = {n:,.0f}", (m, mean.value), (4, 3), textcoords="offset points", fontsize=7)
    partners = np.array([m for n, m, _ in points if n == n_main])
    found = np.array([mean.value for n, _, mean in points if n == n_main])
    axes.set(xscale="log", yscale="log", xlabel="partners $m$ of a feature", ylabel=r"critical $\rho_2$")
    if len(found):
        grid = np.geomspace(partners[0], max(partners[-1], 2.0), 50)
        level = float(np.exp(np.log(found * np.sqrt(partners)).mean()))
        axes.plot(grid, level / np.sqrt(grid), color="0.4", linewidth=0.9, label=r"$\sum \rho^2$ constant: $m^{-1/2}$")
    axes.axhline(1 / math.sqrt(n_main), color="0.4", linewidth=0.8, linestyle=":", label=r"$1/\sqrt{n}$")
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    open_axes(axes, "both")
    return float(np.polyfit(np.log(partners), np.log(found), 1)[0]) if len(found) > 2 else math.nan
