"""Neuron resonance in trained Bias Adaptation: recovery over target frequency p, with one-sided and two-sided control.

Is resonance a band of p around the feature frequency f, or a ceiling?  One-sided is the paper's rule (Algorithm 1),
which lowers the bias of a neuron that fires more than p and never raises that of one that fires less; two-sided is the
quantile rule, which holds every neuron at p.  At the paper's gain, 0.01, the rule has not reached targets far below f
when training ends: `slow` is that gain, the other arms have 0.1; `longer` is four times as long.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

ONE, TWO = "one-sided", "two-sided"
SIDES: dict[str, dict[str, Any]] = {ONE: {"controller": "paper", "gain": 0.1}, TWO: {"controller": "quantile"}}
SLOW, LONGER = "slow", "longer"
SEEDS = tuple(range(5))
LOWEST, HIGHEST = 0.1, 0.5  # of p: in units of 1/n, and itself


def _arm(name: str, n_features: int, target_frequency: tuple[float, ...], **axes: Any) -> list[Point]:
    """Return the cells of one arm."""
    same = {"algorithm": "ba", "n_features": n_features, "n_neurons": 2 * n_features, "batch_size": 256}
    axes |= {"n_evaluations": 5, "target_frequency": target_frequency}
    return [point | {"arm": name} for point in product(**same | axes)]


def _map(n_features: int, d_model: tuple[int, ...], points: int, **axes: Any) -> list[Point]:
    """Return both controls over p, from 0.1/n to 0.5, and d."""
    p = grid(LOWEST / n_features, HIGHEST, points)
    return [
        point for name, side in SIDES.items() for point in _arm(name, n_features, p, d_model=d_model, **side, **axes)
    ]


def _low(n_features: int, d_model: int, points: int, n_steps: int, **axes: Any) -> list[Point]:
    """Return the paper's gain, and longer training, at the lowest p and that nearest to 1/n."""
    p = grid(LOWEST / n_features, HIGHEST, points)
    low = p[0], min(p, key=lambda each: abs(each * n_features - 1))
    sides = SIDES | {f"{ONE}, {SLOW}": SIDES[ONE] | {"gain": 0.01}}
    found = _arm(f"{ONE}, {SLOW}", n_features, low, d_model=d_model, n_steps=n_steps, **sides[f"{ONE}, {SLOW}"], **axes)
    for name, side in sides.items():
        found += _arm(f"{name}, {LONGER}", n_features, low, d_model=d_model, n_steps=4 * n_steps, **side, **axes)
    return found


EXPERIMENT = Experiment(
    "resonance_trained",
    "The paper: trained BA recovers in a band of p near the feature frequency, wide for d above sqrt(n)",
    order=130,
    grids={
        "quick": lambda: _map(64, (8, 32), 5, n_steps=400),
        "standard": lambda: [
            *_map(128, (8, 16, 32, 64, 128), 8, n_steps=800, seed=SEEDS),
            *_low(128, 32, 8, 800, seed=SEEDS),
        ],
        "paper": lambda: [
            *_map(256, (8, 16, 32, 64, 128, 256), 12, n_steps=4_000, seed=SEEDS),
            *_map(1_024, (16, 32, 64, 128, 256, 512, 1_024), 12, n_steps=8_000, seed=SEEDS),
            *_low(1_024, 128, 12, 8_000, seed=SEEDS),
        ],
    },
    smoke=True,
)
