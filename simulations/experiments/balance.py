"""Recovery of rare features beside frequent ones, and of weak ones beside strong ones."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

SHARE = 0.2  # of the features that are frequent, or strong
FRESH = (5, 6, 7, 8, 9)  # of strength: drawn after the rule of `balance_of_strength` was written


def _points(n: int, samples: int, ratios: tuple[tuple[float, ...], tuple[float, ...]], times_n: tuple[float, ...],
            strength_seeds: tuple[int, ...] = (0,), **axes: Any) -> list[Point]:  # fmt: skip
    """Return two levels of frequency and two of strength, at target frequencies of so many times 1/n.

    A rare feature occurs in as many samples at every ratio: N grows with the mean weight, 1 + SHARE (ratio - 1).
    """
    frequencies = tuple(float(f"{each / n:.3g}") for each in times_n)
    same = axes | {"n_features": n, "d_model": n // 2, "center": True}
    occurrence, strength = ratios
    return [
        *(
            point | {"n_samples": round(samples * n * (1 + SHARE * (ratio - 1)))}
            for ratio in occurrence
            for point in product(arm="occurrence", **same, target_frequency=frequencies,
                                 support_law=f"two-level:{SHARE:g}:{ratio:g}")
        ),
        *(
            point | {"n_samples": samples * n}
            for ratio in strength
            for point in product(arm="strength", **same | {"seed": strength_seeds}, target_frequency=frequencies,
                                 coefficient_law=f"levels:{SHARE:g}:{ratio:g}")
        ),
    ]  # fmt: skip


EXPERIMENT = Experiment(
    "balance",
    "The paper: features much rarer, or weaker, than the others are not recovered",
    order=70,
    grids={
        "quick": lambda: _points(64, 60, ((1, 4, 16), (1, 2, 4)), (0.3, 1, 3), n_neurons=256),
        "standard": lambda: _points(
            128, 100, ((1, 2, 4, 8, 16, 32), (1, 1.5, 2, 3, 4, 6)), (0.03, 0.1, 0.3, 1, 3, 10), n_neurons=1_024,
            seed=(0, 1, 2, 3, 4), strength_seeds=FRESH,
        ),
        "paper": lambda: _points(
            2_048, 100, ((1, 2, 4, 8, 16, 32, 64), (1, 1.5, 2, 3, 4, 6, 8)), (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
            n_neurons=32_768, n_steps=8, seed=(0, 1, 2, 3, 4), strength_seeds=FRESH,
        ),
    },
)  # fmt: skip
