"""The look that all figures share: sizes in print, fonts, colours, the colour bar and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

SINGLE_COLUMN = 3.35  # inches, as printed: font sizes below are then sizes on paper
DOUBLE_COLUMN = 6.9
FONT_SIZE = 7.5
SMALL_FONT_SIZE = 7.0
HEAT_MAP = "cividis"  # made for readers with and without colour vision deficiency
EMPTY_CELL = "0.88"

# Okabe and Ito (2008), told apart with every common colour vision deficiency.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

RC: Any = {
    "text.usetex": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "mathtext.fontset": "dejavusans",
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "figure.titlesize": 8.5,
    "axes.labelsize": FONT_SIZE,
    "xtick.labelsize": SMALL_FONT_SIZE,
    "ytick.labelsize": SMALL_FONT_SIZE,
    "legend.fontsize": SMALL_FONT_SIZE,
    "legend.title_fontsize": SMALL_FONT_SIZE,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType, which journals ask for
}

# Decorates what builds or saves a figure: matplotlib reads some settings when drawing, and none may leak.
styled = matplotlib.rc_context(RC)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that printed size in inches, laid out so that nothing is cut off or overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def outline(width: float, colour: str = "white") -> list[Any]:
    """Return path effects that lift a line of that width off any background."""
    return [Stroke(linewidth=width + 1.4, foreground=colour, alpha=0.85), Normal()]


def colour_bar(figure: Figure, mappable: ScalarMappable, axes: Sequence[Axes]) -> None:
    """Add the colour bar of the recovery rate, 0 to 1, to the right of `axes`."""
    bar = figure.colorbar(mappable, ax=list(axes), pad=0.02, fraction=0.05, aspect=28)
    bar.set_label("feature recovery rate (cosine > 0.9)")
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
    bar.outline.set_linewidth(0.6)


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int, title: str | None = None) -> None:
    """Add the one legend of a figure below its panels."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=columns,
        title=title,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.2,
        labelspacing=0.5,
        borderaxespad=0.2,
    )
