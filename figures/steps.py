"""Recovery per step as the number of features grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures import rows as checks
from figures import series
from figures.curves import ordered_styles
from figures.methods import failures
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, heading, legend_below, new_figure, open_axes, styled

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons")
PANELS = (("recovery_per_step", 0.9), ("recovery_per_step_080", 0.8))


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against step, one line a number of features: mean over seeds, with their range as a band.

    First the share of neurons that have arrived from where the best of the theorem's n p^(-s) starts, a panel a
    sparsity; then simulations at cosines 0.9 and 0.8, without and with centred data.
    Raises ValueError for rows without the columns it reads, in which another setting varies, or with a history whose
    length is not n_steps + 1.
    """
    free = ("n_features", "n_steps", "sparsity", "instrument", *FOLLOWS)
    table = checks.prepare(rows, free=free, needs=("n_steps", "target_frequency"), series=("arm", PANELS[0][0]))
    checks.one_per_cell(table, ("arm", "sparsity", "n_features"), (*FOLLOWS, "n_steps"))
    probes, simulated = (table[(table["arm"] == "probes") == chosen] for chosen in (True, False))
    columns = [(name, tau) for name, tau in PANELS if name in table.columns]
    drawn = [
        (f"from the depth of $n p^{{-s}}$, $s$ = {s:.0f}", probes[probes["sparsity"] == s], PANELS[0][0])
        for s in sorted(probes["sparsity"].unique())
    ]
    drawn += [
        (checks.title(f"cosine > {tau}", centring), part, name)
        for centring, part in checks.by_centring(simulated)
        for name, tau in columns
    ]
    across = min(2, len(drawn))
    lines = -(-len(drawn) // across)
    figure = new_figure(DOUBLE_COLUMN if across > 1 else SINGLE_COLUMN, 1.25 + 1.8 * lines)
    panels = figure.subplots(lines, across, sharey=True, squeeze=False)
    styles = ordered_styles(sorted(int(n) for n in table["n_features"].unique()))
    for (name, part, column), axes in zip(drawn, panels.flat, strict=False):
        for n, style in styles.items():
            _line(axes, histories(part[part["n_features"] == n], column), style, n)
        axes.set_title(name)
        _decorate(axes, "share that has arrived" if part["arm"].eq("probes").any() else "feature recovery rate")
    for axes in panels.flat[len(drawn) :]:
        axes.set_visible(False)
    notes = [checks.share_of_n(simulated, *each) for each in (("n_samples", "N"), ("n_neurons", "M")) if len(simulated)]
    notes = [f"random starts: {checks.title(*notes)}"] if len(simulated) else []
    heading(figure, f"How many steps does recovery take as n grows?{_answer(probes)}", checks.title(*notes))
    handles = [Line2D([], [], label=_label(table, n), **style) for n, style in styles.items()]
    legend_below(figure, handles, min(len(handles), 5 if across > 1 else 2))
    return figure


def _answer(probes: pd.DataFrame) -> str:
    """Return the mean steps until nine tenths of those that arrive at most have arrived, at the least and largest n."""
    needed: list[tuple[float, float]] = []
    for n, part in probes.groupby("n_features"):
        found = np.concatenate([histories(each, PANELS[0][0]) for _, each in part.groupby("sparsity")])
        if len(found) and found.max() > 0:
            steps = np.argmax(found >= 0.9 * found.max(axis=1, keepdims=True), axis=1)
            needed.append((float(str(n)), float(steps.mean())))
    if not needed:
        return ""
    told = [f"{steps:.1f} at n = {n:,.0f}" for n, steps in (needed[0], needed[-1])]
    return f" From where the best of $n p^{{-s}}$ starts {' and '.join(dict.fromkeys(told))}"


def histories(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Return the recovery (finished seeds, n_steps + 1) that a column of space-separated numbers holds.

    Raises ValueError when a finished row has another number of entries, or something else than numbers.
    """
    length = int(table["n_steps"].iloc[0]) + 1 if len(table) else 1
    finished = table.loc[table["status"] == "ok", name]
    parsed = [series.points(text, name).ravel() for text in finished]
    for each in parsed:
        if len(each) != length:
            raise ValueError(f"{name} has {len(each)} values, but should have n_steps + 1 = {length}")
    return np.array(parsed, dtype=float).reshape(-1, length)


def _decorate(axes: Axes, label: str) -> None:
    axes.set(xlabel="step", ylabel=label, ylim=(-0.03, 1.03))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_axes(axes, "y")


def _line(axes: Axes, history: npt.NDArray[np.float64], style: dict[str, Any], n: int) -> None:
    if not len(history):
        return
    step = np.arange(history.shape[1])
    if len(history) > 1:
        low, high = history.min(axis=0), history.max(axis=0)
        axes.fill_between(step, low, high, color=style["color"], alpha=0.2, linewidth=0, gid=f"range-{n}")
    axes.plot(step, history.mean(axis=0), gid=f"mean-{n}", clip_on=False, **style)


def _label(table: pd.DataFrame, n: int) -> str:
    status = table.loc[table["n_features"] == n, "status"]
    return f"$n$ = {n:,}" + failures(status)
