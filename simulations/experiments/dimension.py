"""Phase diagram of the provable algorithm over dimension and number of features, at the centre of the band."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, band_centre, by_centring, product


def at_band_centre(samples: int, neurons: int, **axes: Any) -> list[Point]:
    """Return a product at s = 3 and the band's centre, with so many samples and neurons for each feature."""
    points = product(**axes, sparsity=3)
    return by_centring(
        [
            point
            | {
                "target_frequency": band_centre(point["n_features"], point["d_model"], point["sparsity"]),
                "n_samples": samples * point["n_features"],
                "n_neurons": neurons * point["n_features"],
            }
            for point in points
        ]
    )


EXPERIMENT = Experiment(
    "dimension",
    "The paper: at the centre of the band recovery grows with d, and changes near d = sqrt(n)",
    order=30,
    grids={
        "quick": lambda: at_band_centre(
            samples=80, neurons=8, center=(False, True), n_features=(32, 64, 128, 256),
            d_model=(4, 8, 16, 32, 64, 128, 256),
        ),
        "standard": lambda: at_band_centre(
            samples=50, neurons=8, seed=(0, 1, 2, 3, 4), center=(False, True), n_features=(32, 64, 128, 256),
            d_model=(4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 256),
        ),
        "paper": lambda: at_band_centre(
            samples=100, neurons=16, seed=(0, 1, 2, 3, 4), center=(False, True), n_steps=8,
            n_features=(64, 128, 256, 512, 1_024, 2_048, 4_096),
            d_model=(4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
        ),
    },
)  # fmt: skip
