"""The frontier at n = 1,024: the same methods and search as at n = 128, in a larger world with less crosstalk.

Settings that won at n = 128 are not carried over: the search is run again here.  Along a knob the winner's other
settings are kept: a rate that won at K = 27 is not the best for K = 11.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.frontier import Knobs, all_points, smoke_points

WORLD: dict[str, Any] = {"support_law": "zipf:1", "batch_size": 128}
LARGE: dict[str, Any] = {"n_features": 1_024, "d_model": 256, "sparsity": 8, "n_neurons": 2_048}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_features": 256, "d_model": 64, "sparsity": 6, "n_neurons": 256, "n_steps": 100},
    "standard": LARGE | {"n_steps": 4_000},
    "paper": LARGE | {"n_steps": 20_000, "batch_size": 512},
}
# From dense to sparse, past both ends of what is useful: about what won the search here.
KNOBS: Knobs = {
    "gba": ("high_target_frequency", (0.9, 0.2, 0.04, 0.01)),
    "ba": ("target_frequency", (0.4, 0.08, 0.025, 0.008, 0.0025, 0.0008)),
    "topk": ("k", (26, 11, 8, 4)),
    "topk-untied": ("k", (26, 11, 4)),
    "batchtopk-untied": ("k", (26, 11, 4)),
    "l1-untied": ("penalty", (0.012, 0.04, 0.13, 0.4)),
    "jumprelu-untied": ("penalty", (0.0002, 0.0007, 0.0025)),
}
# Which trial of the search won, by recovery at 0.8 plus recovery at 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {
    "gba": 0,
    "ba": 9,
    "topk": 3,
    "topk-untied": 9,
    "batchtopk-untied": 6,
    "l1-untied": 9,
    "jumprelu-untied": 7,
}

EXPERIMENT = Experiment(
    "frontier_large",
    "The frontier of reconstruction against sparsity at n = 1,024 (every method searched again at this size)",
    order=141,
    grids={
        "quick": lambda: smoke_points(WORLD | SIZES["quick"], KNOBS),
        "standard": lambda: all_points(WORLD | SIZES["standard"], KNOBS, BEST),
        "paper": lambda: all_points(WORLD | SIZES["paper"], KNOBS, BEST),
    },
    smoke=True,
)
