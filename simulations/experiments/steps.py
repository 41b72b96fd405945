"""Recovery of the provable algorithm step by step, as the number of features grows."""

from __future__ import annotations

import math
from typing import Any

from simulations.experiments.base import Experiment, Point, band_centre
from simulations.experiments.dimension import at_band_centre

QUARTER = 4  # n/d where neurons are started near features


def _simulated(samples: int, neurons: int, n_steps: int, sizes: tuple[int, ...], seeds: int = 1) -> list[Point]:
    """Return simulations at d = n/2 and the band's centre, without and with centred data."""
    axes: dict[str, Any] = {"center": (False, True), "n_steps": n_steps}
    return [
        point | {"seed": seed, "arm": "simulated"}
        for seed in range(seeds)
        for n in sizes
        for point in at_band_centre(samples, neurons, **axes, n_features=n, d_model=n // 2)
    ]


def _probes(samples: int, n_probes: int, n_steps: int, sizes: tuple[int, ...], seeds: int = 1) -> list[Point]:
    """Return neurons started where the best of the theorem's M = n p^(-s) starts, at d = n/4 and the band's centre."""
    points = []
    for seed in range(seeds):
        for s in (3, 5):
            for n in sizes:
                d = n // QUARTER
                p = band_centre(n, d, s)
                points.append(
                    {
                        "instrument": "approach",
                        "arm": "probes",
                        "seed": seed,
                        "n_features": n,
                        "d_model": d,
                        "sparsity": s,
                        "n_samples": samples * n,
                        "center": True,
                        "target_frequency": p,
                        "n_steps": n_steps,
                        "n_probes": n_probes,
                        "start_depth": float(f"{math.log10(n) - s * math.log10(p):.4g}"),
                    }
                )
    return points


EXPERIMENT = Experiment(
    "steps",
    "The paper: the number of steps to recovery stays constant as n grows",
    order=40,
    grids={
        "quick": lambda: _simulated(80, 8, 8, (64, 128), 2) + _probes(50, 32, 6, (128, 256, 512), 2),
        "standard": lambda: (
            _simulated(50, 8, 10, (64, 128, 256, 512), 5) + _probes(50, 64, 6, (256, 1_024, 4_096, 16_384), 5)
        ),
        "paper": lambda: (
            _simulated(100, 16, 16, (64, 128, 256, 512, 1_024, 2_048, 4_096), 5)
            + _probes(100, 256, 10, (256, 1_024, 4_096, 16_384, 65_536), 5)
        ),
    },
)
