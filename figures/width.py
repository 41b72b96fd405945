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

from figures import phase
from figures import rows as checks
from figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    SMALL_FONT_SIZE,
    VERMILLION,
    colour_bar,
    legend_below,
    new_figure,
    styled,
)
from theory.conditions import EPSILON, conditions
from theory.scaling import fit_slope

Array = npt.NDArray[np.float64]
FREE = ("target_frequency", "sparsity", "n_features", "d_model", "n_samples", "n_neurons", "instrument")
VALUE, LOW, HIGH = "log10_required_width", "log10_required_width_low", "log10_required_width_high"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
HEADROOM = 12.0  # decades above the measured widths that are shown: the theorem's lines soon leave them
NORMAL = 1.96


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a line of three panels without and one with centred data.

    Required width over target_frequency, a curve a sparsity; over n_features, with the fitted exponent; and recovery
    simulated over (n_neurons, sparsity).  Dashed lines are the theorem's sufficient width n p^(-s/(1-eps)^2).
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=FREE, results=("instrument", "feature_recovery_rate", VALUE, LOW, HIGH))
    for name in (VALUE, LOW, HIGH):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    parts = checks.by_centring(table)
    probed = table[(table["instrument"] == "width") & (table["status"] == "ok")]
    by_size, over_frequency = _slices(probed)
    colours = dict(zip(phase.distinct(over_frequency["sparsity"]), COLOURS * 3, strict=False))
    figure = new_figure(DOUBLE_COLUMN, 0.9 + 2.35 * len(parts))
    panels = figure.subplots(len(parts), 3, squeeze=False)
    top = float(probed[[VALUE, LOW]].max().max())
    limits = (0.0, min(top, 30.0) + HEADROOM)
    grids = []
    for (centring, part), (left, middle, right) in zip(parts, panels, strict=True):
        _frequency_panel(left, part.loc[part.index.intersection(over_frequency.index)], colours, limits)
        _size_panel(middle, part.loc[part.index.intersection(by_size.index)], limits)
        grids.append(phase.collect(part[part["instrument"] == "simulation"], "n_neurons", "sparsity"))
        mesh = phase.heat_map(right, grids[-1])
        phase.number_axis(right.yaxis, grids[-1].y, "effective sparsity $1/h_i^2 = s$")
        right.set(xlabel="width $M$", title=checks.title("simulated", centring))
        left.set_title(centring or "required width")
    colour_bar(figure, mesh, [panels[-1][-1]] if len(parts) == 1 else list(panels[:, -1]))
    figure.suptitle(_title(table, probed, over_frequency))
    curves = [
        Line2D([], [], color=c, marker="o", markersize=3.2, linewidth=1.1, label=f"$s$ = {s:.0f}")
        for s, c in colours.items()
    ]
    theorem = Line2D(
        [],
        [],
        color="0.35",
        linestyle="--",
        linewidth=0.9,
        label=rf"sufficient: $n\,p^{{-s/(1-\varepsilon)^2}}$, $\varepsilon$ = {EPSILON:g}",
    )
    legend_below(figure, [*curves, theorem, *phase.legend_handles(grids)], 5)
    return figure


