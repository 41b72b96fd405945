"""Phase diagram of the provable algorithm over target frequency and dimension."""

from __future__ import annotations

from simulations.experiments.base import Experiment, by_centring, grid, product

EXPERIMENT = Experiment(
    "resonance",
    "The paper: recovery needs a target frequency in a band near the feature frequency, wider for larger d",
    order=10,
    grids={
        "quick": lambda: by_centring(
            product(
                n_features=256,
                n_samples=20_000,
                n_neurons=2_048,
                center=(False, True),
                sparsity=3,
                d_model=(4, 8, 16, 32, 64, 128, 256),
                target_frequency=grid(1e-4, 0.3, 12),
            )
        ),
        "standard": lambda: by_centring(
            product(
                n_features=512,
                n_samples=50_000,
                n_neurons=8_192,
                n_steps=8,
                center=(False, True),
                sparsity=(3, 5, 8),
                d_model=(4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 512),
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
        "paper": lambda: by_centring(
            product(
                seed=(0, 1, 2),
                n_features=4_096,
                n_samples=400_000,
                n_neurons=65_536,
                n_steps=8,
                center=(False, True),
                sparsity=(3, 5, 8),
                d_model=(8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
    },
)
