"""The settings of one cell, self-validating, and the columns of the row that a cell becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulations.base import checks
from simulations.base.checks import ALGORITHMS, TRAINED
from simulations.data.laws.registry import check_law

USUAL_BATCH = 512


def _setting(default: Any, text: str, check: checks.Check, trained: Any = None) -> Any:
    """Declare a setting; `trained` is the default of a trained algorithm where that is another one.

    It may be a function of the other settings, and is then told in `text`.
    """
    described = {"help": text, "check": check, "default": default, "trained": default if trained is None else trained}
    return field(default=default if trained is None else None, metadata=described)


def _all_fresh(settings: Settings) -> int:
    return max(1, settings.n_steps) * max(1, settings.batch_size)


def _usual_batch(settings: Settings) -> int:
    given: int | None = settings.n_samples
    return USUAL_BATCH if given is None else max(1, min(USUAL_BATCH, given))


def _as_sparse_as_data(settings: Settings) -> int:
    return min(settings.sparsity, settings.n_neurons)


def _usual_activation(settings: Settings) -> str:
    return "jumprelu" if settings.algorithm in ("gba", "ba", "jumprelu") else "relu"


def _usual_penalty(settings: Settings) -> float:
    return 0.1 if settings.algorithm in ("l1", "dictionary-learning") else 0.01


def _decoupled(settings: Settings) -> float:
    return 0.01 if settings.algorithm in ("gba", "ba") else 1.0


@dataclass(frozen=True)
class Settings:
    """Everything that decides a cell: the statistical model, the algorithm, the seed and the device.

    Defaults are the canonical model of Theorem 6.1: Gaussian features, exactly s active features of weight 1/sqrt(s),
    ReLU, one fixed bias, infinite step size, no centring.  A setting that is not given (None) takes the default of its
    algorithm.  Raises ValueError when a value is out of its range.
    """

    algorithm: str = _setting("modified-ba", ", ".join(ALGORITHMS), checks.names(*ALGORITHMS))
    n_features: int = _setting(256, "n, ground-truth monosemantic features", checks.count(2))
    d_model: int = _setting(128, "d, dimension of the activations", checks.count(2))
    sparsity: int = _setting(3, "s, active features per sample", checks.sparsity)
    n_samples: int = _setting(
        30_000, "N, samples; trained: n_steps batches, all fresh; fewer repeat", checks.count(1), _all_fresh
    )
    n_neurons: int = _setting(4_096, "M, width of the dictionary", checks.count(1))
    target_frequency: float = _setting(
        0.003, "p, share of samples a neuron should fire on (modified-ba, ba)", checks.number(0, 0.5, low_open=True)
    )
    n_steps: int = _setting(5, "T, steps of the algorithm", checks.count(0), 6_000)
    step_size: float = _setting(
        math.inf,
        "eta, step size of modified-ba; inf replaces the neuron by its update",
        checks.number(0, low_open=True, note=" (inf replaces the neuron by its update)"),
    )
    activation: str = _setting(
        "relu", "relu, smooth-relu or jumprelu; jumprelu for gba, ba", checks.activation, _usual_activation
    )
    bias_policy: str = _setting(
        "fixed", "of modified-ba: fixed (the theorem) or tracking", checks.names("fixed", "tracking")
    )
    center: bool = _setting(False, "subtract the mean of the data", checks.flag)
    seed: int = _setting(0, "root seed of every random stream", checks.count(0))
    device: str = _setting("auto", "auto, cpu or cuda", checks.names("auto", "cpu", "cuda"))
    support_law: str = _setting("uniform", "law of the supports, NAME[:PARAM...]", checks.law("support"))
    coefficient_law: str = _setting("constant", "law of the coefficients, NAME[:PARAM...]", checks.law("coefficient"))
    dictionary_law: str = _setting("gaussian", "law of the features, NAME[:PARAM...]", checks.law("dictionary"))
    normalize: bool = _setting(False, "scale every row of H to norm 1", checks.flag)
    noise: float = _setting(0.0, "sigma of Gaussian noise added to X", checks.number(0, high_open=True))
    initialization: str = _setting(
        "sphere", "start: sphere (uniform) or data (random samples)", checks.names("sphere", "data")
    )
    batch_size: int = _setting(0, "rows used by a step; 0 = full batch; trained: 512", checks.batch_size, _usual_batch)
    dtype: str = _setting("float32", "float32 or float64", checks.names("float32", "float64"))
    evaluation: str = _setting("auto", "auto, factored (sparse, fast) or dense", checks.evaluation)
    instrument: str = _setting("simulation", "what is measured: simulation, learnability or width", checks.instrument)
    n_probes: int = _setting(200, "neurons started at (or near) features by learnability and width", checks.count(1))
    target_recovery: float = _setting(
        0.95, "recovery rate of the required width", checks.number(0, 1, low_open=True, high_open=True)
    )
    n_groups: int = _setting(10, "K, groups of gba", checks.n_groups)
    high_target_frequency: float = _setting(
        0.5, "HTF, target frequency of gba's first group", checks.number(0, 1, low_open=True, high_open=True)
    )
    low_target_frequency: float = _setting(
        0.001, "LTF, target frequency of gba's last group", checks.low_target_frequency
    )
    controller: str = _setting(
        "paper",
        "of the biases (gba, ba): paper, quantile, or quantile-below (may stay below)",
        checks.names("paper", "quantile", "quantile-below"),
    )
    gain: float = _setting(
        0.01, "gamma_minus of the paper's controller", checks.number(0, low_open=True, high_open=True)
    )
    gain_ratio: float = _setting(1.0, "gamma_plus / gamma_minus", checks.number(0, high_open=True))
    relaxation: float = _setting(0.5, "share of the way a quantile controller goes", checks.number(0, 1, low_open=True))
    buffer_steps: int = _setting(50, "steps between bias updates", checks.count(1))
    dead_frequency: float = _setting(
        1e-6, "eps, frequency below which the paper's controller revives", checks.number(0, 1, high_open=True)
    )
    initial_bias: float = _setting(0.0, "bias at the start of training", checks.initial_bias)
    initial_scale: float = _setting(
        1.0,
        "output scale a at the start of training; 0.01 for gba, ba (near the theorem's a -> 0)",
        checks.number(0, low_open=True, high_open=True),
        _decoupled,
    )
    pre_bias: str = _setting("zero", "b_pre at the start: zero or mean (of the data)", checks.names("zero", "mean"))
    learning_rate: float = _setting(
        0.001, "learning rate of the optimiser", checks.number(0, low_open=True, high_open=True)
    )
    schedule: str = _setting(
        "constant",
        "of the learning rate: constant, or linear (to a hundredth, over the second half)",
        checks.names("constant", "linear"),
    )
    optimizer: str = _setting("adam", "adam or adamw", checks.names("adam", "adamw"))
    weight_decay: float = _setting(0.01, "of adamw", checks.number(0, high_open=True))
    k: int = _setting(3, "K of topk and batchtopk; default s", checks.k, _as_sparse_as_data)
    penalty: float = _setting(
        0.01,
        "sparsity penalty of l1, dictionary-learning (0.1) and jumprelu (0.01)",
        checks.number(0, high_open=True),
        _usual_penalty,
    )
    penalty_kind: str = _setting("l0", "penalty of jumprelu: l0 or tanh", checks.names("l0", "tanh"))
    bandwidth: float = _setting(
        0.05, "of jumprelu's straight-through threshold", checks.number(0, low_open=True, high_open=True)
    )
    n_evaluations: int = _setting(20, "times that training stops to measure recovery", checks.count(1))
    n_restarts: int = _setting(1, "dictionaries trained on the same data, compared for consistency", checks.count(1))

    def __post_init__(self) -> None:
        late = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None:
                value = each.metadata["trained" if self.algorithm in TRAINED else "default"]
                if callable(value):
                    late.append((each.name, value))
                    continue
            value = self._coerce(each.name, value, type(each.metadata["default"]))
            object.__setattr__(self, each.name, value)
        for name, function in sorted(late, key=lambda each: each[0] != "batch_size"):  # n_samples depends on it
            object.__setattr__(self, name, function(self))
        for each in fields(self):
            each.metadata["check"](each.name, getattr(self, each.name), self)
        check_law("dictionary", self.dictionary_law, n_features=self.n_features, d_model=self.d_model)
        check_law("support", self.support_law, n_features=self.n_features, sparsity=self.sparsity)
        check_law("coefficient", self.coefficient_law, n_features=self.n_features)

    @staticmethod
    def _coerce(name: str, value: Any, kind: type) -> Any:
        if kind is bool and str(value) in ("True", "False"):
            return str(value) == "True"
        if kind is str and isinstance(value, str):
            return value
        try:
            if kind in (int, float) and not isinstance(value, bool) and (number := kind(value)) == float(value):
                return number
        except (TypeError, ValueError, OverflowError):
            pass
        wanted = {bool: "True or False", int: "a finite integer", float: "a number", str: "a word"}[kind]
        raise ValueError(f"{name}={value!r}, but should be {wanted}")

    @property
    def trained(self) -> bool:
        """Whether the algorithm learns from a stream of batches, as all but the provable one do."""
        return self.algorithm in TRAINED

    def to_row(self) -> dict[str, Any]:
        """Return the settings as plain values, in the order of SETTING_COLUMNS."""
        return {name: getattr(self, name) for name in SETTING_COLUMNS}

    def key(self) -> str:
        """Return the identity of the cell: every setting but the device, which decides no result."""
        return "|".join(f"{name}={value!r}" for name, value in self.to_row().items() if name != "device")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Settings:
        """Build settings from a row, also one of strings; raises ValueError naming the missing or bad column."""
        missing = [name for name in SETTING_COLUMNS if name not in row]
        if missing:
            raise ValueError(f"row without {', '.join(missing)}")
        return cls(**{name: row[name] for name in SETTING_COLUMNS})


SETTING_COLUMNS: tuple[str, ...] = tuple(each.name for each in fields(Settings))
