"""How the transitions of learnability move with n: critical p, its sharpness, and critical d, beside the exponents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from figures import curves, phase, predicted
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled
from theory.scaling import CRITICAL_DIMENSION_EXPONENT, upper_edge_exponent
from theory.transitions import crossing, transition_width

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons")
RESULT = "learnable_fraction"
APART = 0.25  # ours: exponents that differ by more are others


def transitions(table: pd.DataFrame) -> pd.DataFrame:
    """Return the critical p and the width of its transition for each center, sparsity and n, of the cuts over p.

    Columns: center, sparsity, n_features, d_model, n_samples, n_steps, critical, width; NaN where p does not cross.
    """
    found: list[dict[str, Any]] = []
    names = ["center", "sparsity", "n_features", "d_model", "n_samples", "n_steps"]
    for key, part in table[table["arm"] == "over p"].groupby(names):
        rates = part.groupby("target_frequency")[RESULT].mean()
        p, y = rates.index.to_numpy(), rates.to_numpy()
        found.append(dict(zip(names, key, strict=True)) | {"critical": crossing(p, y), "width": transition_width(p, y)})
    return pd.DataFrame(found, columns=[*names, "critical", "width"])


def critical_dimensions(table: pd.DataFrame) -> pd.DataFrame:
    """Return the d at which learnability first rises through 1/2, of the cuts over d; columns center, n, critical."""
    found = []
    for (center, n), part in table[table["arm"] == "over d"].groupby(["center", "n_features"]):
        rates = part.groupby("d_model")[RESULT].mean()
        critical = crossing(rates.index.to_numpy(), rates.to_numpy(), falling=False)
        found.append({"center": center, "n_features": n, "critical": critical})
    return pd.DataFrame(found, columns=["center", "n_features", "critical"])


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return critical p, width of the transition and critical d over n; filled: centred data, hollow: not centred.

    Crosses, joined, are predictions without simulation (theory.prediction), dotted lines have the theorem's exponents;
    of the critical d, at whose p = 1/n the theorem allows every d, that of the paper's picture of the upper edge.
    Dash-dotted is the width that stays as n -> infinity, centred.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free, needs = ("n_features", "sparsity", *FOLLOWS), ("target_frequency", "n_steps")
    table = checks.prepare(rows, free=free, needs=needs, results=(RESULT,), series=("arm",))
    table = table[table["status"] == "ok"]
    points = transitions(table)
    styles = curves.ordered_styles(sorted(points["sparsity"].unique()))
    figure = new_figure(DOUBLE_COLUMN, 3.1)
    left, middle, right = figure.subplots(1, 3)
    for (s, center), part in points.groupby(["sparsity", "center"]):
        style = styles[s] | _face(bool(center), styles[s]["color"])
        left.plot(part["n_features"], part["critical"], **style)
        middle.plot(part["n_features"], part["width"], **style)
        _prediction(left, part, styles[s]["color"])
        if center:
            _exponent(left, part, upper_edge_exponent(float(str(s))), styles[s]["color"])
            _floor(middle, part, styles[s]["color"])
    critical = critical_dimensions(table)
    for center, part in critical.groupby("center"):
        style = {"color": "0.2", "marker": "o", "markersize": 3.2, "linewidth": 1.1}
        right.plot(part["n_features"], part["critical"], **(style | _face(bool(center), "0.2")))
        if center:
            _exponent(right, part, CRITICAL_DIMENSION_EXPONENT, "0.4", dashes=(0, (4, 1.5)))
    for axes in (left, middle, right):
        if any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in axes.lines):
            axes.set_yscale("log")  # where nothing crosses there is nothing to scale
    sizes = phase.distinct(table["n_features"])
    _decorate(left, "critical $p$ ($d = n/2$)", sizes)
    _decorate(middle, "width of the transition in $\\log p$", sizes)
    _decorate(right, "critical $d$ ($s = 3$, $p = 1/n$)", sizes)
    where = ("where the learnable fraction passes 1/2", "$\\tau$ = 0.9", checks.counts(table, T="n_steps"))
    notes = checks.title(*where, checks.share_of_n(table, "n_samples", "N"))
    heading(figure, f"Do critical p and d move with n as the band?{answer(points, critical)}", notes)
    legend_below(figure, _legend(styles), 4)
    return figure


def answer(points: pd.DataFrame, dimensions: pd.DataFrame) -> str:
    """Return in words the powers of n of the critical p and d, beside those of the theorem and of the paper's picture.

    Of centred data if any.
    """
    told, theorem, apart = [], {}, []
    points, dimensions = (each[each["center"] == each["center"].max()] for each in (points, dimensions))
    slopes = {s: _slope(part) for s, part in points.groupby("sparsity")}
    known = {s: each for s, each in slopes.items() if np.isfinite(each)}
    if known:
        theorem = {s: upper_edge_exponent(float(str(s))) for s in known}
        apart = [abs(each - theorem[s]) > APART for s, each in known.items()]
        told.append(f"p ~ {_powers(known.values())} (theorem: {_powers(theorem.values())})")
    if np.isfinite(slope := _slope(dimensions)):
        apart.append(abs(slope - CRITICAL_DIMENSION_EXPONENT) > APART)
        told.append(f"d ~ {_powers([slope])} (picture: {_powers([CRITICAL_DIMENSION_EXPONENT])})")
    verdict = " No:" if all(apart) else " Yes:" if not any(apart) else ""
    return f"{verdict} {', '.join(told)}" if told else ""


def _powers(exponents: Iterable[float]) -> str:
    """Return "$n^{0.1}$", or the least and the greatest of several."""
    known = sorted(exponents)
    return " to ".join(dict.fromkeys(f"$n^{{{each + 0.0:.2f}}}$" for each in (known[0], known[-1])))


def _slope(part: pd.DataFrame) -> float:
    known = part.dropna(subset=["critical"])
    x, y = np.log(known[["n_features", "critical"]].to_numpy(dtype=float)).T
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else np.nan


def _face(center: bool, colour: Any) -> dict[str, Any]:
    return {"markerfacecolor": colour if center else "white", "linestyle": "-" if center else "--"}


def _prediction(axes: Axes, part: pd.DataFrame, colour: Any) -> None:
    names = ["n_features", "d_model", "sparsity", "n_samples", "n_steps"]
    p = [
        predicted.critical(int(n), int(d), int(s), int(n_samples), int(steps), bool(center))
        for n, d, s, n_samples, steps, center in part[[*names, "center"]].to_numpy()
    ]
    axes.plot(part["n_features"], p, color=colour, marker="x", markersize=4.5, linestyle="-", linewidth=0.5, zorder=3)


def _exponent(axes: Axes, part: pd.DataFrame, exponent: float, colour: Any, dashes: Any = ":") -> None:
    """Draw a power of n, the theorem's unless dashed, through the first measured point."""
    known = part.dropna(subset=["critical"])
    if len(known) > 1:
        n = known["n_features"].to_numpy(dtype=float)
        axes.plot(n, known["critical"].iloc[0] * (n / n[0]) ** exponent, color=colour, linewidth=0.8, linestyle=dashes)


