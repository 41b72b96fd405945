"""Our autoencoders against SAELens' own code: paired differences of recovery, a panel a world."""

from __future__ import annotations

import math

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
    ORANGE,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    open_axes,
    styled,
)

RECOVERY = "feature_recovery_rate"
OURS = "ours"
# Of an arm "WORLD: METHOD SIDE": the sides that ours is compared with, by colour, marker and place.
SIDES = {
    "SAELens": ("SAELens, same recipe", BLUE, "o", -0.22),
    "norm-0.1": ("the same, decoder norm 0.1 at the start", GREEN, "^", 0.0),
    "defaults": ("SAELens, as it comes", VERMILLION, "s", 0.22),
    "free": ("ours, decoder norms as free as there", ORANGE, "D", 0.22),
}
WORLD = ("n_features", "d_model", "sparsity", "support_law", "coefficient_law", "dictionary_law", "noise")
SIZE = ("n_neurons", "n_steps", "batch_size", "n_samples", "learning_rate")
COLUMNS = 3


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a panel a world: recovery of SAELens' code minus that of ours, by method, means over pairs of equal seed.

    Intervals of paired differences; beside the name of a method is the mean recovery of ours.  A side that is not in
    the rows is left blank.  Raises ValueError for rows without the columns it reads, or in which another setting
    varies.
    """
    table = checks.prepare(rows, free=(*WORLD, *SIZE), results=(RECOVERY,), by_arm=True)
    table = table.assign(**_parts(table["arm"]))
    worlds = list(dict.fromkeys(table["world"]))
    across = min(COLUMNS, len(worlds))
    down = math.ceil(len(worlds) / across)
    most = int(table.groupby("world")["method"].nunique().max())
    figure = new_figure(DOUBLE_COLUMN, 0.9 + (0.6 + 0.26 * most) * down)
    panels = figure.subplots(down, across, squeeze=False, sharex=True).flatten()
    for axes, world in zip(panels, worlds, strict=False):
        _panel(axes, table[table["world"] == world])
        axes.set_title(_named(table, world))
    for axes in panels[len(worlds) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(worlds) - across) : len(worlds)]:
        axes.set_xlabel("theirs minus ours")
        axes.tick_params(axis="x", labelbottom=True)
    sizes = checks.counts(table, n="n_features", d="d_model", M="n_neurons")
    notes = checks.title("recovery rate (cosine > 0.9)", sizes, intervals.note(table["seed"].nunique()))
    heading(figure, f"Do our autoencoders recover what SAELens' own code recovers? {_answer(table)}", notes)
    legend_below(figure, [_handle(side) for side in SIDES], 2)
    return figure


def _difference(part: pd.DataFrame, side: str) -> intervals.Mean:
    """Return the recovery of a side minus that of ours, paired by seed, of the rows of one method in one world."""
    by_seed = part.set_index("seed")
    ours = by_seed.loc[by_seed["side"] == OURS, RECOVERY]
    theirs = by_seed.loc[by_seed["side"] == side, RECOVERY]
    return intervals.mean(theirs - ours.reindex(theirs.index), -1, 1)


def _answer(table: pd.DataFrame) -> str:
    """Return in how many pairs of world and method the same recipe agrees, its interval holding no difference."""
    pairs = [_difference(part, "SAELens") for _, part in table.groupby(["world", "method"])]
    judged = [each for each in pairs if each.n_values >= intervals.FEWEST]
    agree = sum(each.low <= 0 <= each.high for each in judged)
    return f"Within the interval in {agree} of {len(judged)} pairs" if judged else ""


def _parts(arms: pd.Series) -> dict[str, list[str]]:
    """Return world, method and side of each arm; raises ValueError for one that is not "WORLD: METHOD SIDE"."""
    found: dict[str, list[str]] = {"world": [], "method": [], "side": []}
    for arm in map(str, arms):
        world, colon, rest = arm.partition(": ")
        method, space, side = rest.rpartition(" ")
        if not (colon and space and side in (OURS, *SIDES)):
            raise ValueError(f"arm={arm!r}, but should be WORLD: METHOD SIDE, of side {', '.join((OURS, *SIDES))}")
        for name, part in zip(found, (world, method, side), strict=True):
            found[name].append(part)
    return found


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the differences of one world, a line a method."""
    names, labels = list(dict.fromkeys(table["method"])), []
    for y, name in enumerate(names):
        part = table[table["method"] == name]
        value = intervals.mean(part.loc[part["side"] == OURS, RECOVERY], 0, 1)
        labels.append(f"{name} ({value.value:.2f})" if value.n_values else name)
        for side, (_, colour, marker, shift) in SIDES.items():
            change = _difference(part, side)
            if change.n_values:
                intervals.bar(axes, change, y + shift, color=colour, gid=f"interval-{side}-{name}")
                axes.plot(change.value, y + shift, gid=f"{side}-{name}", color=colour, marker=marker, markersize=4)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlim=(-1.05, 1.05), ylim=(len(names) - 0.5, -0.5))
    open_axes(axes, "x")


def _named(table: pd.DataFrame, world: str) -> str:
    """Return the title of a world, with its sizes where they are not those of the first, which the heading tells."""
    sizes = {"n": "n_features", "d": "d_model", "M": "n_neurons"}
    found, first = (checks.counts(part, **sizes) for part in (table[table["world"] == world], table))
    return world if found == first else f"{world} ({found})"


def _handle(side: str) -> Line2D:
    label, colour, marker, _ = SIDES[side]
    return Line2D([], [], label=label, color=colour, marker=marker, markersize=4, linestyle="")
