"""The report as one file: everything in it, nothing fetched, below 5 MB."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulations import __version__
from simulations.base.files import check_writable, replace
from simulations.evidence.report import cards, pictures
from simulations.evidence.report.answer import answer
from simulations.evidence.report.runs import Run, collect, pack
from simulations.evidence.report.sections import sections
from simulations.experiments import EXPERIMENTS
from simulations.runs.columns import results, setting_fields

REPORT_FILE = "report.html"
LIMIT = 4_900_000  # bytes of the file
ROWS_SHARE = 0.7  # of what the page leaves, for the rows; printed figures take what is left after them


def write(rows: Path, out: Path, command: Sequence[str], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Write OUT/report.html from the runs in `rows`, of all experiments or of `names`; return path, bytes and counts.

    Raises ValueError where there are no rows of any of them.
    """
    names = list(EXPERIMENTS if names is None else names)
    runs = collect(rows, names)
    if not runs:
        raise ValueError(f"no rows of {'any experiment' if len(names) > 1 else names[0]} in {rows}")
    check_writable(out)
    lines = cards.lines_of(rows, list(runs))
    parts = sections(runs, lines, out)
    text, left = _filled(runs, _context(runs, lines, parts, command))
    path = out / REPORT_FILE
    replace(path, text.encode())
    counts = {"experiments": len(runs), "runs": sum(map(len, runs.values())), "claims": len(lines)}
    counts |= {"rows": sum(len(each.rows) for several in runs.values() for each in several)}
    return {"report": str(path), "bytes": len(text.encode()), **counts, "left_out": left}


def write_quietly(rows: Path, out: Path, command: Sequence[str], names: Sequence[str] | None = None) -> str:
    """Write the report at the end of other work, which it never breaks; return its path, "" where it was not made."""
    try:
        return str(write(rows, out, command, names)["report"])
    except Exception as error:  # whatever it is: the rows are safe, and the report can be asked for again
        print(f"no report: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return ""


def _context(
    runs: Mapping[str, Sequence[Run]], lines: Sequence[Any], parts: Sequence[Any], command: Sequence[str]
) -> dict[str, Any]:
    smoke = {each["name"]: each["smoke"] for each in parts}
    return {
        "answer": answer(lines, runs),
        "cards": [cards.card(line, smoke.get(line["experiment"], False)) for line in lines],
        "thumbnails": {each["name"]: each["thumbnail"] for each in parts},
        "sections": parts,
        "comparisons": sorted((each for each in parts if each["compares"]), key=lambda each: each["name"] != "toy"),
        "version": __version__,
        "made_with": sorted({run.versions for several in runs.values() for run in several} - {""}),
        "command": " ".join(command),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "meta": _meta(runs, parts),
    }


def _meta(runs: Mapping[str, Sequence[Run]], parts: Sequence[Any]) -> str:
    """Return what the script has to know of columns and snippets, as JSON that may stand in a page."""
    told = {
        "settings": {name: each.metadata["text"] for name, each in setting_fields().items()},
        "booleans": [name for name, each in setting_fields().items() if each.metadata["kind"] is bool],
        "words": [name for name, each in setting_fields().items() if each.metadata["kind"] is str],
        "results": {name: each.text for name, each in results().items() if each.kind == "number"},
        "mentions": {each["name"]: each["mentions"] for each in parts},
        "largest": [several[-1].name for several in runs.values()],
    }
    return json.dumps(told).replace("<", "\\u003c")


def _filled(runs: Mapping[str, Sequence[Run]], context: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the page with as many rows and printed figures as fit, and the names of the runs whose rows do not."""
    bare = render("report.html.j2", **context, packed={}, left=[], printed={})
    room = LIMIT - len(bare.encode())
    order = [several[-1] for several in runs.values()] + [each for several in runs.values() for each in several[:-1]]
    packed, left = pack(order, int(ROWS_SHARE * room))
    room -= sum(len(each) + 120 for each in packed.values())
    printed: dict[str, str] = {}
    for several in runs.values():
        if (image := pictures.printed(several[-1])) and len(image) + 400 <= room:
            printed[several[-1].experiment] = image
            room -= len(image) + 400
    return render("report.html.j2", **context, packed=packed, left=left, printed=printed), left


def render(template: str, **context: Any) -> str:
    """Return a template of this folder filled in; a name that it does not know is an error."""
    import jinja2

    here = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=here, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["slugs"] = cards.SLUGS
    return environment.get_template(template).render(**context)
