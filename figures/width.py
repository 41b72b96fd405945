"""The width that recovery takes: over target frequency and sparsity, over n, and simulated outright where it can be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals, phase, predicted
from figures import rows as checks
from figures.curves import ordered_styles
from figures.style import (
    BLACK,
    DOUBLE_COLUMN,
    SMALL_FONT_SIZE,
    colour_bar,
    heading,
    legend_below,
    new_figure,
    open_axes,
    styled,
)
from theory.conditions import conditions

Array = npt.NDArray[np.float64]
FREE = ("target_frequency", "sparsity", "n_features", "d_model", "n_samples", "n_neurons", "instrument")
VALUE, LOW, HIGH = "log10_required_width", "log10_required_width_low", "log10_required_width_high"
HEADROOM = 8.0  # decades above the measured widths that are shown: the theorem's lines soon leave them
MOST = 30.0
NORMAL = 1.96


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a line of three panels without and one with centred data.

    Required width over target_frequency, a curve a sparsity; over n_features, with the fitted exponent; and recovery
    simulated over (n_neurons, sparsity).  Dashed lines are the theorem's sufficient width n p^(-s), its eps taken as 0.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    results = ("feature_recovery_rate", VALUE, LOW, HIGH)
    table = checks.prepare(rows, free=FREE, needs=("target_frequency", "n_neurons"), results=results, series=("arm",))
    parts = checks.by_centring(table)
    probed = table[table["arm"].isin(["over p", "over n"]) & (table["status"] == "ok")]
    over_p = probed[probed["arm"] == "over p"]
    styles = ordered_styles(list(phase.distinct(over_p["sparsity"])))
    figure = new_figure(DOUBLE_COLUMN, 1.05 + 2.35 * len(parts))
    panels = figure.subplots(len(parts), 3, squeeze=False)
    highest = next(each for each in (probed[VALUE].max(), probed[LOW].max(), 0.0) if math.isfinite(each))
    limits = (0.0, min(float(highest), MOST) + HEADROOM)  # where every width is infinite, there are lower ends at most
    grids = []
    for (centring, part), (left, middle, right) in zip(parts, panels, strict=True):
        _frequency_panel(left, over_p.loc[over_p.index.intersection(part.index)], styles, limits)
        _size_panel(middle, probed[(probed["arm"] == "over n") & probed.index.isin(part.index)], limits)
        grids.append(phase.collect(part[part["arm"] == "simulated"], "n_neurons", "sparsity"))
        mesh = phase.heat_map(right, grids[-1])
        phase.number_axis(right.yaxis, grids[-1].y, "effective sparsity $1/h_i^2 = s$")
        right.set(xlabel="width $M$", title=checks.title("simulated", centring))
        left.set_title(centring or "required width")
    colour_bar(figure, mesh, [panels[-1][-1]] if len(parts) == 1 else list(panels[:, -1]))
    target = table["target_recovery"].dropna()
    share = f"{target.iloc[0]:.0%} of the features" if len(target) else "the features"
    base = f"{checks.counts(over_p, n='n_features', d='d_model')} (left and right)" if len(over_p) else ""
    question = f"How many neurons recover {share}?{answer(probed)}"
    heading(figure, question, checks.title(base, "$d = n/2$ (middle)"))
    curves = [Line2D([], [], label=f"$s$ = {s:.0f}", **style) for s, style in styles.items()]
    theorem = Line2D([], [], color="0.35", linestyle="--", linewidth=0.9, label=r"sufficient: $n\,p^{-s}$")
    most = Line2D([], [], color="0.35", marker="^", markerfacecolor="white", linestyle="", markersize=4,
                  label="at least: no upper end")  # fmt: skip
    told = Line2D([], [], color="0.35", linestyle=":", linewidth=1.2, label="predicted by theory")
    legend_below(figure, [*curves, theorem, told, most, *phase.legend_handles(grids)], 5)
    return figure


def answer(probed: pd.DataFrame) -> str:
    """Return in words the range of the required widths that are known, and how far below n p^(-s): means over seeds."""
    n, s, p = (probed[name].astype(float) for name in ("n_features", "sparsity", "target_frequency"))
    told = pd.DataFrame({"value": probed[VALUE], "spare": np.log10(n) - s * np.log10(p) - probed[VALUE]})
    cells = told.groupby([n, s, p, probed["center"].astype(bool)]).mean()
    if not len(cells) or not np.isfinite(cells["value"]).any():
        return ""
    low, high, spare = cells["value"].min(), cells["value"].max(), cells["spare"].min()
    return f" $10^{{{low:.1f}}}$ to $10^{{{high:.1f}}}$, {spare:.1f} decades or more below the sufficient width"


def _theorem(n: Array, d: Array, s: float, p: Array) -> Array:
    """Return log10 of the sufficient width, eps = 0; the margin stays finite where the width does not."""
    width = conditions(n, d, s, p, 1, epsilon=0.0)["width"]
    return np.asarray(-width.margin * np.log10(n))


def _slope(x: Array, table: pd.DataFrame) -> str:
    """Return "0.9 +- 0.2", the slope of log10 M in `x`, with its interval over seeds, or nothing."""
    y, low, high = (table[name].to_numpy(dtype=float) for name in (VALUE, LOW, HIGH))
    good = np.isfinite(y) & np.isfinite(low) & np.isfinite(high) & (high > low)
    if not good.any():
        return ""
    errors, seeds = (high - low)[good] / (2 * NORMAL), table["seed"].to_numpy()[good]
    found = intervals.slope(x[good], y[good], errors, seeds)
    interval = rf" $\pm$ {(found.high - found.low) / 2:.2f}" if found.high > found.low else ""
    return f"{found.value:.2f}{interval}" if math.isfinite(found.value) else ""


def _points(axes: Axes, x: Array, table: pd.DataFrame, style: dict[str, Any], name: str) -> None:
    """Draw required widths with intervals, medians joined; one without an upper end is a triangle at its lower end."""
    order = np.argsort(x)
    y, low, high = (table[each].to_numpy(dtype=float)[order] for each in (VALUE, LOW, HIGH))
    x = x[order]
    known, open_above = np.isfinite(low) & np.isfinite(high), np.isfinite(low) & ~np.isfinite(high)
    top = axes.get_ylim()[1]
    axes.vlines(x[known], low[known], np.minimum(high[known], top), color=style["color"], linewidth=0.9)
    axes.plot(x, y, gid=name, **(style | {"linestyle": ""}))
    middle = pd.Series(y).groupby(x).median()  # over seeds
    axes.plot(middle.index, middle, color=style["color"], linewidth=style["linewidth"])
    up = style | {"linestyle": "", "marker": "^", "markersize": 4, "markerfacecolor": "white"}
    seen = np.minimum(low, axes.get_ylim()[1] * 0.97)[open_above]  # still true of what lies above the panel
    axes.plot(x[open_above], seen, gid=f"{name}-at-least", **up)


def _frequency_panel(axes: Axes, table: pd.DataFrame, styles: dict[float, Any], limits: tuple[float, float]) -> None:
    axes.set(xscale="log", ylim=limits)
    slopes = []
    for s in phase.distinct(table["sparsity"]):
        part = table[table["sparsity"] == s]
        p = part["target_frequency"].to_numpy(dtype=float)
        _points(axes, p, part, styles[s], f"width-{s:.0f}")
        line = np.geomspace(p.min(), p.max(), 50)
        n, d = (np.full_like(line, part[name].iloc[0]) for name in ("n_features", "d_model"))
        axes.plot(line, _theorem(n, d, s, line), color=styles[s]["color"], linestyle="--", linewidth=0.9)
        _predicted(axes, p, part, styles[s]["color"])
        slope = _slope(np.log10(p), part)
        slopes.append(f"$s$ = {s:.0f}: {slope}" if slope else "")
    text = "\n".join(["exponent in $p$", *(each for each in slopes if each)])
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    corner: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right", "va": "top", "fontsize": SMALL_FONT_SIZE}
    axes.annotate(text, (0.99, 0.99), bbox=box, **corner)
    phase.frequency_axis(axes, phase.distinct(table["target_frequency"]))
    _decades(axes)


def _size_panel(axes: Axes, table: pd.DataFrame, limits: tuple[float, float]) -> None:
    axes.set(xscale="log", ylim=limits)
    if table.empty:
        return
    n, d, p = (table[name].to_numpy(dtype=float) for name in ("n_features", "d_model", "target_frequency"))
    s = float(table["sparsity"].iloc[0])
    _points(axes, n, table, {"color": BLACK, "marker": "o", "markersize": 3.2, "linewidth": 1.1}, "width-n")
    _predicted(axes, n, table, BLACK)
    order = np.argsort(n)
    sufficient = _theorem(n, d, s, p)
    axes.plot(n[order], sufficient[order], color=BLACK, linestyle="--", linewidth=0.9, gid="theorem-n")
    asked = np.polyfit(np.log10(n), sufficient, 1)[0] if n.size > 1 else math.nan
    slope = _slope(np.log10(n), table)
    axes.set_title(f"exponent in $n$: {slope}\n(sufficient: {asked:.2f})" if slope else "")
    where: dict[str, Any] = {"xycoords": "axes fraction", "fontsize": SMALL_FONT_SIZE}
    axes.annotate(f"$s$ = {s:.0f}, {checks.frequency_note(table)}", (0.03, 0.03), **where)
    phase.number_axis(axes.xaxis, np.sort(n), "features $n$", at_most=4)
    _decades(axes)


def _predicted(axes: Axes, x: Array, table: pd.DataFrame, colour: Any) -> None:
    """Draw the width that theory alone predicts for each row, as far as it is in sight."""
    names = [
        "n_features",
        "d_model",
        "sparsity",
        "target_frequency",
        "n_samples",
        "n_steps",
        "center",
        "target_recovery",
    ]
    drawn: dict[float, float] = {}
    for place, (n, d, s, p, n_samples, n_steps, center, target) in zip(x, table[names].to_numpy(), strict=True):
        sizes = (int(n), int(d), int(s), float(p), int(n_samples), int(n_steps), bool(center))
        drawn[float(place)] = math.log10(predicted.width(*sizes, float(target)))
    known = sorted(each for each in drawn.items() if each[1] < axes.get_ylim()[1])
    if known:
        axes.plot(*zip(*known, strict=True), color=colour, linestyle=":", linewidth=1.2, gid="predicted")


def _decades(axes: Axes) -> None:
    axes.set_ylabel(r"required width $\log_{10} M$")
    open_axes(axes, "y")
