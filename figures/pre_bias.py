"""What b_pre does: recovery with it learned, frozen at zero or at the mean, also up to a common shift."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals
from figures import rows as checks
from figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN,
    GREEN,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    open_axes,
    styled,
)

RECOVERY, SHIFTED = "feature_recovery_rate", "recovery_up_to_shift"
# Values of pre_bias: what a reader reads, colour, marker and place beside the name of a method.
VALUES = {
    "zero": ("frozen at 0", BLUE, "o", -0.25),
    "learned": ("learned", VERMILLION, "s", 0.0),
    "mean": ("frozen at the mean", GREEN, "^", 0.25),
}
FREE = ("n_features", "d_model", "sparsity", "support_law", "n_neurons", "learning_rate", "schedule", "pre_bias")


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a panel a world: recovery of each method under each b_pre, and hollow that up to a common shift.

    An arm is "WORLD, METHOD".  Raises ValueError for rows without the columns it reads, or in which another setting
    varies.
    """
    table = checks.prepare(rows, free=FREE, results=(RECOVERY, SHIFTED), by_arm=True)
    parts = table["arm"].str.partition(", ")
    table = table.assign(world=parts[0], method=parts[2])
    worlds, methods = (list(dict.fromkeys(table[name])) for name in ("world", "method"))
    figure = new_figure(DOUBLE_COLUMN, 1.3 + 0.42 * len(methods))
    panels = figure.subplots(1, len(worlds), squeeze=False, sharey=True)[0]
    for axes, world in zip(panels, worlds, strict=True):
        part = table[table["world"] == world]
        _panel(axes, part, methods)
        sizes = checks.counts(part, n="n_features", d="d_model", M="n_neurons")
        axes.set(title=f"{world}\n{sizes}", xlabel="recovery (cosine > 0.9)")
    panels[0].set_yticks(range(len(methods)), methods)
    notes = checks.title("means over seeds", intervals.note(table["seed"].nunique()))
    heading(figure, f"Should $b_{{pre}}$ be learned? {_answer(table)}", notes)
    handles = [_handle(value) for value in VALUES]
    hollow = Line2D([], [], label="the same up to a common shift", color=BLACK, marker="o", markerfacecolor="none",
                    markersize=5.5, linestyle="")  # fmt: skip
    legend_below(figure, [*handles, hollow], 4)
    return figure


def _answer(table: pd.DataFrame) -> str:
    """Return the mean recovery under each b_pre, over methods, worlds and seeds."""
    told = []
    for value, (label, *_) in VALUES.items():
        part = table[table["pre_bias"] == value]
        if part[RECOVERY].notna().any():
            told.append(f"{part[RECOVERY].mean():.2f} {label}")
            if value == "learned":
                told[-1] += f" ({part[SHIFTED].mean():.2f} up to a shift)"
    return f"Mean recovery: {', '.join(told)}" if told else ""


def _panel(axes: Axes, part: pd.DataFrame, methods: list[str]) -> None:
    """Draw one world, a line a method and b_pre."""
    for y, method in enumerate(methods):
        for value, (_, colour, marker, shift) in VALUES.items():
            mine = part[(part["method"] == method) & (part["pre_bias"] == value)]
            for name, filled in ((RECOVERY, True), (SHIFTED, False)):
                mean = intervals.mean(mine[name], 0, 1)
                if not mean.n_values:
                    continue
                if filled:
                    intervals.bar(axes, mean, y + shift, color=colour, gid=f"interval-{value}-{method}")
                size = {"markersize": 3.5} if filled else {"markersize": 5.5, "markerfacecolor": "none"}
                gid = f"{name}-{value}-{method}"
                axes.plot(mean.value, y + shift, gid=gid, color=colour, marker=marker, **size)
    axes.set(xlim=(-0.04, 1.04), ylim=(len(methods) - 0.5, -0.5))
    open_axes(axes, "x")


def _handle(value: str) -> Line2D:
    label, colour, marker, _ = VALUES[value]
    return Line2D([], [], label=label, color=colour, marker=marker, markersize=3.5, linestyle="")
