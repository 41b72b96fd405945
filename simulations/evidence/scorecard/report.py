"""The scorecard of rows: scorecard.md and scorecard.json."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulations import __version__
from simulations.evidence.presets import folders, good_rows
from simulations.evidence.scorecard import exponents as slopes
from simulations.evidence.scorecard.claims import CLAIMS, Claim
from simulations.evidence.scorecard.effects import UNKNOWN
from simulations.evidence.scorecard.verdicts import NOT_TESTED, Finding
from simulations.experiments.base import PRESETS
from simulations.runs.provenance import provenance
from simulations.runs.storage import ROWS_FILE, check_writable, replace, strict

LINKS = ("rows", "figure")
Line = dict[str, Any]


def judge(claim: Claim, results: Path, preset: str | None = None) -> Line:
    """Return the line of a claim from the largest preset with rows in `results`, or from the preset given.

    A test that fails, and rows that cannot be read, leave the claim not tested yet, with the message.  Links are
    relative to `results`.
    """
    found = [each for each in folders(results, claim.experiment) if preset in (None, each.name)]
    line: Line = {"claim": claim.name, "statement": claim.statement, "source": claim.source, "rule": claim.rule}
    line |= {"experiment": claim.experiment, "preset": "", "n_rows": 0, "n_features": [], "rows": "", "figure": ""}
    if not found:
        return line | _told(Finding(UNKNOWN, NOT_TESTED, "no rows"))
    folder = found[-1]
    place: Line = {"preset": folder.name, "rows": f"{claim.experiment}/{folder.name}/{ROWS_FILE}"}
    finding = Finding(UNKNOWN, NOT_TESTED, "failed rows only")
    try:
        rows = good_rows(folder)
        if len(rows):
            sizes = [int(rows["n_features"].min()), int(rows["n_features"].max())]
            place |= {"n_rows": len(rows), "n_features": sizes}
            finding = _reasoned(claim.test(rows))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        finding = Finding(UNKNOWN, NOT_TESTED, _message(error))
    return line | place | {"figure": _figure(results, claim.experiment, folder.name)} | _told(finding)


def _message(error: Exception) -> str:
    """Return what went wrong on one line; bars would end a cell of the table."""
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".replace("|", "/").split())


def _reasoned(finding: Finding) -> Finding:
    """Return the finding, with a reason where nothing could be measured."""
    untold = finding.verdict == NOT_TESTED and not finding.note
    return finding._replace(note="no rows that tell") if untold else finding


def _told(finding: Finding) -> Line:
    effect = finding.effect
    numbers = {"effect": effect.value, "effect_low": effect.low, "effect_high": effect.high, "n_seeds": effect.n_seeds}
    return {"verdict": finding.verdict, "note": finding.note, "where": finding.where} | numbers


def _figure(results: Path, experiment: str, preset: str) -> str:
    """Return where the figure of an experiment is, of the gallery or beside its rows, relative to `results`, or ""."""
    places = (f"gallery/{experiment}.png", f"{experiment}/{preset}/{experiment}.png")
    return next((each for each in places if (results / each).is_file()), "")


def scorecard(results: Path, preset: str | None = None) -> list[Line]:
    """Return a line per claim, by its largest preset with rows, or by the preset given."""
    return [judge(claim, results, preset) for claim in CLAIMS]


def located(lines: Sequence[Mapping[str, Any]], results: Path, folder: Path) -> list[Line]:
    """Return the lines with links relative to `folder` in place of `results`; no link where there is no file."""
    return [{**line, **{name: _link(str(line.get(name, "")), results, folder) for name in LINKS}} for line in lines]


def _link(place: str, results: Path, folder: Path) -> str:
    target = results / place
    return Path(os.path.relpath(target, folder)).as_posix() if place and target.is_file() else ""


def linked(text: str, place: str) -> str:
    """Return a Markdown link, or the text alone where there is no place."""
    return f"[{text}]({place})" if place else text


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the Markdown table of the lines, with the links that they have."""
    head = "| claim | verdict | effect (95 % interval) | test | evidence |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_line, lines)])


def _line(line: Mapping[str, Any]) -> str:
    evidence = "none yet"
    if line["preset"]:
        links = [linked(f"{line['n_rows']} rows", line["rows"])]
        links += [linked("figure", line["figure"])] if line["figure"] else []
        sizes = [f"n = {' to '.join(f'{each:,}' for each in sorted(set(line['n_features'])))}"]
        told = [line["where"]] if line["where"] else sizes * bool(line["n_features"])
        evidence = ", ".join([*links, line["preset"], *told])
    statement = f"{line['statement']} ({line['source']})"
    note = f": {line['note']}" if line["note"] else ""
    return f"| {statement} | **{line['verdict']}**{note} | {effect_of(line)} | {line['rule']} | {evidence} |"


