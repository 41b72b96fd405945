"""Each experiment as a section: its reading in two sentences, its picture, and how to measure it again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulations.evidence.report import charts
from simulations.evidence.report.paper import PAPER, Paper, deviations
from simulations.evidence.report.paths import path_shapes
from simulations.evidence.report.runs import Run
from simulations.evidence.report.shape import Shape, shapes_of, varies
from simulations.evidence.report.snippets import mentions
from simulations.evidence.report.svg import shown
from simulations.evidence.report.wording import called, seeds
from simulations.evidence.scorecard.report import Line
from simulations.evidence.scorecard.verdicts import NOT_TESTED
from simulations.experiments import EXPERIMENTS
from simulations.runs.storage import ROWS_FILE


def section(runs: Sequence[Run], lines: Sequence[Line], out: Path) -> dict[str, Any]:
    """Return what the template needs of an experiment: its last run speaks, the others are named."""
    run, name = runs[-1], runs[-1].experiment
    shapes = _shapes(run)
    label = f"{name}: {shapes[0].kind if shapes else 'no picture'} of the {run.preset} rows"
    return {
        "name": name,
        "run": run,
        "claim": EXPERIMENTS[name].claim,
        "reading": reading(run, shapes, lines),
        "paper": PAPER.get(name, Paper("")).place,
        "deviations": deviations(run) if not run.trouble else [],
        "pictures": [charts.drawn(shape) for shape in shapes],
        "compares": any(shape.kind == "dots" and varies(shape.table["series"]) for shape in shapes),
        "thumbnail": charts.thumbnail(shapes, label),
        "mentions": mentions(run.good) if len(run.good) else {},
        "lines": lines,
        "files": [{"preset": each.preset, "place": _link(each, out), "rows": len(each.rows)} for each in runs],
        "smoke": run.smoke,
    }


def _shapes(run: Run) -> list[Shape]:
    """Return how a run is drawn; rows that no picture can be made of hide no other experiment."""
    try:
        return [*path_shapes(run.good), *shapes_of(run.experiment, run.good)]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        print(f"{run.name}: no picture: {' '.join(str(error).split())}", file=sys.stderr)
        return []


def _link(run: Run, out: Path) -> str:
    """Return the place of the rows relative to the page."""
    return Path(os.path.relpath(run.folder / ROWS_FILE, out)).as_posix()


def reading(run: Run, shapes: Sequence[Shape], lines: Sequence[Line]) -> str:
    """Return two sentences: what was measured, and what follows from it by the scorecard's rules."""
    if run.trouble:
        return f"These rows cannot be read: {run.trouble}."
    failed = f", {run.failed} of them failed or diverged" if run.failed else ""
    measured = f"{len(run.rows):,} rows of the {run.preset} preset over {seeds(run.seeds)}{failed}"
    if shapes:
        values = shapes[0].table["value"]
        what = called(shapes[0].value)
        measured += f" have a {what} from {shown(float(values.min()))} to {shown(float(values.max()))}"
    else:
        measured += " hold no number to draw"
    return f"{measured}. {_judged(lines)}"


def _judged(lines: Sequence[Line]) -> str:
    if not lines:
        return "No claim of the scorecard rests on them."
    told = []
    for line in lines:
        why = f" ({line['note']})" if line["note"] else ""
        word = "is not tested yet" if line["verdict"] == NOT_TESTED else f"is {line['verdict']}"
        word = {"is conflicts": "conflicts with them", "is holds trivially": "holds trivially"}.get(word, word)
        told.append(f"\u201c{line['statement']}\u201d {word}{why}")
    return f"By them, {'; '.join(told)}."


def sections(runs: Mapping[str, Sequence[Run]], lines: Sequence[Line], out: Path) -> list[dict[str, Any]]:
    """Return a section for each experiment with rows, in the order of the list."""
    return [section(each, [line for line in lines if line["experiment"] == name], out) for name, each in runs.items()]
