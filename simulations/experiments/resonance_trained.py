"""Neuron resonance in trained Bias Adaptation: recovery over target frequency p, with one-sided and two-sided control.

Is resonance a band of p around the feature frequency f, or a ceiling, and does it widen with d / sqrt(n)?  One-sided is
the paper's rule (Algorithm 1), which lowers the bias of a neuron that fires more than p and never raises that of one
that fires less; two-sided is the quantile rule, which holds every neuron at p.  Recovery at a p far below f tells of it
only once control has arrived there, and the rule takes longer for that than recovery takes: features are first
recovered, then lost again.  So `longer` trains two to six times as long at low p.  The gain is 0.1; at the paper's,
0.01 (`slow`), the rule has not arrived even then.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

ONE, TWO = "one-sided", "two-sided"
SIDES: dict[str, dict[str, Any]] = {ONE: {"controller": "paper", "gain": 0.1}, TWO: {"controller": "quantile"}}
SLOW, LONGER = "slow", "longer"
NEXT = f"{ONE}, {LONGER}"
SEEDS = tuple(range(5))
LOWEST, HIGHEST = 0.1, 0.5  # of p: in units of 1/n, and itself
SPARSITY, HALFWAY = 3, 0.5  # of p n: that of the feature frequency, and below which control takes longest
HOLDS = 0.000781  # about the lowest p that a quantile of 2,048 samples can hold neurons at, between its top two


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


def _below(
    n_features: int,
    d_model: tuple[int, ...],
    points: int,
    n_steps: int,
    controls: tuple[str, ...] = tuple(SIDES),
    **axes: Any,
) -> list[Point]:
    """Return controls over p and d, trained for longer at p below f, so that control arrives.

    The rule needs the longer the lower p is; the quantile needs less, and holds no p below HOLDS.
    """
    wanted = grid(LOWEST / n_features, HIGHEST, points)
    held = {ONE: wanted, TWO: tuple(sorted({max(p, HOLDS) for p in wanted}))}
    return [
        point
        for name in controls
        for p in held[name]
        for times in (_times(name, p * n_features),)
        for point in _arm(
            f"{name}, {LONGER}" if times > 1 else name,
            *(n_features, (p,)),
            **SIDES[name] | axes | {"d_model": d_model, "n_steps": times * n_steps},
        )
    ]


def _times(control: str, ratio: float) -> int:
    """Return how many times as long as from f on to train at p, for p n = `ratio`."""
    if ratio >= SPARSITY:
        return 1
    few, many = {ONE: (2, 6), TWO: (1, 2)}[control]
    return few if ratio >= HALFWAY else many


def _low(n_features: int, d_model: tuple[int, ...], n_steps: int, **axes: Any) -> list[Point]:
    """Return longer training at the lowest p: both controls at each d, and the paper's gain at one in their middle."""
    lowest = (float(f"{LOWEST / n_features:.3g}"),)
    slow, middle = SIDES[ONE] | {"gain": 0.01}, d_model[(len(d_model) - 1) // 2]
    arms = [(f"{name}, {LONGER}", 4, d_model, side) for name, side in SIDES.items()]
    arms += [(f"{ONE}, {SLOW}{end}", times, (middle,), slow) for end, times in (("", 1), (f", {LONGER}", 4))]
    return [
        point
        for name, times, sizes, side in arms
        for point in _arm(name, n_features, lowest, d_model=sizes, n_steps=times * n_steps, **side, **axes)
    ]


EXPERIMENT = Experiment(
    "resonance_trained",
    "The paper: trained BA recovers in a band of p near the feature frequency, wide for d above sqrt(n)",
    order=130,
    grids={
        "quick": lambda: _map(64, (8, 32), 5, n_steps=200),
        "standard": lambda: [
            *_map(128, (8, 16, 32, 64, 128), 8, n_steps=800, seed=SEEDS),
            *_low(128, (16, 32, 64, 128), 800, seed=SEEDS),
            *_arm(NEXT, 128, (0.00197,), d_model=(32, 64, 128), n_steps=1_600, seed=SEEDS, **SIDES[ONE]),
            *_below(256, (16, 64, 256), 8, 800, seed=SEEDS),
            *_below(512, (32, 128), 7, 800, seed=SEEDS),
            *_below(1_024, (32, 256), 7, 800, seed=SEEDS),
        ],
        "paper": lambda: [
            *_below(256, (8, 16, 32, 64, 128, 256), 12, 4_000, seed=SEEDS),
            *_below(1_024, (16, 32, 64, 128, 256, 512, 1_024), 12, 8_000, seed=SEEDS),
        ],
    },
    smoke=True,
)
