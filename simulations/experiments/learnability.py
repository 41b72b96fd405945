"""Which features hold a neuron started on them: phase diagrams without a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product

HALF = 0.5  # d/n wherever d is not the axis
SPARSITIES = (3, 4, 5, 8)


def _two_slices(base: int, sizes: Sequence[int], ratios: Sequence[float], samples: int, most: int,
                **axes: Any) -> list[Point]:  # fmt: skip
    """Return the slice over n at d = n/2 and the slice over d at n = base; samples grow with n up to a bound."""
    shapes = {(n, max(2, round(HALF * n))): "both" if n == base else "over n" for n in sizes}
    shapes |= {(base, max(2, round(ratio * base))): "over d" for ratio in ratios if ratio != HALF}
    return [
        point | {"arm": arm, "n_features": n, "d_model": d, "n_samples": min(samples * n, most)}
        for (n, d), arm in sorted(shapes.items())
        for point in product(instrument="learnability", center=(False, True), sparsity=SPARSITIES, **axes)
    ]


EXPERIMENT = Experiment(
    "learnability",
    "A feature holds a neuron started on it, whatever the width, below a critical p that rises with d",
    order=80,
    grids={
        "quick": lambda: _two_slices(
            256,
            (64, 128, 256, 512),
            (1 / 16, 1 / 8, 1 / 4, HALF, 1),
            samples=80,
            most=400_000,
            n_probes=128,
            target_frequency=grid(1e-4, 0.2, 8),
        ),
        "standard": lambda: _two_slices(
            1_024,
            (64, 256, 1_024, 4_096, 16_384),
            (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, HALF, 1),
            samples=100,
            most=400_000,
            n_probes=256,
            n_steps=8,
            target_frequency=grid(3e-5, 0.3, 13),
        ),
        "paper": lambda: _two_slices(
            4_096,
            (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384),
            (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, HALF, 1),
            samples=100,
            most=1_600_000,
            seed=(0, 1, 2),
            n_probes=1_024,
            n_steps=8,
            target_frequency=grid(3e-5, 0.3, 25),
        ),
    },
)
