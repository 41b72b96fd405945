"""Strata of the starting cosine, what probes found in them, and where the next probes tell most.

The chance that a uniformly random neuron learns feature i is P_i = sum_k mass_k pi_ik: mass_k, exact, is the chance
that it starts in stratum k of the cosine c to feature i, and pi_ik the chance that it then ends there.
Strata are cut in depth, -log10 of the tail S = P(cosine > c), so that they fit every dimension.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from theory.rare_events import cosine_of_tail

Array = np.ndarray[Any, Any]
BULK_EDGES = (0.0, math.log10(2), 0.6, 1.0, 1.5, 2.0)  # the tail beyond is probed feature by feature
N_BULK = len(BULK_EDGES) - 1
STRATUM_WIDTH = 0.5  # decades of S
DEEPEST = 300.0  # decades
NEAREST = 0.9  # cosine from which all starts share a stratum: they are on the feature already
FIRST_LEVELS, FIRST_PROBES = 12, 2


class Strata(NamedTuple):
    """`edges` (K + 1,) of depth, from 0 to inf; `log_mass` (K,), natural; `log_tail` (K,), of the mean tail in each."""

    edges: Array
    log_mass: Array
    log_tail: Array


class Tally(NamedTuple):
    """How many probes (features, K) started in a stratum of a feature, and how many ended on the feature."""

    trials: Array
    hits: Array


def strata_of(d_model: int) -> Strata:
    """Return the strata in d dimensions: coarse in the bulk, half a decade each to 1e-300 or to cosine 0.9."""
    depth = np.arange(BULK_EDGES[-1] + STRATUM_WIDTH, DEEPEST, STRATUM_WIDTH)
    cosine = cosine_of_tail(-depth * math.log(10), d_model)
    edges = np.concatenate([BULK_EDGES, depth[cosine < NEAREST], [np.inf]])
    ratio = 10.0 ** (edges[:-1] - edges[1:])
    top = -edges[:-1] * math.log(10)
    return Strata(edges, top + np.log1p(-ratio), top + np.log((1 + ratio) / 2))


def stratum_of(log_tail: Array, strata: Strata) -> Array:
    """Return the stratum that each start belongs to, from log S of its cosine."""
    depth = -log_tail / math.log(10)
    return np.clip(np.searchsorted(strata.edges, depth, side="right") - 1, 0, len(strata.log_mass) - 1)


def first_probes(n_features: int, strata: Strata) -> Array:
    """Return how many probes (features, K) begin: two in every other stratum near the bulk, ever sparser far out."""
    tail = len(strata.log_mass) - N_BULK
    levels = np.unique(np.geomspace(1, tail, FIRST_LEVELS).round().astype(int)) + N_BULK - 1
    probes = np.zeros((n_features, len(strata.log_mass)), dtype=int)
    probes[:, levels] = FIRST_PROBES
    return probes


def next_probes(
    tally: Tally, chance: Array, demand: Array, strata: Strata, total: int, rng: np.random.Generator
) -> Array:
    """Return how many more probes (features, K) to spend where, about `total` in all.

    `demand` (features,) is how they share the total.  Within a feature the best allocation is in proportion to mass
    sqrt(pi (1 - pi)) with pi = `chance` (features, K), less what has been spent there.  The bulk is left out: starts
    anywhere serve all features at once there.
    """
    if demand.sum() <= 0:
        return np.zeros_like(tally.trials)
    budget = total * demand / demand.sum()
    pi = np.clip(chance[:, N_BULK:], 1e-300, 1 - 1e-9)
    need = strata.log_mass[N_BULK:] + np.log(pi * (1 - pi)) / 2
    share = np.exp(need - need.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    spent = tally.trials[:, N_BULK:]
    wanted = np.maximum(share * (spent.sum(axis=1) + budget)[:, None] - spent, 0.0)
    wanted *= (budget / np.maximum(wanted.sum(axis=1), 1e-300))[:, None]
    probes = np.zeros_like(tally.trials)
    probes[:, N_BULK:] = np.floor(wanted + rng.random(wanted.shape))  # rounds without a bias
    return probes
