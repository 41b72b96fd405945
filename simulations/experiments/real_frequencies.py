"""How often neurons fire before and after training, and against their targets, on activations of a transformer."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.real import METHODS, OURS, on_real

QUANTILE = {name: value for name, value in OURS.items() if name != "gain"} | {"controller": "quantile"}
ARMS: dict[str, dict[str, Any]] = {
    "gba": METHODS["gba"],
    "gba-quantile": {"algorithm": "gba"} | QUANTILE,
    "ba": METHODS["ba"],
    "topk": METHODS["topk"],
}

EXPERIMENT = Experiment(
    "real_frequencies",
    "Do neurons fire as often as their targets say, and is the histogram of a language model's features one that GBA "
    "keeps (here: a small encoder, Python's own text, no ground truth)?",
    order=260,
    grids={
        "quick": lambda: on_real(dict(list(ARMS.items())[:2]), "quick"),
        "standard": lambda: on_real(ARMS, "standard", splice=True),
        "paper": lambda: on_real(ARMS, "paper", splice=True),
    },
    smoke=True,
)
