"""Ours against theirs: the same recipe by our code and by SAELens', on the same data and budget, paired by seed.

An arm is "WORLD: METHOD SIDE".  Side `ours` is our own code; `SAELens` its code with the same recipe (the same units of
x, start, coefficient, threshold and bandwidth); `defaults` its code as it comes: rows of W_dec that start with norm
0.1, and x of mean norm sqrt(d) for methods with a coefficient, which is ours times sqrt(d) (L1) or d (L0) there.  What
is left between `ours` and `SAELens`: other starts, gradients clipped at norm 1 there, and two dead-latent losses.
"""

from __future__ import annotations

import math
from typing import Any

from simulations.experiments.base import Experiment, Point

SIDES = ("ours", "SAELens", "defaults")
L1, L0, GATED = 0.12, 0.01, 0.6  # coefficients where the mean norm of x is 1
# The six worlds; K is about the number of active features.
WORLDS: dict[str, dict[str, Any]] = {
    "canonical": {},
    "zipf": {"support_law": "zipf:1", "sparsity": 6, "k": 6},
    "mixed": {"support_law": "mixed:3:12", "k": 7},
    "exponential": {"coefficient_law": "exponential"},
    "noise": {"noise": 0.1},
    "bernoulli": {"support_law": "bernoulli"},
}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "n_features": 32,
        "d_model": 16,
        "n_neurons": 128,
        "batch_size": 64,
        "n_steps": 600,
        "learning_rate": 5e-3,
    },
    "standard": {"n_features": 128, "d_model": 32, "n_neurons": 512, "batch_size": 256, "n_steps": 2_000},
    "paper": {"n_features": 1_024, "d_model": 256, "n_neurons": 4_096, "batch_size": 1_024, "n_steps": 10_000},
}
RATES = {"quick": 5e-3, "standard": 1e-3, "paper": 1e-3}
SHARED = {"schedule": "linear", "sparsity": 3}
WITH_K = ("topk", "batchtopk", "matryoshka")
PLAIN: dict[str, Any] = {"normalize_activations": "none"}


def _methods(d_model: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the settings of each side of each method."""
    root = math.sqrt(d_model)
    same = PLAIN | {"decoder_init_norm": 1.0}
    return {
        "topk": {
            "ours": {"algorithm": "topk-untied"},
            "SAELens": {"algorithm": "saelens:topk"} | same,
            "defaults": {"algorithm": "saelens:topk"},
        },
        "batchtopk": {
            "ours": {"algorithm": "batchtopk-untied"},
            "SAELens": {"algorithm": "saelens:batchtopk"} | same,
            "defaults": {"algorithm": "saelens:batchtopk"},
        },
        "matryoshka": {
            "ours": {"algorithm": "matryoshka"},
            "SAELens": {"algorithm": "saelens:matryoshka"} | same,
            "defaults": {"algorithm": "saelens:matryoshka"},
        },
        "l1": {
            "ours": {"algorithm": "l1-untied", "penalty": L1, "penalty_warm_up": 0.0},
            "SAELens": {"algorithm": "saelens:standard", "l1_coefficient": L1} | PLAIN,
            "defaults": {"algorithm": "saelens:standard", "l1_coefficient": L1 * root},
        },
        "jumprelu": {
            "ours": {"algorithm": "jumprelu-untied", "penalty": L0, "penalty_warm_up": 0.0},
            "SAELens": {"algorithm": "saelens:jumprelu", "l0_coefficient": L0} | PLAIN,
            "defaults": {"algorithm": "saelens:jumprelu", "l0_coefficient": L0 * d_model},
        },
        "gated": {
            "ours": {"algorithm": "gated", "penalty": GATED},
            "SAELens": {"algorithm": "saelens:gated", "l1_coefficient": GATED} | same,
            "defaults": {"algorithm": "saelens:gated", "l1_coefficient": GATED * root},
        },
    }


def _points(preset: str, worlds: tuple[str, ...], seeds: int) -> list[Point]:
    size, found = SIZES[preset] | {"learning_rate": RATES[preset]}, []
    for seed in range(seeds):
        for world in worlds:
            own = {"k": 3} | WORLDS[world]
            k = {"k": own.pop("k")}
            for method, sides in _methods(size["d_model"]).items():
                for side, settings in sides.items():
                    point = SHARED | size | own | settings | (k if method in WITH_K else {})
                    found.append(point | {"arm": f"{world}: {method} {side}", "seed": seed})
    return found


EXPERIMENT = Experiment(
    "implementations",
    "Ours: our autoencoders recover what SAELens' own code recovers with the same recipe, data and budget",
    order=175,
    grids={
        "quick": lambda: _points("quick", ("canonical", "zipf"), 1),
        "standard": lambda: _points("standard", tuple(WORLDS), 5),
        "paper": lambda: _points("paper", tuple(WORLDS), 5),
    },
    smoke=True,
)
