"""The width that recovery takes, predicted from probes, and recovery simulated outright beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulations.experiments.base import Experiment, Point, band_centre, product

HALF_OF_THEM = 0.5  # the recovery whose width is asked for
AT_SPARSITY, AT_FREQUENCY = 3, 0.003  # s of the slices over n, p of the one at fixed p and of the simulations


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
    """Return required widths over (s, p) at n = base, over n at fixed p and at the band's centre, and simulations."""
    probes = same | {
        "instrument": "width", "n_probes": n_probes, "target_recovery": HALF_OF_THEM, "n_neurons": widths[0],
    }  # fmt: skip
    points = [
        *product(arm="over p", **probes, sparsity=over_p, n_features=base, target_frequency=frequencies),
        *product(arm="over n", **probes, sparsity=AT_SPARSITY, n_features=sizes),
        *product(arm="over n, fixed p", **probes, sparsity=AT_SPARSITY, n_features=sizes,
                 target_frequency=AT_FREQUENCY),
        *product(arm="simulated", **same, sparsity=simulated, n_features=base, target_frequency=AT_FREQUENCY,
                 n_neurons=widths),
    ]  # fmt: skip
    # At the base both slices have a point: that over p stands for it.
    points = [each for each in points if not _twice(each, base, over_p, frequencies)]
    return _sized(points, samples)


def _twice(point: Point, base: int, over_p: tuple[int, ...], frequencies: tuple[float, ...]) -> bool:
    """Return whether a point at fixed p is one of those over p."""
    fixed = point["arm"] == "over n, fixed p" and point["n_features"] == base
    return fixed and AT_SPARSITY in over_p and AT_FREQUENCY in frequencies


EXPERIMENT = Experiment(
    "width",
    "The theorem's sufficient width n p^(-s) grows with s and with 1/p: how much of it does recovery take?",
    order=90,
    grids={
        "quick": lambda: _slices(
            base=64, over_p=(3, 4, 5), sizes=(32, 64, 128), simulated=(3, 4, 5), widths=(64, 256, 1_024),
            frequencies=(0.003, 0.01), samples=80, n_probes=48, center=True,
        ),
        "standard": lambda: _slices(
            base=128, over_p=(3, 4, 5, 6), sizes=(128, 256, 512, 1_024), simulated=(3, 5, 8),
            widths=(128, 512, 2_048, 8_192), frequencies=(0.001, 0.003, 0.01), samples=50, n_probes=96,
            seed=(0, 1, 2, 3, 4), center=True,
        ),
        "paper": lambda: _slices(
            base=1_024, over_p=(3, 4, 5, 6, 8, 10, 12, 16), sizes=(64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192),
            simulated=(3, 4, 5, 6, 8, 10, 12, 16), widths=(512, 2_048, 8_192, 32_768, 131_072),
            frequencies=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03), samples=100, n_probes=512, seed=(0, 1, 2, 3, 4),
            center=(False, True), n_steps=8,
        ),
    },
)  # fmt: skip
