"""The commands that measure one thing: a cell, probes, a dictionary, the theorem's conditions."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from simulations.cli.flags import add_set, add_settings, cell_from, given_settings, settings_of
from simulations.cli.printing import part

MODEL_FLAGS = ("n_features", "d_model", "sparsity", "target_frequency", "n_neurons")
REAL = ("sparsity", "target_frequency")
EXACT = 2**53
FIRST, LAST = ("status", "message"), ("seconds", "version")


def add_cell(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a cell: every setting there is, of which a cell takes those that it has."""
    parser.add_argument(
        "--algorithm",
        default="modified-ba",
        metavar="NAME",
        help="one of `sae-recovery list algorithms`, package.module:function, or path/to/file.py:function",
    )
    parser.add_argument("--instrument", default="simulation", metavar="NAME", help="what is measured; see `list`")
    add_settings(parser)
    add_set(parser, "a setting by name; the way to those of a function of your own")
    parser.add_argument("--threads", type=int, default=1, help="tiles of neurons run side by side (same results)")
    parser.add_argument("--checkpoint", default="", help="FILE.safetensors of a training: written to, and gone on from")


def cell(args: argparse.Namespace) -> dict[str, Any]:
    """Run a cell and return its answer, then its settings."""
    from simulations.runs.cell import run_cell  # torch and numba load only where they are used
    from simulations.runs.memory import check_memory

    asked = cell_from(args, algorithm=args.algorithm, instrument=args.instrument)
    asked.leaves.algorithm.check_ready()
    check_memory(asked)
    row = run_cell(asked, threads=args.threads, checkpoint=getattr(args, "checkpoint", None) or None)
    return _answer(row)


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with the results first, its settings in a part of their own."""
    from simulations.runs.columns import flat, results

    row = {name: value for name, value in flat(row).items() if value not in ("", None)}
    known = [name for name in results() if name not in FIRST + LAST]
    answer = {name: row[name] for name in (*FIRST, *known, *LAST) if name in row}
    settings = {name: value for name, value in row.items() if name not in answer}
    return answer | _unreachable(row) | {part("settings that were used"): settings}


def _unreachable(row: dict[str, Any]) -> dict[str, Any]:
    """Return the widths that a row leaves empty, and why."""
    if row["instrument"] != "width" or row["status"] != "ok":
        return {}
    names = [f"{log}required_width{end}" for log in ("", "log10_") for end in ("_low", "", "_high")]
    empty = dict.fromkeys((name for name in names if name not in row), math.inf)
    never = row.get("never_learned_fraction")
    share = "some features" if never is None else f"{never:.3g} of the features"
    if "required_width" in empty:
        note = f"unreachable: {share} are learned by no width, so that recovery stays below {row['target_recovery']:g}"
        return empty | {"note": note}
    return empty | ({"note": "the upper end is unbounded: too few probes arrived to bound it"} if empty else {})


def add_probe(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the instrument that the command is named after."""
    instrument = parser.get_default("instrument_of_command")
    add_settings(parser, settings_of(instrument))
    parser.add_argument("--threads", type=int, default=1, help="tiles of probes run side by side")
    parser.set_defaults(algorithm="modified-ba", instrument=instrument)


probe = cell


def add_score(parser: argparse.ArgumentParser) -> None:
    """Add the flags of score: the dictionary, and what it is scored against."""
    from simulations.data.model import Model

    parser.add_argument("--dictionary", required=True, help="W.npy or W.safetensors (M, d), or a SAELens folder")
    parser.add_argument("--features", default="", help="V.npy or V.safetensors (n, d); else those of the model's flags")
    add_settings(parser, {each for each in Model.__dataclass_fields__})


def score(args: argparse.Namespace) -> dict[str, Any]:
    """Score a dictionary file."""
    from simulations.data.model import Model
    from simulations.measures.score import score_file

    given = given_settings(args)
    if args.features and given:
        raise ValueError(f"{next(iter(given))} is given, but the features are those of {args.features}")
    model = None if args.features else Model(**given)
    return dict(score_file(args.dictionary, features=args.features or None, model=model))


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the flags of export."""
    parser.add_argument("--checkpoint", required=True, help="FILE.safetensors that `cell --checkpoint` wrote")
    parser.add_argument("--format", default="saelens", help="saelens")
    parser.add_argument("--out", required=True, help="folder to write, one that holds no autoencoder yet")
    parser.add_argument("--replica", type=int, default=0, help="which restart (default 0)")


def export(args: argparse.Namespace) -> dict[str, Any]:
    """Write a checkpoint's autoencoder for another library."""
    from simulations.algorithms.autoencoders.export import export as write

    return write(Path(args.checkpoint), args.format, Path(args.out), args.replica)


def add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the theorem's quantities."""
    add_settings(parser, MODEL_FLAGS)
    parser.add_argument("--epsilon", default=0.05, metavar="X", help="slack of the exponents (default 0.05, ours)")
    parser.add_argument("--zeta", default=0.1, metavar="X", help="slack of the dimension (default 0.1, ours)")


def conditions(args: argparse.Namespace) -> dict[str, Any]:
    """Return the conditions of Theorem 6.1."""
    from simulations.runs.cell import Cell
    from theory.conditions import report
    from theory.problem import Problem

    usual = Cell().settings()
    given = {name: usual[name] if getattr(args, name) is None else getattr(args, name) for name in MODEL_FLAGS}
    problem = Problem(**{name: _number(name, given[name], float if name in REAL else int) for name in MODEL_FLAGS})
    epsilon, zeta = (_number(name, getattr(args, name), float) for name in ("epsilon", "zeta"))
    return report(problem, epsilon=epsilon, zeta=zeta)


def _number(name: str, text: Any, kind: type) -> Any:
    try:
        number = kind(text)
    except ValueError:
        wanted = "an integer" if kind is int else "a number"
        raise ValueError(f"{name}={text!r}, but should be {wanted}") from None
    if kind is int and number > EXACT:
        raise ValueError(f"{name}={text}, but should be at most 2^53 = {EXACT}, up to which integers are exact")
    return number
