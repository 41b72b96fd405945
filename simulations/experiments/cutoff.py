"""Recovery over the strength of a feature: its cut-off level h_i, beside the sparsity and the width."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

RATIO = 4  # of the strongest to the weakest feature
FRESH = (5, 6, 7, 8, 9)  # drawn after the rule of `cutoff_and_sparsity` was written


def _graded(n: int, widths: tuple[int, ...], sparsities: tuple[int, ...], **axes: Any) -> list[Point]:
    """Return features of levels in equal ratios, at each sparsity and width."""
    points = product(
        n_features=n, d_model=n // 2, n_samples=100 * n, center=True, coefficient_law=f"graded:{RATIO}",
        target_frequency=float(f"{0.3 / n:.3g}"), **axes, sparsity=sparsities, n_neurons=widths,
    )  # fmt: skip
    return [point | {"arm": f"s = {point['sparsity']}"} for point in points]


EXPERIMENT = Experiment(
    "cutoff",
    "The theorem's width n p^(-1/h_i^2) takes a feature's own level h_i: do weak features take more neurons?",
    order=65,
    grids={
        "quick": lambda: _graded(64, (64, 256, 1_024), (3, 5)),
        "standard": lambda: _graded(128, (128, 512, 2_048, 8_192), (3, 5, 8), seed=FRESH),
        "paper": lambda: _graded(1_024, (1_024, 4_096, 16_384, 65_536), (3, 5, 8, 12), seed=(0, 1, 2, 3, 4)),
    },
)
