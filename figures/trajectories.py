"""Paths of random neurons among the features: who keeps the nearest one, changes it, stays mixed; and who wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import intervals, series
from figures import rows as checks
from figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    ORANGE,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    open_axes,
    styled,
)
from theory.prediction import alignment_trajectory

PATHS = "neuron_trajectories"
SHARES = ("kept_fraction", "changed_fraction", "mixed_fraction")
# Who wins, of neurons that end on a feature: a column, its words, a colour and a marker.
WINNERS = (
    ("kept_fraction", "nearest in angle", BLUE, "o"),
    ("kept_by_projection", "largest projection", BLACK, "s"),
    ("kept_after_one_step", "largest after a step", GREEN, "^"),
)
KINDS = (("keeps the nearest", BLUE), ("changes to another", ORANGE), ("stays mixed", VERMILLION))
THRESHOLD = 0.9


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return cosines over steps of neurons of each kind, their phase portrait, and which front-runners win over p.

    Columns of panels are target frequencies, the first seed of each.  Solid: with the feature nearest to the start;
    dashed: with the rival.  The predicted mean cosine of a neuron on a feature (theory.prediction) is drawn over those
    that win.  Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency",)
    table = checks.prepare(
        rows,
        free=free,
        needs=("target_frequency", "n_steps"),
        results=tuple(dict.fromkeys((*SHARES, *(each[0] for each in WINNERS)))),
        series=("arm", PATHS),
    )
    frequencies = sorted(table["target_frequency"].unique())
    figure = new_figure(DOUBLE_COLUMN, 4.6)
    grid = figure.add_gridspec(2, len(frequencies) + 1, width_ratios=[*[1.0] * len(frequencies), 1.15])
    panels = np.array([[figure.add_subplot(grid[i, k]) for k in range(len(frequencies))] for i in range(2)])
    _winners(figure.add_subplot(grid[:, -1]), table, frequencies)
    for p, (top, bottom) in zip(frequencies, panels.T, strict=True):
        part = table[(table["target_frequency"] == p) & (table["status"] == "ok")]
        top.set_title(f"$p$ = {p:.3g}{_shares(part)}")
        if len(part):
            first = part[part["seed"] == part["seed"].min()].iloc[0]
            _paths(top, bottom, series.points(first[PATHS], PATHS, 5))
            _predicted(top, first)
        top.set(xlabel="step", ylim=(-0.2, 1.02))
        top.xaxis.set_major_locator(MaxNLocator(integer=True))
        bottom.set(xlabel="cosine with the nearest", xlim=(-0.2, 1.02), ylim=(-0.2, 1.02), aspect="equal")
        for axes in (top, bottom):
            open_axes(axes, "both")
    panels[0][0].set_ylabel("cosine")
    panels[1][0].set_ylabel("cosine with the rival")
    handles = [Line2D([], [], color=colour, label=name) for name, colour in KINDS]
    handles += [Line2D([], [], color="0.3", linestyle="--", label="its rival")]
    handles += [Line2D([], [], color="black", linestyle=":", label="predicted, of a neuron on its feature")]
    legend_below(figure, handles, 3)
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", N="n_samples")
    notes = checks.title(sizes, "centred data", "shares: nearest kept / changed / mixed")
    heading(figure, f"Does the front-runner at the start win? {_answer(table)}", notes)
    return figure


def _winners(axes: Axes, table: pd.DataFrame, frequencies: list[float]) -> None:
    """Draw the share of the neurons that end on a feature of each front-runner over p: a dot a seed, and the means."""
    for column, label, colour, marker in WINNERS:
        shares = _share(table, column)
        parts = [shares[table["target_frequency"] == p].dropna() for p in frequencies]
        dots: dict[str, Any] = {"marker": ".", "markersize": 3.5, "linestyle": "", "alpha": 0.4, "markeredgewidth": 0}
        for k, own in enumerate(parts):
            axes.plot([k] * len(own), own, gid=f"seeds-{column}", color=colour, **dots)
            intervals.bar(axes, k, intervals.mean(own, 0, 1), color=colour, gid=f"interval-{column}")
        means = [own.mean() for own in parts]
        axes.plot(range(len(means)), means, gid=column, color=colour, marker=marker, markersize=4, label=label)
    axes.set(
        ylim=(0, 1.02), xlabel="target frequency $p$", title="share of those that end on a\nfeature, of which it was"
    )
    axes.set_xticks(range(len(frequencies)), [f"{p:.3g}" for p in frequencies])
    axes.margins(x=0.15)
    axes.legend(loc="lower center", frameon=False, handlelength=1.2, handletextpad=0.5, borderaxespad=0.2)
    open_axes(axes, "y")


def _share(table: pd.DataFrame, column: str) -> pd.Series:
    """Return by row how many of the neurons that end on a feature are counted in a column."""
    share: pd.Series = table[column] / (table["kept_fraction"] + table["changed_fraction"])
    return share


def _paths(top: Axes, bottom: Axes, points: np.ndarray[Any, Any]) -> None:
    """Draw the paths of points (kind, neuron, step, cosine with the first feature, with the rival)."""
    for kind, (_, colour) in enumerate(KINDS):
        own = points[points[:, 0] == kind]
        for neuron in np.unique(own[:, 1]):
            _, _, step, first, rival = own[own[:, 1] == neuron].T
            top.plot(step, first, color=colour, linewidth=0.9, alpha=0.8)
            top.plot(step, rival, color=colour, linewidth=0.6, alpha=0.6, linestyle="--")
            bottom.plot(first, rival, color=colour, linewidth=0.8, alpha=0.7)
            bottom.plot(first[-1:], rival[-1:], color=colour, marker="o", markersize=2.6)
    top.axhline(THRESHOLD, color="0.6", linewidth=0.6)


def _predicted(axes: Axes, row: pd.Series) -> None:
    names = ("n_features", "d_model", "sparsity", "target_frequency", "n_samples", "n_steps")
    n, d, s, p, n_samples, n_steps = (row[name] for name in names)
    cosine = alignment_trajectory(
        int(n), int(d), int(s), float(p), int(n_samples), int(n_steps), center=bool(row["center"])
    )
    axes.plot(range(len(cosine)), cosine, color="black", linewidth=1.2, linestyle=":", gid="predicted")


def _shares(part: pd.DataFrame) -> str:
    return "\n" + " / ".join(f"{part[name].mean():.0%}" for name in SHARES) if len(part) else ""


def _answer(table: pd.DataFrame) -> str:
    """Return which share of the neurons that end on a feature ends on a front-runner, by projection and by angle."""
    told = []
    for column, what in (("kept_by_projection", "by projection"), ("kept_fraction", "by angle")):
        share = _share(table, column).groupby(table["target_frequency"]).mean().dropna()
        told += [f"{what} in {share.min():.0%} to {share.max():.0%}"] if len(share) else []
    return f"{', '.join(told).capitalize()} of the neurons that end on a feature" if told else ""
