"""Reconstruction and recovery against sparsity, and GBA's firing frequencies before and after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import firing, intervals, methods, searches
from figures import rows as checks
from figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    heading,
    legend_below,
    new_figure,
    open_axes,
    plain_log,
    styled,
)

UNEXPLAINED, RECOVERY = "fraction_variance_unexplained", "feature_recovery_rate"
TIED = ("ba", "topk", "batchtopk", "l1", "jumprelu")  # as GBA is
RESULTS = ("l0", UNEXPLAINED, RECOVERY)


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return three panels: FVU and FRR against L0 with a line a method along its knob, and GBA's firing frequencies.

    A dot a seed, and the means over seeds with their intervals; what the search tried is left out.  Raises ValueError
    for rows without the columns it reads, in which another setting varies.
    """
    free = ("learning_rate", "schedule")  # of each method, its own
    results = (*RESULTS, searches.AT_080)
    checked = checks.prepare(rows, free=free, results=results, series=firing.HISTOGRAMS, by_arm=True)
    table, looks = methods.with_method(checked)
    table = searches.split(table)
    figure = new_figure(DOUBLE_COLUMN, 3.3)
    loss, recovery, histogram = figure.subplots(1, 3)
    points = table[table["knob"] != searches.TRIAL]  # a user's own method has but one
    for axes, column in ((loss, UNEXPLAINED), (recovery, RECOVERY)):
        for name, look in looks.items():
            _frontier(axes, points[points["method"] == name], look, name, column)
        axes.set(xscale="log", xlabel="active neurons a sample, $L_0$")
        plain_log(axes.xaxis)
        open_axes(axes, "both")
    loss.set(yscale="log", ylabel="fraction of variance unexplained")
    plain_log(loss.yaxis)
    recovery.set(ylabel="feature recovery rate (cosine > 0.9)", ylim=(-0.03, 1.03))
    _frequencies(histogram, searches.best_of(table[table["method"] == "gba"], searches.search_seed(table)))
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    note = intervals.note(points["seed"].nunique())
    notes = checks.title(sizes, f"{table['support_law'].iloc[0]} supports", note, "one dot a seed")
    heading(figure, f"Sparsity against reconstruction, each method at its searched best: {_answer(points)}", notes)
    legend_below(figure, methods.handles(table, looks), 5)
    return figure


def _frontier(axes: Axes, part: pd.DataFrame, look: methods.Look, name: str, column: str) -> None:
    """Draw the points of a method, joined in the order of their sparsity."""
    seeds: dict[str, Any] = {"marker": ".", "markersize": 3, "linestyle": "", "alpha": 0.35, "markeredgewidth": 0}
    axes.plot(part["l0"], part[column], gid=f"seeds-{name}", color=look.colour, **seeds)
    found = []
    for _, point in part.groupby("arm", sort=False):
        x = intervals.log_mean(point["l0"])  # on a logarithmic axis the mean is the geometric one
        y = intervals.log_mean(point[column]) if column == UNEXPLAINED else intervals.mean(point[column], 0, 1)
        if x.n_values and y.n_values:
            found.append((x.value, y.value))
            intervals.bar(axes, x, y, color=look.colour, gid=f"interval-{name}")
    if found:
        axes.plot(*zip(*sorted(found), strict=True), gid=f"frontier-{name}", **look.line())


def _answer(points: pd.DataFrame) -> str:
    """Return at how many of GBA's points it leaves least unexplained, by the means over seeds; then of tied weights."""
    lines = {}
    for name, part in points[points["l0"] > 0].groupby("method"):
        means = part[["l0", UNEXPLAINED]].apply(np.log).groupby(part["arm"]).mean().sort_values("l0")
        lines[str(name)] = means.to_numpy(dtype=float)
    own = lines.pop("gba", np.empty((0, 2)))
    tied = {name: line for name, line in lines.items() if name in TIED}
    text = f"GBA reconstructs best at {_ahead(own, lines)} of its {len(own)} points"
    return f"{text}, at {_ahead(own, tied)} among tied weights" if tied and len(tied) < len(lines) else text


def _ahead(own: npt.NDArray[np.float64], lines: Mapping[str, npt.NDArray[np.float64]]) -> int:
    """Return at how many points (log L0, log FVU) all lines of the kind lie above, interpolated."""
    return sum(
        all(y < np.interp(x, other[:, 0], other[:, 1], left=np.inf, right=np.inf) for other in lines.values())
        for x, y in own
    )


def _frequencies(axes: Axes, usual: pd.DataFrame) -> None:
    axes.set_title("GBA before and after training")
    firing.before_and_after(axes, usual, BLUE)
    if len(usual):
        axes.legend(loc="upper left", frameon=False, handlelength=1.2)
