"""The commands that run grids: sweep, merge, reproduce."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.cli.flags import add_set, one_of

if TYPE_CHECKING:
    from simulations.runs.cell import Cell


def _add_run(parser: argparse.ArgumentParser) -> None:
    from simulations.experiments import PRESETS

    parser.add_argument("--preset", default="quick", help=", ".join(PRESETS))
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (-1: one per core)")
    parser.add_argument("--out", default="out", help="output folder (default out)")
    parser.add_argument("--seed", type=int, default=0, help="root seed of the grid")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a sweep."""
    from simulations.experiments import EXPERIMENTS
    from simulations.runs.executors import DEFAULT_EXECUTOR, EXECUTORS

    parser.add_argument("experiment", help=", ".join(EXPERIMENTS))
    parser.add_argument("--resume", action="store_true", help="keep finished cells of an earlier run")
    _add_run(parser)
    parser.add_argument(
        "--algorithm", default="", metavar="NAME", help="in place of that of every trained cell; also yours, as in cell"
    )
    add_set(parser, "a setting of every cell that has it: one value, or several separated by commas")
    parser.add_argument("--shard", default="", metavar="I/K", help="run the I-th of K parts into DIR/shard-I-of-K")
    parser.add_argument("--backend", default=DEFAULT_EXECUTOR, help=f"{', '.join(EXECUTORS)} (default loky, by joblib)")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of backend dask, as tcp://host:8786")
    parser.add_argument("--retry-failed", action="store_true", help="run those cells again whose row has failed")
    parser.add_argument(
        "--dry-run", action="store_true", help="run nothing: say how many cells, how long, how much memory"
    )


def run_sweep(args: argparse.Namespace) -> dict[str, Any]:
    """Run the grid of an experiment and return a summary."""
    from simulations.experiments import PRESETS, experiment
    from simulations.runs.cell import batches
    from simulations.runs.executors import executor
    from simulations.runs.grid import cells_of, check_ready, parse_overrides, parse_shard, part_of
    from simulations.runs.sweep import summary, sweep

    grid = experiment(args.experiment)
    one_of("preset", args.preset, PRESETS)
    executor(args.backend, args.scheduler)
    shard = parse_shard(args.shard) if args.shard else None
    points, overrides = grid.points(args.preset, seed=args.seed, device=args.device), parse_overrides(args.set)
    cells = cells_of(points, overrides=overrides, algorithm=args.algorithm)
    check_ready(cells)
    told = ({"algorithm": [args.algorithm]} if args.algorithm else {}) | overrides
    if args.dry_run:
        return _dry_run(part_of(cells, shard) if shard else cells, args.n_jobs)
    run = {"n_jobs": args.n_jobs, "resume": args.resume, "command": args.command, "backend": args.backend}
    run |= {"scheduler": args.scheduler, "retry_failed": args.retry_failed}
    folder = sweep(grid.name, args.preset, cells, args.out, batches=batches, overrides=told, shard=shard, **run)
    from simulations.evidence.report.page import write_quietly

    return summary(folder) | {"report": write_quietly(folder.parents[1], folder, args.command, [grid.name])}


def _dry_run(cells: Sequence[Cell], n_jobs: int) -> dict[str, Any]:
    """Return what the sweep would take; raises ValueError for n_jobs as a sweep does."""
    from simulations.runs.cell import batches
    from simulations.runs.estimates import duration, estimate
    from simulations.runs.executors import check_jobs

    check_jobs(n_jobs)
    told = estimate(cells, len(batches(cells)), n_jobs if n_jobs > 0 else os.cpu_count() or 1)
    return told | {"about": duration(told["seconds"])}


def add_merge(parser: argparse.ArgumentParser) -> None:
    """Add the flags of merge."""
    parser.add_argument("folders", nargs="+", metavar="DIR", help="folders of shards, as DIR/shard-*")
    parser.add_argument("--out", required=True, help="folder to write DIR/EXPERIMENT/PRESET into")


def run_merge(args: argparse.Namespace) -> dict[str, Any]:
    """Join shards and return a summary."""
    from simulations.runs.merge import merge
    from simulations.runs.sweep import summary

    folders = merge([Path(each) for each in args.folders], args.out, args.command)
    told = [summary(each) for each in folders]
    return {"rows": [each["rows"] for each in told], "n_cells": sum(each["n_cells"] for each in told)}


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Add the flags of reproduce."""
    _add_run(parser)


def run_reproduce(args: argparse.Namespace) -> dict[str, Any]:
    """Run every experiment of a preset and draw every figure."""
    from simulations.experiments import PRESETS
    from simulations.runs.executors import check_jobs

    one_of("preset", args.preset, PRESETS)
    check_jobs(args.n_jobs)
    from simulations.evidence.reproduce import reproduce

    return reproduce(args.preset, Path(args.out), args.n_jobs, args.seed, args.device, args.command)
