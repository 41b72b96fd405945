"""Learnability: the share of features that hold a neuron started on them, which needs no width.

It is no upper bound of recovery: after a few steps a neuron can be passing a feature that would not hold it, and at
small n such neurons put simulated recovery well above it.  Both fall as n_steps grows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import beta

from simulations.base.settings import Settings
from simulations.base.streams import stream
from simulations.instruments.directions import trajectories, unit_rows
from simulations.runs.cell import evaluation_of, resolve_device, sample_of

LEVEL = 0.95


def probed_features(settings: Settings, instrument: str, n_probes: int) -> np.ndarray[Any, Any]:
    """Return which features are probed: `n_probes` different ones at random, all of them when there are no more."""
    n = settings.n_features
    if n_probes >= n:
        return np.arange(n)
    rng = stream("init", settings.seed, instrument=instrument, n_features=n, n_probes=n_probes)
    return np.sort(rng.choice(n, size=n_probes, replace=False))


def exact_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share: it covers at least as often as `level` says."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


def learnability(settings: Settings, *, threads: int = 1) -> dict[str, Any]:
    """Start neurons at features, run the algorithm, and count those that end within cosine 0.9 of their own.

    `n_probes` features of the data of `settings.seed` are probed.  Returns learnable_fraction with its 95 % interval
    and recovery_per_step, the share on their own feature before the first step and after each.  The interval
    (Clopper-Pearson) covers the choice of features and, as far as features of one draw behave independently, the draw
    of the data: it is about any data of this law, also where all features were probed.
    Implements: DESIGN section 7.1 (ours).  Memory: samples, features and one tile of n x 512, never n x n.
    """
    data = sample_of(settings)
    chosen = probed_features(settings, "learnability", settings.n_probes)
    evaluation = evaluation_of(settings, [data], [settings.seed], resolve_device(settings.device))
    directions = unit_rows(data.features[chosen])
    on, _ = trajectories(directions, directions, evaluation, settings, threads)
    kept = on.sum(axis=1)
    low, high = exact_interval(int(kept[-1]), len(chosen))
    return {
        "learnable_fraction": float(kept[-1] / len(chosen)),
        "learnable_fraction_low": low,
        "learnable_fraction_high": high,
        "recovery_per_step": " ".join(f"{each / len(chosen):.6g}" for each in kept),
    }
