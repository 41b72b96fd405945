"""The generated parts of results/README.md and README.md: each follows from the registries and the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from figures import critical, critical_check, plan_check, predict_check
from figures.erosion import SMALL
from figures.rows import prepare
from simulations.data.laws.choice import REGISTRIES
from simulations.evidence import paper_map, prediction_page
from simulations.evidence.cost import cost_line
from simulations.evidence.presets import folders, rows_of
from simulations.evidence.real import real_lines
from simulations.evidence.scorecard import exponents
from simulations.evidence.scorecard.reading import arm
from simulations.evidence.scorecard.report import Line, differences, effect_of, linked, located, scorecard, table
from simulations.evidence.speed import benchmark_lines
from simulations.experiments import EXPERIMENTS
from simulations.runs.manifests import read_manifest
from simulations.runs.storage import ROWS_FILE

Part = Callable[[], str]
# What README shows: the claims with the most to say of the theorem, and of GBA beside its rivals.
FINDINGS = (
    *("constant_steps", "width_in_frequency", "lower_edge_needed"),
    *("gba_over_topk_toy", "range_of_frequencies", "frequencies_too_high", "adaptation"),
    *("topk_frontier", "topk_frontier_large", "batchtopk_frontier_large"),
)
LARGE_ENOUGH = 1_024  # features, from which the prediction is judged


def parts(results: Path, folder: Path) -> Mapping[str, Part]:
    """Return what makes each generated part, for a page in `folder`: links are relative to it."""

    def lines(made: Callable[[Path], list[Line]]) -> list[Line]:
        return located(made(results), results, folder)

    judged = cache(lambda: lines(scorecard))
    return {
        "findings": lambda: findings(judged()),
        "scorecard": lambda: table(judged()),
        "paper": lambda: paper_map.table(judged()),
        "differences": partial(differences, results),
        "smoke": smoke_line,
        "exponents": lambda: exponents.table(lines(exponents.exponents)),
        "experiments": partial(experiment_table, results, folder),
        "benchmark": partial(benchmark_lines, results),
        "cost": partial(cost_line, results),
        "prediction": partial(prediction_lines, results),
        "foretold": partial(recovery_predicted, results),
        "recovery-errors": partial(prediction_page.recovery_errors, results),
        "transition-widths": prediction_page.transition_widths,
        "measured-widths": partial(prediction_page.measured_widths, results),
        "critical-errors": partial(prediction_page.critical_errors, results),
        "small-d": partial(prediction_page.critical_at_small_d, results),
        "controllers": partial(controller_table, results),
        "laws": law_lines,
        "real": partial(real_lines, results),
        "gallery": partial(gallery, results, folder),
    }


def findings(lines: list[Line]) -> str:
    """Return the short table of findings: claim, what was measured with the first of its remarks, picture."""
    told = {line["claim"]: line for line in lines}
    rows = ["| claim | measured | picture |", "|---|---|---|"]
    for line in (told[name] for name in FINDINGS):
        note = f" ({line['note'].partition(';')[0]})" if line["note"] else ""
        picture = linked(line["experiment"], line["figure"])
        rows.append(
            f"| {line['statement']} | **{line['verdict']}**{note}; {effect_of(line) or 'no effect'} | {picture} |"
        )
    return "\n".join(rows)


def smoke_line() -> str:
    """Return the sentence on the experiments whose quick preset is a smoke test."""
    names = ", ".join(f"`{name}`" for name, each in EXPERIMENTS.items() if each.smoke)
    return (
        "The quick preset is a smoke test: it shows that everything runs, in minutes. Trained methods are "
        f"under-trained there ({names}), one seed decides nothing, and no verdict should be read off it."
    )


def experiment_table(results: Path, folder: Path) -> str:
    """Return the Markdown table of experiments: claim, and for each preset its rows, seeds, version, time, command."""
    head = "| experiment | claim, to be tested | preset | rows | seeds | version | seconds | command |"
    lines = [head, "|---" * 8 + "|"]
    for name, each in EXPERIMENTS.items():
        told = [f"`{name}`", each.claim]
        for run in folders(results, name):
            manifest = read_manifest(run)
            place = {"rows": f"{name}/{run.name}/{ROWS_FILE}"}
            (link,) = located([place], results, folder)
            cells = [*told, run.name, linked(str(manifest["n_cells"]), link["rows"]), *_made(manifest)]
            command = f"`sae-recovery sweep {name} --preset {run.name} --n-jobs {manifest['n_jobs']}`"
            lines.append("| " + " | ".join([*cells, command]) + " |")
            told = ["", ""]
        if told[0]:
            lines.append("| " + " | ".join([*told, "none yet", "", "", "", "", ""]) + " |")
    return "\n".join(lines)


def _made(manifest: Mapping[str, Any]) -> list[str]:
    """Return how many seeds a run has, the version that it was made by, and the seconds that it took."""
    runs = [*manifest.get("earlier_runs", []), manifest]
    seconds = sum(run.get("seconds") or 0.0 for run in runs)
    n_seeds = len(manifest.get("grid", {}).get("seed", ())) or 1
    return [str(n_seeds), str(manifest.get("versions", {}).get("sae-recovery", "")), f"{seconds:.0f}"]


CONTROL = {
    "steps_to_target": "steps until 9 in 10 neurons fire at most 1.25 times their target",
    "control_error": "error at the end, median of abs(log p / target)",
    "control_fluctuation": "change between the last two buffers, the same of p",
    "feature_recovery_rate": "recovery",
}


def controller_table(results: Path) -> str:
    """Return the Markdown table of GBA's controllers from the rows of time_to_recovery: speed, error and stability."""
    rows = rows_of(results, "time_to_recovery")
    rows = rows[~rows["arm"].str.contains(", trial ") | rows["arm"].eq("gba, trial 0")]  # all at their defaults
    lines = ["| controller | seeds | " + " | ".join(CONTROL.values()) + " |", "|---" * (len(CONTROL) + 2) + "|"]
    for name, part in rows[rows["algorithm"] == "gba"].groupby("controller", sort=False):
        means = [float(part[column].mean()) for column in CONTROL]
        cells = ["never" if math.isnan(each) else f"{each:.3g}" for each in means]
        lines.append(f"| `{name}` | {part['seed'].nunique()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def prediction_lines(results: Path) -> str:
    """Return the sentences on the error of the prediction without simulation: at d = n/2, over d, and where d is small.

    The critical p of theory and of the mean over the seeds are read off at the same p.
    """
    scaling, over_d, erosion = (rows_of(results, name) for name in ("scaling", "learnability", "erosion"))
    over_d = over_d[over_d["arm"].str.startswith(("over d", "both")) & (over_d["center"] == True)]  # noqa: E712
    small = erosion["arm"] == SMALL
    told = []
    for name, rows in (
        *(("scaling", arm(scaling, "over p")), ("learnability", over_d)),
        *(("erosion", erosion[~small]), ("erosion", erosion[small])),
    ):
        large = rows[rows["n_features"] >= LARGE_ENOUGH]
        if len(large):
            ends = (sorted({large[each].min(), large[each].max()}) for each in ("n_features", "d_model", "n_steps"))
            n, d, steps = (" to ".join(f"{each:,.0f}" for each in both) for both in ends)
            sizes = f"n = {n}, d = {d}, T = {steps}, {large['seed'].nunique()} seeds"
            told.append(f"In the rows of `{name}`, {sizes}: {critical.agreement(critical.last_ratios(large))}.")
    return f"Predicted over measured critical p (tau = 0.9). {' '.join(told)}\n\n{recovery_predicted(results)}"


def recovery_predicted(results: Path) -> str:
    """Return the sentences on recovery, required widths, critical p and plans from theory alone, against their rows."""
    rows = prepare(rows_of(results, "predict_check"), free=predict_check.FREE, results=(predict_check.RESULT,))
    pairs = predict_check.compared(rows)
    rms = math.sqrt(float((predict_check.errors(pairs) ** 2).mean()))
    factor = math.exp(math.sqrt(float((np.log(predict_check.width_factors(pairs)) ** 2).mean())))
    sizes = " to ".join(f"{each:,.0f}" for each in (rows["n_features"].min(), rows["n_features"].max()))
    result = (predict_check.RESULT,)
    plans = prepare(rows_of(results, "plan_check"), free=plan_check.PLAN, results=result, series=("arm",))
    held = plan_check.held(plan_check.carried_out(plans)).partition(", $")[0]  # tau and seeds are told before
    edges = rows_of(results, "critical_check")
    number, off, *_ = critical_check.errors(critical_check.compared(edges))
    critical_seeds = f"n >= {edges['n_features'].min():,}, {critical_check.datasets(edges)} seeds"
    return (
        f"Theory alone predicts the recovery rate of {pairs['setting'].nunique()} settings (n = {sizes}, tau = 0.9, "
        f"{rows['seed'].nunique()} seeds) within {rms:.3f} (rms), the width needed within a factor of {factor:.2f} "
        f"(`predict_check`), the critical p of {number} ({critical_seeds}) "
        f"within one of {off} (`critical_check`). Of its plans {held} (`plan_check`)."
    )


def law_lines() -> str:
    """Return the Markdown list of the laws of the statistical model, as they are written on the command line."""
    lines = []
    for kind, registry in REGISTRIES.items():
        lines.append(f"- `--{kind}-law`: " + ", ".join(f"`{law.usage}`" for law in registry.laws.values()))
    return "\n".join(lines)


def gallery(results: Path, folder: Path) -> str:
    """Return the Markdown table of the figures that there are, two in a row."""
    places = located([{"figure": f"gallery/{name}.png", "name": name} for name in EXPERIMENTS], results, folder)
    cells = [f"![{each['name']}]({each['figure']})" for each in places if each["figure"]]
    cells += [""] * (len(cells) % 2)
    rows = [f"| {left} | {right} |" for left, right in zip(cells[::2], cells[1::2], strict=True)]
    return "\n".join(["| | |", "|---|---|", *rows])