def _floor(axes: Axes, part: pd.DataFrame, colour: Any) -> None:
    """Draw the width that is left as n -> infinity at the same d/n and N/n, over the larger half of the sizes."""
    last = part.iloc[-1]
    n, s, steps = (int(last[each]) for each in ("n_features", "sparsity", "n_steps"))
    width = predicted.floor(last["d_model"] / n, s, last["n_samples"] / n, steps, bool(last["center"]))
    axes.plot([np.sqrt(n * part["n_features"].iloc[0]), n], [width] * 2, color=colour, linewidth=0.9, linestyle="-.")


def _decorate(axes: Axes, title: str, sizes: phase.Array) -> None:
    axes.set(xscale="log", title=title)
    phase.number_axis(axes.xaxis, sizes, "features $n$", at_most=5)
    if axes.get_yscale() == "log":
        plain_log(axes.yaxis)
        low, high = axes.get_ylim()
        if high < 30 * low:  # 1, 2 and 5 alone would be two ticks
            axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 1.5, 2, 3, 5, 7)))
    open_axes(axes, "both")


def _legend(styles: dict[Any, dict[str, Any]]) -> list[Line2D]:
    handles = [Line2D([], [], label=f"$s$ = {s:,.0f}", **style) for s, style in styles.items()]
    grey: dict[str, Any] = {"color": "0.2", "markersize": 3.2, "linewidth": 1.1}
    return [
        *handles,
        Line2D([], [], marker="o", label="centred data", **grey),
        Line2D([], [], marker="o", label="not centred", **(grey | _face(False, "0.2"))),
        Line2D([], [], label="predicted", **(grey | {"marker": "x", "linestyle": "", "markersize": 4.5})),
        Line2D([], [], color="0.4", linewidth=0.8, linestyle=":", label="theorem's exponent"),
        Line2D([], [], color="0.4", linewidth=0.8, linestyle=(0, (4, 1.5)), label="the paper's picture"),
        Line2D([], [], color="0.4", linewidth=0.9, linestyle="-.", label=r"width at $n \to \infty$, centred"),
    ]
