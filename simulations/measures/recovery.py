"""How far a dictionary has recovered the true features (DESIGN: section 6; definitions in theory.identifiability)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulations.measures.base import COSINE, POSITIVE, Column, measure
from simulations.measures.look import TAU, TAU_LOOSE, Array, Look
from theory import identifiability
from theory.closed_forms import chance_recovery_rate

PROFILE_BINS = 12  # groups of features, of equal size


@measure(
    feature_recovery_rate=Column("share of features with a neuron of cosine above 0.9", needed=True),
    feature_recovery_rate_080=Column("the same at 0.8", needed=True),
    chance_recovery_rate=Column("the same, at 0.9, for as many random directions", needed=True),
    matched_recovery_rate=Column("the same, a neuron counting for one feature at most", needed=True),
    mean_max_cosine=Column("mean over features of the best cosine", *COSINE, needed=True),
    neurons_per_feature=Column("neurons on a recovered feature (splitting)", *POSITIVE),
    polysemantic_fraction=Column("share of neurons on no feature", needed=True),
    max_angle_degrees=Column("largest angle of a feature to its best neuron", 0.0, 180.0),
)
def recovery(look: Look) -> dict[str, Any]:
    """Return recovery, chance, matching, splitting; nothing without ground truth."""
    if look.truth is None:
        return {}
    found, weights, features = look.comparison, look.weights, look.features
    best = found.best_cosine_per_feature
    n_recovered = int((best > TAU).sum())
    return {
        "feature_recovery_rate": identifiability.recovery_rate(best, TAU),
        "feature_recovery_rate_080": identifiability.recovery_rate(best, TAU_LOOSE),
        "chance_recovery_rate": float(chance_recovery_rate(features.shape[1], len(weights), TAU)),
        "matched_recovery_rate": identifiability.matched_recovery_rate(weights, features, TAU),
        "mean_max_cosine": identifiability.mean_max_cosine(best),
        "neurons_per_feature": identifiability.neurons_per_feature(found.best_cosine_per_neuron, TAU, n_recovered),
        "polysemantic_fraction": identifiability.polysemantic_fraction(found.best_cosine_per_neuron, TAU),
        "max_angle_degrees": identifiability.max_angle_degrees(best),
    }


@measure(
    recovery_up_to_shift=Column("recovery at 0.9 up to one shift common to all neurons (DESIGN 4.3)"),
    recovery_up_to_shift_080=Column("the same at 0.8"),
    pre_bias_norm=Column("norm of b_pre, in units of the mean norm of the input", *POSITIVE),
)
def recovery_up_to_shift(look: Look) -> dict[str, Any]:
    """Return recovery with the common shift removed that a trained b_pre allows; nothing where b_pre is not trained.

    Where sum_i H_li is the same for all l, X = H (V + 1 c^T) + b with b = -(sum_i H_li) c: data do not tell V from
    V + 1 c^T.  A neuron on v_i + c, with b_pre = b, is compared with v_i after c = -b_pre / E[sum_i H_li] is taken off:
    the cosine of w with v_i + c, for the features shifted alike.
    """
    shift, truth = look.fitted.shift, look.truth
    if shift is None or truth is None:
        return {}
    told = {"pre_bias_norm": float(np.linalg.norm(shift)) * look.fitted.input_scale}
    total = float(truth.values.sum(axis=1).mean())
    if not np.any(shift) or total <= 0:
        return told | {
            "recovery_up_to_shift": identifiability.recovery_rate(look.comparison.best_cosine_per_feature, TAU),
            "recovery_up_to_shift_080": identifiability.recovery_rate(
                look.comparison.best_cosine_per_feature, TAU_LOOSE
            ),
        }
    moved = truth.features - np.asarray(shift, dtype=np.float64) / total
    if not np.linalg.norm(moved, axis=1).all():
        return told
    best = identifiability.compare(look.weights, moved.astype(look.weights.dtype)).best_cosine_per_feature
    return told | {
        "recovery_up_to_shift": identifiability.recovery_rate(best, TAU),
        "recovery_up_to_shift_080": identifiability.recovery_rate(best, TAU_LOOSE),
    }


@measure(
    activation_frequency=Column("mean over neurons of the share of samples they fire on"),
    dead_fraction=Column("share of neurons that fire on no sample"),
    frequency_error=Column("mean |log(p_m / f_i)| of recovered pairs", *POSITIVE),
    frequency_profile=Column(
        "feature frequency:recovery rate:neuron frequency, by groups of features", *POSITIVE, kind="series"
    ),
)
def frequencies(look: Look) -> dict[str, Any]:
    """Return how often neurons fire and, with ground truth, how near that is to their features' frequencies."""
    of_neuron = look.frequency
    if of_neuron is None:
        return {}
    told: dict[str, Any] = {
        "activation_frequency": float(of_neuron.mean()),
        "dead_fraction": float((of_neuron == 0).mean()),
    }
    if look.truth is None:
        return told
    of_feature = look.feature_frequency
    error = identifiability.frequency_error(of_neuron, of_feature, look.comparison, TAU)
    return told | {
        "frequency_error": error,
        "frequency_profile": frequency_profile(look.comparison, of_feature, of_neuron),
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


@measure(
    recovery_per_step=Column("recovery rate at recovery_steps", kind="series", needed=True),
    recovery_per_step_080=Column("the same at 0.8", kind="series", needed=True),
    recovery_steps=Column("steps at which recovery was measured", *POSITIVE, kind="series"),
    samples_to_recovery_090=Column("samples until the recovery rate was 0.90", *POSITIVE),
    samples_to_recovery_099=Column("samples until the recovery rate was 0.99", *POSITIVE),
    seconds_to_recovery_090=Column("training time alone until the recovery rate was 0.90", *POSITIVE),
    seconds_to_recovery_099=Column("training time alone until the recovery rate was 0.99", *POSITIVE),
)
def history(look: Look) -> dict[str, Any]:
    """Return recovery on the way, and when it reached 0.90 and 0.99; nothing without ground truth or a trace."""
    trace = look.fitted.trace
    if not trace.best_cosine:
        if look.truth is None:
            return {}
        best: Sequence[Array] = [look.comparison.best_cosine_per_feature]
        return {"recovery_per_step": _series(best, TAU), "recovery_per_step_080": _series(best, TAU_LOOSE)}
    told: dict[str, Any] = {
        "recovery_per_step": _series(trace.best_cosine, TAU),
        "recovery_per_step_080": _series(trace.best_cosine, TAU_LOOSE),
        "recovery_steps": " ".join(map(str, trace.steps)),
    }
    rates = [identifiability.recovery_rate(each, TAU) for each in trace.best_cosine]
    for name, level in (("090", 0.90), ("099", 0.99)):
        reached = next((k for k, rate in enumerate(rates) if rate >= level), None)
        if reached is not None:
            told[f"samples_to_recovery_{name}"] = trace.samples[reached]
            told[f"seconds_to_recovery_{name}"] = trace.seconds[reached]
    return told


def _series(best_cosine_per_step: Sequence[Array], tau: float) -> str:
    return " ".join(f"{identifiability.recovery_rate(best, tau):.6g}" for best in best_cosine_per_step)
