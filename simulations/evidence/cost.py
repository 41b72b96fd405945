"""What the standard preset costs: `python -m simulations.evidence.cost` times a sample of its cells anew.

The seconds of committed rows were measured on machines that did other work as well, some of them for hours.  So cells
are drawn with a chance in proportion to those seconds (systematic sampling), run again on one process per core with
nothing beside them, and the mean ratio of new to old seconds scales their sum.  Cells that want what is not installed
count with the seconds of their rows.  The result is OUT/cost/manifest.json.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulations.base.files import check_writable
from simulations.evidence.presets import all_rows
from simulations.experiments import EXPERIMENTS
from simulations.runs.cell import Cell, run_cell
from simulations.runs.executors import loky
from simulations.runs.grid import cells_of, check_ready, keyed
from simulations.runs.manifests import read_manifest, write_manifest
from simulations.runs.provenance import provenance
from simulations.runs.storage import run_folder

PRESET = "standard"
SHARE, FEWEST = 0.02, 4  # of the seconds of an experiment that is run again, and cells at least
WITHOUT_COST = 30.0  # seconds, of an experiment that is not worth timing


class Cost(NamedTuple):
    """What an experiment costs in core seconds: as its rows say, as timed anew with its standard error, by how many."""

    recorded: float
    seconds: float
    error: float
    timed: int


def cost_of(recorded: np.ndarray[Any, Any], chosen: Sequence[int], seconds: Sequence[float]) -> Cost:
    """Return the cost from the seconds of all rows, and those that the chosen ones took now.

    Ratios of cells that were drawn with a chance in proportion to their old seconds have the ratio of the sums as mean.
    """
    total = float(recorded.sum())
    if not len(chosen):
        return Cost(total, total, 0.0, 0)
    ratios = np.asarray(seconds) / recorded[list(chosen)]
    error = float(ratios.std(ddof=1)) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
    return Cost(total, total * float(ratios.mean()), total * error, len(ratios))


def drawn(recorded: np.ndarray[Any, Any], count: int, generator: np.random.Generator) -> list[int]:
    """Return places of cells (count,), each with a chance in proportion to its seconds; a long one can come twice."""
    ends = np.cumsum(recorded)
    points = (generator.random() + np.arange(count)) / count * ends[-1]
    return [int(each) for each in np.minimum(np.searchsorted(ends, points, side="right"), len(ends) - 1)]


def measure(results: Path, *, share: float = SHARE, seed: int = 0) -> dict[str, Cost]:
    """Return the cost of every experiment that has standard rows in `results`."""
    generator, grids, wanted = np.random.default_rng(seed), {}, []
    for name, each in EXPERIMENTS.items():
        folder = run_folder(results, name, PRESET)
        if not folder.is_dir():
            continue
        cells = keyed(cells_of(each.points(PRESET, device="cpu")))
        recorded = all_rows(folder)["seconds"].to_numpy(np.float64)  # in the order of the grid
        if len(cells) != len(recorded):
            raise ValueError(f"{folder} has {len(recorded)} rows, but the grid has {len(cells)} cells")
        count = max(FEWEST, round(share * recorded.sum() / recorded.mean()))
        places = drawn(recorded, count, generator) if recorded.sum() > WITHOUT_COST else []
        order = list(cells.values())
        places = [place for place in places if _is_ready(order[place])]
        grids[name] = (recorded, places)
        wanted += [(name, place, order[place]) for place in sorted(set(places))]
    times: dict[tuple[str, int], float] = {}
    for done in loky(_timed, [[each] for each in wanted], n_jobs=-1):
        times |= done
        print(f"{len(times)} of {len(wanted)} cells", file=sys.stderr, end="\r")
    return {
        name: cost_of(recorded, places, [times[name, place] for place in places])
        for name, (recorded, places) in grids.items()
    }


def _is_ready(cell: Cell) -> bool:
    try:
        check_ready([cell])
    except ValueError:
        return False
    return True


def _timed(batch: Sequence[tuple[str, int, Cell]]) -> dict[tuple[str, int], float]:
    return {(name, place): float(run_cell(cell)["seconds"]) for name, place, cell in batch}


def cost_line(results: Path) -> str:
    """Return the sentence on what the standard preset costs; raises StorageError where it was not measured."""
    told = {name: Cost(**each) for name, each in read_manifest(results / "cost")["result"].items()}
    hours, recorded = (sum(getattr(each, what) for each in told.values()) / 3600 for what in ("seconds", "recorded"))
    error, timed = math.hypot(*(each.error / 3600 for each in told.values())), sum(each.timed for each in told.values())
    dearest = sorted(told, key=lambda name: -told[name].seconds)[:3]
    parts = ", ".join(f"`{name}` {told[name].seconds / 3600:.1f}" for name in dearest)
    return (
        f"All standard presets together take {hours:.1f} core hours (standard error {error:.1f}; {parts}), on two "
        f"cores {hours / 2:.1f} hours: {timed} cells, drawn with a chance in proportion to their seconds, were timed "
        "anew with nothing beside them but each other (`python -m simulations.evidence.cost`). The seconds of the "
        f"rows, {recorded:.1f} hours, were measured on a machine that did other work as well."
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and write OUT/cost/manifest.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--share", type=float, default=SHARE, help="of the recorded seconds that is run again")
    args = parser.parse_args(words)
    folder = args.out / "cost"
    check_writable(folder)
    result = {name: each._asdict() for name, each in measure(args.out, share=args.share).items()}
    command = ["python", "-m", "simulations.evidence.cost", *(sys.argv[1:] if words is None else words)]
    write_manifest(folder, {"result": result, "n_jobs": os.cpu_count(), **provenance(command)})


if __name__ == "__main__":
    main()
