"""Neuron resonance in trained BA: recovery over (p, d) under both controls, the edges of its band, its lower end."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import boundaries, intervals, phase
from figures import rows as checks
from figures.style import (
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    VERMILLION,
    colour_bar,
    heading,
    legend_below,
    new_figure,
    open_axes,
    plain_log,
    styled,
)
from theory.closed_forms import chance_recovery_rate
from theory.transitions import crossing

MARK: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4, "color": "white", "markeredgecolor": "black"}
LOOKS: dict[str, dict[str, Any]] = {
    "one-sided": {"color": BLUE, "marker": "o"},
    "two-sided": {"color": VERMILLION, "marker": "^"},
    "one-sided, slow": {"color": GREEN, "marker": "s"},
}
LONGER, HALF, CHANCE = ", longer", 0.5, 0.05
LATE = 1.5  # times p: at which the median neuron fires too often to tell of p
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))  # of n, ascending
FREE = ("target_frequency", "d_model", "n_features", "n_neurons", "n_steps", "n_samples", "start_frequency")
Maps = list[tuple[str, pd.DataFrame]]


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a heat map over (p, d) an n and control, mean over seeds, and below them the band's edges and lower end.

    Each cell is that of the longest training there is.  Edges are where recovery passes half of its best over p, by
    seed; open triangles at an end of the grid: not passed there.  The lower end is recovery at the lowest p during the
    longest training.  Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    needs, results = ("target_frequency", "n_neurons"), (phase.RECOVERY,)
    series = ("recovery_per_step", "recovery_steps")
    table = checks.prepare(rows, free=FREE, needs=needs, results=results, series=series, by_arm=True)
    arm = table["arm"].astype(str).str.removesuffix(LONGER)
    maps = [
        (str(name), _longest(part))
        for (_, name), part in table.assign(arm=arm).groupby(["n_features", "arm"], sort=False)
        if len(part["d_model"].unique()) > 1 and len(part["target_frequency"].unique()) > 1
    ]
    several = len({part["n_features"].iloc[0] for _, part in maps}) > 1
    lines = math.ceil(max(len(maps), 1) / 2)
    figure = new_figure(DOUBLE_COLUMN, 2.9 + 2.1 * lines)
    panels = figure.subplots(lines + 1, 2, squeeze=False, height_ratios=[1] * lines + [1.15])
    cells = []
    for axes, (name, part) in zip(panels[:lines].flat, maps, strict=False):
        drawn, mesh = _map(axes, part)
        axes.set_title(checks.title(name, checks.counts(part, n="n_features") if several else ""), pad=12)
        cells.append(drawn)
    for axes in list(panels[:lines].flat)[len(maps) :]:
        axes.set_visible(False)
    if maps:
        colour_bar(figure, mesh, list(panels[:lines].flat))
    _edges(panels[lines, 0], maps)
    low = _lowest(table.assign(arm=arm))
    _ends(panels[lines, 1], low)
    heading(figure, f"Is resonance of trained BA a band of $p$? {_answer(maps)}", _notes(table))
    _legend(figure, [*(name for name, _ in maps), *low["arm"]], maps, cells)
    return figure


def _longest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the longest training at each p, d and n of an arm."""
    most = table.groupby(["n_features", "arm", "d_model", "target_frequency"])["n_steps"].transform("max")
    kept: pd.DataFrame = table[table["n_steps"] == most]
    return kept


