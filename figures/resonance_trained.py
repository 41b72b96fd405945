"""Neuron resonance in trained BA: recovery over dimension and over feature frequency, and the frequencies learned."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from figures import boundaries, phase, series
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, SINGLE_COLUMN, colour_bar, heading, legend_below, new_figure, styled

EVEN = "uniform"
PROFILE = "frequency_profile"
SAME_FREQUENCY = 1.3  # ours: groups of features within that ratio share a line of cells
FREQUENCY_MAP = "viridis"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return a column of two panels a support law, mean over seeds: recovery above, frequencies learned below.

    Above, cells over (target_frequency, d_model) where all features are as frequent (uniform), and over
    (target_frequency, feature frequency) elsewhere; below, the frequency of neurons on recovered features.
    Raises ValueError for rows without the columns it reads, in which another setting varies, or in which an uneven law
    has several dimensions.
    """
    free = ("target_frequency", "d_model", "support_law")
    needs, results = ("target_frequency", "n_neurons"), ("feature_recovery_rate",)
    table = checks.prepare(rows, free=free, needs=needs, results=results, series=(PROFILE,))
    if len(table["center"].unique()) > 1:
        raise ValueError("center=False, True, but should have one value in this figure")
    laws = sorted(table["support_law"].unique(), key=lambda law: (law != EVEN, law))
    points = _profiles(table, laws)
    figure = new_figure(DOUBLE_COLUMN if len(laws) > 1 else SINGLE_COLUMN, 5.2)
    panels = figure.subplots(2, len(laws), squeeze=False)
    p = phase.distinct(table["target_frequency"])
    grids = []
    for law, axes in zip(laws, panels[0], strict=True):
        chosen = table[table["support_law"] == law] if law == EVEN else points[points["support_law"] == law]
        cells, mesh = (_over_dimension if law == EVEN else _over_frequency)(axes, chosen, p)
        axes.set_title(law if law == EVEN else _title(law, points), pad=14)
        phase.frequency_axis(axes, p)
        grids.append(cells)
    for law, axes in zip(laws, panels[1], strict=True):
        dots = _learned(axes, points[points["support_law"] == law], p)
        axes.set_title(_title(law, points))
    _same_limits(list(panels[1]), points)
    colour_bar(figure, mesh, list(panels[0]))
    bar = figure.colorbar(dots, ax=list(panels[1]), pad=0.02, fraction=0.05, aspect=28)
    bar.set_label("target frequency $p$")
    notes = checks.counts(table, n="n_features", s="sparsity", M="n_neurons")
    name = str(table["arm"].iloc[0]) if "arm" in table.columns and not set(table["arm"]) & set(laws) else "trained BA"
    heading(
        figure, f"At which target frequencies does {name} recover features, and how often do they fire then?", notes
    )
    handles = [boundaries.reference_handle(r"$f = s/n$, $d = \sqrt{n}$, $p = f$"), *phase.legend_handles(grids)]
    legend_below(figure, handles, len(handles))
    return figure


def _title(law: str, points: pd.DataFrame) -> str:
    return f"{law}, {checks.counts(points, d='d_model')}"


def _profiles(table: pd.DataFrame, laws: list[str]) -> pd.DataFrame:
    """Return a row a run and group of features: its feature and neuron frequency, and its recovery as that of a run.

    Of the uniform law only the dimension of the others, or else the largest.  Unfinished runs have a row in every line
    of cells of their law, without a recovery.
    """
    uneven = table.loc[table["support_law"] != EVEN, "d_model"].unique()
    if len(uneven) > 1:
        raise ValueError(f"d_model={uneven[0]:.0f}, {uneven[1]:.0f}, but should have one value under an uneven law")
    d = uneven[0] if len(uneven) else table["d_model"].max()
    parts = []
    for law in laws:
        runs = table[(table["support_law"] == law) & (table["d_model"] == d)]
        found = [_profile(text, ok) for text, ok in zip(runs[PROFILE], runs["status"] == "ok", strict=True)]
        line_of = _lines(np.concatenate([np.empty(0), *(each[:, 0] for each in found)]))
        if not line_of:
            raise ValueError(f"support_law={law} has no finished run, but should have one at d_model={d:.0f}")
        nothing = np.array([(line, np.nan, 0.0) for line in sorted(set(line_of.values()))])
        for k, each in enumerate(found):
            each = each if len(each) else nothing
            part = runs.iloc[[k] * len(each)].copy()
            part[["feature_frequency", "feature_recovery_rate", "neuron_frequency"]] = each
            parts.append(part.assign(line=[line_of.get(f, f) for f in each[:, 0]]))
    points: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return points


