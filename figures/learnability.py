"""Learnability: phase diagrams without a width, over target frequency and n, and over target frequency and d."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import boundaries, phase
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, legend_below, new_figure, styled
from theory.conditions import conditions

FREE = ("target_frequency", "n_features", "d_model", "sparsity", "n_samples")
LABEL = "share of features that hold a neuron on them"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the share of learnable features, mean over seeds, over (target_frequency, n) and (target_frequency, d).

    One column of panels a sparsity; lines of panels are the slice over n at one ratio d/n and the slice over d at one
    n, each without and with centred data.  The theorem's band is drawn, its width condition is not: there is no width.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=FREE, results=("learnable_fraction",))
    sparsities = phase.distinct(table["sparsity"])
    slices = _slices(table)
    lines = [(*each, *part) for part in checks.by_centring(table) for each in slices]
    wide = sparsities.size > 1
    figure = new_figure(DOUBLE_COLUMN if wide else SINGLE_COLUMN, 1.0 + 1.75 * len(lines))
    panels = figure.subplots(len(lines), sparsities.size, squeeze=False)
    shown: set[str] = set()
    grids = []
    for (name, chosen, centring, part), line in zip(lines, panels, strict=True):
        inside = part[chosen.loc[part.index]]
        p, y = phase.distinct(table["target_frequency"]), phase.distinct(inside[name])
        for s, axes in zip(sparsities, line, strict=True):
            grids.append(_collect(inside[inside["sparsity"] == s], name, p, y))
            mesh = phase.heat_map(axes, grids[-1])
            shown |= _band(axes, name, inside, s)
            axes.set_title(checks.title(f"$s$ = {s:.0f}", centring), pad=4)
            phase.frequency_axis(axes, p)
            phase.number_axis(axes.yaxis, y, _axis_label(name, inside))
            if wide:
                axes.label_outer()
    colour_bar(figure, mesh, list(panels.flat))
    figure.axes[-1].set_ylabel(LABEL)
    figure.suptitle(f"neurons started on features, {checks.share_of_n(table, 'n_samples', 'N')}")
    handles = [each for each in boundaries.legend_handles(shown) if each.get_gid() != "width"]
    legend_below(figure, [*handles, *phase.legend_handles(grids)], 4 if wide else 2, boundaries.TITLE)
    return figure


def _slices(table: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Return n_features and d_model, each with which rows are on its slice, as far as there is one.

    The slice over d is at the n that has most values of d, the slice over n at the ratio d/n that has most of n.
    """
    ratio = (table["d_model"] / table["n_features"]).round(6)
    common = table.groupby(ratio)["n_features"].nunique().idxmax()
    base = table.groupby("n_features")["d_model"].nunique().idxmax()
    chosen = [("n_features", ratio == common), ("d_model", table["n_features"] == base)]
    several = [(name, where) for name, where in chosen if phase.distinct(table.loc[where, name]).size > 1]
    return several or chosen[:1]


def _collect(table: pd.DataFrame, name: str, p: phase.Array, y: phase.Array) -> phase.Cells:
    share = pd.to_numeric(table["learnable_fraction"], errors="coerce")
    finished = (table["status"] == "ok") & np.isfinite(share)
    data = table.assign(share=share.where(finished), failed=1.0 - finished, zero=0.0)

    def pivot(column: str) -> phase.Array:
        means = data.pivot_table(index=name, columns="target_frequency", values=column, aggfunc="mean")
        return means.reindex(index=y, columns=p).to_numpy(dtype=float)

    return phase.Cells(p, y, pivot("share"), pivot("zero"), pivot("failed") > 0)


def _band(axes: Axes, name: str, table: pd.DataFrame, s: float) -> set[str]:
    y = phase.along(phase.distinct(table[name]))
    n = y if name == "n_features" else np.full_like(y, table["n_features"].iloc[0])
    d = y if name == "d_model" else y * (table["d_model"] / table["n_features"]).iloc[0]
    possible = (n >= s) & (n >= 2) & (d >= 1)  # elsewhere no condition is defined
    n, d = np.where(possible, n, s + 2), np.maximum(d, 1)
    found = conditions(n, d, s, 0.5, 1)
    bounds = {key: np.where(possible & (key != "width"), each.bound, np.nan) for key, each in found.items()}
    return boundaries.draw(axes, bounds, y)


def _axis_label(name: str, table: pd.DataFrame) -> str:
    if name == "d_model":
        return f"$d$ at {checks.counts(table, n='n_features')}"
    return f"$n$ at {checks.share_of_n(table, 'd_model', 'd')}"
