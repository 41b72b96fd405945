"""Do dictionaries trained from other starts agree, on activations of a transformer."""

from __future__ import annotations

from simulations.experiments.base import Experiment
from simulations.experiments.real import METHODS, on_real

EXPERIMENT = Experiment(
    "real_consistency",
    "The paper: on a language model dictionaries trained from other starts agree more with GBA than with TopK (here: "
    "a small encoder, Python's own text, no ground truth)",
    order=240,
    grids={
        "quick": lambda: on_real(METHODS, "quick", n_restarts=2),
        "standard": lambda: on_real(METHODS, "standard", n_restarts=2),
        "paper": lambda: on_real(METHODS, "paper", n_restarts=2),
    },
    smoke=True,
)
