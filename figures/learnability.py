"""Learnability: phase diagrams without a width, over target frequency and n, and over target frequency and d."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, heading, legend_below, new_figure, outline, styled

RESULT = "learnable_fraction"
LABEL = "share of features that hold a neuron on them"
SLICES = {"n_features": ("over n", "both"), "d_model": ("over d", "both")}  # arms by the axis that they are over
HALF: dict[bool, Any] = {True: "-", False: (0, (2, 1.5))}  # the contour of 1/2, by centring


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the share of learnable features, mean over seeds, over (target_frequency, n) and (target_frequency, d).

    One column of panels a sparsity, a line of panels a slice.  Colours are centred data, where there are any; lines at
    a share of 1/2 are solid for centred, dotted for other data.  The theorem's band is drawn; it has no width here.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "n_features", "d_model", "sparsity", "n_samples")
    table = checks.prepare(rows, free=free, needs=("target_frequency",), results=(RESULT,), series=("arm",))
    sparsities, p = phase.distinct(table["sparsity"]), phase.distinct(table["target_frequency"])
    slices = {name: table[table["arm"].isin(arms)] for name, arms in SLICES.items()}
    slices = {name: part for name, part in slices.items() if len(part)}
    wide = sparsities.size > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 1.15 + 1.9 * len(slices))
    panels = figure.subplots(len(slices), sparsities.size, squeeze=False)
    shown: set[str] = set()
    grids = []
    for (name, part), line in zip(slices.items(), panels, strict=True):
        y = phase.distinct(part[name])
        for s, axes in zip(sparsities, line, strict=True):
            chosen = part[part["sparsity"] == s]
            found = {
                center: phase.collect(group, "target_frequency", name, value=RESULT, x_values=p, y_values=y)
                for center, group in chosen.groupby("center")
            }
            # Colours are of the centred data; a run that failed counts wherever it did.
            failed = np.logical_or.reduce([each.failed for each in found.values()])
            grids += [cells := replace(found[max(found)], failed=failed)]
            mesh = phase.heat_map(axes, cells)
            shown |= boundaries.overlay(axes, chosen, "target_frequency", name, references=False)
            for center, each in found.items():
                _half(axes, each, bool(center))
            axes.set_title(f"$s$ = {s:.0f}", pad=4)
            phase.frequency_axis(axes, p)
            phase.number_axis(axes.yaxis, y, _axis_label(name, part))
            if wide:
                axes.label_outer()
    colour_bar(figure, mesh, list(panels.flat), LABEL)
    centred = [name for name, _ in checks.by_centring(table) if name]
    notes = (f"colours: {centred[-1]}" if centred else "", checks.share_of_n(table, "n_samples", "N"))
    heading(figure, "Which features hold a neuron that was started on them?", checks.title(*notes))
    halves = [_half_handle(center) for center in sorted(table["center"].unique(), reverse=True)]
    handles = [*boundaries.legend_handles(shown, width=False), *halves, *phase.legend_handles(grids)]
    legend_below(figure, handles, 4 if wide else 2, boundaries.TITLE)
    return figure


def _half(axes: Axes, cells: phase.Cells, center: bool) -> None:
    """Draw where the share passes 1/2."""
    finite = cells.recovery[np.isfinite(cells.recovery)]
    if min(cells.recovery.shape) > 1 and finite.size and finite.min() < 0.5 < finite.max():
        style: Any = {"colors": "black", "linewidths": 1.0, "linestyles": [HALF[center]]}
        lines = axes.contour(cells.x, cells.y, np.ma.masked_invalid(cells.recovery), [0.5], **style)
        lines.set(path_effects=outline(1.0), gid=f"half-{center}")


def _half_handle(center: bool) -> Line2D:
    label = "a share of 1/2, centred data" if center else "a share of 1/2, not centred"
    return Line2D([], [], color="black", linewidth=1.0, linestyle=HALF[center], label=label)


def _axis_label(name: str, table: pd.DataFrame) -> str:
    if name == "d_model":
        return f"$d$ at {checks.counts(table, n='n_features')}"
    return f"$n$ at {checks.share_of_n(table, 'd_model', 'd')}"
