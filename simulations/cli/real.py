"""The commands on real activations: collect them, run every experiment on them, and show single neurons."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simulations.cli.flags import add_set, one_of

EXPERIMENTS = ("real_frontier", "real_consistency", "real_sensitivity", "real_frequencies")


def add_activations(parser: argparse.ArgumentParser) -> None:
    """Add the flags of collecting."""
    parser.add_argument("--model", default="", help="name on the Hugging Face hub, or folder, of a transformer")
    parser.add_argument("--layer", type=int, default=-1, help="block, counted from 0 (default: half of them)")
    parser.add_argument("--hook", default="residual", help="residual (after the block) or mlp (what its MLP adds)")
    parser.add_argument(
        "--text", action="append", default=[], metavar="PATH", help="file or folder of text (default: Python's library)"
    )
    parser.add_argument(
        "--array", action="append", default=[], metavar="FILE", help="instead of a model: X.npy (N, d) from elsewhere"
    )
    parser.add_argument("--tokens", type=int, default=1_000_000, help="rows to collect at least, where text suffices")
    parser.add_argument("--context", type=int, default=128, help="tokens of a window")
    parser.add_argument("--name", default="", help="what to call the model (default: its own name)")
    parser.add_argument("--out", default="", help="folder (default out/activations/NAME-HOOK-LAYER)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--dtype", default="float32", help="of the model: float32, bfloat16 or float16")
    parser.add_argument("--check", default="", metavar="DIR", help="only test the checksums of a folder")
    parser.add_argument("--estimate", action="store_true", help="only say what the paper's models would take")


def activations(args: argparse.Namespace) -> dict[str, Any]:
    """Collect activations, or go on with it, and return where they are."""
    if args.estimate:
        from simulations.data.activations.estimates import lines

        return {"estimates": lines(tokens=args.tokens).splitlines()}
    from simulations.data.activations.shards import Shards

    if args.check:
        found = Shards(args.check)
        found.check()
        return {"activations": str(found.name), "checksums": "as they should be"} | _told(found)
    name, folder = (_imported if args.array else _collected)(args)
    return {"activations": name, "folder": str(folder)} | _told(Shards(folder))


def _told(found: Any) -> dict[str, Any]:
    return {"rows_trained_on": found.train, "rows_held_out": found.held, "d_model": found.d_model}


def _imported(args: argparse.Namespace) -> tuple[str, Path]:
    from simulations.data import matrices
    from simulations.data.activations.collect import import_arrays

    if args.model or args.text:
        raise ValueError("--array is given, and so is --model or --text: give rows, or what computes them")
    label = args.name or Path(args.array[0]).stem
    folder = Path(args.out or f"out/activations/{label}")
    return import_arrays([matrices.read(each) for each in args.array], folder, name=label), folder


def _collected(args: argparse.Namespace) -> tuple[str, Path]:
    from simulations.algorithms.base import Runtime
    from simulations.data.activations.texts import STANDARD_LIBRARY, several

    if not args.model:
        raise ValueError("give --model, or --array with rows from elsewhere")
    one_of("hook", args.hook, ("residual", "mlp"))
    one_of("dtype", args.dtype, ("float32", "bfloat16", "float16"))
    one_of("device", args.device, ("auto", "cpu", "cuda"))
    texts = args.text or [STANDARD_LIBRARY]
    if missing := [each for each in args.text if not Path(each).expanduser().exists()]:
        raise ValueError(f"text={missing[0]!r}, but there is no such file or folder")
    from simulations.data.activations.collect import collect
    from simulations.data.activations.names import slug
    from simulations.data.activations.transformer import load

    device = Runtime(args.device).torch_device()
    layer = None if args.layer < 0 else args.layer
    transformer = load(args.model, layer, args.hook, device=device.type, dtype=args.dtype)
    label = slug(args.name or args.model)
    folder = Path(args.out or f"out/activations/{label}-{args.hook}-{transformer.layer}")
    given = {"model": args.model, "name": args.name, "tokens": args.tokens, "context": args.context}
    return collect(transformer, several(texts), folder, **given), folder


def add_real(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the experiments on one set of activations."""
    from simulations.experiments import PRESETS

    parser.add_argument("--activations", required=True, metavar="DIR", help="folder that `activations` wrote")
    parser.add_argument("--preset", default="standard", help=", ".join(PRESETS))
    parser.add_argument("--out", default="out/real", help="output folder (default out/real)")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes (-1: one per core)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_set(parser, "a setting of every cell that has it, as in sweep")


