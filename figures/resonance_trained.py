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

LOOKS: dict[str, dict[str, Any]] = {
    "one-sided": {"color": BLUE, "marker": "o"},
    "two-sided": {"color": VERMILLION, "marker": "^"},
    "one-sided, slow": {"color": GREEN, "marker": "s"},
}
LONGER, HALF, CHANCE = ", longer", 0.5, 0.05
DASHES = ("-", (0, (5, 1.5)), (0, (3, 1.5)), (0, (1, 1.5)))
FREE = ("target_frequency", "d_model", "n_features", "n_neurons", "n_steps", "n_samples", "start_frequency")


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a heat map over (p, d) an arm and n, mean over seeds, and below them the band's edges and its lower end.

    Edges are where recovery passes half of its best over p, by seed; open triangles at an end of the grid: not passed
    there.  Its lower end is recovery at the lowest p against the samples of training.  Raises ValueError for rows
    without the columns it reads, or in which another setting varies.
    """
    needs, results = ("target_frequency", "n_neurons"), (phase.RECOVERY,)
    table = checks.prepare(rows, free=FREE, needs=needs, results=results, by_arm=True)
    arm = table["arm"].astype(str)
    maps = [
        (str(name), part)
        for (_, name), part in table.groupby(["n_features", "arm"], sort=False)
        if len(part["d_model"].unique()) > 1 and not str(name).endswith(LONGER)
    ]
    low = table[arm.str.removesuffix(LONGER).isin(LOOKS)]
    low = low[(low["target_frequency"] == low["target_frequency"].min()) & low["d_model"].isin(_lengthened(low))]
    wide = len(maps) > 2
    figure = new_figure(DOUBLE_COLUMN, 2.6 + 2.4 * math.ceil(max(len(maps), 1) / 2))
    lines = math.ceil(max(len(maps), 1) / 2)
    panels = figure.subplots(lines + 1, 2, squeeze=False)
    cells = []
    for axes, (name, part) in zip(panels[:lines].flat, maps, strict=False):
        found, mesh = _map(axes, part)
        axes.set_title(checks.title(name, checks.counts(part, n="n_features") if wide else ""), pad=12)
        cells.append(found)
    for axes in list(panels[:lines].flat)[len(maps) :]:
        axes.set_axis_off()
    if maps:
        colour_bar(figure, mesh, list(panels[:lines].flat))
    _edges(panels[lines, 0], maps)
    _ends(panels[lines, 1], low)
    heading(figure, f"Is resonance of trained BA a band of $p$? {_answer(table, maps)}", _notes(table))
    _legend(figure, [name for name, _ in maps], low, cells)
    return figure


def _notes(table: pd.DataFrame) -> str:
    s = checks.counts(table, n="n_features", s="sparsity")
    return checks.title(s, checks.share_of_n(table, "n_neurons", "M"), intervals.note(table["seed"].nunique()))


def _lengthened(low: pd.DataFrame) -> list[float]:
    """Return the dimensions at which some arm is trained longer; all where none is."""
    longer = low[low["arm"].str.endswith(LONGER)]
    return list((longer if len(longer) else low)["d_model"].unique())


def _map(axes: Axes, part: pd.DataFrame) -> tuple[phase.Cells, QuadMesh]:
    """Draw recovery over (p, d), with the feature frequency, sqrt(n), and half of the best."""
    cells = phase.collect(part, "target_frequency", "d_model")
    mesh = phase.heat_map(axes, cells)
    n, s = part["n_features"].iloc[0], part["sparsity"].iloc[0]
    boundaries.reference(axes, s / n, phase.along(cells.y), "feature_frequency", "$f$")
    boundaries.reference(axes, 1 / n, phase.along(cells.y), "one_feature", "$1/n$")
    boundaries.reference(axes, phase.along(cells.x), math.sqrt(n), "root_n", r"$\sqrt{n}$")
    phase.frequency_axis(axes, cells.x)
    phase.number_axis(axes.yaxis, cells.y, "dimension $d$")
    return cells, mesh


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


def _edges(axes: Axes, maps: list[tuple[str, pd.DataFrame]]) -> None:
    """Draw both edges over d / sqrt(n), in units of f, geometric means over seeds with their intervals."""
    axes.set(xscale="log", yscale="log", xlabel=r"$d/\sqrt{n}$", ylabel="edge of the band, $p/f$")
    axes.set_title("where recovery is half of its best")
    for name, part in maps:
        n, s = part["n_features"].iloc[0], part["sparsity"].iloc[0]
        look = LOOKS.get(name, {"color": "0.4", "marker": "D"})
        for end, stop in (("low", "first"), ("high", "last")):
            points = [
                _Edge(float(each["d_model"].iloc[0]) / math.sqrt(n), *(each[column] * n / s for column in (end, stop)))
                for _, each in edges(part).groupby("d_model")
            ]
            _edge(axes, [each for each in points if each.passed.notna().all()], f"{end}-{name}", look)
            beyond = [(each.x, float(each.grid.iloc[0])) for each in points if each.passed.isna().any()]
            if beyond:
                mark = "v" if end == "low" else "^"
                style: dict[str, Any] = {"linestyle": "", "markerfacecolor": "none", "markersize": 4, "marker": mark}
                axes.plot(*zip(*beyond, strict=True), gid=f"beyond-{end}-{name}", color=look["color"], **style)
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


def _ends(axes: Axes, low: pd.DataFrame) -> None:
    """Draw recovery at the lowest p over the samples of training: a line a control and dimension.

    Where a control was trained for one length only there is a point.
    """
    p, n = low["target_frequency"].min(), low["n_features"].max()
    dimensions = sorted(low["d_model"].unique())
    axes.set_title(checks.title(f"$p$ = {p * n:.2g}$/n$", _of_each("d", dimensions)) if len(low) else "")
    axes.set(xscale="log", xlabel="samples of training", ylabel="recovery (cosine > 0.9)", ylim=(-0.03, 1.03))
    for name, look in LOOKS.items():
        own = low[low["arm"].str.removesuffix(LONGER) == name]
        for d, part in own.groupby("d_model"):
            place = dimensions.index(d)
            points = [
                (float(each["n_samples"].iloc[0]), intervals.mean(each[phase.RECOVERY], 0, 1))
                for _, each in part.groupby("n_samples")
            ]
            for N, each in points:
                intervals.bar(axes, N, each, color=look["color"])
            xy = [(N, each.value) for N, each in points]
            dashes: dict[str, Any] = {"linestyle": DASHES[place % len(DASHES)], "gid": f"end-{name}-{d:.0f}"}
            axes.plot(*zip(*xy, strict=True), markersize=4, linewidth=1.1, **look, **dashes)
    if len(low):
        axes.set_xlim(low["n_samples"].min() / 1.5, low["n_samples"].max() * 1.5)
        values = sorted(low["n_samples"].unique())
        axes.set_xticks(values, [f"{each:,.0f}" for each in values])
        axes.minorticks_off()
    open_axes(axes, "both")


def _of_each(symbol: str, values: list[float]) -> str:
    return f"${symbol}$ = {', '.join(f'{each:,.0f}' for each in values)}" + " (solid to dotted)" * (len(values) > 1)


def _answer(table: pd.DataFrame, maps: list[tuple[str, pd.DataFrame]]) -> str:
    """Return which share of the best recovery is kept at the ends of p after the longest training, greatest over d."""
    told = []
    for name, part in maps:
        longer = table[table["arm"] == name + LONGER]
        shares = [kept for _, each in part.groupby(["n_features", "d_model"]) if (kept := _kept(each, longer))]
        low, high = (max(each[k] for each in shares) for k in (0, 1)) if shares else (math.nan, math.nan)
        told += [f"{low:.0%} and {high:.0%} ({name})"] if shares else []
    return rf"At its lowest and highest $p$ at most {', '.join(told)} of the best is left" if told else "no map"


def _kept(cells: pd.DataFrame, longer: pd.DataFrame) -> tuple[float, float] | None:
    """Return recovery at the lowest and the highest p over the best of one dimension, None where that tells nothing."""
    n, d, m = (float(cells[name].iloc[0]) for name in ("n_features", "d_model", "n_neurons"))
    means = cells.groupby("target_frequency")[phase.RECOVERY].mean().dropna()
    if d * d < n or len(means) < 3 or means.max() < HALF or chance_recovery_rate(d, m, 0.9) > CHANCE:
        return None
    same = pd.concat([cells, longer[(longer["d_model"] == d) & (longer["n_features"] == n)]])
    ends = [same[same["target_frequency"] == each] for each in (means.index[0], means.index[-1])]
    low, high = (float(e.loc[e["n_steps"] == e["n_steps"].max(), phase.RECOVERY].mean() / means.max()) for e in ends)
    return low, high


def _legend(figure: Figure, names: list[str], low: pd.DataFrame, cells: list[phase.Cells]) -> None:
    met = [name for name in LOOKS if name in {*names, *low["arm"].str.removesuffix(LONGER)}]
    labels = {"one-sided, slow": "one-sided, the paper's gain"}
    handles: list[Any] = [Line2D([], [], label=labels.get(name, name), markersize=4, **LOOKS[name]) for name in met]
    hollow: dict[str, Any] = {"linestyle": "", "markerfacecolor": "none", "color": "0.3", "marker": "v"}
    handles.append(Line2D([], [], label="beyond the grid", markersize=4, **hollow))
    handles.append(boundaries.reference_handle(r"$1/n$, $f = s/n$, $d = \sqrt{n}$"))
    handles += phase.legend_handles(cells)
    legend_below(figure, handles, 3)
