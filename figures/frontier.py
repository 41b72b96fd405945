"""Reconstruction and recovery against sparsity, the ablation of GBA, and its firing frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from figures import intervals, methods, series
from figures import rows as checks
from figures.style import BLACK, BLUE, DOUBLE_COLUMN, SMALL_FONT_SIZE, legend_below, new_figure, styled
from simulations.base.settings import Settings

UNEXPLAINED, RECOVERY = "fraction_variance_unexplained", "feature_recovery_rate"
RESULTS = ("l0", UNEXPLAINED, RECOVERY)
HISTOGRAMS = ("frequency_histogram_start", "frequency_histogram")
# The setting that moves each method along the frontier.  GBA's others are its ablation.
ALONG = {
    **{"gba": "high_target_frequency", "ba": "target_frequency", "topk": "k", "batchtopk": "k"},
    **{"l1": "penalty", "jumprelu": "penalty"},
}
ABLATED = {"n_groups": "K", "high_target_frequency": "HTF", "low_target_frequency": "LTF"}
USUAL = {name: getattr(Settings(algorithm="gba"), name) for name in ABLATED}
# The bins of a histogram: never, then from 1e-5 in equal ratios; drawn, "never" is a bar of its own at the left.
BIN_EDGES = np.geomspace(1e-5, 1.0, 21)
NEVER = (3e-6, 6e-6)
# Name, marker and face of the two changes, both in GBA's colour.
CHANGES = {RECOVERY: ("recovery rate", "o", BLUE), UNEXPLAINED: ("variance unexplained", "s", "white")}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return four panels: FVU and FRR against L0 with a line a method, GBA's ablation, and its firing frequencies.

    Means over seeds with their intervals.  Raises ValueError for rows without the columns it reads, in which another
    setting varies, or of an algorithm without a frontier.
    """
    table = methods.prepare(rows, results=RESULTS, series=HISTOGRAMS)
    if wrong := sorted(set(table["algorithm"]) - set(ALONG)):
        raise ValueError(f"algorithm={wrong[0]}, but should be one of {', '.join(ALONG)} in this figure")
    for algorithm, part in table.groupby("algorithm", sort=False):
        methods.one_setting(part, "method", but=tuple(ABLATED) if algorithm == "gba" else (ALONG[str(algorithm)],))
    figure = new_figure(DOUBLE_COLUMN, 5.6)
    (loss, recovery), (ablation, histogram) = figure.subplots(2, 2)
    for axes, column in ((loss, UNEXPLAINED), (recovery, RECOVERY)):
        _frontier(axes, table, column)
    loss.set(yscale="log", ylabel="fraction of variance unexplained")
    _plain_log(loss.yaxis)
    recovery.set(ylabel="feature recovery rate (cosine > 0.9)")
    gba = table[table["method"] == "GBA"]
    _ablation(ablation, gba)
    _frequencies(histogram, gba[_is_usual(gba, *ABLATED)])
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    note = intervals.note(table["seed"].nunique())
    figure.suptitle(checks.title(sizes, f"{table['support_law'].iloc[0]} supports", note))
    legend_below(figure, methods.handles(table), 6)
    return figure


def _is_usual(gba: pd.DataFrame, *names: str) -> pd.Series:
    """Return which rows (a boolean each) have the default value of each of those settings."""
    usual = pd.Series(True, index=gba.index)
    for name in names:
        usual &= np.isclose(gba[name], USUAL[name], rtol=1e-9)
    return usual


def _frontier(axes: Axes, table: pd.DataFrame, column: str) -> None:
    """Draw the points of each method, joined in the order of the setting that moves it along the frontier."""
    for name in methods.in_order(table["method"]):
        part = table[table["method"] == name]
        along = ALONG[part["algorithm"].iloc[0]]
        if name.startswith("GBA"):
            part = part[_is_usual(part, "n_groups", "low_target_frequency")]
        found = []
        for _, point in part.groupby(along):
            x = intervals.log_mean(point["l0"])  # on a logarithmic axis the mean is the geometric one
            y = intervals.log_mean(point[column]) if column == UNEXPLAINED else intervals.mean(point[column], 0, 1)
            if x.n_values and y.n_values:
                found.append((x.value, y.value))
                intervals.bar(axes, x, y, color=methods.LOOKS[name].colour, gid=f"interval-{name}")
        if found:
            axes.plot(*zip(*found, strict=True), gid=f"frontier-{name}", **methods.LOOKS[name].line())
    axes.set(xscale="log", xlabel="active neurons a sample, $L_0$")
    _plain_log(axes.xaxis)
    _open(axes, "both")


def _ablation(axes: Axes, gba: pd.DataFrame) -> None:
    """Draw what changes when one of K, HTF and LTF leaves its default, paired by seed."""
    usual = gba[_is_usual(gba, *ABLATED)].set_index("seed")
    lines: list[tuple[str, pd.DataFrame]] = []
    for name, symbol in ABLATED.items():
        others = [other for other in ABLATED if other != name]
        part = gba[_is_usual(gba, *others) & ~_is_usual(gba, name)]
        lines += [(f"{symbol} = {value:g}", point.set_index("seed")) for value, point in part.groupby(name)]
    for y, (_, point) in enumerate(lines):
        for shift, column in zip((-0.14, 0.14), CHANGES, strict=True):
            change = intervals.mean(point[column] - usual[column].reindex(point.index))
            intervals.bar(axes, change, y + shift, color=BLUE, gid=f"interval-{column}-{y}")
            axes.plot(change.value, y + shift, gid=f"{column}-{y}", **_change_style(column))
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(lines)), [label for label, _ in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set(xlabel="change against the default", title=f"GBA with one of {_usual_text()} changed")
    handles = [Line2D([], [], label=CHANGES[column][0], **_change_style(column)) for column in CHANGES]
    axes.legend(handles=handles, loc="best", frameon=True, framealpha=0.85, edgecolor="none", handletextpad=0.2)
    _open(axes, "x")


def _change_style(column: str) -> dict[str, Any]:
    _, marker, face = CHANGES[column]
    return {"color": BLUE, "marker": marker, "markerfacecolor": face, "markersize": 4, "linestyle": "", "zorder": 3}


def _usual_text() -> str:
    return ", ".join(f"{symbol} {USUAL[name]:g}" for name, symbol in ABLATED.items())


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
    _open(axes, "y")


def _plain_log(axis: Axis) -> None:
    """Label a logarithmic axis of a decade or two in plain numbers."""
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _open(axes: Axes, grid: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)
