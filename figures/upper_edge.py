"""The upper edge of the band over d after many steps: the critical p beside theory, its kink and its slopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from figures import intervals, phase, predicted
from figures import rows as checks
from figures.style import BLUE, GREEN, ORANGE, VERMILLION, open_axes, plain_log
from theory.conditions import band
from theory.kink import kink
from theory.transitions import crossing

RESULT = "learnable_fraction"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION)  # of n
MARKS = ("o", "s", "^", "D")  # of s, in the panel of slopes
MOST = 3  # sparsities
LINE: dict[str, Any] = {"linewidth": 1.1, "markersize": 3.6}
ENDS = {-1: "v", 1: "^"}  # marks of a critical p that is at most, and at least, a p of the grid
ENDLESS: dict[str, Any] = {"linestyle": "", "markersize": 4.5, "markerfacecolor": "none"}
PREDICTED: dict[str, Any] = {
    "linestyle": "",
    "marker": "x",
    "markersize": 4.0,
    "color": "black",
    "markeredgewidth": 0.9,
}
THEOREM: dict[str, Any] = {"linestyle": (0, (1.5, 1.5)), "linewidth": 0.9}
KINK: dict[str, Any] = {"marker": "*", "markersize": 9.0, "linestyle": "", "markeredgecolor": "black"}
SIZES = ["d_model", "n_samples", "n_steps", "center"]


def draw(panels: Sequence[Axes], rows: pd.DataFrame) -> str:
    """Draw the critical p over d, a panel a sparsity and a colour an n, and in the last panel its local slopes over d.

    Means over seeds with their 95 % intervals; triangles: in some seed less (or more) than half hold neurons at all p;
    crosses: the theory; stars: the kink of the fit with slopes 1 and 0; dotted: the theorem's edge, its constants taken
    as one.  Returns in words between which slopes those are.
    """
    *each_s, last = panels
    sparsities, sizes = phase.distinct(rows["sparsity"])[:MOST], phase.distinct(rows["n_features"])
    slopes: list[float] = []
    for axes in each_s[len(sparsities) :]:
        axes.set_visible(False)
    for s, axes, mark in zip(sparsities, each_s, MARKS, strict=False):
        for n, colour in zip(sizes, COLOURS, strict=False):
            part = rows[(rows["n_features"] == n) & (rows["sparsity"] == s)]
            if part.empty:
                continue
            name, style, table = f"{s:.0f}-{n:.0f}", LINE | {"color": colour}, critical_by_seed(part)
            _theory(axes, part, n, s, colour)
            _critical(axes, table, style | {"marker": "o"}, name)
            _kink(axes, table, colour, name)
            slopes += _local(last, table, s, style | {"gid": f"slope-{name}", "marker": mark})
        axes.set(xscale="log", yscale="log", xlabel="$d$", ylabel="critical $p$")
        axes.set_title(f"$s$ = {s:.0f}, {checks.counts(rows, T='n_steps')}", pad=4)
    for level in (1.0, 0.0):
        last.axhline(level, color="0.4", linewidth=0.8, linestyle=(0, (1.5, 1.5)), gid=f"level-{level:g}")
    last.set(xscale="log", xlabel="$d/s$", ylabel="slope of $\\log p$ over $\\log d$")
    last.set_title("slope from each $d$ to the next", pad=4)
    for axes in (*each_s[: len(sparsities)], last):
        for axis in (axes.xaxis, axes.yaxis)[: 1 + (axes is not last)]:
            plain_log(axis)
        open_axes(axes, "both")
    _legends(each_s[: len(sparsities)], last, sizes, sparsities)
    steps = f"{rows['n_steps'].iloc[0]:.0f}"
    return f"; after {steps} steps its slope over $d$ is {max(slopes):.1f} to {min(slopes):.1f}" if slopes else ""


def critical_by_seed(part: pd.DataFrame) -> pd.DataFrame:
    """Return by d and seed the p at which the share passes 1/2, and side: 0, or where it does not the nearest p.

    Side -1: the share is below 1/2 at all p, so that it is at most the least; 1: above, so that it is at least the
    greatest.
    """
    found = []
    for (d, seed), cells in part.dropna(subset=[RESULT]).groupby(["d_model", "seed"]):
        p, share = cells["target_frequency"].to_numpy(), cells[RESULT].to_numpy()
        value, side = crossing(p, share), 0
        if np.isnan(value):
            side = 1 if share.mean() >= 0.5 else -1
            value = p.max() if side > 0 else p.min()
        found.append((d, seed, value, side))
    return pd.DataFrame(found, columns=["d", "seed", "p", "side"])


def _critical(axes: Axes, table: pd.DataFrame, style: dict[str, Any], name: str) -> None:
    """Draw the means of the seeds that have a critical p, and where some have none which side it is on."""
    known = table[table["side"] == 0].groupby("d")["p"]
    _points(axes, [(d, intervals.log_mean(values)) for d, values in known], style | {"gid": f"critical-{name}"})
    for side, mark in ENDS.items():
        least = table[table["side"] == side].groupby("d")["p"].min()
        if len(least):
            axes.plot(least.index, least, gid=f"end-{side}-{name}", color=style["color"], marker=mark, **ENDLESS)


def _theory(axes: Axes, part: pd.DataFrame, n: float, s: float, colour: str) -> None:
    """Draw what the theory predicts, and the theorem's edge with its kink."""
    settings = part[SIZES].drop_duplicates("d_model").sort_values("d_model")
    told = [
        predicted.critical(int(n), int(d), int(s), int(samples), int(steps), bool(center))
        for d, samples, steps, center in settings.to_numpy()
    ]
    axes.plot(settings["d_model"], told, gid=f"predicted-{s:.0f}-{n:.0f}", zorder=3, **PREDICTED)
    d = phase.along(settings["d_model"])
    upper = band(n, d, s, epsilon=0.0, zeta=0.0).upper
    axes.plot(d, upper, color=colour, gid=f"theorem-{s:.0f}-{n:.0f}", **THEOREM)


