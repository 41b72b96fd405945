"""What recovery costs each method at its best: samples and seconds, and how recovery grows with the samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals, methods, searches, series
from figures import rows as checks
from figures.style import BLACK, DOUBLE_COLUMN, SMALL_FONT_SIZE, heading, legend_below, new_figure, open_axes, styled

COSTS = {"samples_to_recovery": "samples", "seconds_to_recovery": "seconds of training"}
LEVELS = {"090": 0.90, "099": 0.99}
HISTORY = ("recovery_per_step", "recovery_steps")
RECOVERY = "feature_recovery_rate"
SHIFT = 0.17
SHIFTED = "a feature counts as lost also where all neurons share one shift"
PROVABLE = "modified-ba"
# Common settings in which methods differ: the classical learner takes other batches, the provable one is wider.
COST_SETTINGS = ("n_neurons", "n_steps", "batch_size")


class Reached(NamedTuple):
    """When a method reached a level: the geometric mean over the seeds that did, and how many did not."""

    cost: intervals.Mean
    missed: int
    runs: int


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return samples and seconds to recovery of 0.90 and 0.99, a line a method, above recovery against samples.

    Each method at the trial of its search that took the fewest samples to 0.90, at fresh seeds.  A dot a seed, and
    geometric means over the seeds that reached the level, with their intervals.  Raises ValueError for rows without
    the columns it reads, or in which another setting varies.
    """
    results = (RECOVERY, searches.AT_080, *(f"{cost}_{level}" for cost in COSTS for level in LEVELS))
    free = ("n_samples", "learning_rate", "schedule", *COST_SETTINGS)
    checked = checks.prepare(rows, free=free, needs=("n_neurons",), results=results, series=HISTORY, by_arm=True)
    for name in COST_SETTINGS:
        for arm, part in checked.groupby("arm", sort=False):
            checks.one_value(part, name, whose=f" for {arm}")
    everything, looks = methods.with_method(checked)
    table = _best(searches.split(everything))
    names = list(looks)
    figure = new_figure(DOUBLE_COLUMN, 3.3 + 0.2 * len(names))
    grid = figure.add_gridspec(2, 2, height_ratios=(0.2 * len(names) + 0.4, 2.0))
    for column, (cost, label) in enumerate(COSTS.items()):
        axes = figure.add_subplot(grid[0, column])
        _costs(axes, table, looks, cost)
        axes.set(xscale="log", xlabel=f"{label} to recovery", ylim=(len(names) - 0.5, -0.5))
        axes.set_yticks(range(len(names)), _labels(everything, looks) if column == 0 else [])
        _not_reached(axes, table, names, cost)
        open_axes(axes, "x")
    curves = figure.add_subplot(grid[1, :])
    for name, look in looks.items():
        _curve(curves, table[table["method"] == name], name, look)
    curves.set(xscale="log", xlabel="samples", ylabel="feature recovery rate", ylim=(-0.03, 1.03))
    open_axes(curves, "y")
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity")
    notes = checks.title(sizes, _widths(table, looks), intervals.note(table["seed"].nunique()), SHIFTED)
    heading(figure, f"What recovery costs, every method at its searched best: {_answer(table, looks)}", notes)
    curves.legend(handles=methods.handles(table, looks), loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    legend_below(figure, _kinds(), 2)
    return figure


def _best(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each method that count: the best of its search, or all where it had none."""
    seed = searches.search_seed(table)
    parts = [part for _, part in table.groupby("method", sort=False)]
    return pd.concat([searches.best_of(part, seed, "samples_to_recovery_090") for part in parts])


def _answer(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return the fewest samples to 0.90, of which method, and those of GBA."""
    costs = {name: reached(table[table["method"] == name], "samples_to_recovery", "090").cost for name in looks}
    known = {name: cost.value for name, cost in costs.items() if cost.n_values}
    if not known:
        return "none recovers"
    first = min(known, key=lambda name: known[name])
    ours = f", GBA after {known['gba']:,.0f}" if "gba" in known and first != "gba" else ""
    return f"{looks[first].label} recovers 0.9 after {known[first]:,.0f} samples{ours}"


def reached(part: pd.DataFrame, cost: str, level: str) -> Reached:
    """Return when one method reached a level."""
    column = f"{cost}_{level}"
    found = part[column]
    if (found <= 0).any():
        raise ValueError(f"{column}={found.min():g}, but should be positive: recovery before the first step is chance")
    return Reached(intervals.log_mean(found.dropna()), int(found.isna().sum()), len(found))


def _costs(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look], cost: str) -> None:
    for y, (name, look) in enumerate(looks.items()):
        for level, shift, face in zip(LEVELS, (-SHIFT, SHIFT), (look.colour, "white"), strict=True):
            found = reached(table[table["method"] == name], cost, level)
            if not found.cost.n_values:
                continue
            gid = f"{level}-{name}"
            seeds = table.loc[table["method"] == name, f"{cost}_{level}"].dropna()
            dots = look.line(marker=".", markersize=3.5, linestyle="", alpha=0.45, markeredgewidth=0)
            axes.plot(seeds, [y + shift] * len(seeds), gid=f"seeds-{gid}", **dots)
            intervals.bar(axes, found.cost, y + shift, color=look.colour, gid=f"interval-{gid}")
            style = look.line(markersize=4.5, linestyle="", markerfacecolor=face)
            axes.plot(found.cost.value, y + shift, gid=gid, zorder=3, **style)
            if found.missed:
                note = f" {found.runs - found.missed} of {found.runs}"
                position: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
                axes.annotate(note, (found.cost.high, y + shift), fontsize=SMALL_FONT_SIZE, **position)


def _not_reached(axes: Axes, table: pd.DataFrame, names: list[str], cost: str) -> None:
    """Mark at the right edge what no seed reached, once the limits of the panel are known."""
    low, high = axes.get_xlim()
    right = high * (high / low) ** 0.75  # room for the words
    axes.set_xlim(low, right)
    for y, name in enumerate(names):
        part = table[table["method"] == name]
        missed = [value for level, value in LEVELS.items() if not reached(part, cost, level).cost.n_values]
        if missed:
            which = "neither" if len(missed) == len(LEVELS) else f"{missed[0]:.2f} not"
            position: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": SMALL_FONT_SIZE}
            shift = 0 if len(missed) == len(LEVELS) else SHIFT
            axes.text(right, y + shift, f"{which} reached \u25b8", gid=f"missed-{name}", color="0.35", **position)


def _curve(axes: Axes, part: pd.DataFrame, name: str, look: methods.Look) -> None:
    """Draw the recovery of one method against the samples it has seen, mean over seeds.

    The provable algorithm uses all samples in every step: a point is a run, at the best of its steps.
    """
    if part["algorithm"].iloc[0] == PROVABLE:
        best = [series.points(text, HISTORY[0]).max(initial=0) for text in part[HISTORY[0]]]
        found = part.assign(best=best)[part["status"] == "ok"].groupby("n_samples")["best"].mean()
        x, y = found.index.to_numpy(dtype=float), found.to_numpy()
        style = look.line(markersize=6)
    else:
        y, steps = (series.average(part, column)[:, 0] for column in HISTORY)
        if len(y) != len(steps):
            raise ValueError(f"{HISTORY[0]} has {len(y)} values, but should have one for each of {HISTORY[1]}")
        batch = float(part["batch_size"].iloc[0])  # blank where a method has none of its own
        x = steps * (batch if batch > 0 else float(part["n_samples"].iloc[0]) / max(1, steps.max(initial=0)))
        x, y = x[x > 0], y[x > 0]
        style = look.line(marker=None)
        # A marker at the end tells lines apart where they cross.
        axes.plot(x[-1:], y[-1:], gid=f"end-{name}", **look.line(linestyle="", clip_on=False, zorder=3))
    axes.plot(x, y, gid=f"curve-{name}", **style)


def _widths(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return "M = 512" where all methods have that width, else "M = 512 (provable: 4,096)"."""
    width = table.groupby("method")["n_neurons"].first()
    usual = width.mode().iloc[0]
    others = [f"{looks[name].label}: {width[name]:,.0f}" for name in looks if width[name] != usual]
    return checks.count("M", usual) + (f" ({'; '.join(others)})" if others else "")


def _labels(table: pd.DataFrame, looks: dict[str, methods.Look]) -> list[str]:
    return [each.label + methods.failures(table.loc[table["method"] == name, "status"]) for name, each in looks.items()]


def _kinds() -> list[Line2D]:
    style: dict[str, Any] = {"color": BLACK, "marker": "o", "markersize": 4.5, "linestyle": ""}
    faces = dict(zip(LEVELS.values(), (BLACK, "white"), strict=True))
    return [
        Line2D([], [], markerfacecolor=face, label=f"recovery {level:.2f}", **style) for level, face in faces.items()
    ]
