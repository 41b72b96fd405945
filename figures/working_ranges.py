"""Which values of a knob work, at each width: of TopK's K, and of GBA's frequencies.

Arms are "METHOD at WIDTH, KNOB VALUE", of another form of data or method "METHOD at WIDTH with ..., KNOB VALUE".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from figures import methods
from figures.searches import AT_090
from figures.style import SMALL_FONT_SIZE, open_axes
from theory.transitions import Stretch, stretch_above

WORKS = 0.9  # of the best that any of these methods recovers at that width and seed
FORM = r"^(?P<by>[^ ,]+) at (?P<width>\d+)(?: with (?P<form>[^,]+))?, (?P<varied>[a-z_]+) [^ ]+$"
OTHER = r" at \d+.*, "  # in the arms of ranges, and of the choice of their rates
HTF, LTF = "high_target_frequency", "low_target_frequency"
NO_FEWER = ("k", 1)  # an end that cuts nothing off
DEFAULT_HTF = 0.5  # the row of this HTF is that of the default LTF as well


class Range(NamedTuple):
    """A knob of a method: whose, which, its short name, and its look."""

    method: str
    knob: str
    name: str
    look: methods.Look


OF_K = (
    Range("topk", "k", "K", methods.LOOKS["topk"]),
    Range("topk-untied", "k", "K, untied", methods.LOOKS["topk-untied"]),
)
OF_FREQUENCY = (
    Range("gba-arrived", HTF, "HTF", methods.Look("GBA, HTF", methods.LOOKS["gba"].colour, "o")),
    Range("gba-arrived", LTF, "LTF", methods.Look("GBA, LTF", methods.LOOKS["gba"].colour, "s", (0, (4, 1.5)))),
)


def ranged(table: pd.DataFrame, seed: Any) -> pd.DataFrame:
    """Return the fresh rows of ranges, with method `by`, `width`, `form` (as text, blank for its own) and `varied`."""
    told = table["arm"].astype(str).str.extract(FORM)
    kept = told["by"].notna() & (table["seed"] != seed).to_numpy()
    found = table.drop(columns=["width", "form"], errors="ignore")[kept.to_numpy()].join(told[kept])
    fresh: pd.DataFrame = found.assign(width=found["width"].astype(int), form=found["form"].fillna(""))
    return fresh


def stretches(group: pd.DataFrame, each: Range) -> list[Stretch]:
    """Return by seed which values of a knob work, of the rows of one width and form; nothing without such rows."""
    enough = WORKS * group.groupby("seed")[AT_090].max()
    part = group[group["by"] == each.method]
    also = (part["varied"] == HTF) & (part[HTF] == DEFAULT_HTF) & (each.knob == LTF)
    if not (part["varied"] == each.knob).any():
        return []
    part = part[(part["varied"] == each.knob) | also]
    return [stretch_above(one[each.knob], one[AT_090], enough[name]) for name, one in part.groupby("seed")]


def draw(axes: Axes, rows: pd.DataFrame, ranges: Sequence[Range]) -> dict[str, dict[int, float]]:
    """Draw a bar a width and form, from the lowest to the highest value that works (geometric means over seeds).

    Its number is over how many decades values work, mean over seeds; an arrow is an end of the grid that works in all
    seeds.  Returns the decades, by the name of the range and the width.
    """
    groups = [
        ((form, width), rows[(rows["form"] == form) & (rows["width"] == width)])
        for form, width in sorted(set(zip(rows["form"], rows["width"], strict=True)))
    ]
    told: dict[str, dict[int, float]] = {}
    for y, ((form, width), group) in enumerate(groups):
        for k, each in enumerate(ranges):
            found = stretches(group, each)
            if not found:
                continue
            decades = float(np.mean([one.decades for one in found]))
            grid = group.loc[(group["by"] == each.method) & (group["varied"] == each.knob), each.knob]
            _bar(axes, y + 0.36 * (k - 0.5), found, decades, (grid.min(), grid.max()), each)
            if not form:
                told.setdefault(each.name, {})[width] = decades
    axes.set_yticks(range(len(groups)), [f"{width:,}{form and ', '}{form}" for (form, width), _ in groups])
    axes.set(xscale="log", ylim=(len(groups) - 0.45, -0.55))
    open_axes(axes, "x")
    return told


def curves(axes: Axes, rows: pd.DataFrame, width: int = 256) -> None:
    """Draw mean recovery at 0.9 over K at one width, beside that about the winner of the search."""
    for each in OF_K:
        part = rows[(rows["by"] == each.method) & (rows["width"] == width) & (rows["form"] == "")]
        means = part.groupby(each.knob)[AT_090].mean()
        axes.plot(means.index, means, gid=f"falling-{each.method}", color=each.look.colour, marker=each.look.marker,
                  markersize=3.5, linewidth=1.1, linestyle=(0, (1, 1)), markerfacecolor="white", clip_on=False,
                  label=f"{'untied' if 'untied' in each.name else 'tied'}, falling rate")  # fmt: skip


def _bar(axes: Axes, y: float, found: list[Stretch], decades: float, grid: tuple[float, float], each: Range) -> None:
    ends = np.array([one[:2] for one in found])
    known = ends[np.isfinite(ends).all(axis=1)]
    note = f"{each.name} {decades:.1f}"
    if not len(known):
        axes.annotate(note, (grid[0], y), va="center", color=each.look.colour, fontsize=SMALL_FONT_SIZE)
        return
    style: dict[str, Any] = {"color": each.look.colour, "clip_on": False}
    low, high = np.exp(np.log(known).mean(axis=0))
    axes.plot([low, high], [y, y], gid=f"works-{each.name}-{y:.2f}", linewidth=2.2, solid_capstyle="butt", **style)
    axes.plot(known.ravel(), [y] * known.size, marker=".", linestyle="", markersize=3.5, alpha=0.45, markeredgewidth=0,
              **style)  # fmt: skip
    cut = [len(known) == len(found) and np.isclose(*pair) for pair in ((low, grid[0]), (high, grid[1]))]
    cut[0] &= (each.knob, grid[0]) != NO_FEWER
    left_and_right = (8, 9)  # matplotlib's carets
    for end, marker, more in zip(grid, left_and_right, cut, strict=True):
        if more:
            axes.plot(end, y, marker=marker, markersize=4.5, linestyle="", **style)
    beside = np.isclose(known[:, 1].max(), grid[1])  # no room to the right
    place, side = (known[:, 0].min(), "right") if beside else (known[:, 1].max(), "left")
    axes.annotate(note, (place, y), (-5 if side == "right" else 5, 0), textcoords="offset points", ha=side, va="center",
                  color=each.look.colour, fontsize=SMALL_FONT_SIZE)  # fmt: skip
