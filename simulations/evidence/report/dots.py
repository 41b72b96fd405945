"""A dot per seed: a line an arm, the mean and its 95 % interval, each dot leading to its row."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.report.shape import Shape
from simulations.evidence.report.svg import Scale, picture, scale, shown, tag, text
from simulations.evidence.report.wording import COMPARED, RATES, WIDTH, called, cut, kind_of, mark
from simulations.evidence.scorecard.effects import Effect, over_seeds

LEFT, RIGHT, STEP = 4.0, WIDTH - 50, 34.0
MOST_IN_THUMBNAIL = 12
LETTERS = 50  # for which a name has room
LOGARITHMIC = ("samples_to_recovery_090",)


def comparisons(shape: Shape) -> list[str]:
    """Return a picture for each panel of a shape and each number that methods are compared by."""
    known = [each for each in COMPARED if each in shape.table and shape.table[each].notna().any()]
    return [each for value in dict.fromkeys([shape.value, *known]) for each in dots(shape, value)]


def dots(shape: Shape, value: str) -> list[str]:
    """Return a picture for each panel, of one number."""
    return [
        _panel(str(name), part, value)
        for name, part in shape.table.groupby("panel", sort=False)
        if part[value].notna().any()
    ]


def arm_effect(part: pd.DataFrame, value: str, *, log: bool = False) -> Effect:
    """Return the mean over seeds with its interval, of a logarithmic axis in logarithms."""
    by_seed = part.groupby("seed")[value].mean()
    if not log:
        return over_seeds(by_seed)
    found = over_seeds(np.log(by_seed[by_seed > 0]))
    return found._replace(value=math.exp(found.value), low=math.exp(found.low), high=math.exp(found.high))


def _panel(name: str, part: pd.DataFrame, value: str) -> str:
    log = True if value in LOGARITHMIC else None
    xs = Scale(0, 1, LEFT, RIGHT) if value in RATES else scale(part[value].tolist(), LEFT, RIGHT, log=log)
    top = 24.0 if name else 6.0
    arms = [(str(arm), rows) for arm, rows in part.groupby("series", sort=False)]
    bottom = top + STEP * len(arms)
    body = [text(0, 13, cut(name, LETTERS), class_="head")] if name else []
    for tick in xs.ticks(4):
        body.append(tag("line", x1=xs(tick), x2=xs(tick), y1=top, y2=bottom, class_="grid"))
        body.append(text(xs(tick), bottom + 12, shown(tick), class_="tick middle" if xs(tick) > 12 else "tick"))
    effects = [arm_effect(rows, value, log=xs.log) for _, rows in arms]
    for k, ((arm, rows), effect) in enumerate(zip(arms, effects, strict=True)):
        body.append(_arm(arm, rows, value, effect, xs, top + STEP * k))
    body.append(text((LEFT + RIGHT) / 2, bottom + 27, called(value), class_="axis middle"))
    said = "; ".join(f"{arm} {shown(effect.value)}" for (arm, _), effect in zip(arms, effects, strict=True))
    label = f"{called(value)}{f', {name}' if name else ''}, a dot a seed: {said}"
    return picture(WIDTH, bottom + 32, "".join(body), label, class_="panel dots")


def _arm(arm: str, rows: pd.DataFrame, value: str, effect: Effect, xs: Scale, top: float) -> str:
    y, kind = top + 22, kind_of(arm)
    body = [text(0, top + 11, cut(arm, LETTERS), class_=f"arm {kind}")]
    if math.isfinite(effect.low):
        body.append(tag("line", x1=xs(effect.low), x2=xs(effect.high), y1=y, y2=y, class_=f"span {kind}"))
    known = rows[rows[value].notna()]
    for row, at, seed in zip(known.index.tolist(), known[value].tolist(), known["seed"].tolist(), strict=True):
        words = f"{arm}, seed {int(seed)}: {shown(at)}"
        body.append(mark("circle", [row], words, cx=xs(at), cy=y, r=3.4, data_k=kind))
    if math.isfinite(effect.value):
        at = xs(effect.value)
        body.append(tag("line", x1=at, x2=at, y1=y - 6, y2=y + 6, class_=f"mean {kind}"))
    words = f"{len(known)} of {len(rows)}" if len(known) < len(rows) else shown(effect.value)
    return "".join([*body, text(WIDTH, y + 4, words, class_="tick end")])


def dots_thumbnail(shape: Shape, width: float, height: float) -> str:
    """Return the dots alone, of the first panel."""
    part = next(part for _, part in shape.table.groupby("panel", sort=False))
    xs = Scale(0, 1, 4, width - 4) if shape.value in RATES else scale(part["value"].tolist(), 4, width - 4)
    arms = list(part.groupby("series", sort=False))[:MOST_IN_THUMBNAIL]
    step = height / len(arms)
    return "".join(
        tag("circle", cx=xs(each), cy=(k + 0.5) * step, r=min(2.6, step / 2.4), data_k=kind_of(str(arm)))
        for k, (arm, rows) in enumerate(arms)
        for each in rows["value"].tolist()
    )
