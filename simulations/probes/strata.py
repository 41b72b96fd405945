"""Strata of the starting cosine, what probes found in them, and where the next probes tell most.

The chance that a uniformly random neuron learns feature i is P_i = sum_k mass_k pi_ik: mass_k, exact, is the chance
that it starts in stratum k of the cosine c to feature i, and pi_ik the chance that it then ends there.
Strata are named by the tail S = P(cosine > c), so that they fit every dimension.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from theory.rare_events import cosine_of_tail

Array = np.ndarray[Any, Any]
BULK_EDGES = (0.0, math.log10(2), 0.6, 1.0, 1.5, 2.0)  # -log10 S; the tail beyond is probed feature by feature
N_BULK = len(BULK_EDGES) - 1
STRATUM_WIDTH = 0.5  # decades of S
DEEPEST = 300.0  # -log10 S: a feature learned only from rarer starts counts as never learned
NEAREST = 0.9999  # cosine from which all starts share a stratum
PRIOR_PROBES = 1.0  # ours: the fitted curve counts as much as one probe of a stratum
INTERCEPT_SPREAD = 3.0  # ours: prior standard deviation, over features, of the logit at the common midpoint
NEWTON_STEPS, LONGEST_STEP = 25, 2.0  # a Newton step of a logistic fit may overshoot
FIRST_LEVELS, FIRST_PROBES = 12, 2


class Strata(NamedTuple):
    """`edges` (K + 1,) of -log10 S, from 0 to inf; `log10_mass` (K,); `position` (K,) = c sqrt(d) inside each."""

    edges: Array
    log10_mass: Array
    position: Array


class Tally(NamedTuple):
    """How many probes (features, K) started in a stratum of a feature, and how many ended on the feature."""

    trials: Array
    hits: Array


class Estimate(NamedTuple):
    """What is known of the chance P_i that a random neuron learns feature i.

    log_probability (features,): log P_i, -inf where no probe ended on the feature.  squared_error (features,): the
    variance of P_i over P_i^2.  log_need (features, K): log of mass sqrt(pi (1 - pi)), the best share of probes.
    """

    log_probability: Array
    squared_error: Array
    log_need: Array


def strata_of(d_model: int) -> Strata:
    """Return the strata in d dimensions: coarse in the bulk, half a decade each to 1e-300 or to cosine 0.9999."""
    tails = np.arange(BULK_EDGES[-1] + STRATUM_WIDTH, DEEPEST, STRATUM_WIDTH)
    cosines = cosine_of_tail(-tails * math.log(10), d_model)
    edges = np.concatenate([BULK_EDGES, tails[cosines < NEAREST], [np.inf]])
    log10_mass = -edges[:-1] + np.log10(1 - 10.0 ** (edges[:-1] - edges[1:]))
    # Half of a stratum's mass lies above its median start; the last one is the rest of the sphere.
    middle = np.minimum(-np.log10((10.0 ** -np.diff(edges) + 1) / 2) + edges[:-1], DEEPEST)
    return Strata(edges, log10_mass, cosine_of_tail(-middle * math.log(10), d_model) * math.sqrt(d_model))


def stratum_of(log10_tail: Array, strata: Strata) -> Array:
    """Return the stratum that each start belongs to, from log10 S of its cosine."""
    return np.asarray(np.searchsorted(strata.edges, -log10_tail, side="right") - 1).clip(0, len(strata.position) - 1)


def first_probes(n_features: int, strata: Strata) -> Array:
    """Return how many probes (features, K) begin: two in every other stratum near the bulk, ever sparser far out."""
    tail = len(strata.position) - N_BULK
    levels = np.unique(np.geomspace(1, tail, FIRST_LEVELS).round().astype(int)) + N_BULK - 1
    probes = np.zeros((n_features, len(strata.position)), dtype=int)
    probes[:, levels] = FIRST_PROBES
    return probes


def next_probes(tally: Tally, found: Estimate, total: int, rng: np.random.Generator) -> Array:
    """Return how many more probes (features, K) to spend where, about `total` in all.

    Features share them by squared error, at most one unit each, and those never learned get none; within a feature
    the best allocation of a total is in proportion to mass sqrt(pi (1 - pi)), less what has been spent there.
    The bulk is left out: uniform starts serve all features at once there.
    """
    seen = np.isfinite(found.log_probability)
    demand = np.where(seen, np.minimum(found.squared_error, 1.0), 0.0)
    if demand.sum() == 0:
        return np.zeros_like(tally.trials)
    budget = total * demand / demand.sum()
    need = found.log_need[:, N_BULK:]
    share = np.exp(need - need.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    spent = tally.trials[:, N_BULK:]
    wanted = np.maximum(share * (spent.sum(axis=1) + budget)[:, None] - spent, 0)
    wanted *= (budget / np.maximum(wanted.sum(axis=1), 1e-300))[:, None]
    probes = np.zeros_like(tally.trials)
    probes[:, N_BULK:] = np.floor(wanted + rng.random(wanted.shape))
    return probes


def estimate(tally: Tally, strata: Strata) -> Estimate:
    """Return log P_i from what probes found, its error, and where to go on.

    pi_ik is (hits + curve) / (trials + 1): the hits themselves where there are probes, and where there are few or none
    a curve logistic in the cosine, fitted to all probes of the feature with a prior around the curve common to all
    features.  A logistic curve is log-concave; that pi is, too, is the one assumption about starts that no probe had.
    """
    log_mass = strata.log10_mass * math.log(10)
    log_curve = _log_curves(tally, strata.position)
    weight = tally.trials + PRIOR_PROBES
    with np.errstate(divide="ignore"):
        log_hits = np.log(tally.hits)
    log_pi = np.minimum(np.logaddexp(log_hits, log_curve + math.log(PRIOR_PROBES)) - np.log(weight), -1e-12)
    log_variance = log_pi + np.log(-np.expm1(log_pi))
    seen = tally.hits.sum(axis=1) > 0
    log_p = logsumexp(log_mass + log_pi, axis=1)
    error = np.exp(logsumexp(2 * log_mass + log_variance - np.log(weight + 1), axis=1) - 2 * log_p)
    return Estimate(np.where(seen, log_p, -np.inf), np.where(seen, error, 0.0), log_mass + log_variance / 2)


def _log_curves(tally: Tally, position: Array) -> Array:
    """Return the log of a logistic curve in `position` (K,) for each feature, (features, K)."""
    pooled = Tally(tally.trials.sum(axis=0, keepdims=True), tally.hits.sum(axis=0, keepdims=True))
    span = np.ptp(position)
    (common,) = _fit(pooled, position, np.array([0.0, 4.0]), np.array([20.0, 4.0]))
    slope = max(common[1], 1 / span)  # a start nearer to a feature is no worse
    middle = np.clip(-common[0] / slope, position[0], position[-1])
    own = _fit(tally, position - middle, np.array([0.0, slope]), np.array([INTERCEPT_SPREAD, slope / 2]))
    logit = own[:, :1] + np.maximum(own[:, 1:], slope / 4) * (position - middle)
    return np.asarray(-np.logaddexp(0.0, -logit))


def _fit(tally: Tally, x: Array, mean: Array, spread: Array) -> Array:
    """Return intercepts and slopes (features, 2) of logistic curves in x (K,): the mode under a normal prior."""
    design = np.stack([np.ones_like(x), x])
    theta = np.tile(mean, (len(tally.trials), 1))
    prior = np.diag(1 / spread**2)
    for _ in range(NEWTON_STEPS):
        p = expit(theta @ design)
        gradient = (tally.hits - tally.trials * p) @ design.T - (theta - mean) @ prior
        curvature = np.einsum("fk,ak,bk->fab", tally.trials * p * (1 - p), design, design) + prior
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        theta = theta + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(theta)
