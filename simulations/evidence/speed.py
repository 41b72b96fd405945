"""The sentences on speed, from the committed benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulations.runs.manifests import read_manifest

PHASES = {"first_step": "first step", "steady_step": "a step from the second on", "whole_run": "whole run"}
Result = Mapping[str, Any]


def benchmark_lines(results: Path) -> str:
    """Return what the committed benchmark measured; raises ValueError where there is none."""
    result = read_manifest(results / "benchmark" / "cpu")["result"]
    symbols = {"n": "n_features", "d": "d_model", "s": "sparsity", "N": "n_samples", "M": "n_neurons"}
    size = ", ".join(f"{symbol} = {result[name]:,}" for symbol, name in symbols.items())
    text = (
        f"{_factored(result)} Measured in one run on one thread of one machine; ratios differ between machines "
        f"({size}, p = {result['target_frequency']}, {result['dtype']}; `sae-recovery benchmark --large "
        "--out results`)."
    )
    lines = [text, _training(result["training"])]
    if "learnability_large" in result:
        lines.append(_large(result["learnability_large"]))
    if "ratio_workers" in result:
        lines.append(
            f"{result['workers_n_jobs']} worker processes run {result['workers_cells']} equal cells "
            f"{result['ratio_workers']:.2f} times as fast as one, their start-up included."
        )
    return "\n\n".join(lines)


def _factored(result: Result) -> str:
    """Return the seconds of the factored form and of the dense one, by phase where the benchmark tells phases."""
    if "whole_run" not in result:
        return (
            f"The first exact factored step, where hardly a neuron fires, takes {result['seconds_factored']:.2f} s, "
            f"the dense step {result['seconds_dense']:.2f} s: {result['ratio']:.0f} times as fast. Later steps "
            "gain less: more neurons fire."
        )
    lines = ["| | factored, s | dense, s | times as fast (range) | entries active |", "|---|---|---|---|---|"]
    for name, what in PHASES.items():
        if name not in result:
            continue
        each = result[name]
        lines.append(_line(what, each))
    lines += [_line(f"whole run, {name}", each) for name, each in result.get("whole_runs", {}).items()]
    return "\n".join([*lines, ""]) + "\n"


def _line(what: str, phase: Mapping[str, Any]) -> str:
    low, middle, high = phase["ratio"]
    seconds = f"{phase['seconds_factored'][1]:.2f} | {phase['seconds_dense'][1]:.2f}"
    return f"| {what} | {seconds} | {middle:.0f} ({low:.0f} to {high:.0f}) | {phase['active_share']:.1%} |"


def _large(result: Result) -> str:
    """Return the sentence on learnability at a size beyond any dictionary."""
    return (
        f"Learnability at n = {result['n_features']:,} (d = {result['d_model']:,}, N = {result['n_samples']:,}) is "
        f"measured in {result['seconds']:.0f} s and {result['peak_memory_gb']:.1f} GB."
    )


def _training(result: Result) -> str:
    """Return the sentences on the speed of training."""
    other = ""
    if "ratio_topk_to_sae_lens" in result:
        other = f" and {result['ratio_topk_to_sae_lens']:.1f} times that of SAELens"
    shares = {name: result[f"controller_share_of_topk_step_{name}"] for name in ("paper", "quantile")}
    return (
        f"Training TopK sees {result['samples_per_second_topk']:,.0f} samples a second, "
        f"{result['ratio_topk_to_dense_loop']:.1f} times the usual dense loop{other}; GBA with "
        f"{result['gba_activity']:.1%} of its neurons active is {result['ratio_gba_to_dense_loop']:.1f} times as fast "
        f"as its dense loop (n = {result['n_features']}, d = {result['d_model']}, M = {result['n_neurons']:,}). Bias "
        f"adaptation costs {shares['paper']:.1%} of a TopK step with the paper's controller, {shares['quantile']:.1%} "
        "with the quantile controller."
    )
