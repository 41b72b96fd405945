"""Worlds that break one assumption of the theorem each, and what four methods recover there at one budget."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point, product

# What is broken: its name, and the settings of the world, the more broken the later.
CANONICAL = "canonical"
BROKEN: tuple[tuple[str, dict[str, Any]], ...] = (
    (CANONICAL, {}),
    ("features in clusters, cosine 0.3", {"dictionary_law": "clustered:0.3:8"}),
    ("features in clusters, cosine 0.9", {"dictionary_law": "clustered:0.9:8"}),
    ("heavy-tailed features", {"dictionary_law": "student:2.5"}),
    ("features of low coherence", {"dictionary_law": "frame"}),
    ("weights of either sign", {"dictionary_law": "antipodal"}),
    ("Zipf frequencies", {"support_law": "zipf:1"}),
    ("children within parents", {"support_law": "hierarchy:1:1"}),
    ("features that exclude each other", {"support_law": "exclusive:8"}),
    ("features that correlate, 0.5", {"support_law": "copula:0.5:8"}),
    ("weights over a factor 4", {"coefficient_law": "graded:4"}),
    ("noise, 0.3 of the norm", {"noise": 0.3}),
    ("6 active features", {"sparsity": 6}),
)
METHODS = {
    "modified-ba": "provable algorithm",
    "gba": "GBA",
    "topk": "TopK, K = s",
    "dictionary-learning": "dictionary learning",
}


def _worlds(broken: tuple[tuple[str, dict[str, Any]], ...], n: int, steps: int, learned: int, neurons: int,
            **axes: Any) -> list[Point]:  # fmt: skip
    """Return every method in every world, about as long each: `steps` of training, `learned` of dictionary learning."""
    own: dict[str, dict[str, Any]] = {
        "modified-ba": {"n_neurons": neurons, "target_frequency": 0.003, "n_samples": 200 * n, "center": True},
        "gba": {"n_neurons": 2 * n, "n_steps": steps, "batch_size": 256, "n_evaluations": 4},
        "topk": {"n_neurons": 2 * n, "n_steps": steps, "batch_size": 256, "n_evaluations": 4, "learning_rate": 0.005},
        "dictionary-learning": {"n_neurons": 2 * n, "n_steps": learned, "batch_size": 256, "n_evaluations": 4},
    }
    return [
        point
        for method in METHODS
        for name, world in broken
        for point in product(
            **axes, algorithm=method, arm=f"{METHODS[method]}: {name}", n_features=n, d_model=n // 2,
            **({"sparsity": 3} | world), **own[method],
        )
    ]  # fmt: skip


EXPERIMENT = Experiment(
    "assumptions",
    "The theorem assumes canonical data: what do four methods recover where one assumption is broken?",
    order=75,
    grids={
        "quick": lambda: _worlds(BROKEN[:5:2], 32, 50, 4, 512),
        "standard": lambda: _worlds(BROKEN, 64, 400, 24, 2_048, seed=(0, 1, 2, 3, 4)),
        "paper": lambda: _worlds(BROKEN, 512, 6_000, 400, 65_536, seed=(0, 1, 2, 3, 4)),
    },
    smoke=True,
)
