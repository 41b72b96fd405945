"""The phase diagram: recovery as a heat map over two logarithmic axes, with chance and failures marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from figures.style import EMPTY_CELL, HEAT_MAP, SKY, outline
from theory.closed_forms import chance_recovery_rate

Array = npt.NDArray[np.float64]
RECOVERY, THRESHOLD = "feature_recovery_rate", 0.9
# Ours: chance explains a recovery of which it would give half, and chance below 5 % is not worth a hatch.
CHANCE_SHARE, CHANCE_FLOOR = 0.5, 0.05
HATCH = "////"
PREDICTED: dict[str, Any] = {
    **{"color": SKY, "linewidth": 1.2, "marker": "o"},
    **{"markersize": 2.6, "markeredgecolor": "black", "markeredgewidth": 0.4},
}
LABELS = {
    **{"d_model": "dimension $d$", "n_features": "features $n$", "sparsity": "sparsity $s$", "n_neurons": "width $M$"},
    **{"target_frequency": "target frequency $p$", "feature_frequency": "feature frequency $f$"},
}
CHANCE_LABEL = "half or more by chance alone"


@dataclass(frozen=True)
class Cells:
    """A grid of cells: x (nx,) and y (ny,) ascending, the rest (ny, nx).

    recovery: mean over the seeds that finished, NaN where none did.
    chance: recovery of as many random directions, NaN where no cell was run.
    failed: some seed failed, diverged or left no number.
    """

    x: Array
    y: Array
    recovery: Array
    chance: Array
    failed: npt.NDArray[np.bool_]

    def dominated(self) -> npt.NDArray[np.bool_]:
        """Return the cells (ny, nx) in which chance alone would give at least half of the recovery."""
        # A cell without a number could have recovered everything.
        recovery = np.where(np.isnan(self.recovery), 1.0, self.recovery)
        return np.asarray(self.chance >= np.maximum(CHANCE_SHARE * recovery, CHANCE_FLOOR))


def collect(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    value: str = RECOVERY,
    x_values: Array | None = None,
    y_values: Array | None = None,
) -> Cells:
    """Return the grid of cells over columns x and y; the axes are the values of the table unless given.

    Rows without a column `status` count as finished.  Chance is that of the recovery rate, where d_model and n_neurons
    are known, and 0 elsewhere.
    """
    recovery = pd.to_numeric(table[value], errors="coerce")
    finished = np.isfinite(recovery) & (table["status"] == "ok" if "status" in table.columns else True)
    failed = 1.0 - finished
    data = pd.DataFrame({"x": table[x], "y": table[y], "recovery": recovery.where(finished), "failed": failed})
    data["chance"] = _chance(table) if value == RECOVERY else 0.0
    columns = distinct(table[x]) if x_values is None else x_values
    index = distinct(table[y]) if y_values is None else y_values

    def pivot(name: str) -> Array:
        means = data.pivot_table(index="y", columns="x", values=name, aggfunc="mean")
        return means.reindex(index=index, columns=columns).to_numpy(dtype=float)

    return Cells(columns, index, pivot("recovery"), pivot("chance"), pivot("failed") > 0)


def _chance(table: pd.DataFrame) -> Array:
    found = np.zeros(len(table))
    if {"d_model", "n_neurons"} <= set(table.columns):
        d, m = (pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float) for name in ("d_model", "n_neurons"))
        known = np.isfinite(d) & np.isfinite(m)
        found[known] = chance_recovery_rate(d[known], m[known], THRESHOLD)
    return found


def distinct(column: pd.Series) -> Array:
    """Return the distinct values of a column, ascending."""
    return np.unique(column.dropna().to_numpy(dtype=float))


def edges(values: npt.ArrayLike) -> Array:
    """Return the k + 1 cell edges of k positive ascending values: geometric midpoints, outer cells symmetric in log."""
    logs = np.log(np.asarray(values, dtype=float))
    if logs.size == 1:
        return np.asarray(np.exp(logs[0] + np.log(2) * np.array([-0.5, 0.5])))
    middle = (logs[1:] + logs[:-1]) / 2
    return np.asarray(np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]])))


def along(values: npt.ArrayLike, n_points: int = 400) -> Array:
    """Return points from the first to the last cell edge of an axis, in equal ratios, to draw curves on."""
    ends = edges(values)
    return np.geomspace(ends[0], ends[-1], n_points)


def heat_map(axes: Axes, cells: Cells, limits: tuple[float, float] = (0.0, 1.0)) -> QuadMesh:
    """Draw the recovery of the cells with hatched chance and crossed failures, and set the limits of the panel.

    `limits` are the values at the ends of the colours.
    """
    axes.set(xscale="log", yscale="log", facecolor=EMPTY_CELL)
    x, y = edges(cells.x), edges(cells.y)
    shown = np.ma.masked_invalid(cells.recovery)
    # An edge of the cell's own colour closes the hairlines that PDF viewers leave between cells.
    mesh = axes.pcolormesh(x, y, shown, cmap=HEAT_MAP, vmin=limits[0], vmax=limits[1], edgecolors="face", linewidth=0.2)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    # NaN compares as dark = False: marks on empty cells are black.
    dark = cells.recovery < sum(limits) / 2
    for name, where, colour in (("dark", dark, "white"), ("bright", ~dark, "black")):
        _hatch(axes, x, y, cells.dominated() & where, colour, f"chance-{name}")
        _cross(axes, cells, cells.failed & where, colour, f"failed-{name}")
    return mesh


def half(axes: Axes, cells: Cells, name: str, dashes: Any = "-") -> bool:
    """Draw where the recovery passes 1/2, straight between cells; return whether it does."""
    finite = cells.recovery[np.isfinite(cells.recovery)]
    if min(cells.recovery.shape) < 2 or not finite.size or not finite.min() < 0.5 < finite.max():
        return False
    style: dict[str, Any] = {"colors": "black", "linewidths": 1.0, "linestyles": [dashes]}
    lines = axes.contour(cells.x, cells.y, np.ma.masked_invalid(cells.recovery), [0.5], **style)
    lines.set(path_effects=outline(1.0), gid=name)
    return True


def half_handle(label: str, dashes: Any = "-") -> Line2D:
    """Return the legend handle of `half`."""
    return Line2D([], [], color="black", linewidth=1.0, linestyle=dashes, label=label)


def prediction(axes: Axes, p: npt.ArrayLike, y: npt.ArrayLike, dashes: Any = "-") -> None:
    """Draw a frequency that theory predicts at each y, as far as it is known."""
    known = np.isfinite(np.asarray(p, dtype=float))
    if known.any():
        x, height = np.asarray(p, dtype=float)[known], np.asarray(y, dtype=float)[known]
        axes.add_line(Line2D(x, height, gid="predicted", zorder=3, **(PREDICTED | {"linestyle": dashes})))


def prediction_handle(label: str) -> Line2D:
    """Return the legend handle of `prediction`."""
    return Line2D([], [], label=label, **PREDICTED)


def _hatch(axes: Axes, x: Array, y: Array, where: npt.NDArray[np.bool_], colour: str, name: str) -> None:
    corners = [[(x[j], y[i]), (x[j + 1], y[i]), (x[j + 1], y[i + 1]), (x[j], y[i + 1])] for i, j in np.argwhere(where)]
    if corners:
        axes.add_collection(
            PolyCollection(corners, facecolors="none", edgecolors=colour, hatch=HATCH, linewidths=0, gid=name),
            autolim=False,
        )


def _cross(axes: Axes, cells: Cells, where: npt.NDArray[np.bool_], colour: str, name: str) -> None:
    i, j = np.nonzero(where)
    if i.size:
        rim = outline(1.0, "black" if colour == "white" else "white")
        style: dict[str, Any] = {"marker": "x", "markersize": 4, "color": colour, "path_effects": rim}
        axes.add_line(Line2D(cells.x[j], cells.y[i], linestyle="", gid=name, zorder=4, **style))  # above lines


def legend_handles(panels: list[Cells]) -> list[Artist]:
    """Return handles for the marks that occur in the panels: chance, failures, cells that were not run."""
    handles: list[Artist] = []
    if any(each.dominated().any() for each in panels):
        handles.append(Patch(facecolor="0.95", edgecolor="black", hatch=HATCH, linewidth=0.4, label=CHANCE_LABEL))
    if any(each.failed.any() for each in panels):
        handles.append(
            Line2D([], [], linestyle="", marker="x", markersize=4, color="black", label="failed or diverged")
        )
    if any((np.isnan(each.recovery) & ~each.failed).any() for each in panels):
        handles.append(Patch(facecolor=EMPTY_CELL, edgecolor="black", linewidth=0.4, label="not run"))
    return handles


def frequency_axis(axes: Axes, values: Array) -> None:
    """Label the x axis as the target frequency: a tick a decade, or the values of the cells where none is in sight."""
    axes.set_xlabel("target frequency $p$")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_minor_locator(LogLocator(10, subs=range(2, 10)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = np.log10(axes.get_xlim())
    if np.floor(high) < np.ceil(low):
        axes.set_xticks(values, [f"{value:g}" for value in values])


def label_axis(axes: Axes, axis: Axis, name: str, values: Array) -> None:
    """Label an axis over a column: target frequencies by decades, the others by their values."""
    label = LABELS.get(name, name.replace("_", " "))
    if name == "target_frequency" and axis is axes.xaxis:
        frequency_axis(axes, values)
    elif (values == np.round(values)).all():
        number_axis(axis, values, label)
    else:
        kept = values[:: 1 + values.size // 9]  # more labels would touch
        axis.set_label_text(label)
        axis.set_major_locator(FixedLocator(list(kept)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))


def number_axis(axis: Axis, values: Array, label: str, *, at_most: int = 12) -> None:
    """Label an axis of whole numbers with the values of the cells; where those crowd, with powers of two."""
    ticks = values
    if ticks.size > at_most:
        powers = values[np.log2(values) % 1 == 0]
        ticks = powers if powers.size > 1 else values
        while ticks.size > at_most:
            ticks = ticks[::2]
    axis.set_label_text(label)
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
