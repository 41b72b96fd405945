"""Learnability: phase diagrams without a width, over target frequency and n, and over target frequency and d."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import boundaries, phase, predicted, upper_edge
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, heading, legend_below, new_figure, styled
from theory.transitions import crossing

RESULT = "learnable_fraction"
LABEL = "share of features that hold a neuron on them"
OVER_N, OVER_D = ("over n", "both"), ("over d", "both")  # how the arms of the slices begin
HALF: dict[bool, Any] = {True: "-", False: (0, (2, 1.5))}  # the contour of 1/2, by centring
MOST = 2  # sparsities, the least and the greatest: what lies between lies between
LONG = "steps"  # how the arm over d with more steps ends: its p lie around a critical one, so it is no diagram
FREE = ("target_frequency", "n_features", "d_model", "sparsity", "n_samples")


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return the share of learnable features, mean over seeds, over (target_frequency, n) and (target_frequency, d).

    One column of panels a sparsity, a line of panels a slice.  Colours are centred data, where there are any; lines at
    a share of 1/2 are solid for centred, dotted for other data, dots the critical p that theory predicts.  The
    theorem's band is drawn; it has no width here.  Where there are rows of more steps over d, four more panels have the
    critical p over d at each s with its kink, and its slope from each d to the next.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    if "arm" not in rows:
        raise ValueError("rows without arm")
    long = rows["arm"].astype(str).str.endswith(LONG)
    wanted: dict[str, Any] = {"needs": ("target_frequency",), "results": (RESULT,), "series": ("arm",)}
    table = checks.prepare(rows[~long], free=FREE, **wanted)
    later = checks.prepare(rows[long], free=(*FREE, "n_probes"), **wanted) if long.any() else table[:0]
    slices = _slices(table)
    if not slices:
        raise ValueError(f"arm={table['arm'].iloc[0]!r}, but some should begin with 'over n' or 'over d'")
    table = pd.concat([part for _, part in slices])
    sparsities = phase.distinct(table["sparsity"])
    sparsities = sparsities if sparsities.size <= MOST else sparsities[[0, -1]]
    lines, columns = len(slices) + 2 * (not later.empty), sparsities.size if later.empty else 2
    figure = new_figure(DOUBLE_COLUMN if columns > 1 else SINGLE_COLUMN, 1.3 + 1.9 * lines)
    panels = figure.subplots(lines, columns, squeeze=False)
    shown: set[str] = set()
    grids: list[phase.Cells] = []
    for (name, part), line in zip(slices, panels, strict=False):
        for axes in line[sparsities.size :]:
            axes.set_visible(False)
        for s, axes in zip(sparsities, line, strict=False):
            chosen = part[part["sparsity"] == s]
            if chosen.empty:
                axes.set_visible(False)
                continue
            mesh, cells = _panel(axes, chosen, name)
            grids.append(cells)
            shown |= boundaries.overlay(axes, chosen, "target_frequency", name, references=False)
            axes.set_title(f"$s$ = {s:.0f}", pad=4)
            phase.frequency_axis(axes, cells.x)
            phase.number_axis(axes.yaxis, cells.y, _axis_label(name, part))
    colour_bar(figure, mesh, list(panels[: len(slices)].flat), LABEL)
    told = upper_edge.draw(list(panels[-2:].flat), later) if not later.empty else ""
    centred = [name for name, _ in checks.by_centring(table) if name]
    steps, samples = checks.counts(table, T="n_steps"), checks.share_of_n(table, "n_samples", "N")
    notes = (f"colours: {centred[-1]}" if centred else "", "$\\tau$ = 0.9", steps, samples)
    heading(
        figure, f"Which features hold a neuron that was started on them?{answer(slices)}{told}", checks.title(*notes)
    )
    names = {True: "a share of 1/2, centred data", False: "a share of 1/2, not centred"}
    halves = [phase.half_handle(names[each], HALF[each]) for each in sorted(table["center"].unique(), reverse=True)]
    theory = phase.prediction_handle("predicted by theory")
    handles = [*boundaries.legend_handles(shown, width=False), *halves, theory, *phase.legend_handles(grids)]
    legend_below(figure, handles, 4 if columns > 1 else 2, boundaries.TITLE)
    return figure


def answer(slices: list[tuple[str, pd.DataFrame]]) -> str:
    """Return in words with which powers of d and of n the critical p moves: least-squares slopes, over s and slices.

    Of centred data where there are any; the critical p is that at which the mean over seeds of the share passes 1/2.
    """
    told = []
    for symbol, column in (("d", "d_model"), ("n", "n_features")):
        parts = [part[part["center"] == part["center"].max()] for name, part in slices if name == column]
        slopes = [_slope(each, column) for part in parts for _, each in part.groupby("sparsity")]
        known = sorted({f"{each:.1f}".replace("-0.0", "0.0") for each in slopes if np.isfinite(each)}, key=float)
        if known:
            powers = (f"${symbol}^{{{each}}}$" for each in dict.fromkeys((known[0], known[-1])))
            told.append(f"{' to '.join(powers)}")
    return f" Those below a critical p that goes as {' and as '.join(told)}" if told else ""


def _slope(part: pd.DataFrame, column: str) -> float:
    """Return the slope of the log of the critical p over the log of a column, nan where there are less than two."""
    points = []
    for value, cells in part.groupby(column):
        rates = cells.groupby("target_frequency")[RESULT].mean().dropna()
        points.append((float(str(value)), crossing(rates.index.to_numpy(), rates.to_numpy())))
    x, y = np.log([each for each in points if np.isfinite(each[1])]).reshape(-1, 2).T
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else float("nan")


def _slices(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the column of the y axis and the rows of each slice: one over n, and one over d for each n."""
    arm = table["arm"].astype(str)
    found = [("n_features", table[arm.isin(OVER_N)])]
    over_d = table[arm.str.startswith(OVER_D)]
    found += [("d_model", part) for _, part in over_d.groupby("n_features") if phase.distinct(part["d_model"]).size > 1]
    return [(name, part) for name, part in found if len(part)]


def _panel(axes: Axes, chosen: pd.DataFrame, name: str) -> tuple[Any, phase.Cells]:
    """Draw colours of the centred data, where there are any, and for each centring the half and its prediction."""
    p, y = phase.distinct(chosen["target_frequency"]), phase.distinct(chosen[name])
    found = {
        bool(center): phase.collect(group, "target_frequency", name, value=RESULT, x_values=p, y_values=y)
        for center, group in chosen.groupby("center")
    }
    # A run that failed counts wherever it did.
    failed = np.logical_or.reduce([each.failed for each in found.values()])
    cells = replace(found[max(found)], failed=failed)
    mesh = phase.heat_map(axes, cells)
    for center, each in found.items():
        phase.half(axes, each, f"half-{center}", HALF[center])
        sizes = chosen.loc[chosen["center"] == center].groupby(name)[["n_features", "d_model", "n_samples"]].first()
        s, n_steps = (int(chosen[column].iloc[0]) for column in ("sparsity", "n_steps"))
        critical = [predicted.critical(int(n), int(d), s, int(n_samples), n_steps, center)
                    for n, d, n_samples in sizes.itertuples(index=False)]  # fmt: skip
        inside = [value if p[0] <= value <= p[-1] else np.nan for value in critical]
        phase.prediction(axes, inside, sizes.index.to_numpy(dtype=float), HALF[center])
    return mesh, cells


def _axis_label(name: str, table: pd.DataFrame) -> str:
    if name == "d_model":
        return f"$d$ at {checks.counts(table, n='n_features')}"
    return f"$n$ at {checks.share_of_n(table, 'd_model', 'd')}"
