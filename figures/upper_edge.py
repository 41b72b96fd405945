"""The upper edge of the band over d: the critical p by seed, and its slope from each d to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from figures import intervals, phase
from figures import rows as checks
from figures.style import BLUE, GREEN, ORANGE, VERMILLION, open_axes, plain_log
from theory.transitions import crossing

RESULT = "learnable_fraction"
LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (VERMILLION, "D"))  # of n
FEWER: dict[str, Any] = {"linestyle": (0, (4, 1.5)), "linewidth": 0.8, "markerfacecolor": "none"}
BEYOND = 2.0  # times sqrt(n)


def draw(panels: Any, rows: pd.DataFrame, fewer: pd.DataFrame) -> str:
    """Draw the critical p over d (left) and its local slopes (right), a colour an n, at the least s of the rows.

    Means over seeds with their 95 % intervals; dashed: after the fewer steps of the other rows, where they are of the
    same n and s.  Returns in words the slope beyond 2 sqrt(n), at the least and the greatest n.
    """
    left, right = panels
    s, n_steps = rows["sparsity"].min(), int(rows["n_steps"].iloc[0])
    own, other = (part[part["sparsity"] == s] for part in (rows, fewer))
    slopes = []
    for n, (colour, marker) in zip(phase.distinct(own["n_features"]), LOOKS, strict=False):
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3.6, "linewidth": 1.1}
        edge = critical_by_seed(own[own["n_features"] == n])
        if edge.empty:
            continue
        _critical(left, edge, style | {"gid": f"critical-{n:.0f}", "label": f"$n$ = {n:,.0f}"})
        _critical(left, critical_by_seed(other[other["n_features"] == n]), style | FEWER | {"gid": f"fewer-{n:.0f}"})
        _local(right, edge, float(n), style | {"gid": f"slope-{n:.0f}"})
        slopes += slope_beyond(edge, float(n))
    left.plot([], [], color="0.4", label=checks.counts(other, T="n_steps"), **FEWER)
    left.set(xscale="log", yscale="log", xlabel="$d$", ylabel="critical $p$")
    left.set_title(f"where half hold a neuron, $T$ = {n_steps}, $s$ = {s:.0f}", pad=4)
    right.set(xscale="log", xlabel=r"$d/\sqrt{n}$", ylabel="its slope, in logarithms")
    right.set_title(f"slope from each $d$ to the next, $T$ = {n_steps}", pad=4)
    for level, name in ((1.0, "rising"), (0.0, "level")):
        right.axhline(level, color="0.4", linewidth=0.8, linestyle=(0, (1.5, 1.5)), gid=name)
    left.set_ylim(left.get_ylim()[0] / 4, None)  # room for the legend
    left.legend(frameon=False, handlelength=1.8, ncols=2, loc="lower right", columnspacing=1.0)
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        plain_log(axis)
    for axes in (left, right):
        open_axes(axes, "both")
    if not slopes:
        return ""
    powers = " to ".join(dict.fromkeys(f"$d^{{{each:.2f}}}$" for each in (slopes[0], slopes[-1])))
    n = " to ".join(dict.fromkeys(f"{each:,.0f}" for each in (own["n_features"].min(), own["n_features"].max())))
    return rf"; after {n_steps} steps and beyond $2\sqrt{{n}}$ as {powers} ($n$ = {n})"


def critical_by_seed(part: pd.DataFrame) -> pd.DataFrame:
    """Return the p at which the share passes 1/2: a row a dimension (rising), a column a seed; nan: it does not."""
    found = [
        (d, seed, crossing(cells["target_frequency"].to_numpy(), cells[RESULT].to_numpy()))
        for (d, seed), cells in part.dropna(subset=[RESULT]).groupby(["d_model", "seed"])
    ]
    table = pd.DataFrame(found, columns=["d", "seed", "p"]).dropna()
    return table.pivot_table(index="d", columns="seed", values="p")


def slope_beyond(edge: pd.DataFrame, n: float) -> list[float]:
    """Return the least-squares slope of the log of the critical p over log d from 2 sqrt(n) on, none of one d."""
    beyond = np.log(edge[edge.index >= BEYOND * np.sqrt(n)]).mean(axis=1)
    return [float(np.polyfit(np.log(beyond.index), beyond, 1)[0])] if len(beyond) > 1 else []


def _critical(axes: Axes, edge: pd.DataFrame, style: dict[str, Any]) -> None:
    means = [(d, intervals.log_mean(values.dropna())) for d, values in edge.iterrows()]
    _points(axes, means, style)


def _local(axes: Axes, edge: pd.DataFrame, n: float, style: dict[str, Any]) -> None:
    d = edge.index.to_numpy(dtype=float)
    slopes = np.diff(np.log(edge.to_numpy()), axis=0) / np.diff(np.log(d))[:, None]
    _points(axes, list(zip(np.sqrt(d[1:] * d[:-1] / n), map(intervals.mean, slopes), strict=True)), style)


def _points(axes: Axes, means: list[tuple[Any, intervals.Mean]], style: dict[str, Any]) -> None:
    for x, each in means:
        intervals.bar(axes, float(x), each, color=style["color"])
    if means:
        axes.plot([x for x, _ in means], [each.value for _, each in means], **style)
