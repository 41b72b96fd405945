"""The two basins of GBA: recovery, sparsity and final bias over the initial bias, then every other choice alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import curves, intervals
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
    plain_log,
    styled,
)

RECOVERY, L0, BIAS = "feature_recovery_rate", "l0", "mean_bias"
LABELS = {RECOVERY: "recovery (cosine > 0.9)", L0: "active neurons, L0", BIAS: "mean bias at the end"}
STYLES: dict[str, dict[str, Any]] = {
    "zero": {"color": BLUE, "marker": "o", "markersize": 3.5, "linewidth": 1.1},
    "learned": {"color": VERMILLION, "marker": "s", "markersize": 3.5, "linewidth": 1.1},
}
DEFAULT, PAPER, BIASED = "default", "the paper's form", "initial bias, b_pre "
FAST, LONGER, LARGER = f"{PAPER}, gain 0.1", f"{PAPER}, 4 times as long", f"{DEFAULT}, larger"
COLUMNS = {"HTF": "high_target_frequency"}  # of other choices: their words
DATA = ("n_features", "d_model", "sparsity", "support_law", "n_neurons", "n_samples", "learning_rate", "schedule")
FREE = (
    *DATA,
    "n_steps",
    "batch_size",
    "start_frequency",
    "initial_bias",
    "pre_bias",
    "initial_scale",
    "gain",
    "high_target_frequency",
)


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return, a column a world, three panels over the initial bias and one with the other choices, means over seeds.

    An arm is "WORLD, CHOICE".  Dotted lines are the default start.  Raises ValueError for rows without the columns it
    reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=FREE, results=tuple(LABELS), by_arm=True)
    parts = table["arm"].str.partition(", ")
    table = table.assign(world=parts[0], choice=parts[2])
    worlds, choices = list(table["world"].unique()), _choices(table)
    figure = new_figure(DOUBLE_COLUMN, 5.2 + 0.17 * len(choices))
    ratios = [*[1.0] * len(LABELS), max(0.5, 0.13 * len(choices))]
    grid = figure.subplots(len(ratios), len(worlds), squeeze=False, sharey="row", height_ratios=ratios)
    for world, column in zip(worlds, grid.T, strict=True):
        part = table[table["world"] == world]
        same = part[part["choice"] != LARGER]
        sizes = checks.counts(same, n="n_features", d="d_model", M="n_neurons")
        column[0].set_title(f"{world}\n{sizes}")
        for axes, result in zip(column, LABELS, strict=False):
            _over_bias(axes, part, result)
        column[len(LABELS) - 1].set_xlabel("initial bias")
        _alone(column[-1], part, choices)
    for axes, label in zip(grid[:, 0], LABELS.values(), strict=False):
        axes.set_ylabel(label)
    notes = checks.title(*_answers(table), "over the initial bias: gain 0.1", intervals.note(table["seed"].nunique()))
    heading(figure, f"The start and the speed of control choose GBA's basin: {_speed(table)}", notes)
    legend_below(figure, _handles(table), 3)
    return figure


def _mean(part: pd.DataFrame, choice: str) -> str:
    """Return the mean recovery of a choice in words."""
    found = part.loc[part["choice"] == choice, RECOVERY].mean()
    return f"{found:.2f}" if pd.notna(found) else "not run"


def _speed(table: pd.DataFrame) -> str:
    """Return the recovery, mean over worlds, of the paper's form at both gains and of the default start."""
    slow, fast, usual = (_mean(table, choice) for choice in (PAPER, FAST, DEFAULT))
    return f"from 0 it recovers {slow} (gain 0.01) or {fast} (0.1),\nfrom a sparse start {usual}"


