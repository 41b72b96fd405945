"""Which features hold a neuron started on them: phase diagrams without a width."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product
from theory.conditions import band

HALF = 0.5  # d/n wherever d is not the axis
INSIDE = (0.3, 0.7)  # places between the edges of the band, in log p
SEEDS = (0, 1, 2, 3, 4)


def _learnable(arm: str, samples: int, **axes: Any) -> list[Point]:
    """Return a product with so many samples a feature; a fraction as d_model is that of n."""
    points = product(arm=arm, instrument="learnability", **axes)
    return [
        point
        | {
            "d_model": max(2, round(point["d_model"] * (point["n_features"] if point["d_model"] <= 1 else 1))),
            "n_samples": samples * point["n_features"],
        }
        for point in points
    ]


def _once(points: list[Point]) -> list[Point]:
    """Return the points, those of two slices once: their arm is "both"."""
    kept: dict[str, Point] = {}
    for point in points:
        key = repr(sorted((name, value) for name, value in point.items() if name != "arm"))
        kept[key] = point | ({"arm": "both"} if key in kept else {})
    return list(kept.values())


def _inside_band(samples: int, sizes: tuple[int, ...], **axes: Any) -> list[Point]:
    """Return points within the band, eps = zeta = 0, at d = sqrt(n) and d = n/8."""
    points = [
        point
        for n in sizes
        for d in (round(n**0.5), n // 8)
        for point in _learnable("inside the band", samples, n_features=n, d_model=d, place=INSIDE, **axes)
    ]
    for point in points:
        edges = band(point["n_features"], point["d_model"], point["sparsity"], epsilon=0.0, zeta=0.0)
        low, high = float(edges.lower), float(edges.upper)
        point["target_frequency"] = float(f"{low * (high / low) ** point.pop('place'):.3g}")
    return points


EXPERIMENT = Experiment(
    "learnability",
    "A feature holds a neuron started on it, whatever the width, below a critical p that rises with d",
    order=80,
    grids={
        "quick": lambda: _once([
            *_learnable("over d", 50, n_features=256, d_model=(16, 32, 64, 128, 256), sparsity=(3, 5), center=True,
                        n_probes=64, target_frequency=grid(1e-3, 0.2, 7)),
            *_learnable("over n", 50, n_features=(64, 128, 256), d_model=HALF, sparsity=(3, 5), center=(False, True),
                        n_probes=64, target_frequency=grid(1e-3, 0.2, 7)),
            *_inside_band(50, (64, 256), sparsity=(3, 5), center=(False, True), n_probes=64),
        ]),
        "standard": lambda: _once([
            *_learnable("over d", 50, seed=SEEDS, n_features=1_024, d_model=(16, 32, 64, 128, 256, 512, 1_024),
                        sparsity=(5, 8), center=True, n_probes=64, n_steps=6, target_frequency=grid(1e-3, 0.3, 7)),
            *_learnable("over d, n = 4,096", 50, seed=SEEDS, n_features=4_096, d_model=(32, 64, 128, 256, 512, 1_024),
                        sparsity=5, center=True, n_probes=64, n_steps=6, target_frequency=grid(3e-3, 0.3, 5)),
            *_learnable("over n", 50, seed=SEEDS, n_features=(64, 256, 1_024), d_model=HALF, sparsity=(5, 8),
                        center=(False, True), n_probes=64, n_steps=6, target_frequency=grid(1e-3, 0.3, 7)),
            *_inside_band(50, (256, 1_024, 4_096), seed=SEEDS, sparsity=(3, 5, 8), center=(False, True),
                          n_probes=64, n_steps=6),
        ]),
        "paper": lambda: _once([
            *_learnable("over d", 100, seed=SEEDS, n_features=4_096,
                        d_model=(16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096), sparsity=(5, 8, 16), center=True,
                        n_probes=256, n_steps=6, target_frequency=grid(3e-4, 0.3, 15)),
            *_learnable("over d, n = 16,384", 100, seed=SEEDS, n_features=16_384,
                        d_model=(32, 64, 128, 256, 512, 1_024, 2_048, 4_096), sparsity=(5, 8, 16), center=True,
                        n_probes=256, n_steps=6, target_frequency=grid(3e-4, 0.3, 15)),
            *_learnable("over n", 100, seed=SEEDS, n_features=(64, 256, 1_024, 4_096, 16_384), d_model=HALF,
                        sparsity=(5, 8, 16), center=(False, True), n_probes=256, n_steps=6,
                        target_frequency=grid(3e-4, 0.3, 15)),
            *_inside_band(100, (256, 1_024, 4_096, 16_384), seed=SEEDS, sparsity=(3, 5, 8, 16), center=(False, True),
                          n_probes=256, n_steps=6),
        ]),
    },
)  # fmt: skip