def _lowest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the longest training of each arm at its lowest p, at the d nearest to n / 4, for each n."""
    parts = []
    for (n, name), part in table.groupby(["n_features", "arm"]):
        if name in LOOKS:
            part = part[part["target_frequency"] == part["target_frequency"].min()]
            parts.append(part[part["d_model"] == min(part["d_model"], key=lambda d: abs(math.log(4 * d / n)))])
    return _longest(pd.concat(parts)) if parts else table.iloc[:0]


def _notes(table: pd.DataFrame) -> str:
    symbols = {"s": "sparsity"} if len(set(table["n_features"])) > 1 else {"n": "n_features", "s": "sparsity"}
    told = checks.counts(table, **symbols)
    return checks.title(told, checks.share_of_n(table, "n_neurons", "M"), intervals.note(table["seed"].nunique()))


def _map(axes: Axes, part: pd.DataFrame) -> tuple[phase.Cells, QuadMesh]:
    """Draw recovery over (p, d), with the feature frequency, sqrt(n), and where control has not arrived."""
    cells = phase.collect(part, "target_frequency", "d_model")
    mesh = phase.heat_map(axes, cells)
    n, s = part["n_features"].iloc[0], part["sparsity"].iloc[0]
    boundaries.reference(axes, s / n, phase.along(cells.y), "feature_frequency", "$f$")
    boundaries.reference(axes, 1 / n, phase.along(cells.y), "one_feature", "$1/n$")
    boundaries.reference(axes, phase.along(cells.x), math.sqrt(n), "root_n", r"$\sqrt{n}$")
    late = part[_late(part)]
    axes.plot(late["target_frequency"], late["d_model"], gid="late", zorder=4, **MARK)
    phase.frequency_axis(axes, cells.x)
    phase.number_axis(axes.yaxis, cells.y, "dimension $d$")
    return cells, mesh


def _late(part: pd.DataFrame) -> pd.Series:
    """Return whether the median neuron fires more than LATE times p at the end; False where the rows do not say."""
    if "target_profile" not in part:
        return pd.Series(False, index=part.index)
    profile = part["target_profile"].astype(str).str.split(":")
    target, middle = (pd.to_numeric(profile.str[k], errors="coerce") for k in (0, 2))
    return middle > LATE * target


def edges(part: pd.DataFrame) -> pd.DataFrame:
    """Return per seed and d where recovery passes half of its best over p, below and above the p of the best.

    nan where it does not pass within the grid; no row where the best is below a half.
    """
    found = []
    for (d, seed), cells in part.groupby(["d_model", "seed"]):
        curve = cells.groupby("target_frequency")[phase.RECOVERY].mean().dropna()
        if len(curve) < 3 or curve.max() < HALF:
            continue
        top = int(np.argmax(curve))
        p, y = curve.index.to_numpy(dtype=float), curve.to_numpy() / curve.max()
        low = crossing(p[: top + 1], y[: top + 1], HALF, falling=False) if top else math.nan
        high = crossing(p[top:], y[top:], HALF) if top < len(p) - 1 else math.nan
        found.append({"d_model": d, "seed": seed, "low": low, "high": high, "first": p[0], "last": p[-1]})
    return pd.DataFrame(found, columns=["d_model", "seed", "low", "high", "first", "last"])


class _Edge(NamedTuple):
    """At x, where each seed passes half of its best recovery, nan where it does not, and the end of the grid there."""

    x: float
    passed: pd.Series
    grid: pd.Series


def _edges(axes: Axes, maps: Maps) -> None:
    """Draw both edges over d / sqrt(n), in units of f, geometric means over seeds with their intervals."""
    axes.set(xscale="log", yscale="log", xlabel=r"$d/\sqrt{n}$", ylabel="edge of the band, $p/f$")
    axes.set_title("where recovery is half of its best")
    sizes = _sizes(maps)
    for name, part in maps:
        n, s = part["n_features"].iloc[0], part["sparsity"].iloc[0]
        look = LOOKS.get(name, {"color": "0.4", "marker": "D"}) | {"linestyle": LINES[sizes.index(n) % len(LINES)]}
        for end, stop in (("low", "first"), ("high", "last")):
            points = [
                _Edge(float(each["d_model"].iloc[0]) / math.sqrt(n), *(each[column] * n / s for column in (end, stop)))
                for _, each in edges(part).groupby("d_model")
            ]
            _edge(axes, [each for each in points if each.passed.notna().all()], f"{end}-{name}-{n:.0f}", look)
            beyond = [(each.x, float(each.grid.iloc[0])) for each in points if each.passed.isna().any()]
            if beyond:
                mark = "v" if end == "low" else "^"
                style: dict[str, Any] = {"linestyle": "", "markerfacecolor": "none", "markersize": 4, "marker": mark}
                axes.plot(*zip(*beyond, strict=True), gid=f"beyond-{end}-{name}-{n:.0f}", color=look["color"], **style)
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle=(0, (1.5, 1.5)), gid="f")
    for axis in (axes.xaxis, axes.yaxis):
        plain_log(axis)
    open_axes(axes, "both")


def _edge(axes: Axes, points: list[_Edge], name: str, look: dict[str, Any]) -> None:
    """Draw an edge where every seed passes it, with its intervals."""
    means = [(each.x, intervals.log_mean(each.passed)) for each in points]
    for x, mean in means:
        intervals.bar(axes, x, mean, color=look["color"])
    if means:
        xy = [(x, mean.value) for x, mean in means]
        axes.plot(*zip(*xy, strict=True), markersize=4, linewidth=1.1, gid=name, **look)


def _sizes(maps: Maps) -> list[float]:
    return sorted({float(part["n_features"].iloc[0]) for _, part in maps})


def _ends(axes: Axes, low: pd.DataFrame) -> None:
    """Draw recovery at the lowest p over the training, means over seeds with their intervals: a line an arm and n."""
    sizes = sorted(low["n_features"].unique())
    axes.set_title("at the lowest $p$, $d = n/4$" if len(low) else "")
    axes.set(xlabel="share of the training", ylabel="recovery (cosine > 0.9)", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    for (name, n), part in low.groupby(["arm", "n_features"], sort=False):
        look = LOOKS[str(name)] | {"linestyle": LINES[sizes.index(n) % len(LINES)]}
        steps, rates = (
            [np.array(text.split(), dtype=float) for text in part[column].dropna().astype(str)]
            for column in ("recovery_steps", "recovery_per_step")
        )
        if not steps:
            continue
        x = steps[0] / steps[0][-1]
        means = [intervals.mean(each, 0, 1) for each in np.array(rates).T]
        for at, each in zip(x, means, strict=True):
            intervals.bar(axes, float(at), each, color=look["color"])
        axes.plot(x, [each.value for each in means], markersize=4, linewidth=1.1, gid=f"end-{name}-{n:.0f}", **look)
    open_axes(axes, "both")


def _answer(maps: Maps) -> str:
    """Return which share of the best recovery the lowest p keeps at each n, and the highest, greatest over d."""
    told, highest, several = [], [], len(_sizes(maps)) > 1
    for control in dict.fromkeys(name for name, _ in maps):
        lowest = {}
        for n, part in ((part["n_features"].iloc[0], part) for name, part in maps if name == control):
            if kept := [ends for _, cells in part.groupby("d_model") if (ends := _kept(cells))]:
                lowest[f"{n:,.0f}"] = f"{max(low for low, _ in kept):.0%}"
                highest += [high for _, high in kept]
        if lowest:
            where = f", $n$ = {', '.join(lowest)}" if several else ""
            told.append(f"{', '.join(lowest.values())} ({control}{where})")
    if not told:
        return "Nothing is told of it"
    return f"Of the best recovery the lowest $p$ keeps at most {' and '.join(told)}, the highest {max(highest):.0%}"


def _kept(cells: pd.DataFrame) -> tuple[float, float] | None:
    """Return recovery at the lowest and the highest p over the best of one dimension, None where that tells nothing."""
    n, d, m = (float(cells[name].iloc[0]) for name in ("n_features", "d_model", "n_neurons"))
    means = cells.groupby("target_frequency")[phase.RECOVERY].mean().dropna()
    if d * d < n or len(means) < 3 or means.max() < HALF or chance_recovery_rate(d, m, 0.9) > CHANCE:
        return None
    return float(means.iloc[0] / means.max()), float(means.iloc[-1] / means.max())


def _legend(figure: Figure, names: list[str], maps: Maps, cells: list[phase.Cells]) -> None:
    met, sizes = [name for name in LOOKS if name in names], _sizes(maps)
    labels = {"one-sided, slow": "one-sided, the paper's gain"}
    handles: list[Any] = [Line2D([], [], label=labels.get(name, name), markersize=4, **LOOKS[name]) for name in met]
    if len(sizes) > 1:
        lines = zip(sizes, LINES, strict=False)
        handles += [Line2D([], [], color="0.3", linestyle=line, label=f"$n$ = {n:,.0f}") for n, line in lines]
    hollow: dict[str, Any] = {"linestyle": "", "markerfacecolor": "none", "color": "0.3", "marker": "v"}
    handles.append(Line2D([], [], label="beyond the grid", markersize=4, **hollow))
    handles.append(boundaries.reference_handle(r"$1/n$, $f = s/n$, $d = \sqrt{n}$"))
    if any(_late(part).any() for _, part in maps):
        handles.append(Line2D([], [], label=f"fires over {LATE:g} $p$", **MARK))
    handles += phase.legend_handles(cells)
    legend_below(figure, handles, 3)
