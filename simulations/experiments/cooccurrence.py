"""Recovery over the co-occurrence of features that meet in clusters, of two features and of many."""

from __future__ import annotations

import math

from simulations.experiments.base import Experiment, Point
from theory.cooccurrence import cluster_cooccurrence

SPARSITY = 4
# Ours: where recovery was expected to halve, sum over the partners of rho^2 = 0.33^2, and the shares of it in rho.
EXPECTED, SHARES = 0.33, (0.0, 0.6, 0.8, 1.0, 1.25, 1.6)


def _probabilities(n: int, size: int) -> list[float]:
    """Return probabilities of the law at SHARES of the expected critical rho: rho is linear in the probability."""
    none, all_of_it = (cluster_cooccurrence(n, SPARSITY, size, each) for each in (0, 1))
    critical = EXPECTED / math.sqrt(size - 1)
    wanted = [share * critical for share in SHARES]
    found = [min(1.0, max(0.0, (each - none) / (all_of_it - none))) for each in wanted]
    return list(dict.fromkeys(float(f"{each:.3g}") for each in found))


def _clusters(arm: str, sizes: tuple[tuple[int, int], ...], seeds: int, samples: int = 50) -> list[Point]:
    """Return the points of clusters, (n, size of a cluster) each, at p = 1/n: within the theorem's band."""
    return [
        {
            "arm": arm,
            "seed": seed,
            "n_features": n,
            "d_model": n // 2,
            "sparsity": SPARSITY,
            "n_samples": samples * n,
            "n_neurons": 8 * n,
            "n_steps": 6,
            "center": True,
            "target_frequency": float(f"{1 / n:.3g}"),
            "support_law": f"clusters:{size}:{probability:g}",
        }
        for seed in range(seeds)
        for n, size in sizes
        for probability in _probabilities(n, size)
    ]


EXPERIMENT = Experiment(
    "cooccurrence",
    "The theorem asks for a co-occurrence rho_2 below 1/sqrt(n): where does recovery end, with one partner and many?",
    order=60,
    grids={
        "quick": lambda: [
            *_clusters("over partners", ((64, 2), (64, 4), (64, 16)), 2),
        ],
        "standard": lambda: [
            *_clusters("over partners", ((256, 2), (256, 8), (256, 32), (256, 64)), 5),
            *_clusters("over n", ((128, 2), (128, 16), (512, 2), (512, 64)), 5),
        ],
        "paper": lambda: [
            *_clusters("over partners", tuple((1_024, 2**k) for k in range(1, 9)), 5),
            *_clusters("over n", tuple((n, size) for n in (128, 256, 512, 2_048, 4_096) for size in (2, n // 8)), 5),
        ],
    },
)
