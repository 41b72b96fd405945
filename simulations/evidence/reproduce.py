"""What the commands do with experiments: find their rows, draw their figures, reproduce everything."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from figures.registry import draw
from figures.saving import save
from simulations.base.files import check_writable
from simulations.evidence.presets import largest
from simulations.evidence.report.page import write_quietly
from simulations.experiments import EXPERIMENTS, experiment
from simulations.runs.cell import Cell, batches
from simulations.runs.grid import cells_of, check_ready
from simulations.runs.manifests import MANIFEST_FILE, read_manifest
from simulations.runs.storage import ROWS_FILE, read_rows, run_folder
from simulations.runs.sweep import check_resumable, summary, sweep


class NothingToDraw(ValueError):
    """Rows none of which is ok."""


class Drawn(NamedTuple):
    """Files of figures, and the experiments none of whose rows is ok."""

    figures: list[str]
    not_drawn: list[str]


def find_rows(name: str, rows: Path) -> Path:
    """Return the folder or file with the rows of an experiment: `rows` itself, or that of its largest preset in it.

    Raises ValueError when there is none, and for rows of another experiment.
    """
    if rows.is_file() or (rows / ROWS_FILE).is_file():
        folder = rows.parent if rows.is_file() else rows
        held = read_manifest(folder).get("experiment") if (folder / MANIFEST_FILE).is_file() else name
        if held != name:
            raise ValueError(f"{rows} holds rows of another experiment: {held}, but should be of {name}")
        return rows
    if (found := largest(rows, name)) is None:
        raise ValueError(f"no rows of {name} at {rows}: give --rows a {ROWS_FILE} or a folder of runs")
    return found


def draw_figures(names: Sequence[str], rows: Path, out: Path) -> Drawn:
    """Draw the figures of `names` into `out`; everything is read before anything is written.

    Of several, those without rows, or without one that is ok, are left out, and named on stderr.

    Raises ValueError for unreadable rows, one rows file for several figures, or nothing that can be drawn.
    """
    if len(names) > 1 and (rows.is_file() or (rows / ROWS_FILE).is_file()):
        raise ValueError(f"--rows {rows} holds one experiment; give the folder of all runs, or name one figure")
    missing = [name for name in names if len(names) > 1 and largest(rows, name) is None]
    if missing:
        print(f"no rows yet of {', '.join(missing)}", file=sys.stderr)
    if len(missing) == len(names):
        raise ValueError(f"no rows of any experiment at {rows}")
    drawn, not_drawn = {}, []
    for name in (each for each in names if each not in missing):
        try:
            drawn[name] = _figure(name, rows)
        except NothingToDraw:
            if len(names) == 1:
                raise
            not_drawn.append(name)
    if not_drawn:
        print(f"no row of status ok to draw of {', '.join(not_drawn)}", file=sys.stderr)
    if not drawn:
        raise NothingToDraw(f"no row of status ok to draw at {rows}")
    check_writable(out)
    return Drawn([str(path) for name, each in drawn.items() for path in save(each, out, name)], not_drawn)


def _figure(name: str, rows: Path) -> Figure:
    folder = find_rows(name, rows)
    table = read_rows(folder)
    if not (table["status"] == "ok").any():
        raise NothingToDraw(f"{folder} has no row of status ok to draw")
    return draw(name, table, folder.name if folder.is_dir() else folder.parent.name)


def _not_installed(cells: Sequence[Cell]) -> str:
    """Return what is said of the first thing that is not installed or, of data, not here; "" where all are."""
    for each in {(each.algorithm, each.leaves.instrument): each for each in cells}.values():
        try:
            each.leaves.algorithm.check_ready()
            each.leaves.instrument.check_ready()
        except ValueError as error:
            return str(error)
    return ""


def reproduce(preset: str, out: Path, n_jobs: int, seed: int, device: str, command: Sequence[str]) -> dict[str, Any]:
    """Run every experiment of a preset, keeping finished cells, and draw every figure beside its rows.

    An experiment on another library's own trainers is left out, and named on stderr, where that is not installed; so
    is the figure of one none of whose rows is ok, which is `not_drawn` in the result.
    """
    grids = {name: cells_of(experiment(name).points(preset, seed=seed, device=device)) for name in EXPERIMENTS}
    for name, cells in list(grids.items()):  # every refusal comes before any work
        if lacking := _not_installed(cells):
            print(f"{name} is left out: {lacking}", file=sys.stderr)
            del grids[name]
            continue
        check_ready(cells)
        check_resumable(name, preset, cells, out, resume=True)
    begin = time.perf_counter()
    failed, drawn = 0, Drawn([], [])
    for name, cells in grids.items():
        folder = sweep(name, preset, cells, out, batches=batches, n_jobs=n_jobs, resume=True, command=command)
        failed += summary(folder)["n_failed"]
        try:
            drawn.figures.extend(draw_figures([name], run_folder(out, name, preset), folder).figures)
        except NothingToDraw as none:
            print(none, file=sys.stderr)
            drawn.not_drawn.append(name)
    print(f"pictures: {', '.join(each for each in drawn.figures if each.endswith('.png'))}", file=sys.stderr)
    told = {"preset": preset, **drawn._asdict(), "report": write_quietly(out, out, command), "n_failed": failed}
    return told | {"seconds": time.perf_counter() - begin}
