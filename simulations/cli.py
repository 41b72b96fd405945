"""The command line: flags are generated from the dataclasses; bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import argparse
import difflib
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from simulations import __version__
from simulations.base.checks import CLASSICAL
from simulations.base.settings import Settings
from simulations.experiments import BENCHMARK, EXPERIMENTS, PRESETS, experiment

MODEL_FLAGS = ("n_features", "d_model", "sparsity", "target_frequency", "n_neurons")
PROBE_FLAGS = (
    *("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency", "n_steps", "step_size"),
    *("activation", "bias_policy", "center", "seed", "device", "support_law", "coefficient_law", "dictionary_law"),
    *("normalize", "noise", "batch_size", "dtype", "evaluation", "n_probes", "target_recovery"),
)
BENCHMARK_FLAGS = (
    *("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency", "activation", "center"),
    *("seed", "device", "support_law", "coefficient_law", "dictionary_law", "dtype"),
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line, with the nearest known flag where one was mistyped, and exit with 2."""
        unknown = [word for word in message.split() if word.startswith("--")] if "unrecognized" in message else []
        near = [match for word in unknown for match in difflib.get_close_matches(word, self._option_string_actions)[:1]]
        self.exit(2, f"{self.prog}: error: {message}{f' (did you mean {near[0]}?)' if near else ''}\n")


def flag(name: str) -> str:
    """Return the flag of a field: dashes for underscores."""
    return "--" + name.replace("_", "-")


def add_settings(parser: argparse.ArgumentParser, names: Sequence[str] | None = None, **other: Any) -> None:
    """Add a flag for every settings field, or for `names`; values stay text, since Settings validates them.

    A flag that is not given is left to Settings, or to `other`, the defaults of the command.
    """
    for each in fields(Settings):
        if names is not None and each.name not in names:
            continue
        usual, trained = each.metadata["default"], each.metadata["trained"]
        default = other.get(each.name, usual)
        several = (
            f"; trained {trained}" if trained != usual and not callable(trained) and each.name not in other else ""
        )
        described = f"{each.metadata['help']} (default {default}{several})".replace("%", "%%")
        if isinstance(usual, bool):
            parser.add_argument(flag(each.name), action=argparse.BooleanOptionalAction, default=None, help=described)
        else:
            parser.add_argument(flag(each.name), default=None, help=described, metavar="X")


def settings_from(args: argparse.Namespace, **other: Any) -> Settings:
    """Return validated settings: the flags that were given, over `other`; raises ValueError."""
    given = {each.name: getattr(args, each.name, None) for each in fields(Settings)}
    return Settings(**(other | {name: value for name, value in given.items() if value is not None}))


