"""The sufficient conditions of the recovery theorem, each as a bound and a signed margin.

The conditions are sufficient, not necessary: where one fails, the theorem is silent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import BoolArray, FloatArray, at_least, frequency, require, small_constant, sparsity_within
from theory.checks import real as real_numbers
from theory.problem import Problem

EPSILON = 0.05  # ours: the paper only asks for small positive constants
ZETA = 0.1  # ours, as above
FREQUENCY_UPPER = ("frequency_upper_sparsity", "frequency_upper_concentration", "frequency_upper_dimension")


class Condition(NamedTuple):
    """One condition, value >~ bound (width, frequency_lower) or value <~ bound (frequency_upper_*), all of one shape.

    bound: where the condition changes; inf where it exceeds the largest float, while the margin stays finite.
    value: what is compared with it, n_neurons or target_frequency.
    margin: log_n of the ratio that has to exceed 1; positive = holds.
    holds: margin > 0.
    """

    bound: FloatArray
    value: FloatArray
    margin: FloatArray
    holds: BoolArray


class Band(NamedTuple):
    """The target frequencies that the theorem allows, lower < p < upper; empty where upper <= lower."""

    lower: FloatArray
    upper: FloatArray
    empty: BoolArray


def _frequency_exponents(
    n: FloatArray, d: FloatArray, s: FloatArray, epsilon: float, zeta: float
) -> dict[str, FloatArray]:
    """Return log_n of each bound on p, in broadcast shape."""
    return {
        "frequency_lower": np.full_like(n, -1.0),
        "frequency_upper_sparsity": -(1 + 1 / s) / 2,
        "frequency_upper_concentration": -2 * (1 + epsilon) ** 2 / s,
        "frequency_upper_dimension": (1 - zeta) * np.log(d) / np.log(n) - 1,
    }


def _width_exponent(n: FloatArray, s: FloatArray, p: FloatArray, epsilon: float) -> FloatArray:
    """Return log_n of n * p^(-s / (1-eps)^2)."""
    return np.asarray(1 - s / (1 - epsilon) ** 2 * (np.log(p) / np.log(n)))


def _condition(n: FloatArray, exponent: FloatArray, value: FloatArray, *, lower: bool) -> Condition:
    with np.errstate(over="ignore", under="ignore"):
        bound = n**exponent
    margin = np.log(value) / np.log(n) - exponent
    # At the bound itself rounding would decide the sign.
    margin = np.where(value == bound, 0.0, margin if lower else -margin)
    return Condition(bound[()], value[()], margin[()], (margin > 0)[()])


def conditions(
    n_features: npt.ArrayLike,
    d_model: npt.ArrayLike,
    sparsity: npt.ArrayLike,
    target_frequency: npt.ArrayLike,
    n_neurons: npt.ArrayLike,
    *,
    epsilon: float = EPSILON,
    zeta: float = ZETA,
) -> dict[str, Condition]:
    """Return the five conditions under which the theorem promises recovery of all features.

    n_features n >= 2, d_model d >= 1, sparsity s in [1, n] (an effective sparsity 1/h^2 for general coefficients),
    target_frequency p in (0, 0.5] and n_neurons M >= 1 are numbers or arrays that broadcast; so is each result.
    epsilon and zeta are in [0, 1), 0 being the limit of the theorem's small constants.

    Implements: Theorem 6.1 (ICLR form, canonical case), arXiv 2506.14002v1, constants dropped:
        width                          M >~ n p^(-s / (1-eps)^2)
        frequency_lower                p >~ 1/n
        frequency_upper_sparsity       p <~ n^(-(1 + 1/s)/2)
        frequency_upper_concentration  p <~ n^(-2 (1+eps)^2 / s)
        frequency_upper_dimension      p <~ d^(1-zeta) / n
    Raises ValueError when an argument is out of its range.
    """
    epsilon, zeta = small_constant("epsilon", epsilon), small_constant("zeta", zeta)
    s, n = sparsity_within(sparsity, n_features)
    d, m = at_least("d_model", d_model, 1), at_least("n_neurons", n_neurons, 1)
    s, n, d, p, m = np.broadcast_arrays(s, n, d, frequency("target_frequency", target_frequency), m)
    found = {"width": _condition(n, _width_exponent(n, s, p, epsilon), m, lower=True)}
    for name, exponent in _frequency_exponents(n, d, s, epsilon, zeta).items():
        found[name] = _condition(n, exponent, p, lower=name == "frequency_lower")
    return found


def band(
    n_features: npt.ArrayLike,
    d_model: npt.ArrayLike,
    sparsity: npt.ArrayLike,
    *,
    epsilon: float = EPSILON,
    zeta: float = ZETA,
) -> Band:
    """Return the band of target frequencies that the theorem allows; arguments and errors as in `conditions`.

    Implements: Theorem 6.1 (band), arXiv 2506.14002v1:
        1/n <~ p <~ min{ n^(-(1 + 1/s)/2),  n^(-2 (1+eps)^2 / s),  d^(1-zeta) / n }
    It is empty for s = 1 and s = 2, whatever epsilon.
    """
    epsilon, zeta = small_constant("epsilon", epsilon), small_constant("zeta", zeta)
    s, n = sparsity_within(sparsity, n_features)
    s, n, d = np.broadcast_arrays(s, n, at_least("d_model", d_model, 1))
    exponents = _frequency_exponents(n, d, s, epsilon, zeta)
    lower = exponents["frequency_lower"]
    upper = np.min([exponents[name] for name in FREQUENCY_UPPER], axis=0)
    # Exponents are exact at s = 1 and s = 2, powers of n are not.
    return Band((n**lower)[()], (n**upper)[()], np.asarray(upper <= lower)[()])


def frequency_bound_of_width(
    n_features: npt.ArrayLike, n_neurons: npt.ArrayLike, sparsity: npt.ArrayLike, epsilon: float = EPSILON
) -> FloatArray:
    """Return the smallest target frequency that the width condition allows, the line to draw over (p, .) diagrams.

    Arguments as in `conditions`.  The result is above 0, and at least 1 (no frequency will do) where n_neurons <= n.
    Implements: Theorem 6.1 (width) solved for p, arXiv 2506.14002v1:  p >~ (n/M)^((1-eps)^2 / s)
    """
    epsilon = small_constant("epsilon", epsilon)
    s, n = sparsity_within(sparsity, n_features)
    ratio = np.log(n) - np.log(at_least("n_neurons", n_neurons, 1))
    return np.asarray(np.exp(ratio * (1 - epsilon) ** 2 / s))[()]


def effective_sparsity(cut_off_level: npt.ArrayLike) -> FloatArray:
    """Return 1/h^2, the sparsity that a cut-off level h > 0 stands for (h = 1/sqrt(s) in the canonical case).

    Our reading of the theorem for general coefficients: s -> 1/h_i^2 per feature.  Raises ValueError unless h > 0.
    """
    h = real_numbers("cut_off_level", cut_off_level)
    require("cut_off_level", h, h > 0, "above 0")
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(1 / h / h)[()]


def report(problem: Problem, epsilon: float = EPSILON, zeta: float = ZETA) -> dict[str, Any]:
    """Return the conditions and the band of one problem as plain Python floats and bools.

    Keys: the five names of `conditions`, each {bound, log10_bound, value, margin, holds}; band {lower, upper, empty};
    all_hold, whether all five hold.  log10_bound stays finite where bound is inf.
    Raises ValueError when epsilon or zeta is not in [0, 1).
    """
    n, d, s, p = problem.n_features, problem.d_model, problem.sparsity, problem.target_frequency
    found = conditions(n, d, s, p, problem.n_neurons, epsilon=epsilon, zeta=zeta)
    result: dict[str, Any] = {}
    for name, (bound, value, margin, holds) in found.items():
        log10_ratio = float(margin) * float(np.log10(n))
        result[name] = {
            "bound": float(bound),
            "log10_bound": float(np.log10(value)) + (log10_ratio if name in FREQUENCY_UPPER else -log10_ratio),
            "value": float(value),
            "margin": float(margin),
            "holds": bool(holds),
        }
    lower, upper, empty = band(n, d, s, epsilon=epsilon, zeta=zeta)
    result["band"] = {"lower": float(lower), "upper": float(upper), "empty": bool(empty)}
    result["all_hold"] = all(bool(each.holds) for each in found.values())
    return result
