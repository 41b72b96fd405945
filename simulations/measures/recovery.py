"""What a row reports of a learned dictionary (DESIGN: section 6; definitions in theory.identifiability)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulations.data.sampling import Sample
from theory import identifiability
from theory.closed_forms import chance_recovery_rate
from theory.hypotheses import feature_frequencies

TAU, TAU_LOOSE = 0.9, 0.8
PROFILE_BINS = 12  # groups of features, of equal size
Array = np.ndarray[Any, Any]


def measure(weights: Array, data: Sample, activation_frequency: Array, best_cosine_per_step: Array) -> dict[str, Any]:
    """Measure a dictionary against the true features.

    `weights` (M, d) unit rows, `activation_frequency` (M,), `best_cosine_per_step` (T + 1, n).  Returns the numeric
    results of a row; an undefined one (no feature recovered) is the empty string.
    """
    features = data.features.astype(weights.dtype)
    found = identifiability.compare(weights, features)
    best = found.best_cosine_per_feature
    recovered = int((best > TAU).sum())
    chance = chance_recovery_rate(features.shape[1], len(weights), TAU)
    true_frequency = feature_frequencies(data.support, data.values, len(features))
    return {
        "feature_recovery_rate": identifiability.recovery_rate(best, TAU),
        "feature_recovery_rate_080": identifiability.recovery_rate(best, TAU_LOOSE),
        "chance_recovery_rate": float(chance),
        "matched_recovery_rate": identifiability.matched_recovery_rate(weights, features, TAU),
        "mean_max_cosine": identifiability.mean_max_cosine(best),
        "activation_frequency": float(activation_frequency.mean()),
        "dead_fraction": float((activation_frequency == 0).mean()),
        "neurons_per_feature": _defined(
            identifiability.neurons_per_feature(found.best_cosine_per_neuron, TAU, recovered)
        ),
        "polysemantic_fraction": identifiability.polysemantic_fraction(found.best_cosine_per_neuron, TAU),
        "max_angle_degrees": identifiability.max_angle_degrees(best),
        "frequency_error": _defined(identifiability.frequency_error(activation_frequency, true_frequency, found, TAU)),
        "frequency_profile": frequency_profile(found, true_frequency, activation_frequency),
        "recovery_per_step": _history(best_cosine_per_step, TAU),
        "recovery_per_step_080": _history(best_cosine_per_step, TAU_LOOSE),
    }


def frequency_profile(found: identifiability.Comparison, of_feature: Array, of_neuron: Array) -> str:
    """Return "feature frequency:recovery rate:neuron frequency" of PROFILE_BINS groups of features, rarest first.

    `of_feature` (n,), `of_neuron` (M,).  The neuron frequency is the geometric mean over recovered features of their
    best neuron's; 0 where none is.
    """
    recovered = found.best_cosine_per_feature > TAU
    best = of_neuron[found.best_neuron_per_feature]
    points = []
    for group in np.array_split(np.argsort(of_feature, kind="stable"), min(PROFILE_BINS, len(of_feature))):
        p = best[group][recovered[group] & (best[group] > 0)]
        learned = float(np.exp(np.log(p).mean())) if len(p) else 0.0
        points.append(f"{of_feature[group].mean():.4g}:{recovered[group].mean():.4g}:{learned:.4g}")
    return " ".join(points)


def _defined(value: float) -> float | str:
    return value if math.isfinite(value) else ""


def _history(best_cosine_per_step: Array | Sequence[Array], tau: float) -> str:
    return " ".join(f"{identifiability.recovery_rate(best, tau):.6g}" for best in best_cosine_per_step)
