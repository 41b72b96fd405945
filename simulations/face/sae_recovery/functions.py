"""A training function as an algorithm like any other, also one that is defined in a notebook."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

from simulations.algorithms.base import REGISTRY, Algorithm, discover
from simulations.algorithms.kinds.foreign import foreign
from simulations.base.settings import unknown
from simulations.data.laws.choice import REGISTRIES

_HELD: dict[str, Callable[..., Any]] = {}  # functions that no import finds, by the name they go by here


def made(kind: type[Algorithm], settings: dict[str, Any]) -> Algorithm:
    """Return an algorithm of this class; raises ValueError, suggesting the nearest, for a setting it does not have."""
    known = [each.name for each in fields(kind)]
    if foreign := [each for each in settings if each not in known]:
        raise unknown(foreign, known, f"algorithm={kind.name}")
    return kind(**settings)


def of_function(train: Callable[..., Any], settings: dict[str, Any]) -> Algorithm:
    """Return the algorithm that calls a function; `settings` are n_neurons, n_steps and those that are its own.

    Raises ValueError for a function that does not take what the suite gives (simulations.algorithms.kinds.foreign).
    """
    return made(foreign(name_of(train)), settings)


def name_of(train: Callable[..., Any]) -> str:
    """Return `module:function` where that leads to this function; else a name under which this process knows it."""
    name, module = getattr(train, "__name__", type(train).__name__), getattr(train, "__module__", None)
    if module and module != "__main__" and ":" not in name:
        try:
            if getattr(importlib.import_module(module), name, None) is train:
                return f"{module}:{name}"
        except ImportError:
            pass
    stem, count = "".join(each if each.isalnum() else "_" for each in name), 1
    while _HELD.get(held := f"{stem}_{count}" if count > 1 else stem, train) is not train:
        count += 1
    _HELD[held] = train
    return f"{__name__}:{held}"


class Added(NamedTuple):
    """What a script added to the suite, which no worker process would discover: functions, algorithms, laws by kind."""

    functions: dict[str, Callable[..., Any]]
    algorithms: dict[str, type[Algorithm]]
    laws: dict[str, dict[str, Any]]


def added() -> Added:
    """Return what this process knows beyond what comes with the suite."""

    def own(thing: Any) -> bool:
        return not str(thing.__module__).startswith("simulations.")

    laws = {kind: {name: law for name, law in each.laws.items() if own(law.draw)} for kind, each in REGISTRIES.items()}
    return Added(dict(_HELD), {name: kind for name, kind in discover().items() if own(kind)}, laws)


def learn(known: Added) -> None:
    """Know in this process what another one knows."""
    discover()
    _HELD.update(known.functions)
    REGISTRY.update(known.algorithms)
    for kind, laws in known.laws.items():
        REGISTRIES[kind].laws.update(laws)


def __getattr__(name: str) -> Any:
    if name in _HELD:
        return _HELD[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
