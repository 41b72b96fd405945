"""What a user has to choose, method by method: one choice against the learning rate, the others at their defaults."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product
from simulations.experiments.methods import METHODS, OURS

CHOICES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "gba, initial bias": ("gba", "initial_bias", (0.0, -0.05, -0.1, -0.2)),
    "gba, initial scale": ("gba", "initial_scale", (1.0, 0.1, 0.01, 0.001)),
    "l1, initial bias": ("l1", "initial_bias", (0.0, -0.05, -0.1, -0.2)),
    "l1, penalty": ("l1", "penalty", (0.01, 0.03, 0.1, 0.3)),
    "topk, K": ("topk", "k", (1, 3, 9, 27)),
}
# Where every choice of a method is at its default: one cell, which is part of each of them.
DEFAULTS: dict[str, dict[str, float]] = {
    "gba": {"initial_bias": 0.0, "initial_scale": 0.01},
    "l1": {"initial_bias": 0.0, "penalty": 0.1},
}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def _choices(rates: tuple[float, ...], seeds: int, every: int = 1, **same: Any) -> list[Point]:
    """Return each choice, or each `every`-th value of it, against the rate; cells at all defaults are an arm."""
    arms: dict[str, Point] = {}
    for arm, (method, setting, values) in CHOICES.items():
        usual = DEFAULTS.get(method, {})
        for value in values[::every]:
            chosen = usual | {setting: value}
            name = f"{method}, defaults" if chosen == usual else f"{arm} {value:g}"
            arms[name] = METHODS[method] | chosen | {"arm": name if chosen == usual else arm}
    axes = product(**same, learning_rate=rates, schedule="linear")
    return [point | settings | {"seed": seed} for seed in range(seeds) for settings in arms.values() for point in axes]


EXPERIMENT = Experiment(
    "sensitivity",
    f"The paper: GBA is nearly tuning-free.  How does recovery depend on each choice and the learning rate? ({OURS})",
    order=160,
    grids={
        "quick": lambda: _choices((1e-3, 1e-2), 1, 2, n_features=128, d_model=64, n_neurons=256, n_steps=1_200),
        "standard": lambda: _choices(RATES, 3, n_features=256, d_model=128, n_neurons=1_024, n_steps=3_000),
        "paper": lambda: _choices(RATES, 3, n_features=4_096, d_model=256, n_neurons=8_192, n_steps=20_000),
    },
    smoke=True,
)
