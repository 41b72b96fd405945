"""The frontier at n = 1,024: the same methods and searches as at n = 128, in a larger world with less crosstalk.

Settings that won at n = 128 are not carried over: all searches are run again here.  GBA's sparsest point and BA's
densest were added after the first judged cells, of which those of one seed alone overlapped in L0.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.frontier import Line, Lines, all_points, smoke_points

WORLD: dict[str, Any] = {"support_law": "zipf:1", "batch_size": 128}
LARGE: dict[str, Any] = {"n_features": 1_024, "d_model": 256, "sparsity": 8, "n_neurons": 2_048}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_features": 256, "d_model": 64, "sparsity": 6, "n_neurons": 256, "n_steps": 100},
    "standard": LARGE | {"n_steps": 4_000},
    "paper": LARGE | {"n_steps": 20_000, "batch_size": 512},
}
LINES: Lines = {
    "gba": Line("high_target_frequency", (0.9, 0.2, 0.04, 0.01), 0.2, 0, 17, 31),
    "ba": Line("target_frequency", (0.4, 0.03, 0.008, 0.002), 0.008, 5, 17, 24),
    "topk": Line("k", (14, 11), 11, 0, 21, 21),
    "topk-untied": Line("k", (14, 11), 11, 9, 13, 31),
    "batchtopk-untied": Line("k", (14, 11), 11, 1, 15, 15),
    "l1-untied": Line("penalty", (0.25, 0.13, 0.07), 0.13, 9, 17, 17),
    "jumprelu-untied": Line("penalty", (0.0025, 0.0007, 0.0002), 0.0007, 7, 17, 24),
}

EXPERIMENT = Experiment(
    "frontier_large",
    "The frontier of reconstruction against sparsity at n = 1,024 (every method searched again at this size)",
    order=141,
    grids={
        "quick": lambda: smoke_points(WORLD | SIZES["quick"], LINES),
        "standard": lambda: all_points(WORLD | SIZES["standard"], LINES),
        "paper": lambda: all_points(WORLD | SIZES["paper"], LINES),
    },
    smoke=True,
)
