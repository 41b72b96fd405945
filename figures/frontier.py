"""Reconstruction and recovery against sparsity, the ablation of GBA, and its firing frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from figures import intervals, methods, series
from figures import rows as checks
from figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    SMALL_FONT_SIZE,
    heading,
    legend_below,
    new_figure,
    open_axes,
    plain_log,
    styled,
)

UNEXPLAINED, RECOVERY = "fraction_variance_unexplained", "feature_recovery_rate"
RESULTS = ("l0", UNEXPLAINED, RECOVERY)
HISTOGRAMS = ("frequency_histogram_start", "frequency_histogram")
# Arms of GBA: HTF moves it along the frontier, K and LTF do not; all of them are its ablation, against the usual one.
ABLATED, OFF_FRONTIER, USUAL = ("gba K ", "gba HTF ", "gba LTF "), ("gba K ", "gba LTF "), "gba HTF 0.5"
# The bins of a histogram: never, then from 1e-5 in equal ratios; drawn, "never" is a bar of its own at the left.
BIN_EDGES = np.geomspace(1e-5, 1.0, 21)
NEVER = (3e-6, 6e-6)
# Name, marker and face of the two changes, both in GBA's colour.
CHANGES = {RECOVERY: ("recovery rate", "o", BLUE), UNEXPLAINED: ("variance unexplained", "s", "white")}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return four panels: FVU and FRR against L0 with a line a method, GBA's ablation, and its firing frequencies.

    Means over seeds with their intervals.  Raises ValueError for rows without the columns it reads, in which another
    setting varies.
    """
    table, looks = methods.with_method(checks.prepare(rows, results=RESULTS, series=HISTOGRAMS, by_arm=True))
    figure = new_figure(DOUBLE_COLUMN, 5.6)
    (loss, recovery), (ablation, histogram) = figure.subplots(2, 2)
    for axes, column in ((loss, UNEXPLAINED), (recovery, RECOVERY)):
        _frontier(axes, table, looks, column)
    loss.set(yscale="log", ylabel="fraction of variance unexplained")
    plain_log(loss.yaxis)
    recovery.set(ylabel="feature recovery rate (cosine > 0.9)")
    _ablation(ablation, table[table["arm"].str.startswith(ABLATED)])
    _frequencies(histogram, table[table["arm"] == USUAL])
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    note = intervals.note(table["seed"].nunique())
    notes = checks.title(sizes, f"{table['support_law'].iloc[0]} supports", note, methods.OURS)
    heading(figure, "Where do the methods lie in reconstruction, recovery and sparsity?", notes)
    legend_below(figure, methods.handles(table, looks), 6)
    return figure


def _frontier(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look], column: str) -> None:
    """Draw the arms of each method, joined in the order of their sparsity."""
    for name, look in looks.items():
        part = table[(table["method"] == name) & ~table["arm"].str.startswith(OFF_FRONTIER)]
        found = []
        for _, point in part.groupby("arm", sort=False):
            x = intervals.log_mean(point["l0"])  # on a logarithmic axis the mean is the geometric one
            y = intervals.log_mean(point[column]) if column == UNEXPLAINED else intervals.mean(point[column], 0, 1)
            if x.n_values and y.n_values:
                found.append((x.value, y.value))
                intervals.bar(axes, x, y, color=look.colour, gid=f"interval-{name}")
        if found:
            axes.plot(*zip(*sorted(found), strict=True), gid=f"frontier-{name}", **look.line())
    axes.set(xscale="log", xlabel="active neurons a sample, $L_0$")
    plain_log(axes.xaxis)
    open_axes(axes, "both")


def _ablation(axes: Axes, gba: pd.DataFrame) -> None:
    """Draw what changes when one of K, HTF and LTF leaves its usual value, paired by seed."""
    usual = gba[gba["arm"] == USUAL].set_index("seed")
    arms = sorted(set(gba["arm"]) - {USUAL}, key=lambda arm: (ABLATED.index(_ablated(arm)), _value(arm)))
    for y, arm in enumerate(arms):
        point = gba[gba["arm"] == arm].set_index("seed")
        for shift, column in zip((-0.14, 0.14), CHANGES, strict=True):
            change = intervals.mean(point[column] - usual[column].reindex(point.index))
            intervals.bar(axes, change, y + shift, color=BLUE, gid=f"interval-{column}-{y}")
            axes.plot(change.value, y + shift, gid=f"{column}-{y}", **_change_style(column))
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(arms)), [f"{_ablated(arm).split()[1]} = {_value(arm):g}" for arm in arms])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set(xlabel="change against the usual one", title=f"GBA with one of {_usual_text(usual)} changed")
    handles = [Line2D([], [], label=CHANGES[column][0], **_change_style(column)) for column in CHANGES]
    axes.legend(handles=handles, loc="best", frameon=True, framealpha=0.85, edgecolor="none", handletextpad=0.2)
    open_axes(axes, "x")


def _change_style(column: str) -> dict[str, Any]:
    _, marker, face = CHANGES[column]
    return {"color": BLUE, "marker": marker, "markerfacecolor": face, "markersize": 4, "linestyle": "", "zorder": 3}


def _ablated(arm: str) -> str:
    return next(each for each in ABLATED if arm.startswith(each))


def _value(arm: str) -> float:
    return float(arm.rsplit(" ", 1)[-1])


def _usual_text(usual: pd.DataFrame) -> str:
    return checks.counts(usual, K="n_groups") + "".join(
        f", {symbol} {usual[name].iloc[0]:g}"
        for symbol, name in (("HTF", "high_target_frequency"), ("LTF", "low_target_frequency"))
        if len(usual)
    )


def _frequencies(axes: Axes, usual: pd.DataFrame) -> None:
    """Draw the share of neurons in each bin of firing frequency before and after training, mean over seeds."""
    axes.set(xscale="log", xlim=(NEVER[0] * 0.7, 1.3), xlabel="firing frequency of a neuron", ylabel="share of neurons")
    axes.set_title("GBA before and after training")
    for name, label, colour in zip(HISTOGRAMS, ("before", "after"), ("0.7", BLUE), strict=True):
        counts = series.average(usual, name)[:, 0]
        if not counts.size:
            continue
        if counts.size != BIN_EDGES.size:
            raise ValueError(f"{name} has {counts.size} numbers, but should have {BIN_EDGES.size}")
        share = counts / counts.sum()
        style: dict[str, Any] = {"fill": name == HISTOGRAMS[0], "linewidth": 1.2, "color": colour}
        axes.stairs(share[1:], BIN_EDGES, label=label, gid=name, **style)
        axes.stairs(share[:1], NEVER, gid=f"{name}-never", **style)
    if len(usual):
        axes.legend(loc="upper left", frameon=False, handlelength=1.2)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([np.sqrt(NEVER[0] * NEVER[1]), *10.0 ** np.arange(-4, 1)])
    axes.set_xticklabels(["never", *(f"$10^{{{k}}}$" for k in range(-4, 1))], fontsize=SMALL_FONT_SIZE)
    open_axes(axes, "y")
