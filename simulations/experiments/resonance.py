"""Phase diagram of the provable algorithm over target frequency and dimension."""

from __future__ import annotations

from simulations.experiments.base import Experiment, by_centring, grid, product

SEEDS = (0, 1, 2, 3, 4)


EXPERIMENT = Experiment(
    "resonance",
    "The paper: recovery needs a target frequency in a band near the feature frequency, wider for larger d",
    order=10,
    grids={
        "quick": lambda: by_centring(
            product(
                n_features=128, n_samples=10_000, n_neurons=512, center=(False, True), sparsity=3,
                d_model=(4, 8, 16, 32, 64, 128), target_frequency=grid(1e-4, 0.3, 12),
            )
        ),
        "standard": lambda: by_centring(
            product(
                seed=SEEDS, n_features=512, n_samples=25_600, n_neurons=1_024, center=(False, True), sparsity=3,
                d_model=(4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 512),
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
        "paper": lambda: by_centring(
            product(
                seed=SEEDS, n_features=4_096, n_samples=400_000, n_neurons=65_536, n_steps=8, center=(False, True),
                sparsity=(3, 5, 8), d_model=(8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
                target_frequency=grid(3e-5, 0.4, 18),
            )
        ),
    },
)  # fmt: skip
