"""Experiments on the provable algorithm: phase diagrams of recovery beside the conditions of Theorem 6.1."""

from __future__ import annotations

from typing import Any

from simulations.base.settings import Settings
from simulations.experiments.base import Experiment, grid
from theory.conditions import band


def band_centre(n_features: int, d_model: int, sparsity: int) -> float:
    """Return the geometric centre of the theorem's band at eps = zeta = 0, where the band is widest."""
    edges = band(n_features, d_model, sparsity, epsilon=0.0, zeta=0.0)
    return float(f"{(float(edges.lower) * float(edges.upper)) ** 0.5:.3g}")


def _at_band_centre(point: dict[str, Any]) -> dict[str, Any]:
    centre = band_centre(point["n_features"], point["d_model"], point["sparsity"])
    per_feature = point.pop("samples_per_feature")
    width = point.pop("neurons_per_feature")
    n = point["n_features"]
    return point | {"target_frequency": centre, "n_samples": per_feature * n, "n_neurons": width * n}


RESONANCE = Experiment(
    "resonance",
    "Neuron resonance: recovery needs a target frequency in a band near the feature frequency, wider for larger d",
    {
        "quick": {
            "n_features": (256,),
            "n_samples": (20_000,),
            "n_neurons": (2_048,),
            "center": (False, True),
            "sparsity": (3, 5),
            "d_model": (4, 8, 16, 32, 64, 128, 256),
            "target_frequency": grid(1e-4, 0.3, 12),
        },
        "standard": {
            "n_features": (512,),
            "n_samples": (50_000,),
            "n_neurons": (8_192,),
            "n_steps": (8,),
            "center": (False, True),
            "sparsity": (3, 5, 8),
            "d_model": (4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 512),
            "target_frequency": grid(3e-5, 0.4, 18),
        },
        "paper": {
            "n_features": (4_096,),
            "n_samples": (400_000,),
            "n_neurons": (65_536,),
            "n_steps": (8,),
            "center": (False, True),
            "sparsity": (3, 5, 8),
            "seed": (0, 1, 2),
            "d_model": (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
            "target_frequency": grid(3e-5, 0.4, 18),
        },
    },
)

SPARSITY = Experiment(
    "sparsity",
    "The band of recovering target frequencies depends on the sparsity, and is empty below s = 3",
    {
        "quick": {
            "n_features": (256,),
            "d_model": (128,),
            "n_samples": (20_000,),
            "n_neurons": (2_048,),
            "center": (False, True),
            "sparsity": (1, 2, 3, 4, 6, 8, 12, 16),
            "target_frequency": grid(1e-4, 0.3, 12),
        },
        "standard": {
            "n_features": (512,),
            "d_model": (256,),
            "n_samples": (50_000,),
            "n_neurons": (8_192,),
            "n_steps": (8,),
            "center": (False, True),
            "sparsity": (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24),
            "seed": (0, 1),
            "target_frequency": grid(3e-5, 0.4, 18),
        },
        "paper": {
            "n_features": (4_096,),
            "d_model": (1_024,),
            "n_samples": (400_000,),
            "n_neurons": (65_536,),
            "n_steps": (8,),
            "center": (False, True),
            "sparsity": (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24),
            "seed": (0, 1, 2),
            "target_frequency": grid(3e-5, 0.4, 18),
        },
    },
)

DIMENSION = Experiment(
    "dimension",
    "At the centre of the band recovery grows with d and changes near d = sqrt(n)",
    {
        "quick": {
            "sparsity": (3,),
            "center": (False, True),
            "samples_per_feature": (80,),
            "neurons_per_feature": (8,),
            "n_features": (32, 64, 128, 256, 512),
            "d_model": (4, 8, 16, 32, 64, 128, 256),
        },
        "standard": {
            "sparsity": (3,),
            "center": (False, True),
            "n_steps": (8,),
            "samples_per_feature": (100,),
            "neurons_per_feature": (16,),
            "seed": (0, 1, 2),
            "n_features": (32, 64, 128, 256, 512, 1_024),
            "d_model": (4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 256, 512),
        },
        "paper": {
            "sparsity": (3,),
            "center": (False, True),
            "n_steps": (8,),
            "samples_per_feature": (100,),
            "neurons_per_feature": (16,),
            "seed": (0, 1, 2),
            "n_features": (64, 128, 256, 512, 1_024, 2_048, 4_096),
            "d_model": (4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
        },
    },
    _at_band_centre,
)


def _half_dimension(point: dict[str, Any]) -> dict[str, Any]:
    return _at_band_centre(point | {"d_model": point["n_features"] // 2})


STEPS = Experiment(
    "steps",
    "The number of steps to recovery stays constant as n grows",
    {
        "quick": {
            "sparsity": (3,),
            "center": (False, True),
            "n_steps": (10,),
            "samples_per_feature": (80,),
            "neurons_per_feature": (8,),
            "seed": (0, 1, 2),
            "n_features": (64, 128, 256, 512),
        },
        "standard": {
            "sparsity": (3,),
            "center": (False, True),
            "n_steps": (16,),
            "samples_per_feature": (100,),
            "neurons_per_feature": (16,),
            "seed": (0, 1, 2, 3, 4),
            "n_features": (64, 128, 256, 512, 1_024, 2_048),
        },
        "paper": {
            "sparsity": (3,),
            "center": (False, True),
            "n_steps": (16,),
            "samples_per_feature": (100,),
            "neurons_per_feature": (16,),
            "seed": (0, 1, 2, 3, 4),
            "n_features": (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192),
        },
    },
    _half_dimension,
)

# The problem on which the factored step is timed against the dense one.
BENCHMARK = Settings(n_features=1_024, d_model=512, n_samples=50_000, n_neurons=2_048)
