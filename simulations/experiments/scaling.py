"""How the transitions of learnability move with n, s and d: finite-size scaling without any width."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, grid


def _scaled(point: dict[str, Any]) -> dict[str, Any] | None:
    """Cut along p at d = n/2, or (ratio below 1/2) along d at p = 1/n; the other pairs are left out."""
    n, ratio, along_d = point["n_features"], point.pop("d_over_n"), point.pop("at_one_over_n")
    if along_d == (ratio == 0.5) or (along_d and point["sparsity"] != 3) or round(ratio * n) < 4:
        return None
    if along_d:
        if point["target_frequency"] != point.pop("first"):
            return None
        point["target_frequency"] = float(f"{1 / n:.3g}")
    else:
        point.pop("first")
    sizes = {"d_model": round(ratio * n), "n_samples": point.pop("samples_per_feature") * n}
    return point | sizes | {"instrument": "learnability", "n_neurons": 1}


def _axes(n_features: tuple[int, ...], sparsity: tuple[int, ...], points: int, probes: int) -> dict[str, Any]:
    frequencies = grid(1e-3, 0.3, points)
    return {
        "samples_per_feature": (100,),
        "n_probes": (probes,),
        "n_steps": (6,),
        "center": (False, True),
        "n_features": n_features,
        "sparsity": sparsity,
        "d_over_n": (0.5, *(2.0**-k for k in range(2, 9))),
        "at_one_over_n": (False, True),
        "first": frequencies[:1],
        "target_frequency": frequencies,
    }


SCALING = Experiment(
    "scaling",
    "The band's edges move with n as the theorem's exponents say",
    {
        "quick": _axes((64, 128, 256, 512, 1_024), (3, 5), 10, 100),
        "standard": _axes((64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384), (3, 5, 8), 16, 200),
        "paper": _axes((64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384), (3, 4, 5, 8), 30, 1_000),
    },
    _scaled,
)
