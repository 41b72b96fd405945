"""Small pictures in SVG: numbers to places, ticks, and the tags that every picture here is made of.

Colours are classes of the style sheet, so that a picture follows the light or dark of its page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# Cividis (Nunez, Anderton and Renslow 2018), the colours of the figures: from no recovery to all of it.
HEAT = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838")
WIDE = 20.0  # ratio of the ends of an axis from which it is logarithmic


def number(value: float) -> str:
    """Return a place in a picture, to a tenth."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def shown(value: float) -> str:
    """Return a number as a label says it."""
    if not math.isfinite(value):
        return "not known"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
    if abs(value) >= 1e4 and value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def brief(value: float) -> str:
    """Return a number as a crowded axis says it: two digits of what is no whole number."""
    return shown(value if value == round(value) else float(f"{value:.2g}"))


def tag(name: str, body: str = "", **attributes: Any) -> str:
    """Return an element; an attribute's trailing and inner underscores are those of Python's names."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value) if isinstance(value, float) else str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{told}>{body}</{name}>" if body else f"<{name}{told}/>"


def text(x: float, y: float, words: str, **attributes: Any) -> str:
    """Return a text element at a place."""
    return tag("text", escape(words), x=float(x), y=float(y), **attributes)


def picture(width: float, height: float, body: str, label: str, **attributes: Any) -> str:
    """Return the picture with its name for those who do not see it; a group where its marks lead somewhere."""
    view = f"0 0 {number(width)} {number(height)}"
    role = "group" if 'class="hit"' in body else "img"
    return tag("svg", body, viewBox=view, role=role, aria_label=label, **attributes)


def heat(value: float) -> str:
    """Return the colour of a recovery from 0 to 1."""
    place = min(max(value, 0.0), 1.0) * (len(HEAT) - 1)
    k = min(int(place), len(HEAT) - 2)
    low, high = (tuple(int(each[i : i + 2], 16) for i in (1, 3, 5)) for each in (HEAT[k], HEAT[k + 1]))
    mixed = [round(a + (b - a) * (place - k)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{each:02x}" for each in mixed)


@dataclass(frozen=True)
class Scale:
    """From numbers to places: `low` lies at `start`, `high` at `end`; logarithmic where `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a number, cut at the ends."""
        low, high, x = (math.log(each) if self.log else each for each in (self.low, self.high, max(value, self._least)))
        share = (x - low) / (high - low) if high > low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    @property
    def _least(self) -> float:
        return self.low if self.log else -math.inf

    def ticks(self, count: int = 5) -> list[float]:
        """Return round numbers between the ends, about `count` of them."""
        found = log_ticks(self.low, self.high, count) if self.log else []
        return found if len(found) > 1 else linear_ticks(self.low, self.high, count)


def scale(values: Sequence[float], start: float, end: float, *, log: bool | None = None, pad: float = 0.06) -> Scale:
    """Return a scale that holds the finite values with room at both ends."""
    finite = [each for each in values if math.isfinite(each)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    log = low > 0 and high / low >= WIDE if log is None else log and low > 0
    if low == high:
        low, high = (low / 1.5, high * 1.5) if log else (low - 0.5, high + 0.5)
    if log:
        room = (high / low) ** pad
        return Scale(low / room, high * room, start, end, log=True)
    room = (high - low) * pad
    return Scale(low - room, high + room, start, end)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return multiples of 1, 2, 2.5 or 5 times a power of ten."""
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return powers of ten, or 1, 2 and 5 of each decade where these are few."""
    every = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for factors in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
        found = [factor * 10.0**k for k in every for factor in factors if low <= factor * 10.0**k <= high]
        if len(found) >= 3:
            break
    return found[:: 1 + max(0, len(found) - 1) // (count + 1)]
