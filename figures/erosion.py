"""The critical p over the number of steps, measured and by the recursion, at several tau, N/n and d."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import critical, curves, intervals, phase
from figures import rows as checks
from figures.critical import FIRST_STEP, HISTORIES
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled

RESULT, HISTORY = "learnable_fraction", HISTORIES[0.9]
SMALL = "small d"  # the arm that is drawn by d


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the critical p (share 1/2) over T, a panel a threshold: above by N/n and n, below by d where it is small.

    Lines are the recursion's, above at the largest n of each N/n.  Bars are 95 % intervals over seeds.
    Raises ValueError for rows without the columns it reads.
    """
    free = ("target_frequency", "n_samples", "n_features", "d_model")
    table = checks.prepare(rows, free=free, needs=free, results=(RESULT,), series=("arm", HISTORY))
    checks.one_value(table, "center")
    failed = int((table["status"] != "ok").sum())
    table = table[table["status"] == "ok"].dropna(subset=[HISTORY])
    if table.empty:
        raise ValueError("rows=0, but should be at least one finished run")
    table["ratio"] = table["n_samples"] / table["n_features"]
    known = [tau for tau, name in HISTORIES.items() if name in table and table[name].notna().all()]
    small = table["arm"] == SMALL
    parts = [(part, by) for part, by in ((table[~small], "ratio"), (table[small], "d_model")) if len(part)]
    figure = new_figure(DOUBLE_COLUMN if len(known) > 1 else SINGLE_COLUMN, 0.9 + 2.4 * len(parts))
    panels = figure.subplots(len(parts), len(known), sharey="row", squeeze=False)
    errors = [_row(axes, part, by, known) for axes, (part, by) in zip(panels, parts, strict=True)]
    for axes, tau in zip(panels[0], known, strict=True):
        axes.set_title(f"$\\tau$ = {tau:g}")
    for axes in panels[-1]:
        axes.set_xlabel("steps $T$")
    heading(
        figure, "The critical p falls with every step: it is no phase boundary", _notes(table, failed, parts, errors)
    )
    handles = [each for part, by in parts for each in _handles(part, by)]
    told = "recursion, at the largest $n$"
    legend_below(figure, [*handles, Line2D([], [], color="0.2", linewidth=1.1, label=told)], 3)
    return figure


def _row(panels: Sequence[Axes], table: pd.DataFrame, by: str, known: list[float]) -> list[float]:
    """Draw the critical p by N/n or d, a panel a threshold; return log predicted over measured where both are known."""
    styles, markers = _styles(table, by)
    parts = [part for _, part in table.groupby([by, "n_features"])]
    largest = table.groupby(by)["n_features"].transform("max")
    errors: list[float] = []
    for axes, tau in zip(panels, known, strict=True):
        for part in parts:
            key, n = float(part[by].iloc[0]), float(part["n_features"].iloc[0])
            theory = n == largest[part.index[0]]
            errors += _curve(axes, part, tau, styles[key] | {"marker": markers[n]}, theory=theory)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        open_axes(axes, "both")
    panels[0].set_ylabel("critical $p$" + (", small $d$" if by == "d_model" else ""))
    if any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for axes in panels for line in axes.lines):
        panels[0].set_yscale("log")
        plain_log(panels[0].yaxis)
    return errors


def _styles(table: pd.DataFrame, by: str) -> tuple[dict[float, dict[str, Any]], dict[float, str]]:
    """Return the look of each N/n or d, and the marker of each n."""
    sizes = phase.distinct(table["n_features"])
    return curves.ordered_styles(list(phase.distinct(table[by]))), dict(zip(sizes, curves.MARKERS, strict=False))


def _handles(table: pd.DataFrame, by: str) -> list[Line2D]:
    styles, markers = _styles(table, by)
    if by == "d_model":
        return [_handle(f"$d$ = {each:,.0f}", style | {"marker": "o"}) for each, style in styles.items()]
    return [
        *(_handle(f"$N/n$ = {each:g}", style | {"marker": "s"}) for each, style in styles.items()),
        *(
            _handle(f"$n$ = {each:,.0f}", {"color": "0.2", "marker": marker, "markersize": 3.2})
            for each, marker in markers.items()
        ),
    ]


def _curve(axes: Axes, part: pd.DataFrame, tau: float, style: dict[str, Any], *, theory: bool) -> list[float]:
    """Draw the critical p of one n, d and N/n; return log predicted over measured where both are known."""
    found = critical.measured(part, tau)
    for step, each in found.items():
        intervals.bar(axes, step, each, color=style["color"])
    axes.plot(list(found), [each.value for each in found.values()], **(style | {"linestyle": ""}))
    if not theory:
        return []
    line = critical.by_theory(part, tau)
    axes.plot(np.arange(FIRST_STEP, len(line)), line[FIRST_STEP:], color=style["color"], linewidth=1.1)
    off = [np.log(line[step] / each.value) for step, each in found.items()]
    return [float(each) for each in off if np.isfinite(each)]


def _notes(
    table: pd.DataFrame, failed: int, parts: Sequence[tuple[pd.DataFrame, str]], errors: Sequence[list[float]]
) -> str:
    centred = "centred data" if bool(table["center"].iloc[0]) else "not centred"
    told = [checks.counts(table, s="sparsity"), centred, "half of the features kept"]
    for (part, by), each in zip(parts, errors, strict=True):
        sizes = [checks.counts(part, n="n_features"), checks.share_of_n(part, "n_samples", "N")] * (by == "d_model")
        where = checks.title(*sizes, checks.share_of_n(part, "d_model", "d"))
        told.append(f"{where}: recursion over measured {critical.agreement(each)}" if each else where)
        told.append(intervals.note(part["seed"].nunique()))
    return checks.title(*told, f"{failed} runs failed" if failed else "")


def _handle(label: str, style: dict[str, Any]) -> Line2D:
    return Line2D([], [], label=label, **(style | {"linestyle": ""}))
