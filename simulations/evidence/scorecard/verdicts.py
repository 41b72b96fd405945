"""From effects to verdicts: the rules, apart from the claims they are applied to.

A verdict is decided where the whole 95 % interval, over at least MIN_SEEDS seeds, lies on one side: on the boundary of
a claim each of the two wrong words comes out in 1 of 40 at most.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulations.evidence.scorecard.effects import Effect

SUPPORTED, CONFLICTS = "supported", "conflicts"
TRIVIAL = "holds trivially"
UNDECIDED, NOT_TESTED = "undecided", "not tested yet"
MIN_SEEDS = 5
DECADES = 2.0  # to spare, from which a claim holds trivially


class Finding(NamedTuple):
    """What a test of a claim found: the effect, the verdict, why or with what remark, and where it was measured."""

    effect: Effect
    verdict: str
    note: str = ""
    where: str = ""


def above(effect: Effect, threshold: float) -> str:
    """Return the verdict on "the effect is above the threshold": the whole interval has to lie on one side."""
    if math.isnan(effect.value):
        return NOT_TESTED
    if effect.n_seeds < MIN_SEEDS:
        return UNDECIDED
    if effect.low > threshold:
        return SUPPORTED
    return CONFLICTS if effect.high < threshold else UNDECIDED


def below(effect: Effect, threshold: float) -> str:
    """Return the verdict on "the effect is below the threshold"."""
    return above(effect.negative(), -threshold)


def equal(effect: Effect, value: float, tolerance: float) -> str:
    """Return the verdict on "the effect is `value`, within tolerance".

    Supported where the whole interval is within the tolerance, conflicts where it is outside, else undecided.
    """
    return both(above(effect, value - tolerance), below(effect, value + tolerance))


def both(*verdicts: str) -> str:
    """Return the verdict on all of several statements: one conflict decides, each has to be supported.

    Their intervals have to be simultaneous ones where they are more than the two sides of one effect.
    """
    for each in (CONFLICTS, NOT_TESTED, UNDECIDED):
        if each in verdicts:
            return each
    return SUPPORTED if verdicts else NOT_TESTED


def sufficient(spare: Effect) -> str:
    """Return the verdict on a sufficient condition from by how much it is loose: recovery outside never conflicts.

    Nor does recovery that ends before the condition does: the theorem hides constants, taken as one here.
    """
    verdict = trivially(above(spare, 0.0), spare)
    return UNDECIDED if verdict == CONFLICTS else verdict


def trivially(verdict: str, spare: Effect) -> str:
    """Return "holds trivially" in place of "supported" where there are at least DECADES decades to spare."""
    return TRIVIAL if verdict == SUPPORTED and above(spare, DECADES) == SUPPORTED else verdict


def too_few(effect: Effect, verdict: str) -> str:
    """Return why an effect decides nothing: how many seeds it has, or that its interval holds the threshold."""
    if verdict != UNDECIDED:
        return ""
    if effect.n_seeds < MIN_SEEDS:
        return f"{effect.n_seeds} seed{'s' * (effect.n_seeds != 1)}, {MIN_SEEDS} needed"
    return "the interval holds the threshold"


def remarks(*notes: str) -> str:
    """Return the remarks that say something, as one."""
    return "; ".join(each for each in notes if each)


def loose(effect: Effect, unit: str) -> str:
    """Return the remark on a sufficient condition: by how much it is loose, in decades or in another unit."""
    if math.isnan(effect.value) or effect.value <= 0:
        return ""
    interval = "" if math.isnan(effect.low) else f" ({effect.low:.2g} to {effect.high:.2g})"
    return f"loose by {effect.value:.2g}{interval} {unit}"