def real(args: argparse.Namespace) -> dict[str, Any]:
    """Run the four experiments on activations, draw their figures, and write pages of neurons."""
    from simulations.data.activations.names import resolve
    from simulations.evidence.neurons.pages import write
    from simulations.evidence.reproduce import draw_figures
    from simulations.experiments import PRESETS, experiment
    from simulations.runs.cell import batches
    from simulations.runs.executors import check_jobs
    from simulations.runs.grid import cells_of, check_ready, parse_overrides
    from simulations.runs.sweep import check_resumable, summary, sweep

    one_of("preset", args.preset, PRESETS)
    check_jobs(args.n_jobs)
    overrides = {"activations": [resolve(str(args.activations))]} | _without_text(args) | parse_overrides(args.set)
    grids = {}
    for name in EXPERIMENTS:
        points = experiment(name).points(args.preset, device=args.device)
        own = {key: value for key, value in overrides.items() if key != "splice" or "splice" in points[0]}
        grids[name] = cells_of(points, overrides=own)
        check_ready(grids[name])
        check_resumable(name, args.preset, grids[name], args.out, resume=True)
    told, figures = {}, []
    for name, cells in grids.items():
        run = {"n_jobs": args.n_jobs, "resume": True, "command": args.command}
        folder = sweep(name, args.preset, cells, args.out, batches=batches, overrides=overrides, **run)
        told[name] = summary(folder)["rows"]
        figures += draw_figures([name], folder, Path(args.out) / "figures").figures
    page = write(Path(args.activations), Path(args.out) / "neurons.html", grids["real_consistency"][0])
    return {"rows": told, "figures": figures, "pages": str(page)}


def _without_text(args: argparse.Namespace) -> dict[str, list[Any]]:
    """Return that no model is asked, of rows from elsewhere."""
    from simulations.data.activations.shards import Shards

    return {} if Shards(args.activations).has_text else {"splice": [False]}


def add_pages(parser: argparse.ArgumentParser) -> None:
    """Add the flags of feature pages."""
    parser.add_argument("--activations", required=True, metavar="DIR", help="folder that `activations` wrote")
    parser.add_argument("--out", default="out/neurons.html", help="file to write (default out/neurons.html)")
    parser.add_argument("--method", default="gba", help="method, with its settings in the experiments on real data")
    parser.add_argument("--preset", default="standard", help="sizes: quick, standard or paper")
    parser.add_argument("--neurons", default="", metavar="I,J", help="which (default: 24, spread over frequencies)")
    add_set(parser, "a setting of the algorithm by name")


def pages(args: argparse.Namespace) -> dict[str, Any]:
    """Train two dictionaries and write the page of the neurons of the first."""
    from simulations.evidence.neurons.pages import write
    from simulations.experiments.real import METHODS, SIZES
    from simulations.runs.cell import Cell
    from simulations.runs.grid import parse_overrides

    one_of("preset", args.preset, list(SIZES))
    one_of("method", args.method, list(METHODS))
    own = {name: values[0] for name, values in parse_overrides(args.set).items()}
    cell = Cell(**(SIZES[args.preset] | METHODS[args.method] | {"activations": str(args.activations)} | own))
    words = [each.strip() for each in args.neurons.split(",") if each.strip()]
    if not all(each.isdigit() and int(each) < cell.n_neurons for each in words):
        raise ValueError(f"neurons={args.neurons!r}, but should be numbers from 0 to {cell.n_neurons - 1}")
    page = write(Path(args.activations), Path(args.out), cell, [int(each) for each in words])
    return {"pages": str(page)}
