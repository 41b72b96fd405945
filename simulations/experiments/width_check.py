"""Recovery predicted from probes beside recovery simulated outright, at the same settings and seeds."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

STANDARD: dict[str, Any] = {
    "n_features": 128, "d_model": 64, "n_samples": 6_400, "target_frequency": 0.003,
    "n_neurons": (512, 2_048, 8_192, 32_768),
}  # fmt: skip


def _pairs(n_probes: int, **axes: Any) -> list[Point]:
    probes = product(arm="probes", instrument="width", n_probes=n_probes, **axes)
    return probes + product(arm="simulation", **axes)


EXPERIMENT = Experiment(
    "width_check",
    "Recovery predicted from probes agrees with direct simulation, and its intervals cover as often as they claim",
    order=100,
    grids={
        "quick": lambda: _pairs(
            64,
            seed=(0, 1),
            n_features=64,
            d_model=48,
            n_samples=3_200,
            target_frequency=(0.003, 0.01),
            n_neurons=(512, 2_048, 8_192),
        ),
        "standard": lambda: [
            *_pairs(192, seed=tuple(range(5)), center=False, **STANDARD),
            *_pairs(192, seed=tuple(range(20)), center=True, **STANDARD),
        ],
        "paper": lambda: _pairs(
            512,
            seed=tuple(range(20)),
            n_features=(256, 1_024),
            d_model=(128, 512),
            n_samples=50_000,
            center=(False, True),
            sparsity=(3, 5),
            target_frequency=(0.0003, 0.001, 0.003, 0.01),
            n_neurons=(512, 2_048, 8_192, 32_768),
        ),
    },
)