def plain(value: Any) -> Any:
    """Return `value` with what strict JSON cannot hold (inf, nan) as text."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def show(result: dict[str, Any], as_json: bool) -> None:
    """Print a result on stdout: one JSON object, or aligned lines."""
    if as_json:
        print(json.dumps(plain(result), allow_nan=False, default=str))
        return
    width = max(len(key) for key in result)
    for key, value in result.items():
        if isinstance(value, dict):
            value = "  ".join(f"{name} {_short(each)}" for name, each in value.items())
        elif isinstance(value, list):
            value = ("\n" + " " * (width + 2)).join(map(str, value))
        print(f"{key:<{width}}  {_short(value)}")


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cell(args: argparse.Namespace) -> dict[str, Any]:
    settings = settings_from(args)
    from simulations.algorithms.classical import check_installed
    from simulations.runs.cell import resolve_device, run_cell  # torch and numba load only where they are used

    _at_least_one("threads", args.threads)
    resolve_device(settings.device)
    if settings.algorithm == CLASSICAL:
        check_installed()
    if settings.instrument != "simulation":
        raise ValueError(
            f"instrument={settings.instrument!r}, but cell simulates: use sae-recovery {settings.instrument}"
        )
    return run_cell(settings, threads=args.threads, checkpoint=Path(args.checkpoint) if args.checkpoint else None)


def _probe(args: argparse.Namespace) -> dict[str, Any]:
    settings = settings_from(args, instrument=args.name_of_command)
    from simulations.instruments.batch import run_batch
    from simulations.runs.cell import resolve_device

    _at_least_one("threads", args.threads)
    resolve_device(settings.device)
    row = run_batch([settings], threads=args.threads)[0]
    if settings.instrument == "width":  # rows leave a width above 1e300 empty
        widths = [name for name in row if "required_width" in name]
        row |= {name: math.inf for name in widths if row[name] in ("", None)}
    return {name: value for name, value in row.items() if value not in ("", None)}


def _export(args: argparse.Namespace) -> dict[str, Any]:
    from simulations.algorithms.autoencoders.export import export

    return export(Path(args.checkpoint), args.format, Path(args.out), args.replica)


def _conditions(args: argparse.Namespace) -> dict[str, Any]:
    from theory.conditions import report
    from theory.problem import Problem

    usual = Settings().to_row()
    given = {name: usual[name] if getattr(args, name) is None else getattr(args, name) for name in MODEL_FLAGS}
    real = ("sparsity", "target_frequency")
    problem = Problem(**{name: _number(name, given[name], float if name in real else int) for name in MODEL_FLAGS})
    epsilon, zeta = (_number(name, getattr(args, name), float) for name in ("epsilon", "zeta"))
    return report(problem, epsilon=epsilon, zeta=zeta)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name}={value}, but should be at least 1")


def _number(name: str, text: Any, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        wanted = "an integer" if kind is int else "a number"
        raise ValueError(f"{name}={text!r}, but should be {wanted}") from None


def _sweep(args: argparse.Namespace) -> dict[str, Any]:
    cells = experiment(args.experiment).cells(args.preset, seed=args.seed, device=args.device)
    from simulations.evidence.reproduce import run_experiment

    return run_experiment(args.experiment, args.preset, cells, Path(args.out), args.n_jobs, args.resume, args.command)


def _figure(args: argparse.Namespace) -> dict[str, Any]:
    names = list(EXPERIMENTS) if args.name == "all" else [experiment(args.name).name]
    from simulations.evidence.reproduce import draw_figures

    return {"figures": draw_figures(names, Path(args.rows), Path(args.out))}


def _reproduce(args: argparse.Namespace) -> dict[str, Any]:
    from simulations.evidence.reproduce import reproduce

    return reproduce(args.preset, Path(args.out), args.n_jobs, args.seed, args.device, args.command)


def _scorecard(args: argparse.Namespace) -> dict[str, Any]:
    from simulations.evidence.scorecard.report import write

    found = write(Path(args.rows), Path(args.out), args.command)
    if args.json:
        return found
    claims = [f"{each['verdict']:<22}  {each['statement']}" for each in found["claims"]]
    return {"verdicts": found["verdicts"], "claims": claims, "files": found["files"]}


def _benchmark(args: argparse.Namespace) -> dict[str, Any]:
    settings = settings_from(args, **BENCHMARK.to_row())
    from simulations.evidence.benchmark import benchmark, write

    _at_least_one("repeats", args.repeats)
    result = benchmark(settings, repeats=args.repeats, large=args.large)
    if args.out:
        write(result, Path(args.out), args.command)
    return result


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = Parser(prog="sae-recovery", description="When does a sparse autoencoder recover the features of its data?")
    top.add_argument("--version", action="version", version=f"sae-recovery {__version__}")
    commands = top.add_subparsers(dest="name_of_command", required=True, metavar="COMMAND", parser_class=Parser)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        sub.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        sub.set_defaults(run=run, parser=sub)
        return sub

    cell = command("cell", _cell, "run one cell and print its row")
    add_settings(cell)
    cell.add_argument("--threads", type=int, default=1, help="tiles of neurons run side by side (no effect on results)")

    cell.add_argument("--checkpoint", default="", help="FILE.safetensors of a training: written to, and gone on from")

    export = command("export", _export, "write a trained autoencoder in the format of another library")
    export.add_argument("--checkpoint", required=True, help="FILE.safetensors that `cell --checkpoint` wrote")
    export.add_argument("--format", default="saelens", help="saelens")
    export.add_argument("--out", required=True, help="folder to write, one that holds no autoencoder yet")
    export.add_argument("--replica", type=int, default=0, help="which restart (default 0)")

    probes = (
        ("learnability", "start probes at features: the share that stays, recovery with no width in it"),
        ("width", "chance that a neuron learns a feature, recovery at --n-neurons, and the width that is required"),
    )
    for name, text in probes:
        probe = command(name, _probe, text)
        add_settings(probe, PROBE_FLAGS)
        probe.add_argument("--threads", type=int, default=1, help="tiles of probes run side by side")

    conditions = command("conditions", _conditions, "print the conditions of Theorem 6.1 as signed margins")
    add_settings(conditions, MODEL_FLAGS)
    conditions.add_argument("--epsilon", default=0.05, metavar="X", help="slack of the exponents (default 0.05, ours)")
    conditions.add_argument("--zeta", default=0.1, metavar="X", help="slack of the dimension (default 0.1, ours)")

    sweep = command("sweep", _sweep, "run an experiment's grid into DIR/EXPERIMENT/PRESET/rows.csv")
    sweep.add_argument("experiment", help=", ".join(EXPERIMENTS))
    sweep.add_argument("--resume", action="store_true", help="keep finished cells of an earlier run")
    reproduce = command("reproduce", _reproduce, "run every experiment (finished cells are kept) and draw every figure")
    for each in (sweep, reproduce):
        each.add_argument("--preset", default="quick", help=", ".join(PRESETS))
        each.add_argument("--n-jobs", type=int, default=1, help="processes (-1: one per core)")
        each.add_argument("--out", default="out", help="output folder (default out)")
        each.add_argument("--seed", type=int, default=0, help="root seed of the grid")
        each.add_argument("--device", default="auto", help="auto, cpu or cuda")

    figure = command("figure", _figure, "draw the figure of an experiment from its rows, or all of them")
    figure.add_argument("name", help=", ".join([*EXPERIMENTS, "all"]))
    figure.add_argument("--rows", default="results", help="rows.csv, or a folder of runs (default results)")
    figure.add_argument("--out", default="out/figures", help="folder for PNG and PDF (default out/figures)")

    score = command("scorecard", _scorecard, "judge the paper's claims by committed rows: scorecard.md and .json")
    score.add_argument("--rows", default="results", help="folder of runs (default results)")
    score.add_argument("--out", default="results", help="folder to write (default results)")

    bench = command(
        "benchmark", _benchmark, "time the factored step against the dense one, and training, on one thread"
    )
    add_settings(bench, BENCHMARK_FLAGS, **BENCHMARK.to_row())
    bench.add_argument("--repeats", type=int, default=5, help="timed repeats, of which the median counts")
    bench.add_argument("--large", action="store_true", help="also show learnability at n = 100,000: time and memory")
    bench.add_argument("--out", default="", help="also write DIR/benchmark/DEVICE/manifest.json")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, or 2 for bad input, 1 for a run that broke off, 130 when interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    args, unknown = parser().parse_known_args(words)
    if unknown:  # the command's own parser knows the flag that was meant
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.command = ["sae-recovery", *words]
    try:
        show(args.run(args), args.json)
    except (ValueError, OSError) as error:
        return _complain(error, 2)
    except RuntimeError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("interrupted; finished cells are kept", 130)
    return 0


def _complain(error: object, code: int) -> int:
    print("sae-recovery: error: " + " ".join(str(error).split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
