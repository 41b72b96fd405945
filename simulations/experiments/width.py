"""The width that recovery takes, predicted from probes, and recovery simulated outright beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulations.experiments.base import Experiment, Point, band_centre, product

HALF_OF_THEM = 0.5  # the recovery whose width is asked for
AT_SPARSITY, AT_FREQUENCY = 3, 0.003  # s of the slice over n, p of the simulations


def _sized(points: Sequence[Point], samples: int) -> list[Point]:
    sized = [point | {"d_model": point["n_features"] // 2} for point in points]
    return [
        point
        | {
            "n_samples": samples * point["n_features"],
            "target_frequency": point.get("target_frequency")
            or band_centre(point["n_features"], point["d_model"], point["sparsity"]),
        }
        for point in sized
    ]


def _slices(base: int, over_p: tuple[int, ...], sizes: tuple[int, ...], simulated: tuple[int, ...],
            widths: tuple[int, ...], frequencies: tuple[float, ...], samples: int, n_probes: int,
            **same: Any) -> list[Point]:  # fmt: skip
    """Return required widths over (s, p) at n = base and over n at the band's centre, and simulations over (s, M)."""
    probes = same | {
        "instrument": "width", "n_probes": n_probes, "target_recovery": HALF_OF_THEM, "n_neurons": widths[0],
    }  # fmt: skip
    points = [
        *product(arm="over p", **probes, sparsity=over_p, n_features=base, target_frequency=frequencies),
        *product(arm="over n", **probes, sparsity=AT_SPARSITY, n_features=sizes),
        *product(arm="simulated", **same, sparsity=simulated, n_features=base, target_frequency=AT_FREQUENCY,
                 n_neurons=widths),
    ]  # fmt: skip
    return _sized(points, samples)


EXPERIMENT = Experiment(
    "width",
    "The theorem's sufficient width n p^(-s) grows with s and with 1/p: how much of it does recovery take?",
    order=90,
    grids={
        "quick": lambda: _slices(
            base=128,
            over_p=(3, 4, 5),
            sizes=(64, 128, 256),
            simulated=(3, 4, 5, 6, 8),
            widths=(64, 256, 1_024, 4_096),
            frequencies=(0.001, 0.003, 0.01),
            samples=80,
            n_probes=96,
            center=True,
        ),
        "standard": lambda: _slices(
            base=256,
            over_p=(3, 4, 5, 6, 8, 10),
            sizes=(64, 128, 256, 512, 1_024, 2_048),
            simulated=(3, 4, 5, 6, 8, 10, 12),
            widths=(128, 512, 2_048, 8_192, 32_768),
            frequencies=(0.0003, 0.001, 0.003, 0.01, 0.03),
            samples=100,
            n_probes=128,
            center=(False, True),
            n_steps=8,
        ),
        "paper": lambda: _slices(
            base=1_024,
            over_p=(3, 4, 5, 6, 8, 10, 12, 16),
            sizes=(64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192),
            simulated=(3, 4, 5, 6, 8, 10, 12, 16),
            widths=(512, 2_048, 8_192, 32_768, 131_072),
            frequencies=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03),
            samples=100,
            n_probes=512,
            center=(False, True),
            n_steps=8,
        ),
    },
)
