"""What an instrument is: its settings, and measure(jobs) -> results, a cell's row but for its settings.

Adding one is one module in simulations/instruments with @register("name"), found by discovery.  Light: no torch here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from simulations.algorithms.base import Algorithm, Runtime
from simulations.base.checks import one_of
from simulations.base.settings import Settings
from simulations.data.model import Model

I = TypeVar("I", bound="type[Instrument]")  # noqa: E741


class Task(NamedTuple):
    """What is measured: a model, an algorithm and an instrument, every setting of them resolved."""

    model: Model
    algorithm: Algorithm
    instrument: Any


@dataclass(frozen=True, kw_only=True, repr=False)
class Instrument(Settings):
    """The settings of an instrument; a subclass adds its own, and `measure`."""

    name: ClassVar[str] = ""
    without: ClassVar[tuple[str, ...]] = ()  # settings of the algorithm that mean nothing to this instrument

    def describe(self) -> str:
        """Name the instrument in an error message."""
        return f"instrument={self.name}"

    def check_algorithm(self, algorithm: Algorithm) -> None:
        """Raise ValueError for an algorithm that this instrument cannot measure."""

    def check_ready(self) -> None:
        """Raise ValueError where something that the instrument needs is not here."""

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return the results of each task, whose algorithms differ in their batch axes at most."""
        raise NotImplementedError


REGISTRY: dict[str, type[Instrument]] = {}


def register(name: str) -> Callable[[I], I]:
    """Return a decorator that registers a subclass of Instrument under its name."""

    def decorate(kind: I) -> I:
        assert name not in REGISTRY, f"two instruments named {name}"
        kind.name = name
        REGISTRY[name] = kind
        return kind

    return decorate


@cache
def discover() -> Mapping[str, type[Instrument]]:
    """Import every module of simulations/instruments and return the instruments by name."""
    package = importlib.import_module("simulations.instruments")
    for each in pkgutil.iter_modules(package.__path__, "simulations.instruments."):
        importlib.import_module(each.name)
    return REGISTRY


def instrument_class(name: str) -> type[Instrument]:
    """Return the instrument of that name; raises ValueError suggesting the nearest."""
    known = discover()
    one_of("instrument", name, known)
    return known[name]
