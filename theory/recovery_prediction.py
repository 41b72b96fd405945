"""Recovery at any width, size and time without simulation: the recursion of PREDICTION.md, started anywhere.

A random neuron meets feature i at cosine c, of known density, and ends on it with probability pi_i(c): that gives the
chance P_i that it learns i, and with it the recovery rate at every width.  Instances stand for features; the average
over their law is outside of 1 - (1-P)^M, that over starts inside P.  Quadrature nodes only: no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, at_least, cosine, one_frequency, open_share, require
from theory.closed_forms import frequency_to_bias
from theory.prediction import critical_frequency, learnable_fraction, model_of
from theory.prediction_recursion import Model
from theory.rare_events import log_required_width, log_tail, recovery_curve
from theory.starts import outcomes_where_it_matters
from theory.success_mixture import abilities, at_most


class Prediction(NamedTuple):
    """What the theory says of one setting: shares in [0, 1], a probability, a width (or inf), a frequency (or NaN)."""

    predicted_recovery_rate: FloatArray
    learnable_fraction: float
    success_probability: float
    required_width: float
    critical_frequency: float


class Success(NamedTuple):
    """The law over features of the chance P_i that a random neuron ends within tau of it: log P (G,), weights (G,)."""

    log_probability: FloatArray
    weight: FloatArray

    def mean(self) -> float:
        """Return E P_i."""
        return float(np.exp(self.log_probability) @ self.weight)

    def recovery_rate(self, n_neurons: npt.ArrayLike) -> FloatArray:
        """Return E [1 - (1-P_i)^M] at each width M >= 1."""
        return recovery_curve(self.log_probability, np.log(at_least("n_neurons", n_neurons, 1)), self.weight)

    def width(self, target_recovery: float) -> float:
        """Return the width that reaches the target in (0, 1), inf where none does (or none below 1e308)."""
        log_width = log_required_width(self.log_probability, target_recovery, self.weight)
        return math.exp(log_width) if log_width < 709 else math.inf


def one_by_one(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what both return."""
    return first(), second()


def predicted_recovery_rate(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    n_neurons: npt.ArrayLike,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> FloatArray:
    """Return the predicted share of features that M random neurons recover, in [0, 1], in the shape of `n_neurons`.

    n >= 2, d >= 2, s in [1, n], p in (0, 0.5], N >= 1, T >= 0, M >= 1, tau = `threshold` in [0, 1]; the largest n, d, s
    and N are those of `learnable_fraction`.  A curve over M costs as much as one value; T = 24 takes seconds.
    Implements: FRR(M) = E_i [1 - (1-P_i)^M], P_i = integral of pi_i(c) f_d(c) dc (ours; DESIGN section 7.2 without
    simulation, PREDICTION.md section 4).  Raises ValueError for arguments out of range.
    """
    at_least("n_neurons", n_neurons, 1)
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success(*sizes, center=center, threshold=threshold).recovery_rate(n_neurons)


def success_probability(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> float:
    """Return the predicted chance that a random neuron learns a given feature: the mean of P_i over features.

    Arguments and errors as in `predicted_recovery_rate`; 0 where no start that was looked at succeeds.  Exact at T = 0.
    Below 1e-12 it says little where neurons hardly move (few samples, p next to 0).
    """
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success(*sizes, center=center, threshold=threshold).mean()


def required_width(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
    target_recovery: float = 0.95,
) -> float:
    """Return the width M >= 1 at which the predicted recovery rate is `target_recovery` in (0, 1); inf where none is.

    Other arguments and errors as in `predicted_recovery_rate`.
    """
    target_recovery = open_share("target_recovery", target_recovery)
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success(*sizes, center=center, threshold=threshold).width(target_recovery)


def predict(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    n_neurons: npt.ArrayLike,
    *,
    center: bool = False,
    threshold: float = 0.9,
    target_recovery: float = 0.95,
    both: Callable[..., tuple[Any, Any]] = one_by_one,
) -> Prediction:
    """Return all that the theory predicts of one setting; arguments and errors as in the functions of these names.

    `both` calls two functions, which take about as long as each other, and returns what they return.
    """
    target_recovery = open_share("target_recovery", target_recovery)
    at_least("n_neurons", n_neurons, 1)
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    parts = (partial(each, *sizes, center=center, threshold=threshold) for each in (success, _from_the_feature))
    found, (kept, critical) = both(*parts)
    return Prediction(found.recovery_rate(n_neurons), kept, found.mean(), found.width(target_recovery), critical)


def _from_the_feature(
    n: int, d: int, s: int, p: float, n_samples: int, n_steps: int, **rest: Any
) -> tuple[float, float]:
    """Return the learnable fraction and the critical p."""
    kept = learnable_fraction(n, d, s, p, n_samples, n_steps, **rest)
    return float(kept), critical_frequency(n, d, s, n_samples, n_steps, **rest)


def success(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> Success:
    """Return the law of P_i over features; arguments and errors as in `predicted_recovery_rate`."""
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    trial = _trial(*sizes, center=center, threshold=threshold)
    return trial.success(trial.model.n_steps)


def success_by_step(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> list[Success]:
    """Return `success` after 0 .. T steps, in the range of starts that matters after T, nearly at the cost of one.

    Arguments and errors as in `success`.
    """
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    trial = _trial(*sizes, center=center, threshold=threshold)
    return [trial.success(step) for step in range(trial.model.n_steps + 1)]


class _Trial(NamedTuple):
    """Outcomes of starts: log mass of the strata (S,), starts in each (S, R), successes after 0 .. T (T + 1, S, R)."""

    model: Model
    threshold: float
    log_mass: FloatArray
    starts: FloatArray
    successes: FloatArray

    def success(self, step: int) -> Success:
        """Return the law of P_i after that many steps: before the first it is chance, exactly."""
        n, d = self.model.n_features, self.model.d_model
        if step == 0:
            return Success(np.atleast_1d(log_tail(self.threshold, d)), np.ones(1))
        successes = self.successes[step]
        if not successes.any():
            return Success(np.array([-np.inf]), np.ones(1))
        law = abilities(successes, self.starts)
        most = 1 + (n - 1) * math.exp(log_tail(self.threshold, d))
        log_chance = at_most(law.log_chance(self.log_mass), law.weight, n, most)
        return Success(np.minimum(log_chance, 0.0), law.weight)


def _trial(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool,
    threshold: float,
) -> _Trial:
    tau = cosine("threshold", threshold)
    require("threshold", np.asarray(tau), tau >= 0, "in [0, 1]")
    bias = float(frequency_to_bias(one_frequency("target_frequency", target_frequency)))
    model = model_of(n_features, d_model, sparsity, n_samples, n_steps, center, least_d=2)
    return _Trial(model, tau, *outcomes_where_it_matters(model, bias, tau))
