"""Flags from settings: whatever a model, algorithm, instrument or machine has is a flag, and its help."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from simulations.runs.cell import Cell


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line.

    `complete` adds what only help and the refusal of other flags need, where that takes a while to load.
    """

    complete: Callable[[], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as usual; where something is not known, once more with all that `complete` adds."""
        found = super().parse_known_args(args, namespace)
        return super().parse_known_args(args, namespace) if found[1] and self._completed() else found

    def format_help(self) -> str:
        """Return the help, complete."""
        self._completed()
        return super().format_help()

    def _completed(self) -> bool:
        complete, self.complete = self.complete, None
        if complete is not None:
            complete()
        return complete is not None

    def error(self, message: str) -> NoReturn:
        """Print one line, with the nearest known flag where one was mistyped, and exit with 2."""
        unknown = [word for word in message.split() if word.startswith("--")] if "unrecognized" in message else []
        near = [match for word in unknown for match in difflib.get_close_matches(word, self._option_string_actions)[:1]]
        hint = f" (did you mean {near[0]}?)" if near else ""
        if near and near[0] in unknown:  # which this command has, but it stood before the command
            hint = f" ({near[0]} goes after the command)"
        # What was given may have line breaks, and be no UTF-8.
        line = " ".join(message.split()).encode(errors="backslashreplace").decode()
        self.exit(2, f"{self.prog}: error: {line}{hint}\n")


def flag(name: str) -> str:
    """Return the flag of a setting: dashes for underscores."""
    return "--" + name.replace("_", "-")


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str] | None = None, *, defaults: bool = True) -> None:
    """Add a flag for every setting there is, or for `names`; values stay text, since settings check themselves."""
    from simulations.runs.columns import setting_fields

    for name, each in setting_fields().items():
        if names is None or name in names:
            add_setting(parser, each).help = described(each, defaults)


def add_setting(parser: argparse.ArgumentParser, each: Field[Any]) -> argparse.Action:
    """Add the flag of a setting, and return it; it has no help yet."""
    if each.metadata["kind"] is bool:
        return parser.add_argument(flag(each.name), action=argparse.BooleanOptionalAction, default=None)
    return parser.add_argument(flag(each.name), default=None, metavar="X")


def described(each: Field[Any], defaults: bool = True) -> str:
    """Return the help of a setting's flag; loads every algorithm."""
    return f"{each.metadata['text']}{_of(each.name, defaults)}".replace("%", "%%")


def _of(name: str, defaults: bool) -> str:
    """Return which algorithms have the setting, where not all do, and its default, where that is another for some."""
    from simulations.algorithms.base import discover
    from simulations.base.settings import default_text
    from simulations.runs.columns import setting_fields

    by_default: dict[str, list[str]] = {}
    for algorithm, kind in discover().items():
        for each in fields(kind):
            if each.name == name:
                by_default.setdefault(default_text(each), []).append(algorithm)
    owners = [one for each in by_default.values() for one in each]
    of = f"; of {', '.join(owners)}" if owners and len(owners) < len(discover()) else ""
    if not defaults:
        return of
    if len(by_default) <= 1:
        return f" (default {default_text(setting_fields()[name])}{of})"
    most = max(by_default, key=lambda each: len(by_default[each]))
    others = [f"{each} of {', '.join(by_default[each])}" for each in by_default if each != most]
    return f" (default {most}; {'; '.join(others)}{of})"


def add_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add --set NAME=VALUE, which may be repeated."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as flags."""
    from simulations.runs.columns import setting_fields

    found = {name: getattr(args, name, None) for name in setting_fields()}
    return {name: value for name, value in found.items() if value is not None}


def cell_from(args: argparse.Namespace, **other: Any) -> Cell:
    """Return the cell that the flags describe, over `other`; raises ValueError."""
    from simulations.runs.cell import Cell

    given = given_settings(args)
    for word in getattr(args, "set", ()):
        name, equals, value = word.partition("=")
        name = name.strip().replace("-", "_")
        if not (equals and name):
            raise ValueError(f"--set {word}, but should be --set name=value")
        if name in other:
            raise ValueError(f"{name} cannot be set by --set; use {flag(name)}")
        if name in given:
            raise ValueError(f"{name} is given twice")
        given[name] = value
    return Cell(**(other | given))


def settings_of(instrument: str) -> set[str]:
    """Return the settings that a cell of the provable algorithm has under an instrument."""
    from simulations.algorithms.base import algorithm_class
    from simulations.data.model import Model
    from simulations.instruments.base import instrument_class
    from simulations.runs.cell import DEFAULT_ALGORITHM, Machine

    kind = instrument_class(instrument)
    leaves = (Model, algorithm_class(DEFAULT_ALGORITHM), kind, Machine)
    return {each.name for leaf in leaves for each in fields(leaf)} - set(kind.without)


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError listing what is allowed; only a near miss is guessed at."""
    if value in allowed:
        return
    near = difflib.get_close_matches(value, allowed, n=1, cutoff=0.6)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"{name}={value!r}, but should be one of {', '.join(allowed)}{guess}")
