"""From success probabilities of probed features to recovery and required width, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulations.probes.strata import Estimate
from simulations.settings import Settings
from simulations.streams import stream
from theory.rare_events import log_required_width, recovery_curve

Array = np.ndarray[Any, Any]
REPLICATES = 500
ENDS = (0.025, 0.975)
LARGEST_LOG10_WIDTH = 300.0
LOG10 = math.log(10)


def summary(draws: Sequence[Estimate], settings: Settings) -> dict[str, Any]:
    log_p = np.concatenate([each.log_probability for each in draws])
    log_m = math.log(settings.n_neurons)
    recovery = float(recovery_curve(log_p, log_m))
    rng = stream("init", settings.seed, instrument="width", bootstrap=True)
    again = [_redraw(draws, rng) for _ in range(REPLICATES)]
    recoveries = np.array([recovery_curve(each, log_m) for each in again])
    one = rng.binomial(settings.n_features, np.clip(recoveries, 0, 1)) / settings.n_features
    probability = [np.exp(each).mean() for each in again]
    widths = [log_required_width(each, settings.target_recovery) / LOG10 for each in again]
    seen = log_p[np.isfinite(log_p)]
    log10_width = log_required_width(log_p, settings.target_recovery) / LOG10
    ...
    return {
        "predicted_recovery_rate": recovery,
        "predicted_recovery_rate_low": np.quantile(one, 0.025),
        "predicted_recovery_rate_high": np.quantile(one, 0.975),
        "log10_required_width": log10_width,
        "wl": np.quantile(widths, 0.025, method="inverted_cdf"),
        "wh": np.quantile(widths, 0.975, method="inverted_cdf"),
        "success_probability": np.exp(log_p).mean(),
        "spread": seen.std() / LOG10 if len(seen) else "",
        "cv": np.median(np.sqrt(np.concatenate([d.squared_error for d in draws]))),
    }


def _redraw(draws: Sequence[Estimate], rng: np.random.Generator) -> Array:
    parts = []
    for each in draws:
        picked = rng.integers(len(each.log_probability), size=len(each.log_probability))
        error = np.maximum(each.squared_error[picked], 1e-12)
        parts.append(each.log_probability[picked] + np.log(rng.gamma(1 / error) * error + 1e-300))
    return np.minimum(np.concatenate(parts), 0)
