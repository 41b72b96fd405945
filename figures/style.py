"""The look that all figures share: sizes in print, fonts, colours, the colour bar and the legend."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

SINGLE_COLUMN = 3.35  # inches, as printed: font sizes below are then sizes on paper
DOUBLE_COLUMN = 6.9
FONT_SIZE = 7.5
SMALL_FONT_SIZE = 7.0
HEAT_MAP = "cividis"  # made for readers with and without colour vision deficiency
EMPTY_CELL = "0.88"
RECOVERY_LABEL = "feature recovery rate (cosine > 0.9)"

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


def open_axes(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
    """Leave the frame open at the top and right, and draw a light grid along one or both axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="0.9", linewidth=0.5)
    axes.set_axisbelow(True)


def plain_log(axis: Axis) -> None:
    """Label a logarithmic axis in plain numbers: 1, 2 and 5 of each decade, or the decades where there are many.

    An axis too short to hold two of them has even steps.
    """
    low, high = sorted(axis.get_view_interval())
    few = sum(low <= k * 10.0**m <= high for k in (1, 2, 5) for m in range(-12, 13)) < 2
    axis.set_major_locator(MaxNLocator(4) if few else LogLocator(10, subs=(1, 2, 5) if high < 200 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def outline(width: float, colour: str = "white") -> list[Any]:
    """Return path effects that lift a line of that width off any background."""
    return [Stroke(linewidth=width + 1.4, foreground=colour, alpha=0.85), Normal()]


def colour_bar(figure: Figure, mappable: ScalarMappable, axes: Sequence[Axes], label: str = RECOVERY_LABEL) -> None:
    """Add the colour bar to the right of `axes`."""
    bar = figure.colorbar(mappable, ax=list(axes), pad=0.02, fraction=0.05, aspect=28)
    bar.set_label(label)
    if mappable.get_clim() == (0, 1):
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


def heading(figure: Figure, question: str, notes: str = "") -> None:
    """Say above the panels what the figure asks, and under it what all panels share; lines are broken to fit."""
    characters = int(16.5 * figure.get_figwidth()) - 4  # capitals and digits, which are wide, even out over a long line
    whole = re.sub(r" ([=~]) ", "\u00a0\\1\u00a0", question)  # a value stays with its name
    lines = [each.replace("\u00a0", " ") for each in textwrap.wrap(whole, characters)]
    lines += _broken(notes, characters)
    if lines:
        figure.suptitle("\n".join(lines))


def _broken(notes: str, characters: int) -> list[str]:
    """Break at commas between notes; within a note that is too long for a line at spaces, never in mathematics."""
    lines: list[str] = []
    for part in notes.split(", ") if notes else []:
        joint = ", " * bool(lines)
        for word in [part] if _length(part) <= characters else re.findall(r"(?:\$[^$]*\$|[^\s$])+", part):
            if lines and _length(f"{lines[-1]}{joint}{word}") <= characters:
                lines[-1] += f"{joint}{word}"
            else:
                lines.append(word)
            joint = " "
    return lines


def _length(text: str) -> int:
    """Return how many letters a text shows at most: mathematics takes more than it shows."""
    return len(text.replace("$", ""))


@styled
def footer(figure: Figure, text: str) -> None:
    """Write a line below everything else, for which the figure grows."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(19 * width))
    strip = 0.13 * len(lines) + 0.04
    figure.set_size_inches(width, height + strip)
    share = strip / (height + strip)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, share, 1, 1 - share))  # type: ignore[call-arg]
    for legend in figure.legends:  # which the layout only makes room for where it has no anchor of its own
        legend.borderaxespad += strip * 72 / SMALL_FONT_SIZE
    where: Any = {"ha": "right", "va": "bottom", "color": "0.35", "fontsize": SMALL_FONT_SIZE, "linespacing": 1.0}
    figure.text(0.995, 0.03 / (height + strip), "\n".join(lines), gid="footer", in_layout=False, **where)
