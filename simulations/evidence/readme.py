"""The parts of README that follow from the registry and the committed results, so that no number is typed by hand.

`python -m simulations.evidence.readme` rewrites them; a test fails when they are out of date.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from simulations.data.laws.registry import REGISTRIES
from simulations.evidence.scorecard import exponents
from simulations.evidence.scorecard.critical import groups
from simulations.evidence.scorecard.report import scorecard, table
from simulations.experiments import EXPERIMENTS, PRESETS
from simulations.runs.storage import ROWS_FILE, read_manifest, read_rows, run_folder
from theory.prediction import critical_frequency
from theory.transitions import crossing

ROOT = Path(__file__).parents[2]


def experiment_table(root: Path = ROOT) -> str:
    """Return the Markdown table of experiments: claim, command, committed rows, and the time they took."""
    lines = ["| experiment | claim, to be tested | command | rows | time |", "|---|---|---|---|---|"]
    for name, each in EXPERIMENTS.items():
        for preset in PRESETS:
            folder = run_folder(root / "results", name, preset)
            if not (folder / ROWS_FILE).is_file():
                continue
            manifest = read_manifest(folder)
            where = f"results/{name}/{preset}"
            runs, jobs = [*manifest.get("earlier_runs", []), manifest], manifest["n_jobs"]
            seconds = sum(run["seconds"] for run in runs)
            command = f"`sae-recovery sweep {name} --preset {preset} --n-jobs {jobs}`"
            rows = f"[{manifest['n_cells']}]({where}/{ROWS_FILE})"
            label = f"`{name}`" if preset == PRESETS[0] else f"{name}, {preset}"
            lines.append(f"| {label} | {each.claim} | {command} | {rows} | {seconds:.0f} s, {jobs} processes |")
    return "\n".join(lines)


def benchmark_line(root: Path = ROOT) -> str:
    """Return the sentence on speed from the committed benchmark."""
    result = read_manifest(root / "results" / "benchmark" / "cpu")["result"]
    size = ", ".join(
        f"{symbol} = {result[name]:,}"
        for symbol, name in (("n", "n_features"), ("d", "d_model"), ("s", "sparsity"), ("N", "n_samples"))
    )
    return (
        f"One exact factored step takes {result['seconds_factored']:.2f} s where the dense step takes "
        f"{result['seconds_dense']:.2f} s: {result['ratio']:.0f} times as fast, on one thread, in one run "
        f"({size}, M = {result['n_neurons']:,}, p = {result['target_frequency']}, {result['dtype']}; "
        "`sae-recovery benchmark --large --out results`). "
        + _training_line(result["training"])
        + _large_line(result["learnability_large"])
    )


def _large_line(result: Mapping[str, Any]) -> str:
    """Return the sentence on learnability at a size beyond any dictionary."""
    return (
        f" Learnability at n = {result['n_features']:,} (d = {result['d_model']:,}, N = {result['n_samples']:,}) is "
        f"measured in {result['seconds']:.0f} s and {result['peak_memory_gb']:.1f} GB."
    )


def _training_line(result: Mapping[str, Any]) -> str:
    """Return the sentences on the speed of training."""
    other = ""
    if "ratio_topk_to_sae_lens" in result:
        other = f" and {result['ratio_topk_to_sae_lens']:.1f} times that of SAELens"
    controller = {name: result[f"controller_share_of_topk_step_{name}"] for name in ("paper", "quantile")}
    return (
        f"Training TopK sees {result['samples_per_second_topk']:,.0f} samples a second, "
        f"{result['ratio_topk_to_dense_loop']:.1f} times the usual dense loop{other}; GBA with "
        f"{result['gba_activity']:.1%} of its neurons active is {result['ratio_gba_to_dense_loop']:.1f} times as fast "
        f"as its dense loop (n = {result['n_features']}, d = {result['d_model']}, M = {result['n_neurons']:,}). Bias "
        f"adaptation costs {controller['paper']:.1%} of a TopK step with the paper's controller, "
        f"{controller['quantile']:.1%} with the quantile controller."
    )


def controller_table(root: Path = ROOT) -> str:
    """Return the Markdown table of GBA's controllers from the rows of time_to_recovery: speed, error and stability."""
    columns = {
        "steps_to_target": "steps until 9 in 10 neurons fire at most 1.25 times their target",
        "control_error": "error at the end, median of abs(log p / target)",
        "control_fluctuation": "change between the last two buffers, the same of p",
        "feature_recovery_rate": "recovery",
    }
    lines = ["| controller | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 1) + "|"]
    rows = _largest_preset(root, "time_to_recovery")
    for name, part in rows[rows["algorithm"] == "gba"].groupby("controller", sort=False):
        means = [float(part[column].mean()) for column in columns]
        cells = ["never" if math.isnan(each) else f"{each:.3g}" for each in means]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


LARGE_ENOUGH = 1_024  # features, from which the prediction is judged


def _largest_preset(root: Path, experiment: str) -> pd.DataFrame:
    folders = [run_folder(root / "results", experiment, preset) for preset in reversed(PRESETS)]
    return read_rows(next(each for each in folders if (each / ROWS_FILE).is_file()))


def _agreement(rows: pd.DataFrame) -> str:
    """Return how the predicted critical p compares with the measured one, where there is one."""
    names = ("n_features", "d_model", "sparsity", "n_samples", "n_steps")
    ratios = []
    for (center, *sizes), part in groups(rows, "center", *names):
        measured = crossing(part["target_frequency"], part["learnable_fraction"])
        if math.isfinite(measured):
            ratios.append(critical_frequency(*map(int, sizes), center=bool(center)) / measured)
    known = [each for each in ratios if math.isfinite(each)]
    worst = max(known, key=lambda each: abs(math.log(each)))
    rms = math.sqrt(sum(math.log(each) ** 2 for each in known) / len(known))
    none = f", none predicted in {len(ratios) - len(known)}" if len(known) < len(ratios) else ""
    return f"root mean square of the logarithm {rms:.2f}, worst ratio {worst:.2f}{none} ({len(ratios)} settings)"


def prediction_line(root: Path = ROOT) -> str:
    """Return the sentences on the error of the prediction without simulation: at d = n/2, and over d at s = 3."""
    rows = _largest_preset(root, "scaling")
    large = rows[(2 * rows["d_model"] == rows["n_features"]) & (rows["n_features"] >= LARGE_ENOUGH)]
    others = _largest_preset(root, "learnability")
    over_d = others[(others["n_features"] == LARGE_ENOUGH) & (others["sparsity"] == 3) & others["center"]]
    steps, d = over_d["n_steps"].iloc[0], over_d["d_model"]
    return (
        f"Predicted over measured critical p in the rows of `scaling` at d = n/2, n >= {LARGE_ENOUGH:,}, T = "
        f"{large['n_steps'].iloc[0]}: {_agreement(large)}. In those of `learnability` at n = {LARGE_ENOUGH:,}, s = 3, "
        f"centred, T = {steps}, where d goes from {d.min()} to {d.max():,}: {_agreement(over_d)}; the smaller d, the "
        "worse. Derivation and limits: [theory/PREDICTION.md](theory/PREDICTION.md)."
    )


def law_lines() -> str:
    """Return the Markdown list of the laws of the statistical model, as they are written on the command line."""
    lines = []
    for kind, registry in REGISTRIES.items():
        importlib.import_module(registry.module)
        lines.append(f"- `--{kind}-law`: " + ", ".join(f"`{law.usage}`" for law in registry.laws.values()))
    return "\n".join(lines)


def exponent_table(root: Path = ROOT) -> str:
    """Return the Markdown table of measured exponents, of centred data; the scorecard has all of them."""
    lines = [each for each in exponents.exponents(root / "results") if each["centred"]]
    return exponents.table(lines, "results/")


def gallery() -> str:
    """Return the Markdown table of the figures, two in a row, but for the one at the top."""
    names = [name for name in EXPERIMENTS if name != "resonance"]
    cells = [f"![{name}](results/gallery/{name}.png)" for name in names] + [""] * (len(names) % 2)
    rows = [f"| {left} | {right} |" for left, right in zip(cells[::2], cells[1::2], strict=True)]
    return "\n".join(["| | |", "|---|---|", *rows])


def rewrite(text: str, root: Path = ROOT) -> str:
    """Return README with its generated parts made anew."""
    parts = {
        "experiments": experiment_table(root),
        "benchmark": benchmark_line(root),
        "gallery": gallery(),
        "prediction": prediction_line(root),
        "controllers": controller_table(root),
        "exponents": exponent_table(root),
        "laws": law_lines(),
        "scorecard": table(scorecard(root / "results"), "results/"),
    }
    for name, content in parts.items():
        head, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("\n<!-- end -->")
        text = head + start + content + end + tail
    return text


if __name__ == "__main__":
    (ROOT / "README.md").write_text(rewrite((ROOT / "README.md").read_text()))
