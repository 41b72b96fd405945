"""Which features hold a neuron started on them: phase diagrams without a width.

Far above d features a neuron stays for some steps wherever it starts: one step turns it by about sqrt(d/n).  So the
critical p over d is measured once more after LONG steps, at nine or ten d from near the theorem's kink
d* = n^(1 - max((1 + 1/s)/2, 2/s)) on, with target frequencies laid around the one that theory predicts.  Where theory
has none, because at no p a half stays, they go up from half of the theorem's lower edge 1/n.  EDGES keeps what theory
said when they were laid: asking takes seconds each, and they stay where theory becomes better (by up to 1.4 since, at
n = 16,384).  `python -m simulations.experiments.learnability` prints what it says now, and a test asks for some of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product
from theory.conditions import band

HALF = 0.5  # d/n wherever d is not the axis
INSIDE = (0.3, 0.7)  # places between the edges of the band, in log p
SEEDS = (0, 1, 2, 3, 4)
LONG = 24  # steps
AROUND = (0.5, 0.9, 1.6, 3.0)  # times the predicted critical p: most measured ones are a little above it
FROM_EDGE = (0.5, 1.25, 3.2, 8.0, 20.0)  # times 1/n, where theory has no critical p
PROBES = {1_024: 128, 4_096: 64, 16_384: 32}  # after LONG steps: the smaller n is, the longer the share takes to fall
# The predicted critical p after LONG steps, of centred data with 50 n samples, by n, s and d; None: there is none.
EDGES: Mapping[tuple[int, int], Mapping[int, float | None]] = {
    (1_024, 5): {16: None, 32: None, 48: None, 64: 0.00148, 96: 0.00354, 128: 0.00449, 192: 0.00554, 256: 0.00633,
                 512: 0.00795, 1_024: 0.0111},
    (1_024, 8): {16: None, 32: None, 48: None, 64: None, 96: 0.00328, 128: 0.00611, 192: 0.0103, 256: 0.0128, 512:
                 0.0199, 1_024: 0.0296},
    (1_024, 16): {16: None, 32: None, 48: None, 64: None, 96: None, 128: 0.000957, 192: 0.00667, 256: 0.0119, 512:
                  0.0269, 1_024: 0.0508},
    (4_096, 5): {24: None, 48: None, 64: 0.000544, 96: 0.00153, 128: 0.00223, 192: 0.0029, 256: 0.00323, 512:
                 0.00392, 1_024: 0.00476, 4_096: 0.00776},
    (4_096, 8): {24: None, 48: None, 64: None, 96: 0.00157, 128: 0.00313, 192: 0.00537, 256: 0.00691, 512: 0.0109,
                 1_024: 0.0153, 4_096: 0.0271},
    (4_096, 16): {24: None, 48: None, 64: None, 96: None, 128: 0.000661, 192: 0.00387, 256: 0.00645, 512: 0.0135,
                  1_024: 0.023, 4_096: 0.0606},
    (16_384, 5): {32: None, 48: None, 64: None, 96: 0.000518, 128: 0.000756, 192: 0.00127, 256: 0.00146, 512: 0.00202,
                  1_024: 0.00239, 4_096: 0.00352},
    (16_384, 8): {48: None, 64: None, 96: 0.000397, 128: 0.00117, 192: 0.0025, 256: 0.00333, 512: 0.00569, 1_024:
                  0.00871, 4_096: 0.0147},
    (16_384, 16): {48: None, 64: None, 96: None, 128: None, 192: 0.00141, 256: 0.00292, 512: 0.00664, 1_024:
                   0.0113, 4_096: 0.0273},
}  # fmt: skip


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


def _around_edge(n_features: int, sparsity: int, **axes: Any) -> list[Point]:
    """Return points after LONG steps, at each d with target frequencies around the predicted critical one."""
    points = []
    for d, critical in EDGES[n_features, sparsity].items():
        places = [k / n_features for k in FROM_EDGE] if critical is None else [critical * k for k in AROUND]
        p = tuple(float(f"{each:.3g}") for each in places)
        points += _learnable(
            f"over d, {LONG} steps", 50, n_features=n_features, d_model=d, sparsity=sparsity, center=True,
            n_steps=LONG, n_probes=PROBES[n_features], target_frequency=p, **axes,
        )  # fmt: skip
    return points


def ask(n_features: int, sparsity: int, d_model: int) -> float | None:
    """Return the critical p after LONG steps as the theory predicts it, to three digits; None where there is none."""
    from theory.prediction import critical_frequency

    predicted = critical_frequency(n_features, d_model, sparsity, 50 * n_features, LONG, center=True)
    return float(f"{predicted:.3g}") if math.isfinite(predicted) else None


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
            *(point for n, s in EDGES for point in _around_edge(n, s, seed=SEEDS)),
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
            *(point for n, s in EDGES for point in _around_edge(n, s, seed=SEEDS)),
        ]),
    },
)  # fmt: skip


if __name__ == "__main__":
    for (n_features, sparsity), known in EDGES.items():
        told = ", ".join(f"{d:_}: {ask(n_features, sparsity, d)}" for d in known)
        print(f"    ({n_features:_}, {sparsity}): {{{told}}},")
