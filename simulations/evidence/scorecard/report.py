"""The scorecard of committed rows: results/scorecard.md and scorecard.json."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulations import __version__
from simulations.evidence.scorecard import exponents as slopes
from simulations.evidence.scorecard.claims import CLAIMS, Claim
from simulations.evidence.scorecard.verdicts import NOT_TESTED, UNKNOWN
from simulations.experiments import PRESETS
from simulations.runs.provenance import provenance
from simulations.runs.storage import ROWS_FILE, check_writable, read_rows, replace, run_folder, strict


def judge(claim: Claim, results: Path) -> dict[str, Any]:
    """Return the line of a claim from the largest preset with rows in `results`; raises ValueError for bad rows."""
    line = {"claim": claim.name, "statement": claim.statement, "source": claim.source, "rule": claim.rule}
    for preset in reversed(PRESETS):
        folder = run_folder(results, claim.experiment, preset)
        if not (folder / ROWS_FILE).is_file():
            continue
        rows = read_rows(folder)
        rows = rows[rows["status"] == "ok"]
        effect, verdict = claim.test(rows) if len(rows) else (UNKNOWN, NOT_TESTED)
        n = rows["n_features"]
        return line | {
            "verdict": verdict,
            "effect": effect.value,
            "effect_low": effect.low,
            "effect_high": effect.high,
            "experiment": claim.experiment,
            "preset": preset,
            "n_rows": len(rows),
            "n_features": [int(n.min()), int(n.max())] if len(rows) else [],
            "rows": f"{claim.experiment}/{preset}/{ROWS_FILE}",
            "figure": f"gallery/{claim.experiment}.png",
        }
    nothing = dict.fromkeys(("effect", "effect_low", "effect_high"), math.nan)
    return line | {"verdict": NOT_TESTED, **nothing, "experiment": claim.experiment, "preset": "", "n_rows": 0,
                   "n_features": [], "rows": "", "figure": ""}  # fmt: skip


def scorecard(results: Path) -> list[dict[str, Any]]:
    """Return a line per claim."""
    return [judge(claim, results) for claim in CLAIMS]


def table(lines: Sequence[dict[str, Any]], root: str = "") -> str:
    """Return the Markdown table of the lines; links are relative to `root`, the folder of the results."""
    head = "| claim | verdict | effect (95 % interval) | test | evidence |\n|---|---|---|---|---|"
    return "\n".join([head, *(_line(each, root) for each in lines)])


def _line(line: dict[str, Any], root: str) -> str:
    evidence = "none yet"
    if line["rows"]:
        low, high = line["n_features"] or (0, 0)
        size = f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
        links = f"[{line['n_rows']} rows]({root}{line['rows']}), [figure]({root}{line['figure']})"
        evidence = f"{links}, {line['preset']}, {size}"
    statement = f"{line['statement']} ({line['source']})"
    return f"| {statement} | **{line['verdict']}** | {_effect(line)} | {line['rule']} | {evidence} |"


def _effect(line: dict[str, Any]) -> str:
    if math.isnan(line["effect"]):
        return ""
    if math.isnan(line["effect_low"]):
        return f"{line['effect']:.3g} (no interval)"
    return f"{line['effect']:.3g} ({line['effect_low']:.3g} to {line['effect_high']:.3g})"


NOTE = """The theorem's conditions are sufficient and hide constants: "contradicted" is about the statement of the test
at the sizes measured, with every constant taken as one. Verdicts follow from the declared rules in
`simulations/scorecard/`; a claim is undecided where the interval crosses the threshold, or where there is none."""

SLOPES = """Slopes of logarithms (of steps: per doubling of n) by regression weighted by the errors of the points, with
intervals that widen where the points scatter more than their errors. The exponents of the theorem are those of
sufficient conditions at eps = zeta = 0, over the same points: a critical p may fall more slowly, a required width grow
more slowly."""


def write(results: Path, out: Path, command: Sequence[str]) -> dict[str, Any]:
    """Write OUT/scorecard.md and .json from the rows in `results`; return the counts of verdicts and the lines."""
    lines, exponents = scorecard(results), slopes.exponents(results)
    check_writable(out)
    text = f"# Scorecard\n\n{NOTE}\n\n{table(lines)}\n\n## Exponents\n\n{SLOPES}\n\n{slopes.table(exponents)}\n"
    told = strict({"claims": lines, "exponents": exponents, "version": __version__, **provenance(command)})
    replace(out / "scorecard.json", (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    replace(out / "scorecard.md", text.encode())
    counts: dict[str, int] = {}
    for each in lines:
        counts[each["verdict"]] = counts.get(each["verdict"], 0) + 1
    return {"verdicts": counts, "claims": lines, "files": [str(out / "scorecard.md"), str(out / "scorecard.json")]}
