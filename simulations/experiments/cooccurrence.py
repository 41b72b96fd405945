"""Recovery over the co-occurrence of planted pairs of features."""

from __future__ import annotations

from simulations.experiments.base import Experiment, Point, product


def tracked(laws: tuple[str, ...], sizes: tuple[int, ...], samples: int, neurons: int, seeds: int) -> list[Point]:
    """Return support laws over n at d = n/2, with samples and neurons for each feature, tracking the frequency 1/n.

    Tracking: at a fixed bias recovery is too far from full at these sizes to see what lowers it.
    """
    same = {"bias_policy": "tracking", "center": True, "n_steps": 8}
    return [
        point
        | {
            "d_model": point["n_features"] // 2,
            "n_samples": samples * point["n_features"],
            "n_neurons": neurons * point["n_features"],
            "target_frequency": float(f"{1 / point['n_features']:.3g}"),
        }
        for point in product(seed=tuple(range(seeds)), n_features=sizes, support_law=laws, **same)
    ]


def _planted(probabilities: tuple[float, ...], sizes: tuple[int, ...], samples: int, neurons: int) -> list[Point]:
    laws = tuple(f"planted:{each:g}" for each in probabilities)
    return [point | {"arm": "planted pairs"} for point in tracked(laws, sizes, samples, neurons, 3)]


FINE = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1)

EXPERIMENT = Experiment(
    "cooccurrence",
    "The theorem asks for a co-occurrence rho_2 of features below 1/sqrt(n): where does recovery of planted pairs end?",
    order=60,
    grids={
        "quick": lambda: _planted((0, 0.05, 0.1, 0.2, 0.4, 0.7, 1), (64, 128), 60, 4),
        "standard": lambda: _planted(FINE, (64, 128, 256, 512), 100, 16),
        "paper": lambda: _planted(FINE, (64, 256, 1_024, 4_096), 100, 16),
    },
)
