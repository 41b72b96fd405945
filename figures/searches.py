"""Rows of the shared search: arms "METHOD, trial K" at the seed of the search and fresh ones, and "METHOD, KNOB VALUE".

Trial 0 is the default.  The seed of the search is that with the most trials; what won there is drawn at fresh seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from figures import intervals, methods

AT_080, AT_090 = "feature_recovery_rate_080", "feature_recovery_rate"
TRIAL, DEFAULT = "trial", "0"
BEST_FACE, DEFAULT_FACE = None, "white"  # None: the colour of the method


def split(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `knob` and `value` of each arm, as text, both empty where an arm is a method alone."""
    words = [str(arm).partition(", ")[2].rpartition(" ") for arm in table["arm"]]
    return table.assign(knob=[each[0] for each in words], value=[each[2] for each in words])


def search_seed(table: pd.DataFrame) -> Any:
    """Return the seed of the search."""
    trials = (table["knob"] == TRIAL).groupby(table["seed"]).sum()
    return trials.index[int(np.argmax(trials))]


def roles(part: pd.DataFrame, seed: Any, column: str = "") -> dict[str, pd.DataFrame]:
    """Return the rows of the default and of the best trial of one method, at fresh seeds where there are any.

    Best is the largest recovery at 0.8 plus at 0.9 at the seed of the search, or the least of `column`.  Where the
    default is the best there is no other; a method without a search is at its best in all of its rows.
    """
    trials = part[part["knob"] == TRIAL]
    if trials.empty:
        return {"best": part[part["knob"] == ""]}
    searched = trials[trials["seed"] == seed]
    score = searched[AT_080] + searched[AT_090]
    if column:
        score = score - searched[column].fillna(1e12)
    known = score.fillna(-np.inf).to_numpy()
    best = searched["value"].iloc[int(np.argmax(known))] if len(known) else trials["value"].iloc[0]
    found = {}
    for role, value in (("default", DEFAULT), ("best", str(best))):
        cells = trials[trials["value"] == value]
        fresh = cells[cells["seed"] != seed]
        if len(cells) and not (role == "best" and value == DEFAULT):
            found[role] = fresh if len(fresh) else cells
    return found


def best_of(part: pd.DataFrame, seed: Any, column: str = "") -> pd.DataFrame:
    """Return the rows of the best trial of one method, that is of its default where it is the best."""
    found = roles(part, seed, column)
    return found["best"] if "best" in found else found["default"]


def mark(axes: Axes, y: float, values: pd.Series, look: methods.Look, gid: str, face: str | None = None) -> None:
    """Draw one faint dot a seed, and their mean with its interval; shares, which lie from 0 to 1."""
    style: dict[str, Any] = {"color": look.colour, "linestyle": "", "clip_on": False}
    kept = values.dropna()
    axes.plot(kept, np.full(len(kept), y), gid=f"seeds-{gid}", marker=".", markersize=3.5, alpha=0.45,
              markeredgewidth=0, **style)  # fmt: skip
    middle = intervals.mean(kept, 0, 1)
    intervals.bar(axes, middle, y, color=look.colour, gid=f"interval-{gid}")
    point = {"marker": look.marker, "markersize": 4.5, "markerfacecolor": face or look.colour, "zorder": 3}
    axes.plot(middle.value, y, gid=gid, **style | point)


def sweep(axes: Axes, part: pd.DataFrame, seed: Any, knob: str, look: methods.Look, gid: str) -> list[float]:
    """Draw recovery at 0.9 over the values of one knob, about the best trial: a dot a fresh seed, a line the means.

    Returns the means.
    """
    start = best_of(part, seed)
    cells = pd.concat([part[part["knob"] == knob], start[start[knob].notna()]])
    cells = cells[cells["seed"] != seed] if (cells["seed"] != seed).any() else cells
    style: dict[str, Any] = {"color": look.colour, "clip_on": False}
    axes.plot(cells[knob], cells[AT_090], gid=f"seeds-{gid}", marker=".", linestyle="", markersize=3.5, alpha=0.45,
              markeredgewidth=0, **style)  # fmt: skip
    means = cells.groupby(knob)[AT_090].mean()
    axes.plot(means.index, means, gid=gid, marker=look.marker, markersize=3.5, linewidth=1.1, linestyle=look.dashes,
              **style)  # fmt: skip
    return list(means)
