"""Experiments on trained autoencoders: the methods compared, the toy table, and resonance in trained BA."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, grid

# The methods of the comparisons.  Wrong frequencies of GBA (ours): a range far above, and one far below, those of the
# features.  The gain 0.1 is not the paper's 0.01, with which control takes longer than these runs.
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba", "gain": 0.1},
    "gba-high": {"algorithm": "gba", "gain": 0.1, "high_target_frequency": 0.5, "low_target_frequency": 0.3},
    "gba-low": {"algorithm": "gba", "gain": 0.1, "high_target_frequency": 0.01, "low_target_frequency": 0.001},
    "gba-quantile": {"algorithm": "gba", "controller": "quantile"},
    "gba-below": {"algorithm": "gba", "controller": "quantile-below"},
    "ba": {"algorithm": "ba", "gain": 0.1},
    "topk": {"algorithm": "topk"},
    "batchtopk": {"algorithm": "batchtopk"},
    "l1": {"algorithm": "l1"},
    "jumprelu": {"algorithm": "jumprelu"},
}


def _with_method(point: dict[str, Any]) -> dict[str, Any]:
    return METHODS[point.pop("method")] | point


# The mixed-sparsity data of the paper's table: half of the rows with 3, half with 20 of 128 features.
TOY_DATA: dict[str, Any] = {"n_features": 128, "d_model": 42, "support_law": "mixed", "schedule": "linear"}
TOY_METHODS: dict[str, dict[str, Any]] = {
    "GBA": METHODS["gba"],
    "GBA, frequencies too high": METHODS["gba-high"],
    "GBA, frequencies too low": METHODS["gba-low"],
    "BA": METHODS["ba"] | {"target_frequency": 0.09},
    "TopK 20": METHODS["topk"] | {"k": 20},
    "TopK 30": METHODS["topk"] | {"k": 30},
    "TopK 50": METHODS["topk"] | {"k": 50},
    "BatchTopK 20": METHODS["batchtopk"] | {"k": 20},
    "L1": METHODS["l1"],
    "JumpReLU": METHODS["jumprelu"],
}
# The search has the same budget for every method: twelve settings of width, steps and rate times two of one more.
TOY_KNOB: dict[str, tuple[str, tuple[float, float]]] = {
    **dict.fromkeys(("gba", "ba"), ("initial_scale", (0.01, 1.0))),
    **dict.fromkeys(("topk", "batchtopk"), ("initial_scale", (1.0, 0.01))),
    "l1": ("penalty", (0.1, 0.2)),
    "jumprelu": ("penalty", (0.01, 0.03)),
}
TOY_SEARCH: dict[str, tuple[Any, ...]] = {
    "n_neurons": (256, 512, 1_024),
    "n_steps": (2_000, 6_000),
    "learning_rate": (1e-3, 3e-3),
    "knob": (0, 1),
}
TOY_DEFAULT: dict[str, Any] = {"n_neurons": 512, "n_steps": 6_000, "learning_rate": 1e-3, "knob": 0}
# The best of the search at its one seed, by recovery at 0.8 plus recovery at 0.9, run again at fresh seeds; a test
# compares this table with the committed rows.
TOY_BEST: dict[str, dict[str, Any]] = {
    "GBA": {"n_neurons": 256, "n_steps": 6000, "learning_rate": 0.003, "knob": 0},
    "GBA, frequencies too high": {"n_neurons": 256, "n_steps": 6000, "learning_rate": 0.001, "knob": 0},
    "GBA, frequencies too low": {"n_neurons": 512, "n_steps": 6000, "learning_rate": 0.003, "knob": 0},
    "BA": {"n_neurons": 256, "n_steps": 6000, "learning_rate": 0.001, "knob": 0},
    "TopK 20": {"n_neurons": 512, "n_steps": 6000, "learning_rate": 0.003, "knob": 0},
    "TopK 30": {"n_neurons": 1024, "n_steps": 2000, "learning_rate": 0.001, "knob": 1},
    "TopK 50": {"n_neurons": 1024, "n_steps": 2000, "learning_rate": 0.001, "knob": 1},
    "BatchTopK 20": {"n_neurons": 1024, "n_steps": 2000, "learning_rate": 0.003, "knob": 1},
    "L1": {"n_neurons": 256, "n_steps": 6000, "learning_rate": 0.003, "knob": 1},
    "JumpReLU": {"n_neurons": 256, "n_steps": 6000, "learning_rate": 0.003, "knob": 1},
}


def _toy(point: dict[str, Any]) -> dict[str, Any] | None:
    name, replica = point.pop("method"), point.pop("replica")
    settings = {key: point[key] for key in TOY_SEARCH}
    if replica and settings not in (TOY_DEFAULT, TOY_BEST.get(name)):
        return None
    method = TOY_METHODS[name]
    knob, values = TOY_KNOB[method["algorithm"]]
    value = values[point.pop("knob")]
    return TOY_DATA | method | point | {knob: value, "seed": point["seed"] + replica}


TOY = Experiment(
    "toy",
    "On mixed-sparsity data GBA recovers every feature, TopK only with the right K, GBA not with wrong frequencies",
    {
        "quick": {
            "method": tuple(TOY_METHODS),
            "replica": (0,),
            "seed": (0, 1),
            "n_neurons": (256,),
            "n_steps": (1_500,),
            "learning_rate": (3e-3,),
            "knob": (0,),
        },
        "standard": {"method": tuple(TOY_METHODS), "replica": (0, 1, 2, 3, 4, 5), **TOY_SEARCH},
        "paper": {
            "method": tuple(TOY_METHODS),
            "replica": (0, 1, 2, 3, 4, 5),
            "n_neurons": (256, 512, 1_024, 2_048),
            "n_steps": (2_000, 6_000, 20_000),
            "learning_rate": (1e-3, 3e-3, 1e-2),
            "knob": (0, 1),
        },
    },
    _toy,
)


def _resonance(point: dict[str, Any]) -> dict[str, Any] | None:
    uneven = point["support_law"] != "uniform"
    if uneven and point["d_model"] != point["n_features"] // 2:  # frequencies at one dimension
        return None
    return METHODS["ba"] | {"schedule": "linear", "learning_rate": 3e-3} | point


RESONANCE_TRAINED = Experiment(
    "resonance_trained",
    "Neuron resonance in trained BA: recovery in a band of p near the feature frequency, wide for d above sqrt(n)",
    {
        "quick": {
            "n_features": (128,),
            "n_neurons": (256,),
            "n_steps": (800,),
            "support_law": ("uniform", "two-level:0.2:8", "zipf:1"),
            "d_model": (4, 8, 16, 32, 64),
            "target_frequency": grid(1e-3, 0.5, 7),
        },
        "standard": {
            "n_features": (256,),
            "n_neurons": (512,),
            "n_steps": (4_000,),
            "support_law": ("uniform", "two-level:0.2:8", "zipf:1"),
            "d_model": (4, 6, 8, 11, 16, 23, 32, 64, 128),
            "target_frequency": grid(3e-4, 0.5, 12),
        },
        "paper": {
            "n_features": (4_096,),
            "n_neurons": (8_192,),
            "n_steps": (20_000,),
            "support_law": ("uniform", "two-level:0.2:8", "zipf:1"),
            "seed": (0, 1, 2),
            "d_model": (8, 16, 32, 64, 128, 256, 512, 1_024, 2_048),
            "target_frequency": grid(3e-5, 0.5, 16),
        },
    },
    _resonance,
)
