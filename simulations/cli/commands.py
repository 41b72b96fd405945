"""Every command: its one-line text, its flags and its handler; no flags load but those of the command asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from simulations.cli.flags import Parser


class Command(NamedTuple):
    """A command: what it does in one line, add(parser) for its flags, and run(args) -> what is printed."""

    text: str
    add: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], dict[str, Any]]


def _in(module: str, *names: str) -> list[Callable[..., Any]]:
    """Return functions of a module of commands, which is imported when one of them is called."""

    def late(name: str) -> Callable[..., Any]:
        return lambda *args: getattr(import_module(f"simulations.cli.{module}"), name)(*args)

    return [late(name) for name in names]


class _Version(argparse.Action):
    """Print the version, which is looked up only then, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from simulations import __version__

        print(f"sae-recovery {__version__}")
        parser.exit()


COMMANDS = {
    "cell": Command("run one cell and print its row", *_in("measuring", "add_cell", "cell")),
    "learnability": Command(
        "start probes at features: the share that stays, recovery with no width in it",
        *_in("measuring", "add_probe", "probe"),
    ),
    "width": Command(
        "chance that a neuron learns a feature, recovery at --n-neurons, and the width that is required",
        *_in("measuring", "add_probe", "probe"),
    ),
    "predict": Command("predict recovery by theory alone", *_in("predicting", "add_predict", "predict")),
    "plan": Command("find a setting predicted to reach a target", *_in("predicting", "add_plan", "plan")),
    "score": Command(
        "score a dictionary of your own against the features of a model", *_in("measuring", "add_score", "score")
    ),
    "export": Command(
        "write a trained autoencoder in the format of another library", *_in("measuring", "add_export", "export")
    ),
    "conditions": Command(
        "print the conditions of Theorem 6.1 as signed margins", *_in("measuring", "add_conditions", "conditions")
    ),
    "sweep": Command(
        "run an experiment's grid into DIR/EXPERIMENT/PRESET/rows.csv", *_in("running", "add_sweep", "run_sweep")
    ),
    "merge": Command("join the shards of a sweep", *_in("running", "add_merge", "run_merge")),
    "reproduce": Command(
        "run every experiment (finished cells are kept) and draw every figure",
        *_in("running", "add_reproduce", "run_reproduce"),
    ),
    "figure": Command(
        "draw the figure of an experiment from its rows, or all of them", *_in("evidence", "add_figure", "figure")
    ),
    "scorecard": Command(
        "judge the paper's claims by committed rows: scorecard.md and .json",
        *_in("evidence", "add_scorecard", "scorecard"),
    ),
    "report": Command(
        "one HTML page of every verdict, experiment and cell, or of a dictionary of your own",
        *_in("evidence", "add_report", "report"),
    ),
    "benchmark": Command(
        "time the factored step against the dense one, and training, on one thread",
        *_in("evidence", "add_benchmark", "benchmark"),
    ),
    "activations": Command(
        "collect the activations of a transformer on text, once, into shards",
        *_in("real", "add_activations", "activations"),
    ),
    "real": Command(
        "run every experiment on collected activations, and show neurons", *_in("real", "add_real", "real")
    ),
    "pages": Command("show neurons on the text where they fire, in one HTML file", *_in("real", "add_pages", "pages")),
    "list": Command(
        "list experiments, algorithms, laws, instruments and columns", *_in("listing", "add_list", "run_list")
    ),
}


def parser(name: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command; given a name, with the flags of that one alone (others would load much)."""
    top = Parser(prog="sae-recovery", description="When does a sparse autoencoder recover the features of its data?")
    top.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = top.add_subparsers(dest="name_of_command", required=True, metavar="COMMAND", parser_class=Parser)
    for each, command in COMMANDS.items():
        sub = commands.add_parser(each, help=command.text, description=command.text, allow_abbrev=False)
        sub.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        sub.set_defaults(run=command.run, parser=sub, instrument_of_command=each)
        if name in (None, each):
            command.add(sub)
    return top