def _kink(axes: Axes, table: pd.DataFrame, colour: str, name: str) -> None:
    """Draw the kink of the fit of each seed, at the geometric mean of these and the height of the curve there."""
    found = [kink(each["d"], each["p"], each["side"]) for _, each in table.groupby("seed")]
    d = intervals.log_mean(found)
    if d.n_values:
        means = np.log(table[table["side"] == 0].set_index("d")["p"]).groupby("d").mean()
        height = np.exp(np.interp(np.log(d.value), np.log(means.index.to_numpy(dtype=float)), means))
        axes.plot([d.value], [height], gid=f"kink-{name}", color=colour, zorder=4, **KINK)


def _local(axes: Axes, table: pd.DataFrame, s: float, style: dict[str, Any]) -> list[float]:
    """Draw the slopes from each d to the next, of seeds with a critical p at both, over d/s; return the means."""
    edge = table[table["side"] == 0].pivot_table(index="d", columns="seed", values="p")
    edge = edge.reindex(sorted(table["d"].unique()))
    d = edge.index.to_numpy(dtype=float)
    slopes = np.diff(np.log(edge.to_numpy()), axis=0) / np.diff(np.log(d))[:, None]
    means = list(zip(np.sqrt(d[1:] * d[:-1]) / s, map(intervals.mean, slopes), strict=True))
    known = [each for each in means if each[1].n_values >= intervals.FEWEST]
    _points(axes, known, style)
    return [each.value for _, each in known]


def _points(axes: Axes, means: list[tuple[Any, intervals.Mean]], style: dict[str, Any]) -> None:
    for x, each in means:
        intervals.bar(axes, float(x), each, color=style["color"])
    if means:
        axes.plot([x for x, _ in means], [each.value for _, each in means], **style)


def _legends(each_s: Sequence[Axes], last: Axes, sizes: Any, sparsities: Any) -> None:
    """Say what colours, lines and marks are: n in the first panel, how it was got in the second, s in the last."""
    colours = [Line2D([], [], color=c, marker="o", label=f"$n$ = {n:,.0f}", **LINE)
               for n, c in zip(sizes, COLOURS, strict=False)]  # fmt: skip
    lines = [
        Line2D([], [], color="0.4", label="theorem's edge", **THEOREM),
        Line2D([], [], label="predicted", **PREDICTED),
        Line2D([], [], color="0.4", label="at most, in a seed", marker=ENDS[-1], **ENDLESS),
        Line2D([], [], color="0.7", label="kink of slopes 1, 0", **KINK),
    ]
    for axes, handles in zip(each_s, (colours, lines) if len(each_s) > 1 else ([*colours, *lines],), strict=False):
        axes.legend(handles=handles, frameon=False, handlelength=1.6, loc="lower right", borderaxespad=0.2)
    marks = [Line2D([], [], color="0.4", marker=m, label=f"$s$ = {s:.0f}", **LINE)
             for s, m in zip(sparsities, MARKS, strict=False)]  # fmt: skip
    last.legend(handles=marks, frameon=False, handlelength=1.6, loc="upper right")
