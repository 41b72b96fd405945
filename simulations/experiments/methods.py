"""The methods of the comparisons, as they are implemented here, each with the settings that make it what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulations.experiments.base import Point

# What the committed rows were made with: the defaults of their day, whatever they are now.
LEARNED: dict[str, Any] = {"pre_bias": "learned"}
UNCALIBRATED: dict[str, Any] = {"initial_bias": 0.0} | LEARNED
# Wrong frequencies of GBA (ours): a range far above, and one far below, those of the features.  The gain 0.1 is not the
# paper's 0.01, with which control takes longer than these runs.
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "gain": 0.1} | UNCALIBRATED,
    "gba-high": {"algorithm": "gba", "gain": 0.1, "high_target_frequency": 0.5, "low_target_frequency": 0.3}
    | UNCALIBRATED,
    "gba-low": {"algorithm": "gba", "gain": 0.1, "high_target_frequency": 0.01, "low_target_frequency": 0.001}
    | UNCALIBRATED,
    "gba-quantile": {"algorithm": "gba", "controller": "quantile"} | UNCALIBRATED,
    "gba-below": {"algorithm": "gba", "controller": "quantile-below"} | UNCALIBRATED,
    "ba": {"algorithm": "ba", "gain": 0.1} | UNCALIBRATED,
    "topk": {"algorithm": "topk"} | LEARNED,
    "batchtopk": {"algorithm": "batchtopk"} | LEARNED,
    "l1": {"algorithm": "l1", "initial_scale": 1.0} | LEARNED,
    "jumprelu": {"algorithm": "jumprelu", "initial_scale": 1.0} | LEARNED,
}
OURS = "every method as implemented here, not tested yet against the rivals' own code"
# Sizes that the comparisons share.
ZIPF = {"support_law": "zipf:1", "schedule": "linear", "sparsity": 8}
SIZES: Mapping[str, dict[str, Any]] = {
    "quick": {"n_features": 256, "d_model": 64, "n_neurons": 512},
    "standard": {"n_features": 512, "d_model": 128, "n_neurons": 1_024},
    "paper": {"n_features": 4_096, "d_model": 256, "n_neurons": 8_192},
}


def crossed(arms: Mapping[str, dict[str, Any]], points: Sequence[Point], *, outer: Iterable[int] = (0,)) -> list[Point]:
    """Return every point with the settings of every arm, replicates (`outer`) outermost."""
    return [
        settings | point | {"arm": arm, "seed": seed}
        for seed in outer
        for arm, settings in arms.items()
        for point in points
    ]
