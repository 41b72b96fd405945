"""Settings that check themselves: frozen dataclasses whose fields say what they mean, allow and default to.

A field is declared with `setting(default, text, check)`.  It may be `derived`: its default follows from the other
settings of the cell, and is worked out when it is used, never frozen (None until then).  It may have `applies`: the
settings of the same leaf under which it means anything; elsewhere it is blank, and refused when given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, Self

import numpy as np

from simulations.base.checks import Check, suggestion

Derive = Callable[[Any], Any]
Applies = Callable[[Any], bool]


def setting(
    default: Any,
    text: str,
    check: Check,
    *,
    kind: type | None = None,
    derived: Derive | None = None,
    applies: Applies | None = None,
) -> Any:
    """Declare a field: its default, a line of help, and the check (name, value, leaf) of a value that is given.

    `derived` takes the place of the default: it takes whatever has the other settings as attributes (a cell) and
    returns the value, which `text` tells in words.  `kind` is the type, by default that of `default`.
    """
    if applies and not derived:
        derived = lambda _: default  # noqa: E731 - a default that is not frozen, for it may cease to apply
    metadata = {"text": text, "check": check, "kind": kind or type(default), "default": default}
    metadata |= {"derived": derived, "applies": applies}
    return field(default=None if derived else default, metadata=metadata)


def plain(name: str, value: Any, kind: type) -> Any:
    """Return `value` as a plain bool, int, float or str; raises ValueError where it is none."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if kind is object:  # unknown: the simplest that the value can be
        return _guessed(name, value)
    if kind is bool and str(value) in ("True", "False"):
        return str(value) == "True"
    if kind is str and isinstance(value, str):
        return str(value)
    try:
        if kind is int and isinstance(value, str) and value.strip().lstrip("+-").isdigit():
            return int(value)  # exact also above 2^53
        if kind is int and isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        if kind in (int, float) and not isinstance(value, bool) and (number := kind(float(value))) == float(value):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    wanted = {bool: "True or False", int: "a finite integer", float: "a number", str: "a word"}[kind]
    raise ValueError(f"{name}={value!r}, but should be {wanted}")


def _guessed(name: str, value: Any) -> Any:
    """Return a value, or its text, as bool, int, float or str, the first that it can be."""
    if isinstance(value, bool | int | float):
        return value
    for kind in (bool, int, float, str):
        try:
            return plain(name, value, kind)
        except ValueError:
            continue
    raise ValueError(f"{name}={value!r}, but should be a number, a word, True or False")


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """A leaf of the settings of a cell.  Raises ValueError, naming the setting, for a value that is not allowed."""

    kind_of_leaf: ClassVar[str] = "settings"

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                object.__setattr__(self, each.name, plain(each.name, value, each.metadata["kind"]))
        for each in fields(self):
            applies = each.metadata["applies"]
            if applies is None:
                continue
            if getattr(self, each.name) is not None and not applies(self):
                raise ValueError(f"{each.name}={getattr(self, each.name)!r}, but {self.describe()} has no {each.name}")
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                each.metadata["check"](each.name, value, self)

    def describe(self) -> str:
        """Name the leaf in an error message."""
        return self.kind_of_leaf

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.given().items())
        return f"{type(self).__name__}({told})"

    def own(self) -> Iterator[Field[Any]]:
        """Yield the fields that mean something here."""
        for each in fields(self):
            applies = each.metadata["applies"]
            if applies is None or applies(self):
                yield each

    def resolved(self, whole: Any) -> Self:
        """Return these settings with every derived default worked out from `whole`, which has all settings."""
        missing = {each.name for each in self.own() if getattr(self, each.name) is None}
        return type(self)(**self.given() | {name: getattr(whole, name) for name in missing})

    def replace(self, **changes: Any) -> Self:
        """Return these settings with `changes`; derived defaults are worked out anew."""
        return type(self)(**self.given() | changes)

    def given(self) -> dict[str, Any]:
        """Return the own settings that have a value, as plain values; derived ones only where they were given."""
        return {each.name: value for each in self.own() if (value := getattr(self, each.name)) is not None}


def derive(leaf: Settings, name: str, whole: Any) -> Any:
    """Return the value of an own setting of `leaf`: as given, or derived from `whole`."""
    value = getattr(leaf, name)
    if value is not None:
        return value
    each = next(each for each in fields(leaf) if each.name == name)
    found = each.metadata["derived"](whole)
    each.metadata["check"](name, found, whole)
    return found


def from_flat(kind: type[Settings], values: Mapping[str, Any]) -> Any:
    """Return settings of a leaf from those of `values` that it has; the others are left alone."""
    return kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})


def unknown(names: list[str], known: list[str], whose: str) -> ValueError:
    """Return the error that says which settings are not known, with the nearest one that is."""
    name = names[0]
    return ValueError(f"{name} is no setting of {whose}{suggestion(name, known)}")


def default_text(each: Field[Any]) -> str:
    """Return the default of a field as help shows it."""
    return str(each.metadata["default"])
