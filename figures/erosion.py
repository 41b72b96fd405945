"""The critical p over the number of steps, measured and by the recursion, at several numbers of samples."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import curves, intervals, series
from figures import rows as checks
from figures.style import SINGLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled
from theory.prediction import learnable_by_step
from theory.transitions import crossing

Array = npt.NDArray[np.float64]
RESULT, HISTORY = "learnable_fraction", "recovery_per_step"
FIRST_STEP, N_FREQUENCIES = 2, 13


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the critical p (share 1/2 at tau = 0.9) over T, a colour for each N/n; lines are the recursion's.

    Bars are 95 % intervals over seeds.  Raises ValueError for rows without the columns it reads.
    """
    free = ("target_frequency", "n_samples")
    table = checks.prepare(rows, free=free, needs=free, results=(RESULT,), series=("arm", HISTORY))
    checks.one_value(table, "center")
    failed = int((table["status"] != "ok").sum())
    table = table[table["status"] == "ok"].dropna(subset=[HISTORY])
    if table.empty:
        raise ValueError("rows=0, but should be at least one finished run")
    styles = curves.ordered_styles(sorted(table["n_samples"].unique()))
    figure = new_figure(SINGLE_COLUMN, 3.4)
    axes = figure.subplots()
    for n_samples, part in table.groupby("n_samples"):
        style = styles[n_samples] | {"linestyle": ""}
        found = measured(part)
        for step, each in found.items():
            intervals.bar(axes, step, each, color=style["color"])
        axes.plot(list(found), [each.value for each in found.values()], **style)
        one = part.iloc[0]
        sizes = tuple(int(one[name]) for name in ("n_features", "d_model", "sparsity"))
        ends = float(part["target_frequency"].min()), float(part["target_frequency"].max())
        line = predicted(*sizes, *ends, int(str(int(one["n_samples"]))), int(one["n_steps"]), bool(one["center"]))
        axes.plot(np.arange(FIRST_STEP, len(line)), line[FIRST_STEP:], color=style["color"], linewidth=1.1)
    if any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in axes.lines):
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    axes.set(xlabel="steps $T$", ylabel="critical $p$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_axes(axes, "both")
    seeds = table["seed"].nunique()
    centred = "centred data" if bool(table["center"].iloc[0]) else "not centred"
    sizes_told = checks.counts(table, n="n_features", d="d_model", s="sparsity")
    failures = f"{failed} runs failed" if failed else ""
    told = (sizes_told, centred, "half of the features kept", "$\\tau$ = 0.9", failures, intervals.note(seeds))
    notes = checks.title(*told)
    heading(figure, "How does the critical p erode with the steps?", notes)
    n = float(table["n_features"].iloc[0])
    handles = [_handle(f"$N/n$ = {each / n:g}", styles[each]) for each in styles]
    legend_below(figure, [*handles, Line2D([], [], color="0.2", linewidth=1.1, label="recursion")], 2)
    return figure


def measured(part: pd.DataFrame) -> dict[int, intervals.Mean]:
    """Return the critical p after each step from the second on, geometric mean over the seeds where there is one."""
    found: dict[int, list[float]] = {}
    for _, draw in part.groupby("seed"):
        ordered = draw.sort_values("target_frequency")
        shares = np.stack([series.points(text, HISTORY).ravel() for text in ordered[HISTORY]])
        for step in range(FIRST_STEP, shares.shape[1]):
            found.setdefault(step, []).append(crossing(ordered["target_frequency"], shares[:, step]))
    return {step: intervals.log_mean([each for each in all_ if np.isfinite(each)]) for step, all_ in found.items()}


@cache
def predicted(
    n: int, d: int, s: int, low: float, high: float, n_samples: int, n_steps: int, center: bool
) -> tuple[float, ...]:
    """Return the recursion's critical p after 0 .. T steps, NaN where it does not lie between `low` and `high`."""
    p = np.geomspace(low, high, N_FREQUENCIES)
    shares = np.stack([learnable_by_step(n, d, s, float(each), n_samples, n_steps, center=center) for each in p])
    return tuple(crossing(p, column) for column in shares.T)


def _handle(label: str, style: dict[str, Any]) -> Line2D:
    return Line2D([], [], label=label, **(style | {"linestyle": ""}))
