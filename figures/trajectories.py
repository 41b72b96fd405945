"""Paths of random neurons among the features: those that keep the nearest feature, change it, or stay mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import rows as checks
from figures import series
from figures.style import BLUE, DOUBLE_COLUMN, ORANGE, VERMILLION, heading, legend_below, new_figure, open_axes, styled
from theory.prediction import alignment_trajectory

PATHS = "neuron_trajectories"
SHARES = ("kept_fraction", "changed_fraction", "mixed_fraction")
KINDS = (("keeps the nearest", BLUE), ("changes to another", ORANGE), ("stays mixed", VERMILLION))
THRESHOLD = 0.9


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return cosines over steps of neurons of each kind, their phase portrait, and the shares of the kinds over p.

    Columns of panels are target frequencies, the first seed of each.  Solid: with the feature nearest to the start;
    dashed: with the rival.  The predicted mean cosine of a neuron on a feature (theory.prediction) is drawn over those
    that win.  Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency",)
    table = checks.prepare(
        rows, free=free, needs=("target_frequency", "n_steps"), results=SHARES, series=("arm", PATHS)
    )
    frequencies = sorted(table["target_frequency"].unique())
    figure = new_figure(DOUBLE_COLUMN, 4.6)
    panels = figure.subplots(2, len(frequencies), squeeze=False)
    for p, (top, bottom) in zip(frequencies, panels.T, strict=True):
        part = table[(table["target_frequency"] == p) & (table["status"] == "ok")]
        top.set_title(f"$p$ = {p:.3g}{_shares(part)}")
        if len(part):
            first = part[part["seed"] == part["seed"].min()].iloc[0]
            _paths(top, bottom, series.points(first[PATHS], PATHS, 5))
            _predicted(top, first)
        top.set(xlabel="step", ylim=(-0.2, 1.02))
        top.xaxis.set_major_locator(MaxNLocator(integer=True))
        bottom.set(xlabel="cosine with the nearest feature", xlim=(-0.2, 1.02), ylim=(-0.2, 1.02), aspect="equal")
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
    heading(figure, f"Does the nearest feature at the start win?{_answer(table)}", notes)
    return figure


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
    return ": " + " / ".join(f"{part[name].mean():.0%}" for name in SHARES) if len(part) else ""


def _answer(table: pd.DataFrame) -> str:
    """Return which share of the neurons that end on a feature ends on the one nearest to their start."""
    kept, changed = (table.groupby("target_frequency")[name].mean() for name in SHARES[:2])
    share = (kept / (kept + changed)).dropna()
    return f" In {share.min():.0%} to {share.max():.0%} of the neurons that end on one" if len(share) else ""
