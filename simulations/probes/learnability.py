"""Learnability: the share of features that hold a neuron started on them, the recovery rate of an infinite width."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import beta

from simulations import modified_ba
from simulations.cells import DTYPES, evaluation_of, resolve_device, sample_of
from simulations.evaluation import CPU_TILE
from simulations.measures import TAU
from simulations.probes.directions import on_own_feature, unit_rows
from simulations.settings import Settings
from simulations.streams import stream

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
    and recovery_per_step, the share still on their own feature before the first step and after each.  The interval
    (Clopper-Pearson) covers the choice of features and, as far as features of one draw are independent, the draw of
    the data; with all features probed it is about other data of the same law, since these are known exactly.
    Implements: DESIGN section 7.1 (ours).  Memory: samples, features and one tile of n x 512, never n x n.
    """
    data = sample_of(settings)
    chosen = probed_features(settings, "learnability", settings.n_probes)
    directions = unit_rows(data.features[chosen])
    evaluation = evaluation_of(settings, [data], [settings.seed], resolve_device(settings.device))
    parts = [directions[k : k + CPU_TILE] for k in range(0, len(directions), CPU_TILE)]
    kept = sum((_kept(each, evaluation, settings, threads) for each in parts), np.zeros(settings.n_steps + 1, int))
    low, high = exact_interval(int(kept[-1]), len(chosen))
    return {
        "learnable_fraction": float(kept[-1] / len(chosen)),
        "learnable_fraction_low": low,
        "learnable_fraction_high": high,
        "recovery_per_step": " ".join(f"{each / len(chosen):.6g}" for each in kept),
    }