def _slices(probed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows over n (one frequency a size) and those over frequency at the size with most of these."""
    base = probed.groupby("n_features")["target_frequency"].nunique().idxmax()
    other = probed[probed["n_features"] != base]
    sizes = other["sparsity"].unique()
    at_base = probed[probed["n_features"] == base]
    if not sizes.size:
        return probed[:0], at_base
    # The slice over n has one row at the base: the frequency that no other sparsity is probed at, or the last.
    lonely = at_base.groupby("target_frequency")["sparsity"].transform("nunique") == 1
    several = phase.distinct(at_base["sparsity"]).size > 1
    mark = lonely & at_base["sparsity"].isin(sizes) & several
    return pd.concat([other, at_base[mark]]), at_base[~mark]


def _theorem(n: Array, d: Array, s: float, p: Array) -> Array:
    """Return log10 of the sufficient width; the margin stays finite where the width does not."""
    width = conditions(n, d, s, p, 1)["width"]
    return np.asarray(-width.margin * np.log10(n))


def _slope(x: Array, table: pd.DataFrame) -> str:
    """Return "0.9 +- 0.2", the slope of log10 M in `x` by least squares weighted by the intervals, or nothing."""
    y, low, high = (table[name].to_numpy(dtype=float) for name in (VALUE, LOW, HIGH))
    good = np.isfinite(y) & np.isfinite(low) & np.isfinite(high) & (high > low)
    found = fit_slope(x[good], y[good], (high - low)[good] / (2 * NORMAL))
    return rf"{found.value:.2f} $\pm$ {(found.high - found.low) / 2:.2f}" if math.isfinite(found.value) else ""


def _points(axes: Axes, x: Array, table: pd.DataFrame, colour: str, name: str) -> None:
    """Draw required widths with intervals; one without an upper end goes off the panel, one without a value is open."""
    order = np.argsort(x)
    y, low, high = (table[each].to_numpy(dtype=float)[order] for each in (VALUE, LOW, HIGH))
    x = x[order]
    ceiling = axes.get_ylim()[1] * 2
    known = np.isfinite(low)
    axes.vlines(x[known], low[known], np.where(np.isfinite(high), high, ceiling)[known], color=colour, linewidth=0.9)
    axes.plot(x, y, color=colour, marker="o", markersize=3.2, linewidth=1.1, gid=name)
    only_low = known & ~np.isfinite(y)
    axes.plot(x[only_low], low[only_low], color=colour, linestyle="", marker="^", markersize=4, markerfacecolor="white")


def _frequency_panel(axes: Axes, table: pd.DataFrame, colours: dict[float, str], limits: tuple[float, float]) -> None:
    axes.set(xscale="log", ylim=limits)
    slopes = []
    for s in phase.distinct(table["sparsity"]):
        part = table[table["sparsity"] == s]
        p = part["target_frequency"].to_numpy(dtype=float)
        _points(axes, p, part, colours[s], f"width-{s:.0f}")
        line = np.geomspace(p.min(), p.max(), 50)
        n, d = (np.full_like(line, part[name].iloc[0]) for name in ("n_features", "d_model"))
        axes.plot(line, _theorem(n, d, s, line), color=colours[s], linestyle="--", linewidth=0.9)
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
    _points(axes, n, table, BLACK, "width-n")
    order = np.argsort(n)
    sufficient = _theorem(n, d, s, p)
    axes.plot(n[order], sufficient[order], color=BLACK, linestyle="--", linewidth=0.9, gid="theorem-n")
    asked = np.polyfit(np.log10(n), sufficient, 1)[0] if n.size > 1 else math.nan
    slope = _slope(np.log10(n), table)
    axes.set_title(f"exponent in $n$: {slope}\n(sufficient: {asked:.2f})" if slope else "")
    axes.annotate(
        f"$s$ = {s:.0f}, {checks.frequency_note(table)}",
        (0.03, 0.03),
        xycoords="axes fraction",
        fontsize=SMALL_FONT_SIZE,
    )
    phase.number_axis(axes.xaxis, np.sort(n), "features $n$", at_most=4)
    _decades(axes)


def _decades(axes: Axes) -> None:
    axes.set_ylabel(r"required width $\log_{10} M$")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)


def _title(table: pd.DataFrame, probed: pd.DataFrame, over_frequency: pd.DataFrame) -> str:
    base = checks.counts(over_frequency, n="n_features", d="d_model") if len(over_frequency) else ""
    target = pd.to_numeric(table["target_recovery"]).iloc[0]
    return f"width that recovers {target:.0%} of the features: {base} (left and right), $d = n/2$ (middle)"
