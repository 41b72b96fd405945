"""The claims as cards: what was judged, the verdict at each preset, and the effect drawn beside its threshold."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simulations.evidence.presets import folders
from simulations.evidence.report.svg import Scale, picture, scale, shown, tag, text
from simulations.evidence.report.wording import seeds
from simulations.evidence.scorecard.claims import CLAIMS
from simulations.evidence.scorecard.report import Line, judge
from simulations.evidence.scorecard.verdicts import CONFLICTS, NOT_TESTED, SUPPORTED, TRIVIAL, UNDECIDED

ORDER = (SUPPORTED, TRIVIAL, CONFLICTS, UNDECIDED, NOT_TESTED)
SLUGS = dict(zip(ORDER, ("supported", "trivial", "conflicts", "undecided", "untested"), strict=True))
RULE = re.compile(r"(?::|^) (?:(above|below) (-?[\d.]+)|within ([\d.]+) of (-?[\d.]+)(?:/(\d+))?)")
LEFT, RIGHT, Y = 8.0, 312.0, 24.0


class Range(NamedTuple):
    """Where an effect has to lie for its claim to be supported; infinite ends are open."""

    low: float
    high: float


def wanted(rule: str) -> Range | None:
    """Return the range that a rule in words asks for, after its first colon that asks; None where none does.

    >>> wanted("steps, per doubling of n: within 0.25 of 0; undecided below")
    Range(low=-0.25, high=0.25)
    """
    if not (match := RULE.search(rule)):
        return None
    side, threshold, tolerance, centre, divisor = match.groups()
    if side:
        return Range(float(threshold), math.inf) if side == "above" else Range(-math.inf, float(threshold))
    middle = float(centre) / float(divisor or 1)
    return Range(middle - float(tolerance), middle + float(tolerance))


def lines_of(results: Path, names: Sequence[str]) -> list[Line]:
    """Return a line per claim on the experiments of `names`: that of its largest preset, with `others` by preset."""
    found = []
    for claim in CLAIMS:
        if claim.experiment not in names:
            continue
        presets = [each.name for each in folders(results, claim.experiment)]
        told = [judge(claim, results, preset) for preset in presets] or [judge(claim, results)]
        others = {each["preset"]: each["verdict"] for each in told[:-1]}
        found.append(told[-1] | {"others": others, "slug": SLUGS[told[-1]["verdict"]]})
    return sorted(found, key=lambda line: ORDER.index(line["verdict"]))


def interval(line: Line) -> str:
    """Return the effect of a line as a picture, with its interval and what the claim asks for; "" without an effect."""
    value, low, high = (float(line[name]) for name in ("effect", "effect_low", "effect_high"))
    if math.isnan(value):
        return ""
    asked = wanted(line["rule"])
    ends = [each for each in (value, low, high, *(asked or ())) if math.isfinite(each)]
    near_zero = max(map(abs, ends)) < 4 * (max(ends) - min(ends) or 1)
    xs = scale([*ends, *([0.0] * near_zero)], LEFT, RIGHT, log=False, pad=0.14)
    body = [_asked(asked, xs)] if asked else []
    body.append(tag("line", x1=LEFT, x2=RIGHT, y1=Y + 14, y2=Y + 14, class_="grid"))
    body += [text(xs(each), Y + 28, shown(each), class_="tick middle") for each in xs.ticks(4)]
    known = math.isfinite(low) and math.isfinite(high)
    if known:
        body.append(tag("line", x1=xs(low), x2=xs(high), y1=Y, y2=Y, class_="span own"))
        body += [tag("line", x1=xs(each), x2=xs(each), y1=Y - 4, y2=Y + 4, class_="span own") for each in (low, high)]
    body.append(tag("circle", cx=xs(value), cy=Y, r=4.6, class_="point" if known else "point open"))
    told = f"from {shown(low)} to {shown(high)}" if known else _open(low, high)
    asks = f"; the claim asks for {_words(asked)}" if asked else ""
    label = f"Effect {shown(value)}, {told}, {seeds(line['n_seeds'])}{asks}"
    return picture(320, 56, "".join(body), label, class_="interval")


def _open(low: float, high: float) -> str:
    return f"at most {shown(high)}, 95 %" if math.isinf(low) and math.isfinite(high) else "no interval"


def _asked(asked: Range, xs: Scale) -> str:
    low, high = (xs(max(min(each, 1e300), -1e300)) for each in asked)
    box = tag("rect", x=low, y=4.0, width=max(high - low, 1.0), height=Y + 6, class_="wanted")
    edges = [xs(each) for each in asked if math.isfinite(each)]
    return box + "".join(tag("line", x1=x, x2=x, y1=4.0, y2=Y + 14, class_="threshold") for x in edges)


def _words(asked: Range) -> str:
    if math.isinf(asked.high):
        return f"more than {shown(asked.low)}"
    if math.isinf(asked.low):
        return f"less than {shown(asked.high)}"
    return f"{shown(asked.low)} to {shown(asked.high)}"


def numbers(line: Line) -> str:
    """Return the effect of a line in words, with what is asked."""
    value, low, high = (float(line[name]) for name in ("effect", "effect_low", "effect_high"))
    if math.isnan(value):
        return ""
    known = math.isfinite(low) and math.isfinite(high)
    told = f"{shown(low)} to {shown(high)}, 95 %" if known else _open(low, high)
    asked = wanted(line["rule"])
    asks = f"; asked: {_words(asked)}" if asked else ""
    return f"{shown(value)} ({told}, {seeds(line['n_seeds'])}){asks}"


def card(line: Line, smoke: bool) -> dict[str, Any]:
    """Return what the template needs of a line; `smoke`: its rows are of a smoke test."""
    told = {"interval": interval(line), "numbers": numbers(line), "seeds": seeds(line["n_seeds"])}
    return line | told | {"smoke": smoke}
