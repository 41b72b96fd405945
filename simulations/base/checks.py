"""Checks of settings: (name, value, settings) -> None, or ValueError saying what was given and what is allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

from simulations.data.laws.registry import check_law

Check = Callable[[str, Any, Any], None]

CLASSICAL = "dictionary-learning"
TRAINED = ("gba", "ba", "topk", "batchtopk", "l1", "jumprelu", CLASSICAL)
ALGORITHMS = ("modified-ba", *TRAINED)
WITH_K = ("topk", "batchtopk")


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise ValueError, suggesting the nearest allowed word, unless `value` is one of `allowed`."""
    words = list(allowed)
    if value not in words:
        near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{name}={value!r}, but should be one of {', '.join(words)}{hint}")


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


def law(kind: str) -> Check:
    """Return the check that a text names a law of that kind."""
    return lambda name, value, _: check_law(kind, value)


def sparsity(name: str, value: Any, settings: Any) -> None:
    """Refuse more active features than there are."""
    if not 1 <= value <= settings.n_features:
        raise ValueError(f"{name}={value}, but should be in [1, n_features={settings.n_features}]")


def batch_size(name: str, value: Any, settings: Any) -> None:
    """Refuse batches larger than the data; 0 is the full batch, which a trained algorithm cannot take."""
    low = 1 if settings.algorithm in TRAINED else 0
    if not low <= value <= settings.n_samples:
        full = "" if low else " (0 = full batch)"
        raise ValueError(f"{name}={value}, but should be in [{low}, n_samples={settings.n_samples}]{full}")


def activation(name: str, value: Any, settings: Any) -> None:
    """Refuse an activation that the algorithm does not have."""
    allowed = {
        "modified-ba": ("relu", "smooth-relu", "jumprelu"),
        "gba": ("relu", "jumprelu"),
        "ba": ("relu", "jumprelu"),
        "jumprelu": ("jumprelu",),
    }.get(settings.algorithm, ("relu",))
    try:
        one_of(name, value, allowed)
    except ValueError as error:
        raise ValueError(f"{error} for algorithm={settings.algorithm}") from None


def evaluation(name: str, value: Any, settings: Any) -> None:
    """Refuse the factored form of noisy data, which have no factorisation."""
    one_of(name, value, ("auto", "factored", "dense"))
    if value == "factored" and settings.noise > 0 and settings.algorithm not in TRAINED:
        raise ValueError(f"{name}='factored', but noise={settings.noise} needs the dense evaluation")


def n_groups(name: str, value: Any, settings: Any) -> None:
    """Refuse more groups than neurons."""
    high = settings.n_neurons if settings.algorithm == "gba" else math.inf
    if not 1 <= value <= high:
        raise ValueError(f"{name}={value}, but should be in [1, n_neurons={settings.n_neurons}]")


def low_target_frequency(name: str, value: Any, settings: Any) -> None:
    """Refuse frequencies outside (0, 1), and a low above the high."""
    number(0, 1, low_open=True, high_open=True)(name, value, settings)
    if value > settings.high_target_frequency:
        raise ValueError(
            f"{name}={value}, but should be at most high_target_frequency={settings.high_target_frequency}"
        )


def initial_bias(name: str, value: Any, settings: Any) -> None:
    """Refuse a bias outside [-1, 0], and one of algorithms that have none."""
    number(-1, 0)(name, value, settings)
    if value and settings.algorithm in WITH_K:
        raise ValueError(f"{name}={value}, but should be 0 for algorithm={settings.algorithm}, which has no bias")


def k(name: str, value: Any, settings: Any) -> None:
    """Refuse more active neurons than there are."""
    high = settings.n_neurons if settings.algorithm in WITH_K else math.inf
    if not 1 <= value <= high:
        raise ValueError(f"{name}={value}, but should be in [1, n_neurons={settings.n_neurons}]")


def instrument(name: str, value: Any, settings: Any) -> None:
    """Refuse instruments other than simulation for algorithms whose neurons are not independent."""
    one_of(name, value, ("simulation", "learnability", "width"))
    if value != "simulation" and settings.algorithm in TRAINED:
        raise ValueError(f"{name}={value!r} needs algorithm='modified-ba', whose neurons are independent")
