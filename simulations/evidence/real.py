"""The part of results/README.md on real activations: commands, what the committed rows say, and what models take."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from simulations.data.activations.estimates import GPU, lines
from simulations.data.activations.names import parse
from simulations.evidence.presets import good_rows, largest
from simulations.experiments import EXPERIMENTS
from simulations.experiments.real import DATA, SIZES

FRONTIER = {
    "l0": "L0",
    "fraction_variance_unexplained": "FVU",
    "downstream_fidelity_mean": "model's output kept, against the mean",
    "ablation_effect": "loss of ablating a neuron",
    "ablation_effect_chance": "of a random direction",
    "probing_1": "probing, one neuron",
    "probing_input_1": "one coordinate",
}
CONSISTENCY = {
    "consistency": "neurons with cosine > 0.9 in the other start",
    "consistency_top": "of the most active 5 %",
    "consistency_mean_cosine": "MCS",
    "selectivity": "mean Z-score",
    "l0": "L0",
}
COMMANDS = """```sh
pip install 'sae-recovery[activations]'
sae-recovery activations --model Qwen/Qwen2.5-1.5B --layer 13 --text texts/ --tokens 100000000 --out acts
sae-recovery real --activations acts --preset paper --out out/real  # frontier, consistency, sensitivity, neurons.html
```"""


def real_lines(results: Path) -> str:
    """Return Markdown: two commands, the frontier's rows by arm, consistency by method, and estimates of models."""
    data = parse(DATA)
    said = (
        f"A seed is a start and an order of the tokens; of the model ({data.model}, {data.hook} stream after block "
        f"{data.layer}, d = {data.d_model}, {data.n_rows:,} tokens of Python's own documentation and library to train "
        f"on, of which a run of the standard preset sees {seen('standard'):,}) and the text there is one. There is no "
        "ground truth: agreement, fidelity and selectivity are measured, and nothing says that a dictionary holds the "
        "features of the model."
    )
    estimated = (
        "Estimates from sizes alone, not measurements (`sae-recovery activations --estimate`), at "
        f"{GPU.operations / 1e12:,.0f} TFLOP/s in bfloat16; the paper preset makes {trainings('paper')} trainings:"
    )
    folder = (
        "A folder of activations from elsewhere takes the place of the model: `--array X.npy`. Collecting goes on "
        "where it broke off, and so does `real`; google/gemma-2-2b and openai-community/gpt2 go the same way."
    )
    frontier = means(results, "real_frontier", FRONTIER)
    consistency = means(results, "real_consistency", CONSISTENCY)
    return "\n\n".join([said, COMMANDS, folder, frontier, consistency, estimated, lines()])


def seen(preset: str) -> int:
    """Return how many tokens a training on real activations sees at a preset: steps times batch."""
    return int(SIZES[preset]["n_steps"] * SIZES[preset]["batch_size"])


def trainings(preset: str) -> int:
    """Return how many autoencoders all experiments on real activations train at a preset."""
    points = [each for name, own in EXPERIMENTS.items() if name.startswith("real_") for each in own.points(preset)]
    return sum(int(each.get("n_restarts", 1)) for each in points)


def means(results: Path, experiment: str, columns: dict[str, str]) -> str:
    """Return the means over seeds of each arm of an experiment, of columns by their headings, as a table."""
    run = largest(results, experiment)
    if run is None:
        return f"No rows of `{experiment}` yet."
    rows = good_rows(run)
    head = f"`{experiment}`, {run.name} preset, mean over seeds ({rows['seed'].nunique()}):"
    table = [f"| arm | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for arm, part in rows.groupby("arm", sort=False):
        cells = [_short(pd.to_numeric(part[name], errors="coerce").mean()) for name in columns]
        table.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join([head, "", *table])


def _short(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"
