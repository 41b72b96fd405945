"""Which features hold a neuron started on them: phase diagrams without a width.

Far above d features a neuron stays for some steps wherever it starts: one step turns it by about sqrt(d/n).  So the
critical p over d is measured once more after LONG steps, with target frequencies laid around the one that theory
predicts.  EDGES keeps those, because asking takes seconds each: `python -m simulations.experiments.learnability` prints
them anew, and a test asks again for one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Experiment, Point, grid, product
from theory.conditions import band

HALF = 0.5  # d/n wherever d is not the axis
INSIDE = (0.3, 0.7)  # places between the edges of the band, in log p
SEEDS = (0, 1, 2, 3, 4)
LONG = 24  # steps
AROUND = (0.6, 1.1, 2.0, 3.6)  # times the predicted critical p: most measured ones are above it
# The predicted critical p after LONG steps, of centred data with 50 n samples, by n, s and d.
EDGES: Mapping[tuple[int, int], Mapping[int, float]] = {
    (1_024, 5): {64: 0.00138, 128: 0.00437, 256: 0.00615, 512: 0.00801, 1_024: 0.0101},
    (4_096, 5): {128: 0.00221, 256: 0.00304, 1_024: 0.00457, 4_096: 0.00726},
    (16_384, 5): {256: 0.0015, 512: 0.00195, 1_024: 0.00233},
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
    """Return points after LONG steps, at target frequencies around the predicted critical one of each d."""
    return [
        point
        for d, critical in EDGES[n_features, sparsity].items()
        for point in _learnable(
            f"over d, {LONG} steps", 50, n_features=n_features, d_model=d, sparsity=sparsity, center=True,
            n_steps=LONG, target_frequency=tuple(float(f"{critical * each:.3g}") for each in AROUND), **axes,
        )
    ]  # fmt: skip


def ask(n_features: int, sparsity: int, d_model: int) -> float:
    """Return the critical p after LONG steps as the theory predicts it, to three digits."""
    from theory.prediction import critical_frequency

    found = critical_frequency(n_features, d_model, sparsity, 50 * n_features, LONG, center=True)
    return float(f"{found:.3g}")


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
            *(point for n, s in EDGES for point in _around_edge(n, s, seed=SEEDS, n_probes=32)),
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


if __name__ == "__main__":
    for (n_features, sparsity), known in EDGES.items():
        print(f"    ({n_features:_}, {sparsity}): {{", end="")
        print(", ".join(f"{d:_}: {ask(n_features, sparsity, d):g}" for d in known), end="},\n")
