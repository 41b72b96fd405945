"""Which basin GBA falls into, dense or sparse: its start and every other choice, one at a time, on three worlds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point

WORLDS: dict[str, Point] = {
    "toy": {"n_features": 96, "d_model": 36, "support_law": "mixed:3:15"},
    "canonical": {"n_features": 96, "d_model": 32, "sparsity": 3},
    "Zipf": {"n_features": 96, "d_model": 40, "sparsity": 4, "support_law": "zipf:1"},
}
BIASES = {"zero": (0.0, -0.1, -0.2, -0.3, -0.4), "learned": (0.0, -0.3)}
# Besides the initial bias, given under each b_pre: one choice at a time, the others at the defaults of gba.
CHOICES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "start frequency": ("start_frequency", (0.01, 0.1)),
    "initial scale": ("initial_scale", (1.0,)),
    "gain": ("gain", (0.1,)),
    "learning rate": ("learning_rate", (1e-3,)),
    "schedule": ("schedule", ("constant",)),
    "HTF": ("high_target_frequency", (0.05,)),
}
PAPER = "the paper's form"
LITERAL: Point = {"initial_bias": 0.0, "pre_bias": "learned", "learning_rate": 1e-3, "schedule": "constant"}

QUICK: Point = {"n_features": 24, "d_model": 12, "n_neurons": 48, "batch_size": 64, "n_steps": 300}


def sized(world: str) -> Point:
    """Return a world with three neurons to a feature, and the batches of training."""
    return {"n_neurons": 3 * WORLDS[world]["n_features"], "batch_size": 256} | WORLDS[world]


def _arms(biases: dict[str, tuple[float, ...]], choices: dict[str, tuple[str, tuple[Any, ...]]]) -> list[Point]:
    """Return the settings of each arm, of which one has as many as it has values."""
    found: list[Point] = [{"arm": "default"}, {"arm": PAPER} | LITERAL]
    for each, values in biases.items():
        arm = f"initial bias, b_pre {each}"
        found += [{"arm": arm, "initial_bias": bias, "pre_bias": each} for bias in values]
    return found + [{"arm": arm, name: value} for arm, (name, values) in choices.items() for value in values]


def _points(seeds: int, worlds: tuple[str, ...], arms: list[Point], **same: Any) -> list[Point]:
    """Return every arm on every world."""
    return [
        {"algorithm": "gba"} | sized(world) | same | arm | {"arm": f"{world}, {arm['arm']}", "seed": seed}
        for seed in range(seeds)
        for world in worlds
        for arm in arms
    ]


EXPERIMENT = Experiment(
    "basins",
    "Ours: one-sided control has two basins, a dense code and the features; the start decides which GBA falls into",
    order=165,
    grids={
        "quick": lambda: _points(1, ("canonical",), _arms({"zero": (0.0, -0.4)}, {}), **QUICK),
        "standard": lambda: _points(5, tuple(WORLDS), _arms(BIASES, CHOICES), n_steps=2_000),
        "paper": lambda: _points(5, tuple(WORLDS), _arms(BIASES, CHOICES), n_steps=20_000),
    },
    smoke=True,
)
