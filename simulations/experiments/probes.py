"""Experiments with probes: which features hold a neuron, the width that recovery takes, and the check of that."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, grid
from simulations.experiments.provable import band_centre

HALF = 0.5  # d/n wherever d is not the axis


def _two_slices(point: dict[str, Any]) -> dict[str, Any] | None:
    """Keep the slice over n at d = n/2 and the slice over d at the base n; samples grow with n up to a bound."""
    n, base = point["n_features"], point.pop("base")
    ratio, per_feature, most = (point.pop(name) for name in ("d_per_n", "samples_per_feature", "most_samples"))
    if ratio != HALF and n != base:
        return None
    return point | {"d_model": max(2, round(ratio * n)), "n_samples": min(per_feature * n, most)}


LEARNABILITY = Experiment(
    "learnability",
    "A feature holds a neuron started on it, whatever the width, below a critical p that rises with d",
    {
        "quick": {
            "instrument": ("learnability",),
            "n_probes": (128,),
            "samples_per_feature": (80,),
            "most_samples": (400_000,),
            "base": (256,),
            "center": (False, True),
            "sparsity": (3, 4, 5, 8),
            "n_features": (64, 128, 256, 512),
            "d_per_n": (1 / 16, 1 / 8, 1 / 4, HALF, 1),
            "target_frequency": grid(1e-4, 0.2, 8),
        },
        "standard": {
            "instrument": ("learnability",),
            "n_probes": (256,),
            "n_steps": (8,),
            "samples_per_feature": (100,),
            "most_samples": (400_000,),
            "base": (1_024,),
            "center": (False, True),
            "sparsity": (3, 4, 5, 8),
            "n_features": (64, 256, 1_024, 4_096, 16_384),
            "d_per_n": (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, HALF, 1),
            "target_frequency": grid(3e-5, 0.3, 13),
        },
        "paper": {
            "instrument": ("learnability",),
            "n_probes": (1_024,),
            "n_steps": (8,),
            "samples_per_feature": (100,),
            "most_samples": (1_600_000,),
            "base": (4_096,),
            "center": (False, True),
            "sparsity": (3, 4, 5, 8),
            "seed": (0, 1, 2),
            "n_features": (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384),
            "d_per_n": (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, HALF, 1),
            "target_frequency": grid(3e-5, 0.3, 25),
        },
    },
    _two_slices,
)


def _three_slices(point: dict[str, Any]) -> dict[str, Any] | None:
    """Keep required widths over (s, p) at the base n, those over n at the band's centre, and simulations over (M, s).

    A frequency of 0 stands for the centre of the theorem's band.  `slices` names the base n, the sparsities of the
    required widths, that of the slice over n, and the frequency of the simulations.
    """
    base, sparsities, of_sizes, simulated = point.pop("slices")
    n, s, p, per_feature = (
        point.pop("samples_per_feature") if name == "N" else point[name]
        for name in ("n_features", "sparsity", "target_frequency", "N")
    )
    wide, smallest = point["instrument"] == "width", point.pop("smallest_width")
    over_frequency = wide and n == base and s in sparsities and p > 0
    over_size = wide and s == of_sizes and p == 0
    direct = not wide and n == base and p == simulated
    if not (over_frequency or over_size or direct) or (wide and point["n_neurons"] != smallest):
        return None
    d = max(2, round(HALF * n))
    return point | {
        "d_model": d,
        "n_samples": per_feature * n,
        "target_frequency": p or band_centre(n, d, s),
    }


WIDTH = Experiment(
    "width",
    "The required width grows with s and with 1/p, far below the sufficient n p^(-s)",
    {
        "quick": {
            "instrument": ("width", "simulation"),
            "n_probes": (96,),
            "target_recovery": (0.5,),
            "samples_per_feature": (80,),
            "slices": ((128, (3, 4, 5), 3, 0.003),),
            "smallest_width": (64,),
            "center": (True,),
            "sparsity": (3, 4, 5, 6, 8),
            "n_features": (64, 128, 256),
            "target_frequency": (0, 0.001, 0.003, 0.01),
            "n_neurons": (64, 256, 1_024, 4_096),
        },
        "standard": {
            "instrument": ("width", "simulation"),
            "n_probes": (128,),
            "n_steps": (8,),
            "target_recovery": (0.5,),
            "samples_per_feature": (100,),
            "slices": ((256, (3, 4, 5, 6, 8, 10), 3, 0.003),),
            "smallest_width": (128,),
            "center": (False, True),
            "sparsity": (3, 4, 5, 6, 8, 10, 12),
            "n_features": (64, 128, 256, 512, 1_024, 2_048),
            "target_frequency": (0, 0.0003, 0.001, 0.003, 0.01, 0.03),
            "n_neurons": (128, 512, 2_048, 8_192, 32_768),
        },
        "paper": {
            "instrument": ("width", "simulation"),
            "n_probes": (512,),
            "n_steps": (8,),
            "target_recovery": (0.5,),
            "samples_per_feature": (100,),
            "slices": ((1_024, (3, 4, 5, 6, 8, 10, 12, 16), 3, 0.003),),
            "smallest_width": (512,),
            "center": (False, True),
            "sparsity": (3, 4, 5, 6, 8, 10, 12, 16),
            "n_features": (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192),
            "target_frequency": (0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03),
            "n_neurons": (512, 2_048, 8_192, 32_768, 131_072),
        },
    },
    _three_slices,
)

WIDTH_CHECK = Experiment(
    "width_check",
    "Recovery predicted from probes agrees with direct simulation, and its intervals cover as often as they claim",
    {
        "quick": {
            "instrument": ("width", "simulation"),
            "n_features": (64,),
            "d_model": (48,),
            "n_samples": (3_200,),
            "n_probes": (128,),
            "target_frequency": (0.001, 0.003, 0.01),
            "n_neurons": (512, 2_048, 8_192, 32_768),
            "seed": (0, 1),
        },
        "standard": {
            "instrument": ("width", "simulation"),
            "n_features": (256,),
            "d_model": (128,),
            "n_samples": (20_000,),
            "n_probes": (384,),
            "center": (False, True),
            "target_frequency": (0.001, 0.003, 0.01),
            "n_neurons": (512, 2_048, 8_192, 32_768),
            "seed": (0, 1, 2, 3, 4),
        },
        "paper": {
            "instrument": ("width", "simulation"),
            "n_features": (256, 1_024),
            "d_model": (128, 512),
            "n_samples": (50_000,),
            "n_probes": (512,),
            "center": (False, True),
            "sparsity": (3, 5),
            "target_frequency": (0.0003, 0.001, 0.003, 0.01),
            "n_neurons": (512, 2_048, 8_192, 32_768),
            "seed": tuple(range(20)),
        },
    },
)
