"""The commands that read rows, and the benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simulations.cli.flags import add_settings, given_settings

BENCHMARK_FLAGS = (
    *("n_features", "d_model", "sparsity", "n_samples", "n_neurons", "target_frequency", "activation", "center"),
    *("seed", "device", "support_law", "coefficient_law", "dictionary_law", "dtype"),
)


def add_figure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of figure."""
    from simulations.experiments import EXPERIMENTS

    parser.add_argument("name", help=", ".join([*EXPERIMENTS, "all"]))
    parser.add_argument("--rows", default="results", help="rows.csv, or a folder of runs (default results)")
    parser.add_argument("--out", default="out/figures", help="folder for PNG and PDF (default out/figures)")


def figure(args: argparse.Namespace) -> dict[str, Any]:
    """Draw figures; raises ValueError for rows of another experiment."""
    from simulations.experiments import EXPERIMENTS, experiment

    names = list(EXPERIMENTS) if args.name == "all" else [experiment(args.name).name]
    _check_experiment(names, Path(args.rows))
    from simulations.evidence.reproduce import draw_figures

    return draw_figures(names, Path(args.rows), Path(args.out))._asdict()


def _check_experiment(names: list[str], rows: Path) -> None:
    from simulations.runs.manifests import MANIFEST_FILE, read_manifest
    from simulations.runs.storage import rows_file

    manifest = rows_file(rows).parent / MANIFEST_FILE
    if len(names) > 1 or not rows_file(rows).is_file() or not manifest.is_file():
        return
    made = read_manifest(manifest.parent).get("experiment")
    if made != names[0]:
        raise ValueError(f"{rows} holds rows of another experiment: of {made}, not of {names[0]}")


def add_scorecard(parser: argparse.ArgumentParser) -> None:
    """Add the flags of scorecard."""
    parser.add_argument("--rows", default="results", help="folder of runs (default results)")
    parser.add_argument("--out", default="results", help="folder to write (default results)")


def scorecard(args: argparse.Namespace) -> dict[str, Any]:
    """Judge the claims by rows."""
    if not Path(args.rows).is_dir():
        raise ValueError(f"--rows {args.rows} is no folder")
    from simulations.evidence.scorecard.report import write

    found = write(Path(args.rows), Path(args.out), args.command)
    if args.json:
        return found
    claims = [f"{each['verdict']:<22}  {each['statement']}" for each in found["claims"]]
    return {"verdicts": found["verdicts"], "claims": claims, "files": found["files"]}


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the flags of report: a folder of runs, or a dictionary and what it is compared with."""
    from simulations.data.model import Model

    parser.add_argument("--rows", default="results", help="folder of runs, EXPERIMENT/PRESET (default results)")
    parser.add_argument("--out", default="out", help="folder for report.html or dictionary.html (default out)")
    parser.add_argument("--dictionary", default="", help="W.npy or W.safetensors (M, d), or a SAELens folder")
    parser.add_argument("--features", default="", help="of --dictionary: V.npy (n, d); else those of the model's flags")
    add_settings(parser, set(Model.__dataclass_fields__))


def report(args: argparse.Namespace) -> dict[str, Any]:
    """Write the report of a folder of runs, or the page of a dictionary."""
    given = given_settings(args)
    if not args.dictionary and (given or args.features):
        raise ValueError(f"{next(iter(given), 'features')} is given, but belongs to --dictionary, which is not")
    if args.dictionary:
        from simulations.data.model import Model
        from simulations.evidence.report.dictionary import write_dictionary

        if args.features and given:
            raise ValueError(f"{next(iter(given))} is given, but the features are those of {args.features}")
        model = None if args.features else Model(**given)
        return write_dictionary(args.dictionary, Path(args.out), args.command, features=args.features, model=model)
    if not Path(args.rows).is_dir():
        raise ValueError(f"--rows {args.rows} is no folder")
    from simulations.evidence.report.page import write

    return write(Path(args.rows), Path(args.out), args.command)


def add_benchmark(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the benchmark, whose defaults are its own."""
    add_settings(parser, BENCHMARK_FLAGS, defaults=False)
    parser.add_argument("--repeats", type=int, default=5, help="timed repeats, of which the median counts")
    parser.add_argument("--large", action="store_true", help="also show learnability at n = 100,000: time and memory")
    parser.add_argument("--out", default="", help="also write DIR/benchmark/DEVICE/manifest.json")


def benchmark(args: argparse.Namespace) -> dict[str, Any]:
    """Time the benchmark's cell, with the settings that were given."""
    from simulations.base.files import check_writable
    from simulations.evidence.benchmark import BENCHMARK, write
    from simulations.evidence.benchmark import benchmark as timed

    if args.repeats < 1:
        raise ValueError(f"repeats={args.repeats}, but should be at least 1")
    if args.out:
        check_writable(Path(args.out))
    result = timed(BENCHMARK.replace(**given_settings(args)), repeats=args.repeats, large=args.large)
    if args.out:
        write(result, Path(args.out), args.command)
    return result
