"""The registry of experiments.  Adding one: an entry in a module of this folder, and one figure file."""

from __future__ import annotations

from collections.abc import Mapping

from simulations.base.checks import one_of
from simulations.experiments.base import PRESETS, Experiment
from simulations.experiments.hypotheses import ACTIVATIONS, BALANCE, COOCCURRENCE
from simulations.experiments.probes import LEARNABILITY, WIDTH, WIDTH_CHECK
from simulations.experiments.provable import BENCHMARK, DIMENSION, RESONANCE, SPARSITY, STEPS
from simulations.experiments.rivals import CONSISTENCY, FRONTIER, SENSITIVITY, TIME_TO_RECOVERY
from simulations.experiments.scaling import SCALING
from simulations.experiments.trained import RESONANCE_TRAINED, TOY

__all__ = ["BENCHMARK", "EXPERIMENTS", "PRESETS", "Experiment", "experiment"]

EXPERIMENTS: Mapping[str, Experiment] = {
    each.name: each
    for each in (
        *(RESONANCE, SPARSITY, DIMENSION, STEPS, ACTIVATIONS, COOCCURRENCE, BALANCE),
        *(LEARNABILITY, WIDTH, WIDTH_CHECK, SCALING),
        *(TOY, RESONANCE_TRAINED, FRONTIER, CONSISTENCY, SENSITIVITY, TIME_TO_RECOVERY),
    )
}


def experiment(name: str) -> Experiment:
    """Return the experiment of that name; raises ValueError suggesting the nearest."""
    one_of("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
