"""What recovery costs at n = 512: the provable algorithm against SPAMS, GBA and TopK, each at the best of its search.

Each of the four gets as many trials, of which the first is known to be good for the provable algorithm and SPAMS, and
the default for the others; the winner takes the fewest samples to 0.9.  The provable algorithm starts from pairs of
samples, and its ranges were narrowed after a first look; as `theory.plan` has it, uniform starts, it is an arm of its
own.  SPAMS is GPL, no part of this suite: the standard preset needs it (pip install spams-bin), and says so where it
is not.  Features have one norm.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.plan_check import Planned, as_settings
from simulations.experiments.searching import FRESH, Knob, Range, drawn, searched, trials

WORLD: dict[str, Any] = {"n_features": 512, "d_model": 128, "sparsity": 3, "dictionary_law": "sphere"}
PLAN: Planned = (0.00333, 2, 51_200, 63_505)  # what `theory.plan` answers for a recovery of 0.9 (0.99: M = 318,756)
PROVABLE: dict[str, Any] = {"center": True, "initialization": "pairs", "activation": "jumprelu"}
PROVABLE_KNOBS: dict[str, Knob] = {
    "target_frequency": Range(1e-6, 1e-4),
    "n_samples": Range(2_000, 5_000, whole=True),
    "n_neurons": Range(8_192, 32_768, whole=True),
    "n_steps": Range(3, 6, whole=True),
}
PROVABLE_FIRST: Point = {"target_frequency": 5e-6, "n_samples": 3_584, "n_neurons": 16_384, "n_steps": 4}
SPAMS_KNOBS: dict[str, Knob] = {
    "penalty": Range(0.03, 0.3),
    "batch_size": (64, 128, 256),
    "n_neurons": Range(600, 2_400, whole=True),
}
SPAMS_FIRST: Point = {"penalty": 0.1, "batch_size": 128, "n_neurons": 1_024}
SPAMS_SAMPLES = {"standard": 6_144, "paper": 12_288}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 512, "n_steps": 20, "batch_size": 64, "n_evaluations": 10},
    "standard": {"n_neurons": 1_024, "n_steps": 1_500, "batch_size": 64, "n_evaluations": 100},
    "paper": {"n_neurons": 2_048, "n_steps": 8_000, "batch_size": 64, "n_evaluations": 200},
}
# Which trial of the search won, by the fewest samples to 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {"gba": 0, "topk": 8, "provable": 4, "spams": 0}


def provable_trials() -> list[Point]:
    """Return the trials of the provable algorithm, which sees all N samples in each of its few steps."""
    return [PROVABLE | own for own in (PROVABLE_FIRST, *drawn("provable", tuple(PROVABLE_KNOBS.items())))]


def spams_trials(preset: str) -> list[Point]:
    """Return the trials of SPAMS, all over as many samples."""
    found = (SPAMS_FIRST, *drawn("spams", tuple(SPAMS_KNOBS.items())))
    fixed = {"algorithm": "spams", "n_evaluations": SIZES[preset]["n_evaluations"]}  # every batch
    return [fixed | own | {"n_steps": SPAMS_SAMPLES[preset] // own["batch_size"]} for own in found]


def _planned(seed: int) -> Point:
    """Return the provable algorithm as theory alone plans it for 0.9: uniform starts, p, T, N and M."""
    return {"arm": "provable-planned", "center": True, "seed": seed} | as_settings(PLAN)


def _quick() -> list[Point]:
    own = {"arm": "provable, trial 0", "n_steps": 3}
    small = [trials(name)[0] | SIZES["quick"] | {"arm": f"{name}, trial 0"} for name in ("gba", "topk")]
    return [WORLD | point for point in (*small, provable_trials()[0] | own)]


def _all(preset: str, seeds: Iterable[int] = FRESH) -> list[Point]:
    found = {name: [SIZES[preset] | each for each in trials(name)] for name in ("gba", "topk")}
    found |= {"spams": spams_trials(preset), "provable": provable_trials()}
    return [WORLD | point for point in (*searched({}, found, BEST, seeds), *map(_planned, seeds))]


EXPERIMENT = Experiment(
    "time_to_recovery_large",
    "What recovery costs at n = 512: the provable algorithm from pairs of samples against SPAMS, GBA and TopK",
    order=171,
    grids={"quick": _quick, "standard": lambda: _all("standard"), "paper": lambda: _all("paper")},
    smoke=True,
)
