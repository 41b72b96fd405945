"""The settings of one cell, self-validating, and the columns of the row that a cell becomes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from simulations.laws.registry import check_law

Check = Callable[[str, Any, "Settings"], None]


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise ValueError, suggesting the nearest allowed word, unless `value` is one of `allowed`."""
    words = list(allowed)
    if value not in words:
        near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{name}={value!r}, but should be one of {', '.join(words)}{hint}")


def _names(*allowed: str) -> Check:
    return lambda name, value, _: one_of(name, value, allowed)


def _count(low: int) -> Check:
    def check(name: str, value: Any, _: Settings) -> None:
        if value < low:
            raise ValueError(f"{name}={value}, but should be an integer of at least {low}")

    return check


def _sparsity(name: str, value: Any, settings: Settings) -> None:
    if not 1 <= value <= settings.n_features:
        raise ValueError(f"{name}={value}, but should be in [1, n_features={settings.n_features}]")


def _target_frequency(name: str, value: Any, _: Settings) -> None:
    if not 0 < value <= 0.5:
        raise ValueError(f"{name}={value}, but should be in (0, 0.5]")


def _step_size(name: str, value: Any, _: Settings) -> None:
    if not value > 0:
        raise ValueError(f"{name}={value}, but should be positive (inf replaces the neuron by its update)")


def _noise(name: str, value: Any, _: Settings) -> None:
    if not (0 <= value < math.inf):
        raise ValueError(f"{name}={value}, but should be finite and at least 0")


def _batch_size(name: str, value: Any, settings: Settings) -> None:
    if not 0 <= value <= settings.n_samples:
        raise ValueError(f"{name}={value}, but should be in [0, n_samples={settings.n_samples}] (0 = full batch)")


def _evaluation(name: str, value: Any, settings: Settings) -> None:
    one_of(name, value, ("auto", "factored", "dense"))
    if value == "factored" and settings.noise > 0:
        raise ValueError(f"{name}='factored', but noise={settings.noise} needs the dense evaluation")


def _law(kind: str) -> Check:
    return lambda name, value, _: check_law(kind, value)


def _setting(default: Any, text: str, check: Check) -> Any:
    return field(default=default, metadata={"help": text, "check": check})


@dataclass(frozen=True)
class Settings:
    """Everything that decides a cell: the statistical model, the algorithm, the seed and the device.

    Defaults are the canonical model of Theorem 6.1: Gaussian features, exactly s active features of weight 1/sqrt(s),
    ReLU, one fixed bias, infinite step size, no centring.  Raises ValueError when a value is out of its range.
    """

    algorithm: str = _setting("modified-ba", "algorithm that learns the dictionary", _names("modified-ba"))
    n_features: int = _setting(256, "n, ground-truth monosemantic features", _count(2))
    d_model: int = _setting(128, "d, dimension of the activations", _count(2))
    sparsity: int = _setting(3, "s, active features per sample", _sparsity)
    n_samples: int = _setting(30_000, "N, samples", _count(1))
    n_neurons: int = _setting(4_096, "M, width of the dictionary", _count(1))
    target_frequency: float = _setting(0.003, "p, share of samples a neuron should fire on", _target_frequency)
    n_steps: int = _setting(5, "T, steps of the algorithm", _count(0))
    step_size: float = _setting(math.inf, "eta, step size; inf replaces the neuron by its update", _step_size)
    activation: str = _setting("relu", "relu, smooth-relu or jumprelu", _names("relu", "smooth-relu", "jumprelu"))
    bias_policy: str = _setting("fixed", "fixed (the theorem) or tracking", _names("fixed", "tracking"))
    center: bool = _setting(False, "subtract the mean of the data", lambda *_: None)
    seed: int = _setting(0, "root seed of every random stream", _count(0))
    device: str = _setting("auto", "auto, cpu or cuda", _names("auto", "cpu", "cuda"))
    support_law: str = _setting("uniform", "law of the supports, NAME[:PARAM...]", _law("support"))
    coefficient_law: str = _setting("constant", "law of the coefficients, NAME[:PARAM...]", _law("coefficient"))
    dictionary_law: str = _setting("gaussian", "law of the features, NAME[:PARAM...]", _law("dictionary"))
    normalize: bool = _setting(False, "scale every row of H to norm 1", lambda *_: None)
    noise: float = _setting(0.0, "sigma of Gaussian noise added to X (dense evaluation)", _noise)
    initialization: str = _setting(
        "sphere", "start: sphere (uniform) or data (random samples)", _names("sphere", "data")
    )
    batch_size: int = _setting(0, "rows used by a step; 0 = full batch", _batch_size)
    dtype: str = _setting("float32", "float32 or float64", _names("float32", "float64"))
    evaluation: str = _setting("auto", "auto, factored (exact, fast) or dense", _evaluation)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = self._coerce(each.name, getattr(self, each.name), type(each.default))
            object.__setattr__(self, each.name, value)
        for each in fields(self):
            each.metadata["check"](each.name, getattr(self, each.name), self)
        check_law("dictionary", self.dictionary_law, n_features=self.n_features, d_model=self.d_model)
        check_law("support", self.support_law, n_features=self.n_features, sparsity=self.sparsity)

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


assert all(each.default is not MISSING for each in fields(Settings))
SETTING_COLUMNS: tuple[str, ...] = tuple(each.name for each in fields(Settings))
RESULT_COLUMNS: tuple[str, ...] = (
    "status",
    "message",
    "feature_recovery_rate",
    "feature_recovery_rate_080",
    "chance_recovery_rate",
    "matched_recovery_rate",
    "mean_max_cosine",
    "activation_frequency",
    "dead_fraction",
    "neurons_per_feature",
    "polysemantic_fraction",
    "max_angle_degrees",
    "frequency_error",
    "recovery_per_step",
    "recovery_per_step_080",
    "seconds",
    "version",
)
ROW_COLUMNS: tuple[str, ...] = SETTING_COLUMNS + RESULT_COLUMNS
