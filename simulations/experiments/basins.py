"""Which basin GBA falls into, dense or sparse: its start and every other choice, one at a time, on three worlds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point

WORLDS: dict[str, Point] = {
    "toy": {"n_features": 96, "d_model": 36, "support_law": "mixed:3:15"},
    "canonical": {"n_features": 96, "d_model": 32, "sparsity": 3},
    "Zipf": {"n_features": 96, "d_model": 40, "sparsity": 4, "support_law": "zipf:1"},
}
BIASES: dict[str, tuple[float, ...]] = {"zero": (0.0, -0.2, -0.4), "learned": (0.0, -0.2, -0.4)}
# Its gain is the paper's, 0.01; the control of the arms over the initial bias has arrived.
FAST: Point = {"gain": 0.1}
STILL: Point = {"gain": 1e-6}  # biases that do not move
# Besides the initial bias, given under each b_pre: one choice at a time, the others at the defaults of gba.
CHOICES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "gain": ("gain", (STILL["gain"], FAST["gain"])),
    "start frequency": ("start_frequency", (0.01, 0.1)),
    "initial scale": ("initial_scale", (1.0,)),
    "learning rate": ("learning_rate", (1e-3,)),
    "schedule": ("schedule", ("constant",)),
    "HTF": ("high_target_frequency", (0.05,)),
}
PAPER = "the paper's form"
LITERAL: Point = {"initial_bias": 0.0, "pre_bias": "learned", "learning_rate": 1e-3, "schedule": "constant"}
LONGER = 4
LARGER: Point = {"n_features": 160, "batch_size": 512, "n_steps": 4_000}  # no default was chosen at this size
LARGER_D = {"toy": 60, "canonical": 56, "Zipf": 64}

QUICK: Point = {"n_features": 24, "d_model": 12, "n_neurons": 48, "batch_size": 64, "n_steps": 300}


def sized(world: str) -> Point:
    """Return a world with three neurons to a feature, and the batches of training."""
    return {"n_neurons": 3 * WORLDS[world]["n_features"], "batch_size": 256} | WORLDS[world]


def _arms(biases: dict[str, tuple[float, ...]], choices: dict[str, tuple[str, tuple[Any, ...]]]) -> list[Point]:
    """Return the settings of each arm, of which one has as many as it has values."""
    found: list[Point] = [{"arm": "default"}, {"arm": PAPER} | LITERAL, {"arm": f"{PAPER}, gain 0.1"} | LITERAL | FAST]
    for each, values in biases.items():
        arm = f"initial bias, b_pre {each}"
        found += [{"arm": arm, "initial_bias": bias, "pre_bias": each} | FAST for bias in values]
    return found + [{"arm": arm, name: value} for arm, (name, values) in choices.items() for value in values]


def _larger(world: str) -> Point:
    """Return the default at a larger size of a world."""
    size = LARGER | {"d_model": LARGER_D[world], "n_neurons": 2 * LARGER["n_features"], "arm": "default, larger"}
    return size | ({"support_law": "mixed:3:20"} if world == "toy" else {})


def _points(seeds: int, worlds: tuple[str, ...], arms: list[Point], **same: Any) -> list[Point]:
    """Return every arm on every world."""
    return [
        {"algorithm": "gba"} | sized(world) | same | arm | {"arm": f"{world}, {arm['arm']}", "seed": seed}
        for seed in range(seeds)
        for world in worlds
        for arm in arms
    ]


def _all(n_steps: int) -> list[Point]:
    """Return every arm, the paper's form for longer too, and the default at the larger size, at five seeds."""
    longer = {"arm": f"{PAPER}, {LONGER} times as long", "n_steps": LONGER * n_steps} | LITERAL
    still = {"arm": f"{PAPER}, no control"} | LITERAL | STILL
    same = {"n_steps": n_steps, "batch_size": 128}
    found = _points(5, tuple(WORLDS), [*_arms(BIASES, CHOICES), longer, still], **same)
    return found + [point for world in WORLDS for point in _points(5, (world,), [_larger(world)])]


EXPERIMENT = Experiment(
    "basins",
    "Ours: one-sided control has two basins, a dense code and the features; the start and the speed of control decide "
    "which GBA falls into",
    order=165,
    grids={
        "quick": lambda: _points(1, ("canonical",), _arms({"zero": (0.0, -0.4)}, {}), **QUICK),
        "standard": lambda: _all(6_000),
        "paper": lambda: _all(20_000),
    },
    smoke=True,
)
