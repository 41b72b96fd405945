"""Every command: its one-line text, its flags and its handler; no flags load but those of the command asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from simulations import __version__
from simulations.cli import evidence, listing, measuring, predicting, real, running
from simulations.cli.flags import Parser


class Command(NamedTuple):
    """A command: what it does in one line, add(parser) for its flags, and run(args) -> what is printed."""

    text: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], dict[str, Any]]


COMMANDS = {
    "cell": Command("run one cell and print its row", measuring.add_cell, measuring.cell),
    "learnability": Command(
        "start probes at features: the share that stays, recovery with no width in it",
        *(measuring.add_probe, measuring.probe),
    ),
    "width": Command(
        "chance that a neuron learns a feature, recovery at --n-neurons, and the width that is required",
        *(measuring.add_probe, measuring.probe),
    ),
    "predict": Command("predict recovery by theory alone", predicting.add_predict, predicting.predict),
    "plan": Command("find a setting predicted to reach a target", predicting.add_plan, predicting.plan),
    "score": Command(
        "score a dictionary of your own against the features of a model", measuring.add_score, measuring.score
    ),
    "export": Command(
        "write a trained autoencoder in the format of another library", measuring.add_export, measuring.export
    ),
    "conditions": Command(
        "print the conditions of Theorem 6.1 as signed margins", measuring.add_conditions, measuring.conditions
    ),
    "sweep": Command(
        "run an experiment's grid into DIR/EXPERIMENT/PRESET/rows.csv", running.add_sweep, running.run_sweep
    ),
    "merge": Command("join the shards of a sweep", running.add_merge, running.run_merge),
    "reproduce": Command(
        "run every experiment (finished cells are kept) and draw every figure",
        *(running.add_reproduce, running.run_reproduce),
    ),
    "figure": Command(
        "draw the figure of an experiment from its rows, or all of them", evidence.add_figure, evidence.figure
    ),
    "scorecard": Command(
        "judge the paper's claims by committed rows: scorecard.md and .json",
        *(evidence.add_scorecard, evidence.scorecard),
    ),
    "report": Command(
        "one HTML page of every verdict, experiment and cell, or of a dictionary of your own",
        *(evidence.add_report, evidence.report),
    ),
    "benchmark": Command(
        "time the factored step against the dense one, and training, on one thread",
        *(evidence.add_benchmark, evidence.benchmark),
    ),
    "activations": Command(
        "collect the activations of a transformer on text, once, into shards", real.add_activations, real.activations
    ),
    "real": Command("run every experiment on collected activations, and show neurons", real.add_real, real.real),
    "pages": Command("show neurons on the text where they fire, in one HTML file", real.add_pages, real.pages),
    "list": Command("list experiments, algorithms, laws, instruments and columns", listing.add_list, listing.run_list),
}


def parser(name: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command; given a name, with the flags of that one alone (others would load much)."""
    top = Parser(prog="sae-recovery", description="When does a sparse autoencoder recover the features of its data?")
    top.add_argument("--version", action="version", version=f"sae-recovery {__version__}")
    commands = top.add_subparsers(dest="name_of_command", required=True, metavar="COMMAND", parser_class=Parser)
    for each, command in COMMANDS.items():
        sub = commands.add_parser(each, help=command.text, description=command.text, allow_abbrev=False)
        sub.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        sub.set_defaults(run=command.run, parser=sub, instrument_of_command=each)
        if name in (None, each):
            command.add(sub)
    return top
