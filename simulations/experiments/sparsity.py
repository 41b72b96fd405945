"""Phase diagram of the provable algorithm over target frequency and sparsity."""

from __future__ import annotations

from simulations.experiments.base import Experiment, by_centring, grid, product

SPARSITIES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24)

EXPERIMENT = Experiment(
    "sparsity",
    "The theorem's band of target frequencies depends on the sparsity and is empty below s = 3; is recovery's?",
    order=20,
    grids={
        "quick": lambda: by_centring(
            product(
                n_features=256,
                d_model=128,
                n_samples=20_000,
                n_neurons=2_048,
                center=(False, True),
                sparsity=(1, 2, 3, 4, 6, 8),
                target_frequency=grid(1e-4, 0.3, 12),
            )
        ),
        "standard": lambda: by_centring(
            product(
                seed=(0, 1),
                n_features=512,
                d_model=256,
                n_samples=50_000,
                n_neurons=8_192,
                n_steps=8,
                center=(False, True),
                sparsity=SPARSITIES,
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
        "paper": lambda: by_centring(
            product(
                seed=(0, 1, 2),
                n_features=4_096,
                d_model=1_024,
                n_samples=400_000,
                n_neurons=65_536,
                n_steps=8,
                center=(False, True),
                sparsity=SPARSITIES,
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
    },
)
