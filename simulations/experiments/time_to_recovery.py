"""What recovery costs each method, in samples and in seconds, at the best of its search: the fewest samples to 0.9."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulations.experiments.base import Experiment, Point
from simulations.experiments.plan_check import PLANS, as_settings
from simulations.experiments.searching import FRESH, searched, trials

WORLD: dict[str, Any] = {"n_features": 128, "d_model": 64, "sparsity": 3}
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_neurons": 128, "n_steps": 300},
    "standard": {"n_neurons": 256, "n_steps": 1_000},
    "paper": {"n_neurons": 1_024, "n_steps": 10_000},
}
OFTEN: dict[str, Any] = {"n_evaluations": 100, "batch_size": 64}
SEARCHED = ("gba", "topk", "batchtopk", "l1-untied", "jumprelu-untied")
# Which trial of the search won, by the fewest samples to 0.9; a test compares it with the committed rows.
BEST: dict[str, int] = {
    "gba": 0,
    "topk": 8,
    "batchtopk": 4,
    "l1-untied": 5,
    "jumprelu-untied": 3,
}
# Without a search: the controllers of GBA (ours), and those that have no gradient.
CONTROLLERS = {"gba-quantile": "quantile", "gba-below": "quantile-below"}
CLASSICAL = "dictionary-learning"
EPOCHS = {"quick": 20, "standard": 60, "paper": 200}  # its steps, of 256 rows


def _others(preset: str) -> list[Point]:
    """Return GBA's other controllers, the provable algorithm as planned for 0.9, and the classical one."""
    planned = as_settings(PLANS[(*WORLD.values(), 0.9)])
    size = SIZES[preset] | OFTEN
    classical = {"algorithm": CLASSICAL, "n_steps": EPOCHS[preset], "batch_size": 256}
    return [
        *({"arm": arm, "algorithm": "gba", "controller": each} | size for arm, each in CONTROLLERS.items()),
        {"arm": "provable", "center": True} | planned,
        {"arm": CLASSICAL} | size | classical,
    ]


def _quick() -> list[Point]:
    size = SIZES["quick"] | OFTEN
    learned = [trials(name)[0] | size | {"arm": f"{name}, trial 0"} for name in ("gba", "topk")]
    return [WORLD | point for point in (*learned, *_others("quick"))]


def _all(preset: str, seeds: Iterable[int] = FRESH) -> list[Point]:
    points = searched(WORLD | SIZES[preset] | OFTEN, {name: trials(name) for name in SEARCHED}, BEST, seeds)
    return points + [WORLD | point | {"seed": seed} for seed in seeds for point in _others(preset)]


EXPERIMENT = Experiment(
    "time_to_recovery",
    "What recovery costs each method, in samples and in seconds, at the best of the same open search",
    order=170,
    grids={"quick": _quick, "standard": lambda: _all("standard"), "paper": lambda: _all("paper")},
    smoke=True,
)