def effect_of(line: Mapping[str, Any]) -> str:
    """Return the effect of a line with its interval and its seeds, or nothing where it is not known."""
    if math.isnan(line["effect"]):
        return ""
    seeds = f"{line['n_seeds']} seed{'s' * (line['n_seeds'] != 1)}"
    if math.isnan(line["effect_low"]):
        return f"{line['effect']:.3g} (no interval, {seeds})"
    if math.isinf(line["effect_low"]):
        return f"at most {line['effect']:.3g} (below {line['effect_high']:.3g}, {seeds})"
    return f"{line['effect']:.3g} ({line['effect_low']:.3g} to {line['effect_high']:.3g}, {seeds})"


def differences(results: Path) -> str:
    """Return the Markdown table of the claims whose verdict is another at another preset."""
    told = {preset: {each["claim"]: each for each in scorecard(results, preset)} for preset in PRESETS}
    lines, n_both = [], 0
    for claim in CLAIMS:
        verdicts = {preset: each[claim.name]["verdict"] for preset, each in told.items() if each[claim.name]["preset"]}
        n_both += len(verdicts) > 1
        if len(set(verdicts.values())) > 1:
            cells = " | ".join(verdicts.get(preset, "") for preset in PRESETS)
            lines.append(f"| {claim.statement} | {cells} |")
    head = f"Of {n_both} claims with rows at more than one preset, {len(lines)} have another verdict at another."
    if not lines:
        return head
    names = " | ".join(PRESETS)
    return "\n".join([head, "", f"| claim | {names} |", "|---" * (len(PRESETS) + 1) + "|", *lines])


NOTE = """The unit of evidence is a seed, one draw of the world and of the starts: effects are means over seeds with
Student's intervals, and a verdict needs at least five seeds.  The theorem's conditions are sufficient and hide
constants, taken as one here: recovery outside them is "loose by", never a conflict; what holds with two decades to
spare "holds trivially".  A claim is undecided where the interval holds the threshold.  The rules are those of
`simulations/evidence/scorecard/`.

Simultaneous intervals are Bonferroni's over the number of effects compared; the interval of a least is made of the
least ends.  Slopes: least squares, error by jackknife over seeds.  A critical value is where the nearest monotone curve
passes the level, linear in the logarithm.  The winner of a search has the largest recovery at 0.8 plus at 0.9 at
seed 0, unless the rule names another.

The theorem does not centre the data.  Co-occurrence (Figures 10 and 11), activations (12), the cut-off and the balance
(13 and 15) are judged on centred data, the resonance of the provable algorithm (14) on both, the least of the two, as
each line says; trained autoencoders have the b_pre of their method."""

SLOPES = """Slopes of logarithms (of steps: per doubling of n) over seeds; one seed gives no interval.  The exponents of
the theorem are those of sufficient conditions at eps = zeta = 0, over the same points: a critical p may fall more
slowly, a required width grow more slowly.  What is expected by others than the theorem says whose it is.  "Transient"
are those that differ at large n."""


def write(results: Path, out: Path, command: Sequence[str]) -> dict[str, Any]:
    """Write OUT/scorecard.md and .json from the rows in `results`; return the counts of verdicts and the lines.

    Raises ValueError where `results` is no folder that holds rows of any claim's experiment.
    """
    if not any(folders(results, claim.experiment) for claim in CLAIMS):
        raise ValueError(f"no rows of any experiment in {results}: give --rows a folder of runs, EXPERIMENT/PRESET")
    lines, exponents = (located(each, results, out) for each in (scorecard(results), slopes.exponents(results)))
    check_writable(out)
    text = f"# Scorecard\n\n{NOTE}\n\n{table(lines)}\n\n## Exponents\n\n{SLOPES}\n\n{slopes.table(exponents)}\n"
    told = strict({"claims": lines, "exponents": exponents, "version": __version__, **provenance(command)})
    replace(out / "scorecard.json", (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    replace(out / "scorecard.md", text.encode())
    counts: dict[str, int] = {}
    for each in lines:
        counts[each["verdict"]] = counts.get(each["verdict"], 0) + 1
    return {"verdicts": counts, "claims": lines, "files": [str(out / "scorecard.md"), str(out / "scorecard.json")]}
