"""Another sparse factorisation of the same data, found without the features: does it have the same ones?

Features meet in clusters of s, in a row of the law's own all of them.  Where they always do, the sums of the clusters
are a factorisation too, exact and with one active atom in place of s: H3 does not hold, and nothing tells the features.
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

SPARSITY = 4


def _together(n: int, n_steps: int, probabilities: tuple[float, ...], **axes: Any) -> list[Point]:
    """Return dictionary learning on features that meet in their cluster with each probability."""
    laws = tuple(f"clusters:{SPARSITY}:{each:g}" for each in probabilities)
    return product(
        arm="dictionary learning", algorithm="dictionary-learning", n_features=n, d_model=3 * n // 4, n_neurons=2 * n,
        sparsity=SPARSITY, n_steps=n_steps, batch_size=256, n_evaluations=1, **axes, support_law=laws,
    )  # fmt: skip


EXPERIMENT = Experiment(
    "identifiability",
    "Two sparse factorisations of the same data have the same features where these seldom meet (Theorem 5.3)",
    order=62,
    grids={
        "quick": lambda: _together(32, 6, (0, 1)),
        "standard": lambda: _together(64, 24, (0, 0.05, 0.2, 0.5, 0.8, 1), seed=(0, 1, 2, 3, 4)),
        "paper": lambda: _together(512, 400, (0, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1), seed=(0, 1, 2, 3, 4)),
    },
    smoke=True,
)
