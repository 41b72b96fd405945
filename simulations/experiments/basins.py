"""Which basin GBA falls into, dense or sparse: its start and every other choice, one at a time, on three worlds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point

WORLDS: dict[str, dict[str, Any]] = {
    "toy": {"n_features": 128, "d_model": 42, "support_law": "mixed"},
    "canonical": {"n_features": 256, "d_model": 64, "sparsity": 3},
    "Zipf": {"n_features": 256, "d_model": 64, "sparsity": 8, "support_law": "zipf:1"},
}
BIASES = (0.0, -0.1, -0.2, -0.3, -0.4, -0.5)
# Besides the initial bias, given under each b_pre: one choice at a time, the others at the defaults of gba.
CHOICES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "start frequency": ("start_frequency", (0.0003, 0.003, 0.01, 0.03, 0.1)),
    "b_pre": ("pre_bias", ("learned", "mean")),
    "initial scale": ("initial_scale", (0.1, 1.0)),
    "gain": ("gain", (0.001, 0.1)),
    "learning rate": ("learning_rate", (1e-3, 3e-3, 3e-2)),
    "schedule": ("schedule", ("constant",)),
    "HTF": ("high_target_frequency", (0.05, 0.15)),
}
PAPER = "the paper's form"
LITERAL: dict[str, Any] = {
    "initial_bias": 0.0, "pre_bias": "learned", "learning_rate": 1e-3, "schedule": "constant",
}  # fmt: skip


def _arms(biases: tuple[float, ...], choices: dict[str, tuple[str, tuple[Any, ...]]]) -> list[tuple[str, Point]]:
    """Return the settings of each arm, of which one has as many as it has values."""
    found: list[tuple[str, Point]] = [("default", {}), (PAPER, LITERAL)]
    for each in ("zero", "learned"):
        found += [(f"initial bias, b_pre {each}", {"initial_bias": bias, "pre_bias": each}) for bias in biases]
    return found + [(arm, {name: value}) for arm, (name, values) in choices.items() for value in values]


def _worlds(seeds: int, per_feature: int, arms: list[tuple[str, Point]], **same: Any) -> list[Point]:
    """Return every arm on every world, `per_feature` neurons to a feature."""
    return [
        {"algorithm": "gba", "n_neurons": per_feature * world["n_features"]}
        | same | world | settings | {"arm": f"{name}, {arm}", "seed": seed}
        for seed in range(seeds)
        for name, world in WORLDS.items()
        for arm, settings in arms
    ]  # fmt: skip


EXPERIMENT = Experiment(
    "basins",
    "Ours: one-sided control has two basins, a dense code and the features; the start decides which GBA falls into",
    order=165,
    grids={
        "quick": lambda: _worlds(1, 2, _arms((0.0, -0.4), {}), n_steps=500),
        "standard": lambda: _worlds(5, 4, _arms(BIASES, CHOICES), n_steps=4_000),
        "paper": lambda: _worlds(5, 8, _arms(BIASES, CHOICES), n_steps=20_000),
    },
    smoke=True,
)
