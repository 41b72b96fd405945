"""What there is: the names of algorithms, laws, measures and experiments, with a line on each."""

from __future__ import annotations

import importlib


def list_algorithms() -> dict[str, str]:
    """Return the algorithms by name.

    >>> list_algorithms()["topk"]
    'The K largest positive y of a sample are active; of equal ones those of the first neurons.'
    """
    from simulations.algorithms.base import discover

    return {name: _line(kind.__doc__) for name, kind in discover().items()}


def list_laws() -> dict[str, dict[str, str]]:
    """Return the laws of support, coefficient and dictionary: how each is written, with its defaults."""
    from simulations.data.laws.choice import REGISTRIES

    return {
        kind: {law.usage: _line(law.draw.__doc__) for law in registry.laws.values()}
        for kind, registry in REGISTRIES.items()
    }


def list_measures() -> dict[str, str]:
    """Return the columns of results that a row may have."""
    from simulations.instruments import base
    from simulations.measures.base import result_columns

    base.discover()
    return {name: column.text for name, column in result_columns().items()}


def list_experiments() -> dict[str, str]:
    """Return the experiments by name, with the claim that each tests."""
    found = importlib.import_module("simulations.experiments").EXPERIMENTS
    return {name: str(getattr(each, "claim", "")) for name, each in found.items()}


def _line(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())
