"""How large codes are beside the true coefficients, against sparsity, and what one factor per neuron would mend."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals, methods
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled
from theory.closed_forms import tied_output_scale

SLOPE, GAIN = "coefficient_slope", "rescaling_gain"
PREFIX = "orthogonal: "  # of the arms of the world in which features do not overlap
RESULTS = ("l0", SLOPE, GAIN)
OVERLAP: dict[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": "-."}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the slope of codes over true coefficients against L0 in two worlds, and the gain of one factor per neuron.

    A line a method along its knob: a faint dot a seed, means over seeds with their intervals.  Raises ValueError for
    rows without the columns it reads, in which another setting varies.
    """
    free = ("learning_rate", "schedule", "d_model", "dictionary_law")  # of each method, or world, its own
    table = checks.prepare(rows, free=free, results=RESULTS, by_arm=True)
    apart = table["arm"].astype(str).str.startswith(PREFIX)
    table["arm"] = table["arm"].astype(str).str.removeprefix(PREFIX)
    table, looks = methods.with_method(table)
    figure = new_figure(DOUBLE_COLUMN, 2.9)
    size, alone, gain = figure.subplots(1, 3)
    for axes, part, column in ((size, table[~apart], SLOPE), (alone, table[apart], SLOPE), (gain, table[~apart], GAIN)):
        for name, look in looks.items():
            _line(axes, part[part["method"] == name], look, name, column)
        axes.set(xscale="log", xlabel="active neurons a sample, $L_0$")
        plain_log(axes.xaxis)
        open_axes(axes, "both")
    overlapping, orthogonal = (checks.counts(table[each], d="d_model") for each in (~apart, apart))
    for axes, title in ((size, overlapping), (alone, orthogonal), (gain, overlapping)):
        axes.set_title(checks.title("orthogonal features" if axes is alone else "overlapping features", title))
    for axes in (size, alone):
        axes.axhline(1, color="0.4", linewidth=0.7, linestyle=":")
        axes.set_ylim(0, 1.15)
    if not apart.all():
        s, d = table.loc[~apart, ["sparsity", "d_model"]].iloc[0]
        size.axhline(float(tied_output_scale(s, d)), gid="overlap", **OVERLAP)
    size.set_ylabel("code over true coefficient")
    gain.set(ylabel="share of error that one factor\nper neuron would remove", ylim=(-0.03, 1.03))
    if not apart.any():
        alone.set_title("orthogonal features: no rows")
        alone.set_xlim(size.get_xlim())
    sizes = checks.counts(table, n="n_features", s="sparsity", M="n_neurons")
    notes = checks.title(sizes, intervals.note(table["seed"].nunique()), "one dot a seed, dotted: the truth")
    heading(figure, f"Does L1 make codes smaller than the truth? {_answer(table, apart)}", notes)
    handles = [*methods.handles(table, looks), Line2D([], [], label="what overlap leaves tied codes", **OVERLAP)]
    legend_below(figure, handles, 5)
    return figure


def _line(axes: Axes, part: pd.DataFrame, look: methods.Look, name: str, column: str) -> None:
    """Draw the points of a method, joined in the order of their sparsity."""
    axes.plot(part["l0"], part[column], gid=f"seeds-{name}", color=look.colour, marker=".", markersize=3, linestyle="",
              alpha=0.35, markeredgewidth=0)  # fmt: skip
    found = []
    for _, point in part.groupby("arm", sort=False):
        x, y = intervals.log_mean(point["l0"]), intervals.mean(point[column])
        if x.n_values and y.n_values:
            found.append((x.value, y.value))
            intervals.bar(axes, x, y, color=look.colour, gid=f"interval-{name}")
    if found:
        axes.plot(*zip(*sorted(found), strict=True), gid=f"line-{name}", **look.line())


def _answer(table: pd.DataFrame, apart: pd.Series) -> str:
    """Return the ranges over knobs of the mean slopes of L1 and GBA, overlapping and orthogonal."""
    told = []
    for mask, world in ((~apart, "overlapping"), (apart, "orthogonal")):
        spans = {
            who: _span(table[(table["method"] == name) & mask]) for name, who in (("l1-untied", "L1"), ("gba", "GBA"))
        }
        known = ", ".join(f"{who} {span}" for who, span in spans.items() if span)
        told += [f"{world}: {known}"] if known else []
    return f"Times the truth, {'; '.join(told)}" if told else ""


def _span(part: pd.DataFrame) -> str:
    """Return "0.55 to 0.77", the least and greatest mean over seeds."""
    means = part.groupby("arm")[SLOPE].mean().dropna()
    if means.empty:
        return ""
    low, high = f"{means.min():.2f}", f"{means.max():.2f}"
    return low if low == high else f"{low} to {high}"
