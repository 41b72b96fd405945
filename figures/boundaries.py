"""The theorem's conditions as lines: where each one begins or ceases to hold, in target frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from figures.phase import along, distinct
from figures.style import BLUE, GREEN, ORANGE, PURPLE, SMALL_FONT_SIZE, VERMILLION, outline
from theory.conditions import EPSILON, ZETA, conditions, frequency_bound_of_width

Array = npt.NDArray[np.float64]
LINE_WIDTH = 0.9
REGION = (1.0, 1.0, 1.0, 0.3)  # white, so that colours below still tell
TITLE = (
    rf"sufficient conditions of the theorem ($\varepsilon$ = {EPSILON:g}, $\zeta$ = {ZETA:g})"
    + "\nwhitened where all hold"
)
# White between black dots: seen on any background.
REFERENCE: dict[str, Any] = {"color": "black", "gapcolor": "white", "linewidth": 1.0, "linestyle": (0, (1.5, 1.5))}


@dataclass(frozen=True)
class Boundary:
    """One condition of the theorem: its name in theory.conditions, its label and its line."""

    condition: str
    label: str
    colour: str
    dashes: Any

    def artist(self, x: npt.ArrayLike = (), y: npt.ArrayLike = (), note: str = "") -> Line2D:
        """Return the line through (x, y), or an empty one for a legend."""
        return Line2D(
            np.asarray(x),
            np.asarray(y),
            color=self.colour,
            linestyle=self.dashes,
            linewidth=LINE_WIDTH,
            path_effects=outline(LINE_WIDTH),
            label=self.label + note,
            gid=self.condition,
        )


BOUNDARIES = (
    Boundary("frequency_lower", r"$p \gtrsim 1/n$", VERMILLION, "-"),
    Boundary("frequency_upper_sparsity", r"$p \lesssim n^{-(1+1/s)/2}$", GREEN, (0, (5, 1.5))),
    Boundary("frequency_upper_concentration", r"$p \lesssim n^{-2(1+\varepsilon)^2/s}$", PURPLE, (0, (1.5, 1))),
    Boundary("frequency_upper_dimension", r"$p \lesssim d^{\,1-\zeta}/n$", ORANGE, (0, (5, 1.2, 1.2, 1.2))),
    Boundary("width", r"$p \gtrsim (n/M)^{(1-\varepsilon)^2/s}$", BLUE, (0, (8, 2))),
)


def frequencies(
    n_features: npt.ArrayLike, d_model: npt.ArrayLike, sparsity: npt.ArrayLike, n_neurons: npt.ArrayLike
) -> dict[str, Array]:
    """Return the target frequency at which each condition changes, by its name, in the common shape of the arguments.

    Where n_neurons is NaN there is no width, and no condition on it.
    """
    # The bounds on p depend neither on p nor on M.
    found = conditions(n_features, d_model, sparsity, 0.5, 1)
    bounds = {name: np.asarray(found[name].bound) for name in found if name != "width"}
    if np.isfinite(n_neurons).all():
        width = np.asarray(frequency_bound_of_width(n_features, n_neurons, sparsity))
        bounds["width"] = np.broadcast_to(width, bounds["frequency_lower"].shape)
    return bounds


def overlay(axes: Axes, table: pd.DataFrame, x: str, y: str, *, references: bool = True) -> set[str]:
    """Draw what the theorem says of a panel over columns x and y; return the names of the conditions in sight.

    Conditions and the feature frequency f = s/n over target_frequency, d = sqrt(n) and d = n over d_model; nothing
    where the other settings of the rows are not known, or several.
    """
    ends = along(distinct(table[y]))
    if (x, y) == ("d_model", "n_features"):
        reference(axes, ends**0.5, ends, "root_n", r"$d = \sqrt{n}$")
        reference(axes, ends, ends, "superposition", "$d = n$")
    if x != "target_frequency":
        return set()
    n, d, s = (_follow(table, name, y, ends) for name in ("n_features", "d_model", "sparsity"))
    possible = (n >= 2) & (d >= 1) & (s >= 1) & (s <= n)  # elsewhere no condition is defined; NaN is not
    n, d, s, ends = (each[possible] for each in (n, d, s, ends))
    if not ends.size:
        return set()
    if references:
        reference(axes, s / n, ends, "feature_frequency", "$f$")
        reference(axes, np.sqrt(s / n), ends, "root_feature_frequency", r"$\sqrt{f}$")
        if y == "d_model":
            sides = np.array(axes.get_xlim())
            reference(axes, sides, np.sqrt(n[0]), "root_n", r"$\sqrt{n}$")
    m = _follow(table, "n_neurons", y, ends)
    bounds = frequencies(n, d, s, m)
    region(axes, bounds, ends)
    return draw(axes, bounds, ends)


def _follow(table: pd.DataFrame, name: str, y: str, values: Array) -> Array:
    """Return a column as a function of `y`: y itself, constant or proportional to y; NaN where it is neither."""
    column = pd.to_numeric(table[name], errors="coerce").dropna() if name in table.columns else pd.Series(dtype=float)
    ratio = column / table.loc[column.index, y]
    for found, one in ((column, np.ones_like(values)), (ratio, values)):
        if len(found) and np.ptp(found) <= 1e-9 * found.max():  # two roundings of one quotient are far closer
            return np.asarray(one * float(found.iloc[0]))
    return np.full_like(values, np.nan)


def draw(axes: Axes, bounds: dict[str, Array], y: Array) -> set[str]:
    """Draw the boundaries p(y) over a panel whose limits are set; return the names of those that it shows."""
    low, high = axes.get_xlim()
    shown = set()
    for each in BOUNDARIES:
        p = bounds.get(each.condition, np.empty(0))
        if np.any((p > low) & (p < high)):
            axes.add_line(each.artist(p, y))
            shown.add(each.condition)
    return shown


def region(axes: Axes, bounds: dict[str, Array], y: Array) -> None:
    """Shade where all conditions hold, p between the highest lower and the lowest upper bound at each y."""
    lower = [bounds[name] for name in ("frequency_lower", "width") if name in bounds]
    upper = [bounds[name] for name in bounds if name.startswith("frequency_upper")]
    low, high = np.max(lower, axis=0), np.min(upper, axis=0)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.fill_betweenx(y, low, high, where=low < high, facecolor=REGION, edgecolor="none", gid="theorem", zorder=1.5)
    axes.set(xlim=limits[0], ylim=limits[1])


def legend_handles(shown: set[str], *, width: bool = True) -> list[Line2D]:
    """Return one handle a boundary; one that no panel shows says so, since it still holds or fails."""
    told = [each for each in BOUNDARIES if width or each.condition != "width"]
    return [each.artist(note="" if each.condition in shown else ", off scale") for each in told]


def reference_handle(label: str) -> Line2D:
    """Return the legend handle of the reference lines."""
    return Line2D([], [], label=label, **REFERENCE)


def reference(axes: Axes, x: npt.ArrayLike, y: npt.ArrayLike, name: str, label: str) -> None:
    """Draw a dotted reference line, labelled where it leaves the panel: above the top, or to the right."""
    x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    # One part in 1e9 keeps end points that lie on the frame.
    inside = (x >= left * (1 - 1e-9)) & (x <= right * (1 + 1e-9)) & (y >= bottom * (1 - 1e-9)) & (y <= top * (1 + 1e-9))
    if not inside.any():
        return
    axes.add_line(Line2D(x, y, gid=name, **REFERENCE))
    last = int(np.flatnonzero(inside)[-1])
    above = y[last] >= top * (1 - 1e-9) or (last < x.size - 1 and y[last + 1] > top)
    axes.annotate(
        label,
        (x[last], top) if above else (right, y[last]),
        xytext=(0, 2) if above else (3, 0),
        textcoords="offset points",
        ha="center" if above else "left",
        va="bottom" if above else "center",
        fontsize=SMALL_FONT_SIZE,
        annotation_clip=False,
    )
