"""The critical p over the number of steps, measured and by the recursion, at several tau and N/n."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import curves, intervals, phase, predicted, series
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled
from theory.transitions import crossing

Array = npt.NDArray[np.float64]
RESULT, HISTORY = "learnable_fraction", "recovery_per_step"
HISTORIES = {0.8: "recovery_per_step_080", 0.9: HISTORY, 0.95: "recovery_per_step_095"}  # by threshold tau
FIRST_STEP, N_FREQUENCIES = 2, 9


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the critical p (share 1/2) over T, a panel a threshold, a colour for each N/n, a marker for each n.

    Lines are the recursion's, at the largest n of each N/n.  Bars are 95 % intervals over seeds.
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
    known = {tau: name for tau, name in HISTORIES.items() if name in table and table[name].notna().all()}
    styles = curves.ordered_styles(list(phase.distinct(table["ratio"])))
    sizes = phase.distinct(table["n_features"])
    figure = new_figure(DOUBLE_COLUMN if len(known) > 1 else SINGLE_COLUMN, 3.3)
    panels = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    errors: list[float] = []
    for axes, (tau, name) in zip(panels, known.items(), strict=True):
        largest = table.groupby("ratio")["n_features"].max().to_dict()
        for (ratio, n), part in table.groupby(["ratio", "n_features"]):
            style = styles[ratio] | {"marker": curves.MARKERS[int(np.searchsorted(sizes, float(str(n))))]}
            errors += _curve(axes, part, tau, name, style, theory=n == largest[ratio])
        axes.set(xlabel="steps $T$", title=f"$\\tau$ = {tau:g}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        open_axes(axes, "both")
    panels[0].set_ylabel("critical $p$")
    if any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for axes in panels for line in axes.lines):
        panels[0].set_yscale("log")
        plain_log(panels[0].yaxis)
    heading(figure, "The critical p falls with every step: it is no phase boundary", _notes(table, failed, errors))
    handles = [_handle(f"$N/n$ = {each:g}", styles[each] | {"marker": "s"}) for each in styles]
    handles += [
        _handle(f"$n$ = {each:,.0f}", {"color": "0.2", "marker": curves.MARKERS[k], "markersize": 3.2})
        for k, each in enumerate(sizes)
    ]
    told = "recursion, at the largest $n$"
    legend_below(figure, [*handles, Line2D([], [], color="0.2", linewidth=1.1, label=told)], 3)
    return figure


def _curve(
    axes: Axes, part: pd.DataFrame, tau: float, name: str, style: dict[str, Any], *, theory: bool
) -> list[float]:
    """Draw the critical p of one n and N/n; return log predicted over measured where both are known."""
    found = measured(part, name)
    for step, each in found.items():
        intervals.bar(axes, step, each, color=style["color"])
    axes.plot(list(found), [each.value for each in found.values()], **(style | {"linestyle": ""}))
    if not theory:
        return []
    one, p = part.iloc[0], phase.distinct(part["target_frequency"])
    n, d, s = (int(one[each]) for each in ("n_features", "d_model", "sparsity"))
    low_high = tuple(float(each) for each in np.geomspace(p[0], p[-1], N_FREQUENCIES))
    steps, n_samples = int(one["n_steps"]), int(one["n_samples"])
    line = predicted.critical_by_step(n, d, s, low_high, n_samples, steps, bool(one["center"]), tau)
    axes.plot(np.arange(FIRST_STEP, len(line)), line[FIRST_STEP:], color=style["color"], linewidth=1.1)
    off = [np.log(line[step] / each.value) for step, each in found.items()]
    return [float(each) for each in off if np.isfinite(each)]


def measured(part: pd.DataFrame, name: str = HISTORY) -> dict[int, intervals.Mean]:
    """Return the critical p after each step from the second on, geometric mean over the seeds where there is one."""
    found: dict[int, list[float]] = {}
    for _, draw in part.groupby("seed"):
        ordered = draw.sort_values("target_frequency")
        shares = np.stack([series.points(text, name).ravel() for text in ordered[name]])
        for step in range(FIRST_STEP, shares.shape[1]):
            found.setdefault(step, []).append(crossing(ordered["target_frequency"], shares[:, step]))
    return {step: intervals.log_mean([each for each in all_ if np.isfinite(each)]) for step, all_ in found.items()}


def _notes(table: pd.DataFrame, failed: int, errors: list[float]) -> str:
    centred = "centred data" if bool(table["center"].iloc[0]) else "not centred"
    sizes = (checks.share_of_n(table, "d_model", "d"), checks.counts(table, s="sparsity"))
    rms = float(np.sqrt(np.mean(np.square(errors)))) if errors else float("nan")
    told = f"recursion over measured: a factor of {np.exp(rms):.2f} (rms)" if errors else ""
    failures = f"{failed} runs failed" if failed else ""
    bars = intervals.note(table["seed"].nunique())
    return checks.title(*sizes, centred, "half of the features kept", told, failures, bars)


def _handle(label: str, style: dict[str, Any]) -> Line2D:
    return Line2D([], [], label=label, **(style | {"linestyle": ""}))
