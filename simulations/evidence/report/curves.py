"""Curves over one axis: a line a series, the mean over seeds, with a faint dot per seed that leads to its rows."""

from __future__ import annotations

import pandas as pd

from simulations.evidence.report.shape import Shape
from simulations.evidence.report.svg import Scale, number, picture, scale, shown, tag, text
from simulations.evidence.report.wording import RATES, WIDTH, called, cut, mark

MOST_LINES = 8
LETTERS = 42  # for which a key has room
HEIGHT, LEFT, TOP, BOTTOM, KEY = 210.0, 46.0, 10.0, 34.0, 17.0


def curves(shape: Shape) -> tuple[str, int]:
    """Return the curves of a shape, and how many more there are than are drawn."""
    xs, ys = _scales(shape, (LEFT, WIDTH - 8), (HEIGHT - BOTTOM, TOP))
    parts = _parts(shape)
    keys = [] if [name for name, _ in parts] == [""] else [name for name, _ in parts]
    body = _frame(shape, xs, ys)
    for k, (name, part) in enumerate(parts):
        body.append(_line(part, xs, ys, k))
        body += [_dot(shape, name, row, xs, ys, k) for row in _dots(part)]
    for k, name in enumerate(keys):
        y = HEIGHT + KEY * k + 8
        body.append(tag("line", x1=LEFT, x2=LEFT + 22, y1=y, y2=y, class_=f"line s{k}"))
        body.append(text(LEFT + 28, y + 4, cut(name, LETTERS), class_="tick"))
    label = f"{called(shape.value)} over {called(shape.x)}{': ' * bool(keys)}{', '.join(keys)}"
    made = picture(WIDTH, HEIGHT + KEY * len(keys), "".join(body), label, class_="panel curves")
    return made, len(set(shape.table["series"])) - len(parts)


def curves_thumbnail(shape: Shape, width: float, height: float) -> str:
    """Return the lines alone."""
    xs, ys = _scales(shape, (2, width - 2), (height - 2, 2))
    return "".join(_line(part, xs, ys, k) for k, (_, part) in enumerate(_parts(shape)))


def _parts(shape: Shape) -> list[tuple[str, pd.DataFrame]]:
    return [(str(name), part) for name, part in shape.table.groupby("series", sort=False)][:MOST_LINES]


def _scales(shape: Shape, across: tuple[float, float], up: tuple[float, float]) -> tuple[Scale, Scale]:
    ys = Scale(0, 1, *up) if shape.value in RATES else scale(shape.table["value"].tolist(), *up, log=False)
    return scale(shape.table["x"].tolist(), *across), ys


def _line(part: pd.DataFrame, xs: Scale, ys: Scale, which: int) -> str:
    means = part.groupby("x")["value"].mean()
    places = zip(means.index.tolist(), means.tolist(), strict=True)
    points = " ".join(f"{number(xs(x))},{number(ys(y))}" for x, y in places)
    return tag("polyline", points=points, class_=f"line s{which}")


def _dots(part: pd.DataFrame) -> list[tuple[int, float, float, int]]:
    """Return number in the file, x, value and seed of each row."""
    columns = (part.index.tolist(), part["x"].tolist(), part["value"].tolist(), part["seed"].tolist())
    return list(zip(*columns, strict=True))


def _dot(shape: Shape, name: str, row: tuple[int, float, float, int], xs: Scale, ys: Scale, which: int) -> str:
    number_, x, value, seed = row
    words = f"{name or called(shape.value)}, {called(shape.x)} {shown(x)}, seed {int(seed)}: {shown(value)}"
    return mark("circle", [number_], words, cx=xs(x), cy=ys(value), r=3.2, data_s=which)


def _frame(shape: Shape, xs: Scale, ys: Scale) -> list[str]:
    bottom, middle = ys.start, (ys.start + ys.end) / 2
    body = []
    for value in ys.ticks():
        body.append(tag("line", x1=xs.start, x2=xs.end, y1=ys(value), y2=ys(value), class_="grid"))
        body.append(text(xs.start - 6, ys(value) + 3.5, shown(value), class_="tick end"))
    body += [text(xs(value), bottom + 14, shown(value), class_="tick middle") for value in xs.ticks()]
    body.append(text((xs.start + xs.end) / 2, bottom + 29, called(shape.x), class_="axis middle"))
    turned = f"rotate(-90 10 {number(middle)})"
    return [*body, text(10, middle, called(shape.value), class_="axis middle", transform=turned)]
