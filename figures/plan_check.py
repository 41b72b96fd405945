"""What plans made by theory alone recover when they are carried out, beside what they were to reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import beta

from figures import intervals, phase, predicted
from figures import rows as checks
from figures.style import BLUE, SINGLE_COLUMN, VERMILLION, heading, legend_below, new_figure, open_axes, styled

RESULT = "feature_recovery_rate"
PLAN = ("n_features", "d_model", "sparsity", "target_frequency", "n_samples", "n_steps", "n_neurons", "center")
WORD = "target "  # of an arm, before the wanted rate


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the recovery rate of each plan, mean over seeds, with its target and the rate that was predicted.

    The title says how many runs reach their target, with the 95 % Clopper-Pearson interval of that share, runs taken
    as independent.  Raises ValueError for rows without the columns it reads.
    """
    free, needs = PLAN, ("target_frequency", "n_neurons", "n_steps")
    table = checks.prepare(rows, free=free, needs=needs, results=(RESULT,), series=("arm",))
    failed = int((table["status"] != "ok").sum())
    table = carried_out(table)
    groups = list(table.groupby(["target", *PLAN], sort=True))
    figure = new_figure(SINGLE_COLUMN, max(2.6, 1.3 + 0.2 * len(groups)))
    axes = figure.subplots()
    for place, ((target, *plan), part) in enumerate(groups):
        measured = intervals.mean(part[RESULT], 0.0, 1.0)
        intervals.bar(axes, measured, place, color=BLUE)
        axes.plot([measured.value], [place], marker="o", markersize=3.6, linestyle="", color=BLUE)
        wanted = float(str(target))
        axes.plot([wanted] * 2, [place - 0.35, place + 0.35], color=VERMILLION, linewidth=1.3)
        n, d, s, p, n_samples, n_steps, width, center = (float(each) for each in np.array(plan, dtype=float))
        sizes = (int(n), int(d), int(s), p, int(n_samples), int(n_steps), bool(center))
        axes.plot([predicted.recovery(*sizes, int(width))], [place], **_PREDICTED)
    labels = [_label(each) for _, each in groups]
    axes.set_yticks(np.arange(len(groups)), labels)
    axes.set(xlabel="recovery rate", ylabel="$n$, $d$, $s$; width; steps", xlim=(None, 1.01))
    axes.invert_yaxis()
    open_axes(axes, "x")
    heading(
        figure,
        "Most plans made by theory alone hold" if _share(table) > 0.5 else "Few plans made by theory alone hold",
        checks.title(held(table), f"{failed} runs failed" if failed else ""),
    )
    handles = [
        Line2D([], [], marker="o", markersize=3.6, linestyle="", color=BLUE, label="measured"),
        Line2D([], [], label="predicted", **_PREDICTED),
        Line2D([], [], color=VERMILLION, linewidth=1.3, label="target"),
    ]
    legend_below(figure, handles, 3)
    return figure


_PREDICTED: dict[str, Any] = {"marker": "x", "markersize": 4.0, "linestyle": "", "color": "0.2"}


def carried_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the finished rows with their target, which their arm names; raises ValueError where one names none."""
    done = table.dropna(subset=[RESULT])
    if done.empty:
        raise ValueError("plans=0, but should be at least one that was carried out")
    text = done["arm"].astype(str)
    if not text.str.startswith(WORD).all():
        raise ValueError(f"arm={text[~text.str.startswith(WORD)].iloc[0]!r}, but should be {WORD!r} and a rate")
    return done.copy().assign(target=text.str.removeprefix(WORD).astype(float))


def _share(table: pd.DataFrame) -> float:
    return float((table[RESULT] >= table["target"] - 1e-9).mean())


def held(table: pd.DataFrame) -> str:
    """Return how many runs reach their target, a rate that is a multiple of 1/n, and of how many plans."""
    reached = int((table[RESULT] >= table["target"] - 1e-9).sum())
    trials, n_plans = len(table), len(table.groupby(["target", *PLAN]))
    low = float(beta.ppf(0.025, reached, trials - reached + 1)) if reached else 0.0
    high = float(beta.ppf(0.975, reached + 1, trials - reached)) if reached < trials else 1.0
    seeds = intervals.note(table["seed"].nunique())
    told = f"{reached} of {trials} runs of {n_plans} plans reach their target"
    return checks.title(f"{told}, {reached / trials:.0%} [{low:.0%} to {high:.0%}]", "$\\tau$ = 0.9", seeds)


def _label(part: pd.DataFrame) -> str:
    n, d, s, width = (phase.distinct(part[name])[0] for name in ("n_features", "d_model", "sparsity", "n_neurons"))
    return f"{n:.0f}, {d:.0f}, {s:.0f}; $M$ = {width:,.0f}, $T$ = {part['n_steps'].iloc[0]:.0f}"
