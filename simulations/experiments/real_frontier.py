"""Reconstruction and what it is worth to the model, against sparsity, on activations of a transformer."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.real import METHODS, on_real

# Points along the frontier of each method, from sparse to dense.
ARMS: dict[str, dict[str, Any]] = {
    **{f"gba HTF {p}": METHODS["gba"] | {"high_target_frequency": p} for p in (0.05, 0.15, 0.5)},
    **{f"ba {p}": METHODS["ba"] | {"target_frequency": p} for p in (0.01, 0.03, 0.1)},
    **{f"topk {k}": METHODS["topk"] | {"k": k} for k in (16, 32, 64)},
    **{f"batchtopk {k}": METHODS["batchtopk"] | {"k": k} for k in (16, 32, 64)},
    **{f"l1 {each}": METHODS["l1"] | {"penalty": each} for each in (0.45, 0.15, 0.05)},
    **{f"jumprelu {each}": METHODS["jumprelu"] | {"penalty": each} for each in (0.01, 0.003, 0.001)},
}

EXPERIMENT = Experiment(
    "real_frontier",
    "The paper: on a language model GBA lies on or near the TopK frontier of reconstruction against sparsity, ahead "
    "of L1 and BA (here: a small encoder, Python's own text, no ground truth)",
    order=230,
    grids={
        "quick": lambda: on_real(dict(list(ARMS.items())[1::3]), "quick"),
        "standard": lambda: on_real(ARMS, "standard", splice=True),
        "paper": lambda: on_real(ARMS, "paper", splice=True),
    },
    smoke=True,
)
