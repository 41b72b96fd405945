"""Experiments on GBA beside its rivals: frontier, consistency, sensitivity and cost, on the same data and start."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.trained import METHODS

# Points along the frontier of each method, from dense to sparse, then the ablation of GBA's K, HTF and LTF.
FRONTIER_POINTS: dict[str, dict[str, Any]] = {
    **{f"topk {k}": METHODS["topk"] | {"k": k} for k in (4, 8, 16, 32)},
    **{f"batchtopk {k}": METHODS["batchtopk"] | {"k": k} for k in (4, 8, 16, 32)},
    **{f"l1 {each}": METHODS["l1"] | {"penalty": each} for each in (0.03, 0.06, 0.12, 0.25)},
    **{f"jumprelu {each}": METHODS["jumprelu"] | {"penalty": each} for each in (0.003, 0.006, 0.012, 0.025)},
    **{f"ba {p}": METHODS["ba"] | {"target_frequency": p} for p in (0.003, 0.01, 0.03, 0.1)},
    **{f"gba HTF {p}": METHODS["gba"] | {"high_target_frequency": p} for p in (0.02, 0.05, 0.15, 0.5)},
    **{f"gba K {k}": METHODS["gba"] | {"n_groups": k} for k in (3, 20)},
    **{f"gba LTF {p}": METHODS["gba"] | {"low_target_frequency": p} for p in (0.0001, 0.01)},
}


def _frontier(point: dict[str, Any]) -> dict[str, Any]:
    method = FRONTIER_POINTS[point.pop("point")]
    return method | {"support_law": "zipf:1", "schedule": "linear"} | point


FRONTIER = Experiment(
    "frontier",
    "GBA lies on or near the TopK frontier of reconstruction against sparsity, ahead of L1 and BA",
    {
        "quick": {
            "n_features": (256,),
            "d_model": (64,),
            "sparsity": (8,),
            "n_neurons": (512,),
            "n_steps": (800,),
            "learning_rate": (3e-3,),
            "point": tuple(FRONTIER_POINTS),
        },
        "standard": {
            "n_features": (512,),
            "d_model": (128,),
            "sparsity": (8,),
            "n_neurons": (1_024,),
            "n_steps": (2_000,),
            "learning_rate": (3e-3,),
            "seed": (0, 1, 2),
            "point": tuple(FRONTIER_POINTS),
        },
        "paper": {
            "n_features": (4_096,),
            "d_model": (256,),
            "sparsity": (8,),
            "n_neurons": (8_192,),
            "n_steps": (20_000,),
            "learning_rate": (1e-3,),
            "seed": (0, 1, 2),
            "point": tuple(FRONTIER_POINTS),
        },
    },
    _frontier,
)

CONSISTENCY_METHODS: dict[str, dict[str, Any]] = {
    "gba": METHODS["gba"],
    "ba": METHODS["ba"] | {"target_frequency": 0.03},
    "topk": METHODS["topk"],
    "batchtopk": METHODS["batchtopk"],
    "l1": METHODS["l1"] | {"penalty": 0.12},
    "jumprelu": METHODS["jumprelu"] | {"penalty": 0.012},
}


def _consistency(point: dict[str, Any]) -> dict[str, Any]:
    method = CONSISTENCY_METHODS[point.pop("method")]
    return method | {"support_law": "zipf:1", "schedule": "linear", "n_restarts": 3} | point


CONSISTENCY = Experiment(
    "consistency",
    "Dictionaries trained from other starts agree more with GBA than with TopK; L1 is often more consistent still",
    {
        "quick": {
            "n_features": (256,),
            "d_model": (64,),
            "sparsity": (8,),
            "n_neurons": (512,),
            "n_steps": (800,),
            "learning_rate": (3e-3,),
            "method": tuple(CONSISTENCY_METHODS),
        },
        "standard": {
            "n_features": (512,),
            "d_model": (128,),
            "sparsity": (8,),
            "n_neurons": (1_024,),
            "n_steps": (5_000,),
            "learning_rate": (1e-3,),
            "seed": (0, 1, 2),
            "method": tuple(CONSISTENCY_METHODS),
        },
        "paper": {
            "n_features": (4_096,),
            "d_model": (256,),
            "sparsity": (8,),
            "n_neurons": (8_192,),
            "n_steps": (20_000,),
            "learning_rate": (1e-3,),
            "seed": (0, 1, 2, 3, 4),
            "method": tuple(CONSISTENCY_METHODS),
        },
    },
    _consistency,
)

# What a user has to choose, method by method: one choice against the learning rate, the others at their defaults.
SENSITIVITY_CHOICES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "gba, initial bias": ("gba", "initial_bias", (0.0, -0.05, -0.1, -0.2)),
    "gba, initial scale": ("gba", "initial_scale", (1.0, 0.1, 0.01, 0.001)),
    "l1, initial bias": ("l1", "initial_bias", (0.0, -0.05, -0.1, -0.2)),
    "l1, penalty": ("l1", "penalty", (0.01, 0.03, 0.1, 0.3)),
    "topk, K": ("topk", "k", (1, 3, 9, 27)),
}


def _sensitivity(point: dict[str, Any]) -> dict[str, Any]:
    method, setting, values = SENSITIVITY_CHOICES[point.pop("choice")]
    value = values[point.pop("value")]
    return METHODS[method] | {"schedule": "linear", setting: value} | point


SENSITIVITY = Experiment(
    "sensitivity",
    "GBA is nearly tuning-free: recovery hardly depends on the initial bias and the learning rate",
    {
        "quick": {
            "n_features": (128,),
            "d_model": (64,),
            "n_neurons": (256,),
            "n_steps": (1_200,),
            "choice": tuple(SENSITIVITY_CHOICES),
            "value": (0, 1, 2, 3),
            "learning_rate": (1e-3, 3e-3, 1e-2),
        },
        "standard": {
            "n_features": (256,),
            "d_model": (128,),
            "n_neurons": (1_024,),
            "n_steps": (3_000,),
            "seed": (0, 1, 2),
            "choice": tuple(SENSITIVITY_CHOICES),
            "value": (0, 1, 2, 3),
            "learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
        },
        "paper": {
            "n_features": (4_096,),
            "d_model": (256,),
            "n_neurons": (8_192,),
            "n_steps": (20_000,),
            "seed": (0, 1, 2),
            "choice": tuple(SENSITIVITY_CHOICES),
            "value": (0, 1, 2, 3),
            "learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
        },
    },
    _sensitivity,
)

TIMED_METHODS: dict[str, dict[str, Any]] = {
    **{name: METHODS[name] for name in ("gba", "gba-quantile", "gba-below")},
    "ba": METHODS["ba"] | {"target_frequency": 0.01},
    "topk": METHODS["topk"],
    "batchtopk": METHODS["batchtopk"],
    "l1": METHODS["l1"],
    "jumprelu": METHODS["jumprelu"],
    "dictionary-learning": {"algorithm": "dictionary-learning", "batch_size": 256},
}
# The provable algorithm needs no gradient but width: eight times that of the trained ones.
PROVABLE: dict[str, Any] = {"bias_policy": "tracking", "target_frequency": 0.006, "center": True, "n_steps": 8}
PROVABLE_WIDTH = 8


def _timed(point: dict[str, Any]) -> dict[str, Any]:
    name, size = point.pop("method"), point.pop("provable_samples")
    steps, few = point.pop("n_steps"), point.pop("classical_steps")
    if name.startswith("provable"):
        wide = {"n_samples": int(float(name.split()[1]) * size), "n_neurons": PROVABLE_WIDTH * point["n_neurons"]}
        return PROVABLE | point | wide
    method = TIMED_METHODS[name]
    evaluations = {"n_evaluations": 100, "n_steps": few if name == "dictionary-learning" else steps}
    return method | {"learning_rate": 3e-3} | evaluations | point


TIMED = ("provable 0.1", "provable 0.3", "provable 1", *TIMED_METHODS)
TIME_TO_RECOVERY = Experiment(
    "time_to_recovery",
    "What recovery costs each method, in samples and in seconds",
    {
        "quick": {
            "n_features": (128,),
            "d_model": (64,),
            "n_neurons": (512,),
            "n_steps": (1_200,),
            "classical_steps": (20,),
            "provable_samples": (10_000,),
            "method": TIMED,
        },
        "standard": {
            "n_features": (512,),
            "d_model": (128,),
            "n_neurons": (2_048,),
            "n_steps": (4_000,),
            "classical_steps": (80,),
            "provable_samples": (50_000,),
            "seed": (0, 1, 2),
            "method": TIMED,
        },
        "paper": {
            "n_features": (4_096,),
            "d_model": (512,),
            "n_neurons": (16_384,),
            "n_steps": (40_000,),
            "classical_steps": (800,),
            "provable_samples": (500_000,),
            "seed": (0, 1, 2),
            "method": TIMED,
        },
    },
    _timed,
)
