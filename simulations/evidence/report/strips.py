"""Effects under each other on one axis: a dot, its interval, its name and its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from simulations.evidence.report.svg import Scale, picture, scale, shown, tag, text
from simulations.evidence.report.wording import seeds
from simulations.evidence.scorecard.effects import Effect

WIDTH, STEP = 320.0, 33.0


class Strip(NamedTuple):
    """A line of such a picture; `faint`: it decides nothing (a smoke test, say)."""

    name: str
    effect: Effect
    faint: bool = False


def strips(lines: Sequence[Strip], axis: str, *, rate: bool = False) -> str:
    """Return the picture; `rate`: from 0 to 1, else around 0, which is marked."""
    known = [line for line in lines if not math.isnan(line.effect.value)]
    if not known:
        return ""
    ends = [each for line in known for each in line.effect[:3] if math.isfinite(each)]
    xs = Scale(0, 1, 4, WIDTH - 60) if rate else scale([0.0, *ends], 4, WIDTH - 60, log=False)
    bottom = STEP * len(known) + 2
    body = []
    for tick in xs.ticks(4):
        zero = " frame" if not rate and tick == 0 else ""
        body.append(tag("line", x1=xs(tick), x2=xs(tick), y1=2.0, y2=bottom, class_=f"grid{zero}"))
        body.append(text(xs(tick), bottom + 12, shown(tick), class_="tick middle" if xs(tick) > 10 else "tick"))
    for k, line in enumerate(known):
        body.append(_line(line, xs, STEP * k))
    body.append(text((4 + WIDTH - 60) / 2, bottom + 27, axis, class_="axis middle"))
    label = f"{axis}: " + "; ".join(f"{line.name} {_words(line.effect)}" for line in known)
    return picture(WIDTH, bottom + 32, "".join(body), label, class_="interval")


def _line(line: Strip, xs: Scale, top: float) -> str:
    effect, y = line.effect, top + 22
    known = math.isfinite(effect.low) and math.isfinite(effect.high)
    body = [text(0, top + 12, f"{line.name} ({seeds(effect.n_seeds)})", class_="arm" if line.faint else "arm plain")]
    if known:
        body.append(tag("line", x1=xs(effect.low), x2=xs(effect.high), y1=y, y2=y, class_="span own"))
    body.append(tag("circle", cx=xs(effect.value), cy=y, r=4.2, class_="point" if known else "point open"))
    body.append(text(WIDTH, y + 4, f"{shown(effect.value)}", class_="tick end"))
    return "".join(body)


def _words(effect: Effect) -> str:
    between = f", {shown(effect.low)} to {shown(effect.high)}" if math.isfinite(effect.low) else ", no interval"
    return f"{shown(effect.value)}{between}, {effect.n_seeds} seeds"