def _answers(table: pd.DataFrame) -> list[str]:
    """Return by world where half of the features are recovered with b_pre = 0, and what larger sizes do."""
    found = []
    for world, part in table.groupby("world", sort=False):
        mine = part[part["choice"] == f"{BIASED}zero"]
        edge = border(mine.groupby("initial_bias")[RECOVERY].mean().dropna())
        told = f"{world}: border at a bias of {edge:.2f}" if pd.notna(edge) else f"{world}: no border seen"
        larger = part[part["choice"] == LARGER]
        at = f" (default at n = {larger['n_features'].iloc[0]}: {_mean(part, LARGER)})" if len(larger) else ""
        found.append(told + at)
    return found


def border(recovery: pd.Series, level: float = 0.5) -> float:
    """Return the initial bias, the index, nearest 0 at which mean recovery crosses `level`, between values; or nan."""
    falling = recovery.sort_index(ascending=False)  # from 0 down
    biases, values = falling.index.to_numpy(float), falling.to_numpy(float)
    for k in range(len(values) - 1):
        if values[k] < level <= values[k + 1]:
            share = (level - values[k]) / (values[k + 1] - values[k])
            return float(biases[k] + (biases[k + 1] - biases[k]) * share)
    return float("nan")


def _choices(table: pd.DataFrame) -> list[str]:
    """Return what stands in the last panels: the default, the paper's form, and each value of each other choice."""
    told = _told(table)
    return [each for each in dict.fromkeys(told) if each]


def _told(table: pd.DataFrame) -> list[str]:
    """Return the name of each row in the last panels, empty where it is over the initial bias."""
    found = []
    for _, row in table.iterrows():
        choice = str(row["choice"])
        if choice in (DEFAULT, LARGER) or choice.startswith(PAPER):
            found.append(choice)
        elif choice.startswith(BIASED):
            found.append("")
        else:
            value = row[COLUMNS.get(choice, choice.replace(" ", "_"))]
            found.append(f"{choice} {value:g}" if isinstance(value, float) else f"{choice} {value}")
    return found


def _over_bias(axes: Axes, part: pd.DataFrame, result: str) -> None:
    """Draw a result over the initial bias, a line a b_pre, and the default start as a dotted line."""
    for name, style in STYLES.items():
        mine = part[part["choice"] == BIASED + name].dropna(subset=[result])
        if len(mine):
            curves.line(axes, mine, "initial_bias", result, name, style)
    usual = part.loc[part["choice"] == DEFAULT, result].mean()
    if pd.notna(usual):
        axes.axhline(usual, color=BLACK, linewidth=1.0, linestyle=":", gid=f"default-{result}")
    if result == L0:
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    elif result == RECOVERY:
        axes.set_ylim(-0.03, 1.03)
    open_axes(axes, "y")


def _alone(axes: Axes, part: pd.DataFrame, choices: list[str]) -> None:
    """Draw recovery of the default, the paper's form and each other choice alone, a line each."""
    told = pd.Series(_told(part), index=part.index)
    for y, name in enumerate(choices):
        values = part.loc[told == name, RECOVERY]
        found = intervals.mean(values, 0, 1)
        colour = GREEN if name == DEFAULT else BLACK
        intervals.bar(axes, found, float(y), color=colour)
        axes.plot(values, [y] * len(values), marker=".", linestyle="", markersize=3, color="0.65", zorder=2)
        axes.plot(found.value, y, marker="o", linestyle="", markersize=4, color=colour, gid=f"alone-{y}")
    axes.set(xlim=(-0.03, 1.03), ylim=(len(choices) - 0.5, -0.5), xlabel=LABELS[RECOVERY])
    axes.set_yticks(range(len(choices)), choices)
    open_axes(axes, "x")


def _handles(table: pd.DataFrame) -> list[Line2D]:
    met = [name for name in STYLES if (table["choice"] == BIASED + name).any()]
    lines = [Line2D([], [], label=f"$b_{{pre}}$ {name}", **STYLES[name]) for name in met]
    return [*lines, Line2D([], [], color=BLACK, linewidth=1.0, linestyle=":", label="the default start")]
