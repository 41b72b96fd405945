"""Do dictionaries trained from other starts agree: each method at one setting, on Zipf supports."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.methods import METHODS, OURS, SIZES, ZIPF, crossed

ARMS: dict[str, dict[str, Any]] = {
    "gba": METHODS["gba"],
    "ba": METHODS["ba"] | {"target_frequency": 0.03},
    "topk": METHODS["topk"],
    "batchtopk": METHODS["batchtopk"],
    "l1": METHODS["l1"] | {"penalty": 0.12},
    "jumprelu": METHODS["jumprelu"] | {"penalty": 0.012},
}


def _restarted(preset: str, n_steps: int, learning_rate: float, seeds: int) -> list[Point]:
    same = SIZES[preset] | ZIPF | {"n_steps": n_steps, "learning_rate": learning_rate, "n_restarts": 3}
    return crossed(ARMS, [same], outer=range(seeds))


EXPERIMENT = Experiment(
    "consistency",
    f"The paper: dictionaries trained from other starts agree more with GBA than with TopK ({OURS})",
    order=150,
    grids={
        "quick": lambda: _restarted("quick", 800, 3e-3, 1),
        "standard": lambda: _restarted("standard", 5_000, 1e-3, 3),
        "paper": lambda: _restarted("paper", 20_000, 1e-3, 5),
    },
    smoke=True,
)
