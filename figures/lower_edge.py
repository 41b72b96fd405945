"""Recovery far below p = 1/n, a line a number of samples: over p, and over how many samples a neuron fires on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import curves
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, styled
from theory.transitions import crossing

RECOVERED = "feature_recovery_rate"
AXES = (("target_frequency", "target frequency $p$"), ("firings", "samples a random neuron fires on, $p N$"))


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against p and against p N, a line each N; centred data where there are any.

    Where lines of all N lie on each other, recovery ends there.  Raises ValueError for rows without the columns it
    reads, or in which another setting varies.
    """
    free = ("target_frequency", "n_samples")
    table = checks.prepare(rows, free=free, needs=free, results=(RECOVERED,))
    lines = checks.by_centring(table)
    figure = new_figure(DOUBLE_COLUMN, 0.9 + 2.0 * len(lines))
    panels = figure.subplots(len(lines), 2, sharey=True, squeeze=False)
    styles = curves.ordered_styles(sorted(table["n_samples"].unique()))
    n = float(table["n_features"].iloc[0])
    for (name, part), line in zip(lines, panels, strict=True):
        for axes, (x, label) in zip(line, AXES, strict=True):
            for n_samples, style in styles.items():
                own = part[(part["n_samples"] == n_samples) & (part["status"] == "ok")]
                own = own.assign(firings=own["target_frequency"] * n_samples)
                curves.line(axes, own, x, RECOVERED, f"$N$ = {n_samples:,.0f}", style)
            axes.set(xscale="log", ylim=(-0.03, 1.03), xlabel=label, title=name)
            open_axes(axes, "y")
        line[0].axvline(1 / n, color="0.4", linewidth=0.9, linestyle=":", label="$1/n$")
        line[1].axvline(1, color="0.4", linewidth=0.9, linestyle="--", label="$p N = 1$")
        line[0].set_ylabel("feature recovery rate")
    handles = panels[0][0].get_legend_handles_labels()[0] + panels[0][1].get_legend_handles_labels()[0][-1:]
    legend_below(figure, handles, 5)
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    question = "Does recovery end below p = 1/n, or where the samples run out?"
    heading(figure, f"{question}{_end(table)}", checks.title(sizes, _answer(table)))
    return figure


def _end(table: pd.DataFrame) -> str:
    """Return as which powers of N the p moves below the best one at which half of the best is left, over centring."""
    slopes = []
    for _, part in table.groupby("center"):
        known = [each for _, own in part.groupby("seed") if np.isfinite(each := _slope(own))]
        slopes += [float(np.mean(known))] if known else []
    powers = dict.fromkeys(f"$N^{{{each:.2f}}}$" for each in sorted(slopes, reverse=True))
    return f" Half of the best is left down to p ~ {' to '.join(powers)}" if powers else ""


def _slope(own: pd.DataFrame) -> float:
    """Return the slope over log N of the log of the p at which half of the best is left, nan from fewer than two N."""
    points = []
    for n_samples, each in own.groupby("n_samples"):
        rates = each.groupby("target_frequency")[RECOVERED].mean().dropna()
        rates = rates.loc[: rates.idxmax()] if len(rates) else rates
        if len(rates) > 1 and rates.iloc[-1] > 0:
            half = crossing(rates.index.to_numpy(), rates.to_numpy(), rates.iloc[-1] / 2, falling=False)
            points.append((float(str(n_samples)), half))
    x, y = np.log([each for each in points if np.isfinite(each[1])]).reshape(-1, 2).T
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else float("nan")


def _answer(table: pd.DataFrame) -> str:
    """Return how much recovery is left a decade below 1/n, at the most samples."""
    part = table[table["n_samples"] == table["n_samples"].max()]
    part = part[part["center"] == part["center"].max()]
    rates = part.groupby("target_frequency")[RECOVERED].mean()
    below = rates[rates.index * table["n_features"].iloc[0] < 0.1]
    if below.empty or not rates.max() > 0:
        return ""
    return f"{below.iloc[-1] / rates.max():.0%} of the best is left at $p$ = {below.index[-1]:.1g}"
