"""Registries of named laws, chosen by a text "name" or "name:parameter:parameter".

A registry knows none of its laws: the module of a kind makes its registry and registers its laws in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from simulations.base.checks import suggestion

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Sizes(NamedTuple):
    """The sizes a law is checked against; None where they are not known yet."""

    n_features: int | None = None
    d_model: int | None = None
    sparsity: int | None = None


@dataclass(frozen=True)
class Parameter:
    """A parameter of a law: a finite number in [low, high], or (low, high]; without a default it has to be given."""

    name: str
    low: float
    high: float = math.inf
    default: float | None = None
    low_open: bool = False
    integer: bool = False

    @property
    def wanted(self) -> str:
        """The values that are allowed, in words."""
        if self.high < math.inf:
            within = f"in {'(' if self.low_open else '['}{self.low:g}, {self.high:g}]"
        else:
            within = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        return f"{'an integer' if self.integer else 'a finite number'} {within}"

    def read(self, text: str) -> float:
        """Return the number that `text` says; raises ValueError unless it is allowed."""
        try:
            value = float(text) + 0.0  # turns -0.0 into 0.0: one law, one canonical text
        except ValueError:
            value = math.nan
        inside = (self.low < value if self.low_open else self.low <= value) and value <= self.high
        if not (inside and math.isfinite(value) and (value.is_integer() or not self.integer)):
            raise ValueError(f"{self.name}={' '.join(text.split())}, but should be {self.wanted}")
        return int(value) if self.integer else value


@dataclass(frozen=True)
class Law(Generic[T]):
    """A named law: the function that draws, its parameters, and what it demands of the sizes.

    A law `of_world` takes a second generator, `world`, for what all rows of a seed share.
    """

    name: str
    draw: Callable[..., T]
    parameters: tuple[Parameter, ...]
    demands: Callable[..., None] | None
    of_world: bool = False

    @property
    def usage(self) -> str:
        """How the law is written, with the defaults, as in "zipf[:exponent=1]"."""
        texts = [f":{p.name}" if p.default is None else f"[:{p.name}={p.default:g}]" for p in self.parameters]
        return self.name + "".join(texts)


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A law with its parameters set."""

    law: Law[T]
    arguments: dict[str, float]

    @property
    def text(self) -> str:
        """The canonical text: every parameter written out, so that equal laws have equal texts."""
        return ":".join([self.law.name, *(repr(value) for value in self.arguments.values())])

    def draw(self, *args: Any, **world: Any) -> T:
        """Draw from the law; arguments and result are those of the registered function."""
        return self.law.draw(*args, **world, **self.arguments)

    def check(self, sizes: Sizes) -> None:
        """Raise ValueError when the law cannot be drawn at these sizes."""
        if self.law.demands is not None:
            self.law.demands(sizes, **self.arguments)


@dataclass
class Registry(Generic[T]):
    """The laws of one kind."""

    kind: str
    laws: dict[str, Law[T]] = field(default_factory=dict)

    def register(
        self,
        name: str,
        *parameters: Parameter,
        demands: Callable[..., None] | None = None,
        of_world: bool = False,
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function as the law `name`.

        The function takes the parameters by keyword; `demands(sizes, **parameters)` raises ValueError for sizes
        at which the law cannot be drawn.  Parameters with a default come last.
        """

        def decorate(function: F) -> F:
            assert name not in self.laws, f"two laws named {name}"
            self.laws[name] = Law(name, function, parameters, demands, of_world)
            return function

        return decorate

    def parse(self, text: str) -> Choice[T]:
        """Return the law that `text` names, "name" or "name:parameter:parameter".

        Raises ValueError for an unknown name (suggesting the nearest), a wrong number of parameters, or a parameter
        that is not a finite number in its range.
        """
        name, *given = text.split(":")
        what = f"{self.kind}_law={text!r}"
        if name not in self.laws:
            hint = suggestion(name, self.laws)
            usages = ", ".join(law.usage for law in self.laws.values())
            raise ValueError(f"{what}, but should be one of {usages}{hint}")
        law = self.laws[name]
        required = sum(each.default is None for each in law.parameters)
        if not required <= len(given) <= len(law.parameters):
            raise ValueError(f"{what} has {len(given)} parameters, but should be {law.usage}")
        try:
            arguments = {p.name: p.read(word) for p, word in zip(law.parameters, given, strict=False)}
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
        rest = {p.name: p.default for p in law.parameters[len(given) :] if p.default is not None}
        return Choice(law, arguments | rest)
