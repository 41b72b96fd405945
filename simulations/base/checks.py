"""Checks of settings: (name, value, leaf) -> None, or ValueError saying what was given and what is allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

Check = Callable[[str, Any, Any], None]


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" for the nearest known word, or nothing."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.4)
    return f" (did you mean {near[0]!r}?)" if near else ""


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise ValueError, suggesting the nearest allowed word, unless `value` is one of `allowed`."""
    words = list(allowed)
    if value not in words:
        raise ValueError(f"{name}={value!r}, but should be one of {', '.join(words)}{suggestion(value, words)}")


def names(*allowed: str) -> Check:
    """Return the check of a word."""
    return lambda name, value, _: one_of(name, value, allowed)


def count(low: int) -> Check:
    """Return the check of an integer of at least `low`."""

    def check(name: str, value: Any, _: Any) -> None:
        if value < low:
            raise ValueError(f"{name}={value}, but should be an integer of at least {low}")

    return check


def number(
    low: float, high: float = math.inf, *, low_open: bool = False, high_open: bool = False, note: str = ""
) -> Check:
    """Return the check of a number from low to high, of which either end may be open; inf has to be `high` itself."""
    within = f"in {'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"

    def check(name: str, value: Any, _: Any) -> None:
        above = low < value if low_open else low <= value
        below = value < high if high_open else value <= high
        if not (above and below):
            raise ValueError(f"{name}={value}, but should be {within}{note}")

    return check


def flag(*_: Any) -> None:
    """Allow what is True or False already."""


def at_most_neurons(name: str, value: Any, leaf: Any) -> None:
    """Refuse a number of neurons, or of groups of them, above the width."""
    if not 1 <= value <= leaf.n_neurons:
        raise ValueError(f"{name}={value}, but should be in [1, n_neurons={leaf.n_neurons}]")


def check_batch(size: int | None, n_samples: int | None) -> None:
    """Raise ValueError for a batch larger than the data."""
    if size is not None and n_samples is not None and size > n_samples:
        raise ValueError(f"batch_size={size}, but should be in [1, n_samples={n_samples}]")