def _profile(text: object, ok: bool) -> phase.Array:
    """Return the profile (groups of features that occur, 3) of one run; (0, 3) of an unfinished one."""
    found = series.points(text, PROFILE, 3) if ok else np.empty((0, 3))
    if ok and not len(found):
        raise ValueError(f"{PROFILE} is empty, but should not be in a run that finished")
    return found[found[:, 0] > 0]


def _lines(frequencies: phase.Array) -> dict[float, float]:
    """Return, for each frequency, the geometric mean of those within SAME_FREQUENCY of the rarest of its line."""
    groups: list[list[float]] = []
    for f in np.unique(frequencies[frequencies > 0]):
        if not groups or f > SAME_FREQUENCY * groups[-1][0]:
            groups.append([])
        groups[-1].append(float(f))
    return {f: float(f"{np.exp(np.log(group).mean()):.3g}") for group in groups for f in group}


def _over_dimension(axes: Axes, part: pd.DataFrame, p: phase.Array) -> tuple[phase.Cells, QuadMesh]:
    """Draw recovery over (p, d), with the feature frequency and sqrt(n)."""
    n, s = part["n_features"].iloc[0], part["sparsity"].iloc[0]
    d = phase.distinct(part["d_model"])
    cells = phase.collect(part, "target_frequency", "d_model", x_values=p)
    mesh = phase.heat_map(axes, cells)
    boundaries.reference(axes, s / n, phase.along(d), "feature_frequency", "$f$")
    boundaries.reference(axes, phase.along(p), math.sqrt(n), "root_n", r"$\sqrt{n}$")
    phase.number_axis(axes.yaxis, d, "dimension $d$")
    return cells, mesh


def _over_frequency(axes: Axes, part: pd.DataFrame, p: phase.Array) -> tuple[phase.Cells, QuadMesh]:
    """Draw recovery over (p, feature frequency), with the line on which the two are equal."""
    cells = phase.collect(part, "target_frequency", "line", x_values=p)
    mesh = phase.heat_map(axes, cells)
    ends = phase.along(p)
    boundaries.reference(axes, ends, ends, "equal", "$p = f$")
    phase.label_axis(axes, axes.yaxis, "feature_frequency", cells.y)
    return cells, mesh


def _learned(axes: Axes, part: pd.DataFrame, p: phase.Array) -> PathCollection:
    """Draw the frequency of neurons on recovered features, a dot a run and group, larger where more are recovered."""
    shown = part[part["neuron_frequency"] > 0]
    dots = axes.scatter(
        shown["feature_frequency"],
        shown["neuron_frequency"],
        s=3 + 13 * shown["feature_recovery_rate"],
        c=shown["target_frequency"],
        norm=LogNorm(p[0], max(p[-1], p[0] * 1.001)),
        cmap=FREQUENCY_MAP,
        alpha=0.85,
        linewidths=0,
        gid="learned",
    )
    axes.set(xlabel="feature frequency $f$", ylabel="its neuron's frequency")
    return dots


def _same_limits(panels: list[Axes], points: pd.DataFrame) -> None:
    """Give the panels of learned frequencies logarithmic axes of one range each, and the diagonal."""
    shown = points[points["neuron_frequency"] > 0]
    f, learned = points["feature_frequency"], shown["neuron_frequency"]
    limits = (f.min() / 1.5, f.max() * 1.5), (min(learned.min(), f.min()) / 1.5, max(learned.max(), f.max()) * 1.5)
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlim=limits[0], ylim=limits[1] if len(shown) else limits[0])
        boundaries.reference(axes, limits[0], limits[0], "equal", "")
        axes.label_outer()
