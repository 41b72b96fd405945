"""From measured effects to verdicts: the rules, apart from the claims they are applied to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from theory.scaling import fit_slope

SUPPORTED, CONTRADICTED = "supported", "contradicted"
UNDECIDED, NOT_TESTED = "undecided at this size", "not tested yet"
VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTED)
LEVEL = 0.95


class Effect(NamedTuple):
    """A measured effect with its 95 % interval; nan where it is not known, an interval of nan decides nothing."""

    value: float
    low: float = math.nan
    high: float = math.nan


UNKNOWN = Effect(math.nan)


def mean(values: npt.ArrayLike) -> Effect:
    """Return the mean with its t-interval; the interval is unknown for fewer than two values."""
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return UNKNOWN
    if x.size == 1:
        return Effect(float(x[0]))
    half = student.ppf((1 + LEVEL) / 2, x.size - 1) * x.std(ddof=1) / math.sqrt(x.size)
    return Effect(float(x.mean()), float(x.mean() - half), float(x.mean() + half))


def slope(x: npt.ArrayLike, y: npt.ArrayLike, errors: npt.ArrayLike | None = None) -> Effect:
    """Return the slope of y over x as an effect; arguments and interval as in theory.scaling.fit_slope."""
    return Effect(*fit_slope(x, y, errors))


def above(effect: Effect, threshold: float) -> str:
    """Return the verdict on "the effect is above the threshold": the whole interval has to lie on one side."""
    if math.isnan(effect.value):
        return NOT_TESTED
    if effect.low > threshold:
        return SUPPORTED
    return CONTRADICTED if effect.high < threshold else UNDECIDED


def below(effect: Effect, threshold: float) -> str:
    """Return the verdict on "the effect is below the threshold"."""
    return above(Effect(*(-each for each in (effect.value, effect.high, effect.low))), -threshold)


def equal(effect: Effect, value: float, tolerance: float) -> str:
    """Return the verdict on "the effect is `value`, within tolerance".

    Supported where the whole interval is within the tolerance, contradicted where it is outside, else undecided.
    """
    return both(above(effect, value - tolerance), below(effect, value + tolerance))


def both(*verdicts: str) -> str:
    """Return the verdict on all of several statements: one contradiction contradicts, each has to be supported."""
    for each in (CONTRADICTED, NOT_TESTED, UNDECIDED):
        if each in verdicts:
            return each
    return SUPPORTED


def pairs(left: Sequence[float], right: Sequence[float]) -> Effect:
    """Return the mean of paired differences left - right with its t-interval."""
    return mean(np.asarray(left, dtype=np.float64) - np.asarray(right, dtype=np.float64))
