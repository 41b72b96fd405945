"""What the commands do with an experiment: run its grid, find its rows, draw its figure, reproduce everything."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures.registry import draw
from figures.saving import save
from simulations.base.settings import Settings
from simulations.experiments import EXPERIMENTS, PRESETS, experiment
from simulations.instruments.batch import run_batch
from simulations.runs.cell import batches, resolve_device
from simulations.runs.storage import check_writable, read_rows, run_folder
from simulations.runs.sweep import check_resumable, sweep


def run_experiment(
    name: str, preset: str, cells: Sequence[Settings], out: Path, n_jobs: int, resume: bool, command: Sequence[str]
) -> dict[str, Any]:
    """Sweep the cells of an experiment into OUT/NAME/PRESET and return a summary; raises ValueError or OSError."""
    resolve_device(cells[0].device)
    begin = time.perf_counter()
    folder = sweep(
        name, preset, cells, out, run_batch=run_batch, batches=batches, n_jobs=n_jobs, resume=resume, command=command
    )
    status = read_rows(folder)["status"]
    return {
        "experiment": name,
        "preset": preset,
        "rows": str(folder / "rows.csv"),
        "manifest": str(folder / "manifest.json"),
        "n_cells": len(status),
        "n_ok": int((status == "ok").sum()),
        "n_failed": int((status != "ok").sum()),
        "seconds": time.perf_counter() - begin,
    }


def find_rows(name: str, rows: Path) -> Path:
    """Return the rows file of an experiment: `rows` itself, the one in that folder, or that of its largest preset.

    Raises ValueError when there is none.
    """
    if rows.is_file() or (rows / "rows.csv").is_file():
        return rows
    for preset in reversed(PRESETS):
        folder = run_folder(rows, name, preset)
        if (folder / "rows.csv").is_file():
            return folder
    raise ValueError(f"no rows of {name} at {rows}: give --rows a rows.csv or a folder of runs")


def draw_figures(names: Sequence[str], rows: Path, out: Path) -> list[str]:
    """Draw the figures of `names` into `out`; everything is read before anything is written.

    Raises ValueError for unreadable rows, or one rows file for several figures.
    """
    if len(names) > 1 and (rows.is_file() or (rows / "rows.csv").is_file()):
        raise ValueError(f"--rows {rows} holds one experiment; give the folder of all runs, or name one figure")
    drawn = {name: draw(name, read_rows(find_rows(name, rows))) for name in names}
    check_writable(out)
    return [str(path) for name, each in drawn.items() for path in save(each, out, name)]


def reproduce(preset: str, out: Path, n_jobs: int, seed: int, device: str, command: Sequence[str]) -> dict[str, Any]:
    """Run every experiment of a preset, keeping finished cells, and draw every figure beside its rows."""
    grids = {name: experiment(name).cells(preset, seed=seed, device=device) for name in EXPERIMENTS}
    resolve_device(device)
    for name, cells in grids.items():  # every refusal comes before any work
        check_resumable(name, preset, cells, out, resume=True)
    begin = time.perf_counter()
    runs, pictures = [], []
    for name, cells in grids.items():
        runs.append(run_experiment(name, preset, cells, out, n_jobs, True, command))
        folder = run_folder(out, name, preset)
        pictures += draw_figures([name], folder, folder)
    print(f"pictures: {', '.join(each for each in pictures if each.endswith('.png'))}", file=sys.stderr)
    failed = sum(each["n_failed"] for each in runs)
    return {"preset": preset, "figures": pictures, "n_failed": failed, "seconds": time.perf_counter() - begin}
