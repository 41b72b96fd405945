"""Where the paper says what an experiment tests, and how the experiment deviates from it."""

from __future__ import annotations

from typing import NamedTuple

from simulations.evidence.report.runs import Run
from simulations.evidence.report.wording import seeds
from simulations.experiments import EXPERIMENTS


class Paper(NamedTuple):
    """The place in arXiv 2506.14002 (v1, or its ICLR form), and what is another way here; "" where nothing is."""

    place: str
    deviation: str = ""


ARMS = "every method is our implementation, at the settings of one open search or of one choice"
REAL = f"a small encoder and Python's own text in place of a language model; {ARMS}"
NO_MODEL = f"synthetic data, no language model; {ARMS}"
PAPER: dict[str, Paper] = {
    "resonance": Paper("neuron resonance: ICLR Fig. 2, v1 Fig. 14", "the provable algorithm in place of trained BA"),
    "resonance_trained": Paper("neuron resonance: ICLR Fig. 2, v1 Fig. 14", "few dimensions and few training steps"),
    "dimension": Paper("neuron resonance: ICLR Fig. 2, v1 Fig. 14", "p follows the band's centre as d and n change"),
    "sparsity": Paper("band of Theorem 6.1", "the paper varies no sparsity; the band is empty below s = 3"),
    "learnability": Paper("band of Theorem 6.1", "neurons start at features: no width in it"),
    "scaling": Paper("band of Theorem 6.1", "neurons start at features: no width in it"),
    "width": Paper("width of Theorem 6.1, v1 Fig. 15", "widths beyond simulation, by rare events"),
    "width_check": Paper("width of Theorem 6.1", "ours: checks the instrument of `width`"),
    "balance": Paper("feature balance: v1 Fig. 15", "two levels of frequency, or of size"),
    "cooccurrence": Paper("co-occurrence: v1 Figs. 10 and 11", "partners are planted, one or many a feature"),
    "identifiability": Paper("identifiability: Theorem 5.3", "one factorisation is planted, the other is learned"),
    "activations": Paper("activations: v1 Fig. 12"),
    "steps": Paper("steps of Theorem 6.1"),
    "lower_edge": Paper("band of Theorem 6.1", "the theorem's number of samples has no constant"),
    "cutoff": Paper("width of Theorem 6.1, v1 Fig. 15"),
    "trajectories": Paper("projections over the steps: v1 Fig. 16", "cosines are drawn"),
    "assumptions": Paper("data of Theorem 6.1", ARMS),
    "toy": Paper("mixed-sparsity table (ICLR)", f"width, steps and rate are searched in the open; {ARMS}"),
    "frontier": Paper("frontier: v1 Fig. 3", NO_MODEL),
    "frontier_large": Paper("frontier: v1 Fig. 3", NO_MODEL),
    "shrinkage": Paper("public summaries: L1 shrinks", f"settings are those of the frontier's search; {NO_MODEL}"),
    "consistency": Paper("consistency: v1 Fig. 5", NO_MODEL),
    "sensitivity": Paper("ablation: v1 Fig. 4", NO_MODEL),
    "time_to_recovery": Paper("none: ours", ARMS),
    "time_to_recovery_large": Paper("none: ours", ARMS),
    "basins": Paper("none: ours"),
    "implementations": Paper("none: ours", "our code against that of SAELens, one recipe"),
    "predict_check": Paper("none: ours"),
    "critical_check": Paper("none: ours"),
    "plan_check": Paper("none: ours"),
    "erosion": Paper("none: ours"),
    "pre_bias": Paper("none: ours"),
    "synthsaebench": Paper("none: ours", "the world of SynthSAEBench at a small size"),
    "real_frontier": Paper("frontier: v1 Fig. 3", REAL),
    "real_consistency": Paper("consistency: v1 Fig. 5", REAL),
    "real_sensitivity": Paper("ablation: v1 Fig. 4", REAL),
    "real_frequencies": Paper("frequencies of neurons (v1)", REAL),
}
SIZES = {"n_features": "n", "d_model": "d", "n_neurons": "M"}


def deviations(run: Run) -> list[str]:
    """Return how the rows deviate from the paper: by design, in size, in seeds, and where they are a smoke test."""
    told = [each] if (each := PAPER.get(run.experiment, Paper("")).deviation) else []
    if run.preset != "paper" and "paper" in EXPERIMENTS[run.experiment].grids and len(run.good):
        told += _smaller(run)
    if run.smoke:
        told.append(
            "quick preset: a smoke test, trained methods are under-trained and no verdict should be read off it"
        )
    return told


def _smaller(run: Run) -> list[str]:
    points = EXPERIMENTS[run.experiment].points("paper")
    told = []
    for name, symbol in SIZES.items():
        largest = max((int(point[name]) for point in points if name in point), default=0)
        here = int(run.good[name].max()) if run.good[name].notna().any() else 0
        if 0 < here < largest:
            told.append(f"{symbol} up to {here:,} here, {largest:,} in the paper preset")
    many = len({point["seed"] for point in points})
    if run.seeds < many:
        told.append(f"{seeds(run.seeds)} here, {many} in the paper preset")
    return told
