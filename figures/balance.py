"""Recovery of rare features beside frequent ones, and of weak ones beside strong ones: two heat maps over p."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from figures import phase, series
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, colour_bar, heading, legend_below, new_figure, styled
from theory.transitions import crossing

OCCURRENCE, STRENGTH = "frequency_profile", "level_profile"
PANELS = {  # by arm: the column that is read, the width of its points, the title and the axis
    "occurrence": (OCCURRENCE, 3, "the rarest quarter", "rarest over most frequent"),
    "strength": (STRENGTH, 2, "the weakest quarter", "weakest over strongest weight"),
}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery of the rarest and of the weakest quarter, over p and how much rarer or weaker they are.

    A frequency_profile holds points (feature frequency, recovery, neuron frequency), rarest first; a level_profile
    points (1/h_i^2, recovery), strongest first; where all weights are equal there is none, and the first is read.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("support_law", "coefficient_law", "target_frequency", "n_samples")
    table = checks.prepare(rows, free=free, needs=("target_frequency",), series=("arm", OCCURRENCE, STRENGTH))
    figure = new_figure(DOUBLE_COLUMN, 3.2)
    panels = figure.subplots(1, len(PANELS), squeeze=False)[0]
    grids = []
    for axes, name in zip(panels, PANELS, strict=True):
        cells, mesh = _panel(axes, table[table["arm"] == name], name)
        grids.append(cells)
    colour_bar(figure, mesh, list(panels), "recovery of these features (cosine > 0.9)")
    notes = [checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons"), "centred data"]
    notes += ["rare features: as many samples at every ratio"]
    question = f"Are features recovered that are rarer, or weaker, than others?{_answer(grids)}"
    heading(figure, question, checks.title(*notes))
    if handles := phase.legend_handles(grids):
        legend_below(figure, handles, len(handles))
    return figure


def _panel(axes: Axes, table: pd.DataFrame, name: str) -> tuple[phase.Cells, QuadMesh]:
    column, width, title, label = PANELS[name]
    read = [_quarter(row, column, width) for _, row in table.iterrows()]
    told = table.assign(relative=[each[0] for each in read], recovered=[each[1] for each in read])
    law = "support_law" if name == "occurrence" else "coefficient_law"
    told["relative"] = told.groupby(law)["relative"].transform("mean").round(3)
    cells = phase.collect(told, "target_frequency", "relative", value="recovered")
    mesh = phase.heat_map(axes, cells)
    n = float(table["n_features"].iloc[0]) if len(table) else 1.0
    axes.axvline(1 / n, color="white", linewidth=0.9, linestyle=":", gid="one-over-n")
    axes.set_title(f"{title} ($1/n$ dotted)", pad=5)
    phase.frequency_axis(axes, cells.x)
    axes.set_yticks(cells.y, [f"{each:.2g}" for each in cells.y])
    axes.set_yticks([], minor=True)
    axes.set_ylabel(label)
    return cells, mesh


def _quarter(row: pd.Series, column: str, width: int) -> tuple[float, float]:
    """Return how much rarer (or weaker) than the greatest the least features are, and the recovery of their quarter."""
    if row["status"] != "ok":
        return np.nan, np.nan
    equal = column == STRENGTH and pd.isna(row[column])
    points = series.points(row[OCCURRENCE if equal else column], column, 3 if equal else width)
    quarter = max(1, len(points) // 4)
    if equal:
        return 1.0, float(points[:, 1].mean())
    if column == STRENGTH:
        return float(np.sqrt(points[0, 0] / points[-1, 0])), float(points[-quarter:, 1].mean())
    return float(points[0, 0] / points[-1, 0]), float(points[:quarter, 1].mean())


def _answer(grids: list[phase.Cells]) -> str:
    """Return at what ratio half of the rare, and of the weak, features are left at the best p, beside the largest."""
    told = []
    for name, cells in zip(("as frequent", "as strong"), grids, strict=True):
        best = np.nanmax(cells.recovery, axis=1, initial=0.0, where=np.isfinite(cells.recovery))
        half = crossing(cells.y, best, best[-1] / 2, falling=False) if best.size and best[-1] > 0 else np.nan
        told += [f"{half:.2g} times {name}"] if np.isfinite(half) else []
    return f" Half as many where they are {' or '.join(told)}" if told else ""
