"""Projections of neurons on features, step by step: those that win a feature, lose one, or stay mixed."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

FRESH = (5, 6, 7, 8, 9)  # drawn after the rule of `front_runner` was written


def _at(n: int, n_probes: int, n_steps: int, times_n: tuple[float, ...], **axes: Any) -> list[Point]:
    points = product(
        instrument="trajectories", n_features=n, d_model=n // 2, n_samples=100 * n, n_probes=n_probes, n_steps=n_steps,
        center=True, **axes, times=times_n,
    )  # fmt: skip
    return [
        point | {"arm": f"p = {times:g}/n", "target_frequency": float(f"{times / n:.3g}")}
        for point in points
        for times in (point.pop("times"),)
    ]


EXPERIMENT = Experiment(
    "trajectories",
    "A neuron's largest projection grows and the others fall: does the front-runner at the start always win?",
    order=45,
    grids={
        "quick": lambda: _at(64, 128, 6, (0.3, 3), seed=(0, 1, 2)),
        "standard": lambda: _at(256, 1_024, 8, (0.3, 1, 3), seed=FRESH),
        "paper": lambda: _at(2_048, 8_192, 8, (0.1, 0.3, 1, 3), seed=(0, 1, 2, 3, 4)),
    },
)
