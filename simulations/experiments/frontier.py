"""Reconstruction and recovery against sparsity: each method along the setting that moves it, on Zipf supports."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.methods import METHODS, OURS, SIZES, ZIPF, crossed

# Points along the frontier of each method, from dense to sparse, then the ablation of GBA's K, HTF and LTF.
ARMS: dict[str, dict[str, Any]] = {
    **{f"topk {k}": METHODS["topk"] | {"k": k} for k in (4, 8, 16, 32)},
    **{f"batchtopk {k}": METHODS["batchtopk"] | {"k": k} for k in (4, 8, 16, 32)},
    **{f"l1 {each}": METHODS["l1"] | {"penalty": each} for each in (0.03, 0.06, 0.12, 0.25)},
    **{f"jumprelu {each}": METHODS["jumprelu"] | {"penalty": each} for each in (0.003, 0.006, 0.012, 0.025)},
    **{f"ba {p}": METHODS["ba"] | {"target_frequency": p} for p in (0.003, 0.01, 0.03, 0.1)},
    **{f"gba HTF {p}": METHODS["gba"] | {"high_target_frequency": p} for p in (0.02, 0.05, 0.15, 0.5)},
    **{f"gba K {k}": METHODS["gba"] | {"n_groups": k} for k in (3, 20)},
    **{f"gba LTF {p}": METHODS["gba"] | {"low_target_frequency": p} for p in (0.0001, 0.01)},
}
ALL = range(3)

EXPERIMENT = Experiment(
    "frontier",
    f"The paper: GBA lies on or near the TopK frontier of reconstruction against sparsity, ahead of L1 and BA ({OURS})",
    order=140,
    grids={
        "quick": lambda: crossed(
            dict(list(ARMS.items())[1::2]), [SIZES["quick"] | ZIPF | {"n_steps": 800, "learning_rate": 3e-3}]
        ),
        "standard": lambda: crossed(
            ARMS, [SIZES["standard"] | ZIPF | {"n_steps": 2_000, "learning_rate": 3e-3}], outer=ALL
        ),
        "paper": lambda: crossed(ARMS, [SIZES["paper"] | ZIPF | {"n_steps": 20_000, "learning_rate": 1e-3}], outer=ALL),
    },
    smoke=True,
)
