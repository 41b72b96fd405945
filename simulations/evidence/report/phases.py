"""Phase diagrams: colours over two axes, each cell of which leads to its rows, hatched where chance does as well."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulations.evidence.report.shape import Shape
from simulations.evidence.report.svg import brief, heat, number, picture, shown, tag, text
from simulations.evidence.report.wording import RATES, WIDTH, called, cut, mark, symbol

MOST_PANELS = 8
LEFT, RIGHT, TOP = 44.0, WIDTH - 6, 22.0
LETTERS = 46  # for which a heading has room
SEAM = 0.4  # by which cells overlap, so that no line shows between them
# As in the figures (figures.phase, which a test compares): chance that explains half of a recovery, from 5 % on.
CHANCE_SHARE, CHANCE_FLOOR = 0.5, 0.05


class Place(NamedTuple):
    """A cell of a diagram: where it is, its value (mean over seeds), its rows and seeds, and whether by chance."""

    x: float
    y: float
    value: float
    rows: list[int]
    n_seeds: int
    by_chance: bool


def phase(shape: Shape) -> tuple[list[str], int]:
    """Return a panel for each facet of a phase diagram, and how many more there are than are drawn."""
    parts = list(shape.table.groupby("panel", sort=False))
    return [_panel(shape, str(name), part) for name, part in parts[:MOST_PANELS]], len(parts[MOST_PANELS:])


def phase_thumbnail(shape: Shape, width: float, height: float) -> str:
    """Return the cells of the largest facet alone."""
    part = max((part for _, part in shape.table.groupby("panel", sort=False)), key=len)
    x, y = _axes(part)
    wide, high = width / len(x), height / len(y)
    cells = []
    for cell in places(shape, part):
        at: dict[str, Any] = {"x": x.index(cell.x) * wide, "y": height - (y.index(cell.y) + 1) * high}
        cells.append(tag("rect", **at, width=wide + 0.3, height=high + 0.3, fill=_colour(shape, cell.value)))
    return "".join(cells)


def legend(shape: Shape) -> str:
    """Return the colours of a phase diagram with the numbers they stand for."""
    low, high = _limits(shape)
    boxes = [tag("rect", x=k * 8, y=0, width=8.4, height=10, fill=heat(k / 19)) for k in range(20)]
    ends = text(0, 24, shown(low), class_="tick") + text(160, 24, shown(high), class_="tick end")
    return picture(170, 28, "".join(boxes) + ends, f"Colours: {called(shape.value)}", class_="legend")


def places(shape: Shape, part: pd.DataFrame) -> list[Place]:
    """Return the cells of a panel, by x and then y."""
    groups: dict[tuple[float, float], list[int]] = {}
    for k, at in enumerate(zip(part["x"].tolist(), part["y"].tolist(), strict=True)):
        groups.setdefault(at, []).append(k)
    values, seeds, index = part["value"].to_numpy(dtype=float), part["seed"].to_numpy(), part.index.to_numpy()
    judged = shape.value == "feature_recovery_rate" and "chance_recovery_rate" in part
    chance = part["chance_recovery_rate"].to_numpy(dtype=float) if judged else np.zeros(len(part))
    found = []
    for (x, y), ks in sorted(groups.items()):
        value = float(values[ks].mean())
        by_chance = bool(chance[ks].mean() >= max(CHANCE_SHARE * value, CHANCE_FLOOR))
        found.append(Place(x, y, value, index[ks].tolist(), len(set(seeds[ks].tolist())), by_chance))
    return found


def _axes(part: pd.DataFrame) -> tuple[list[float], list[float]]:
    x, y = (sorted(set(part[axis].astype(float).tolist())) for axis in "xy")
    return x, y


def _limits(shape: Shape) -> tuple[float, float]:
    """Return the numbers at the ends of the colours."""
    values = shape.table["value"]
    return (0.0, 1.0) if shape.value in RATES else (float(values.min()), float(values.max()))


def _colour(shape: Shape, value: float) -> str:
    low, high = _limits(shape)
    return heat((value - low) / (high - low) if high > low else 0.5)


def _panel(shape: Shape, name: str, part: pd.DataFrame) -> str:
    x, y = _axes(part)
    height = max(96.0, min(200.0, 24.0 * len(y)))
    wide, high = (RIGHT - LEFT) / len(x), height / len(y)
    body = [text(LEFT, 13, cut(name, LETTERS), class_="head")] if name else []
    for cell in places(shape, part):
        box: dict[str, Any] = {"x": LEFT + x.index(cell.x) * wide, "y": TOP + height - (y.index(cell.y) + 1) * high}
        box |= {"width": wide + SEAM, "height": high + SEAM, "fill": _colour(shape, cell.value)}
        body.append(mark("rect", cell.rows, _words(shape, cell), **box))
        body.append(tag("rect", **box | {"fill": None}, class_="hatch") if cell.by_chance else "")
    body += _labels(shape, x, y, height)
    axes = f"{called(shape.value)} over {called(shape.x)} and {called(shape.y)}"
    label = f"Phase diagram{f' ({name})' if name else ''}: {axes}"
    return picture(WIDTH, TOP + height + 36, "".join(body), label, class_="panel phase")


def _labels(shape: Shape, x: list[float], y: list[float], height: float) -> list[str]:
    wide, high = (RIGHT - LEFT) / len(x), height / len(y)
    bottom, middle = TOP + height, TOP + height / 2
    across = 1 + (len(x) - 1) // int((RIGHT - LEFT) // 46)
    down = 1 + (len(y) - 1) // int(height // 13)
    body = [
        text(LEFT + (k + 0.5) * wide, bottom + 14, brief(value), class_="tick middle")
        for k, value in list(enumerate(x))[::across]
    ]
    body += [
        text(LEFT - 6, bottom - (k + 0.5) * high + 3.5, brief(value), class_="tick end")
        for k, value in list(enumerate(y))[::down]
    ]
    body.append(text((LEFT + RIGHT) / 2, bottom + 30, called(shape.x), class_="axis middle"))
    turned = f"rotate(-90 10 {number(middle)})"
    return [*body, text(10, middle, called(shape.y), class_="axis middle", transform=turned)]


def _words(shape: Shape, cell: Place) -> str:
    named = [(symbol(axis), at) for axis, at in ((shape.x, cell.x), (shape.y, cell.y))]
    words = f"{', '.join(f'{name} = {shown(at)}' for name, at in named)}: {shown(cell.value)}"
    words += f" ({cell.n_seeds} seeds)" if cell.n_seeds > 1 else ""
    return words + ("; half or more by chance" if cell.by_chance else "")
