"""What a user has to choose, method by method, one choice at a time, on activations of a transformer."""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment
from simulations.experiments.real import METHODS, on_real

# An arm is "METHOD, CHOICE VALUE", or "METHOD, defaults".
CHOICES: dict[str, dict[str, dict[str, tuple[Any, ...]]]] = {
    "gba": {
        "learning rate": {"learning_rate": (0.003, 0.03)},
        "initial bias": {"initial_bias": (0.0,)},
        "start frequency": {"start_frequency": (0.01,)},
        "K": {"n_groups": (3,)},
        "HTF": {"high_target_frequency": (0.1,)},
        "LTF": {"low_target_frequency": (0.01,)},
        "gain": {"gain": (0.01,)},
    },
    "topk": {"K": {"k": (16, 64)}},
    "l1": {"penalty": {"penalty": (0.05, 0.45)}},
}
ARMS: dict[str, dict[str, Any]] = {
    **{f"{method}, defaults": METHODS[method] for method in CHOICES},
    **{
        f"{method}, {choice} {value:g}": METHODS[method] | {name: value}
        for method, choices in CHOICES.items()
        for choice, values in choices.items()
        for name, several in values.items()
        for value in several
    },
}
QUICK = {name: own for name, own in ARMS.items() if name.endswith((", defaults", "initial bias 0", "K 16"))}

EXPERIMENT = Experiment(
    "real_sensitivity",
    "The paper: GBA is nearly tuning-free.  How do reconstruction and sparsity depend on each choice (here: on a small "
    "encoder, Python's own text, no ground truth)?",
    order=250,
    grids={
        "quick": lambda: on_real(QUICK, "quick"),
        "standard": lambda: on_real(ARMS, "standard"),
        "paper": lambda: on_real(ARMS, "paper"),
    },
    smoke=True,
)
