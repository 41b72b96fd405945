"""The command that lists what there is, all of it found by discovery."""

from __future__ import annotations

import argparse
from typing import Any

from simulations.cli.flags import one_of

KINDS = ("experiments", "algorithms", "laws", "instruments", "measures", "columns")


def add_list(parser: argparse.ArgumentParser) -> None:
    """Add what to list."""
    parser.add_argument("what", nargs="?", default="", help=f"{', '.join(KINDS)} (default: all but columns)")


def run_list(args: argparse.Namespace) -> dict[str, Any]:
    """Return the name and one line of everything of a kind, or of every kind."""
    if args.what:
        one_of("what", args.what, KINDS)
    kinds = [args.what] if args.what else [each for each in KINDS if args.json or each != "columns"]
    found = {kind: LISTS[kind]() for kind in kinds}
    if args.json:
        return found
    from simulations.cli.printing import part

    return {part(kind): each for kind, each in found.items()}


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0] if thing.__doc__ else ""


def _experiments() -> dict[str, str]:
    from simulations.experiments import EXPERIMENTS

    return {name: each.claim for name, each in EXPERIMENTS.items()}


def _algorithms() -> dict[str, str]:
    from simulations.algorithms.base import ADAPTERS, discover

    found = {name: _first_line(each) for name, each in discover().items()}
    found |= {f"{prefix}:KIND": _first_line(each) for prefix, each in ADAPTERS.items() if prefix}
    yours = "a function of your own: train(batches, *, d_model, n_neurons, n_steps, seed, **own) -> W (M, d)"
    return found | {"package.module:function": yours, "path/to/file.py:function": yours}


def _laws() -> dict[str, str]:
    from simulations.data.laws.choice import REGISTRIES

    laws = [(f"{kind}_law", each) for kind, registry in REGISTRIES.items() for each in registry.laws.values()]
    return {f"{kind} {each.usage}": _first_line(each.draw) for kind, each in laws}


def _instruments() -> dict[str, str]:
    from simulations.instruments.base import discover

    return {name: _first_line(each) for name, each in discover().items()}


def _measures() -> dict[str, str]:
    from simulations.measures.base import discover

    return {name: f"{_first_line(each.function)} [{', '.join(each.columns)}]" for name, each in discover().items()}


def _columns() -> dict[str, str]:
    from simulations.runs.columns import results, setting_fields

    found = {name: f"setting: {each.metadata['text']}" for name, each in setting_fields().items()}
    return found | {name: column.text for name, column in results().items()}


LISTS = {
    "experiments": _experiments,
    "algorithms": _algorithms,
    "laws": _laws,
    "instruments": _instruments,
    "measures": _measures,
    "columns": _columns,
}
