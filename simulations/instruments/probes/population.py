"""The population of features: which share of them is learned how easily, from probes that each tell little.

A feature's own P_i is known to a factor at best, and a plug-in of noisy P_i into the concave 1 - (1-P)^M is biased
low.  So the law of the features' success curves is estimated as a whole, by maximum likelihood over mixtures of
Curves (nonparametric empirical Bayes: Kiefer and Wolfowitz 1956, by the EM algorithm; the curves are ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from simulations.instruments.probes.strata import DEEPEST, Strata, Tally

Array = np.ndarray[Any, Any]
# Ours.  Curves that rise to 1: where, and how steeply.
DEPTHS = np.geomspace(0.1, 600.0, 110)
STEEPNESS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 16.0, 32.0)
# Curves that rise to a plateau: a neuron can pass by a feature that does not hold it.
PASSING_DEPTHS = np.geomspace(0.3, 300.0, 60)
PASSING_STEEPNESS = (0.7, 1.4, 2.8, 8.0, 32.0)
PLATEAUS = (0.7, 0.4, 0.2, 0.08)
WINDOW = 4.0  # decades of S beyond the first hit: starts from further on add below 1e-4 / pi to P
# Ours: rivals of a feature, as shares of n, of which a random start has to be nearer to it than to any.
RIVALS = (0.0, 1 / 128, 1 / 32, 1 / 8, 1 / 2)
NEVER = -np.inf
EM_STEPS, PRUNE_EVERY, LEAST_WEIGHT = 200, 25, 1e-7


class Curves(NamedTuple):
    """A grid of success curves: log pi and log(1 - pi) in each stratum (G, K), log P (G,) of a uniform start.

    The last one is never.
    """

    log_success: Array
    log_failure: Array
    log_probability: Array


class Population(NamedTuple):
    """Shares of the features (G,) with each success curve, the curves, and the log-likelihood of it all."""

    weights: Array
    curves: Curves
    log_likelihood: float


def curves_of(strata: Strata, n_rivals: float) -> Curves:
    """Return the curves pi = plateau exp(-(depth0 / depth)^steepness) (1 - S)^n_rivals.

    depth is -log10 S.  (1 - S)^n_rivals is the chance that none of n_rivals other features is nearer to the start.
    Towards the bulk every curve falls, log pi concave in depth: all that is assumed of starts that no probe had.
    """
    return _curves(strata.log_mass.tobytes(), strata.log_tail.tobytes(), n_rivals)


@lru_cache(maxsize=16)
def _curves(log_mass_bytes: bytes, log_tail_bytes: bytes, n_rivals: float) -> Curves:
    log_mass, log_tail = np.frombuffer(log_mass_bytes), np.frombuffer(log_tail_bytes)
    shapes = [
        *product(DEPTHS, STEEPNESS, (1.0,)),
        *product(PASSING_DEPTHS, PASSING_STEEPNESS, PLATEAUS),
    ]
    depth0, steepness, plateau = np.array(shapes).T[:, :, None]
    depth = -log_tail / np.log(10)
    with np.errstate(over="ignore"):
        fall = np.exp(steepness * np.log(depth0 / depth))
    log_success = np.log(plateau) + n_rivals * np.log1p(-np.exp(log_tail)) - fall
    log_success = np.clip(log_success, -DEEPEST * np.log(10) - 10, -1e-9)
    log_probability = logsumexp(log_mass + log_success, axis=1)
    # What is learned only from starts rarer than those already on the feature counts as never learned.
    log_probability[log_probability < log_mass[-1]] = NEVER
    log_success = np.vstack([log_success, np.full_like(log_mass, NEVER)])
    return Curves(log_success, np.log(-np.expm1(log_success)), np.append(log_probability, NEVER))


def log_likelihood(tally: Tally, strata: Strata, curves: Curves) -> Array:
    """Return log P(hits | curve) of every feature under every curve, (features, G), up to the same constant.

    Strata are read from the bulk on, up to WINDOW beyond the first with a hit: whether to stop depends on what was
    read only, so nothing is biased, and a misfit near the feature, where mass is nil, does not bend the curve.
    """
    hit = tally.hits > 0
    first = np.where(hit.any(axis=1), strata.edges[hit.argmax(axis=1)], np.inf)
    read = strata.edges[:-1] <= first[:, None] + WINDOW
    hits, misses = tally.hits * read, (tally.trials - tally.hits) * read
    found = hits @ curves.log_success[:-1].T + misses @ curves.log_failure[:-1].T
    never = np.where(hit.any(axis=1), -np.inf, 0.0)
    return np.column_stack([found, never])


def first_weights(curves: Curves) -> Array:
    """Return weights (G,) for EM to start from: half on never, so that what no probe has seen counts as never.

    The likelihood does not tell never from a success far rarer than any probe.
    """
    size = len(curves.log_probability)
    return np.append(np.full(size - 1, 0.5 / (size - 1)), 0.5)


def fit_weights(likelihood: Array, weights: Array, steps: int = EM_STEPS) -> tuple[Array, float]:
    """Return mixture weights (G,) after EM steps from `weights`, and the log-likelihood; `likelihood` is in logs."""
    top = likelihood.max(axis=1, keepdims=True)
    dense = np.exp(likelihood - top)
    kept = np.flatnonzero(weights > 0)
    part, w = dense[:, kept], weights[kept]
    for k in range(steps):
        w = w * (part / (part @ w)[:, None]).mean(axis=0)
        if k % PRUNE_EVERY == PRUNE_EVERY - 1:
            stay = w > LEAST_WEIGHT
            kept, part, w = kept[stay], part[:, stay], w[stay] / w[stay].sum()
    full = np.zeros_like(weights)
    full[kept] = w
    return full, float((np.log(part @ w) + top[:, 0]).sum())


def fit(tallies: Sequence[Tally], strata: Strata, n_features: int) -> tuple[Population, list[Array]]:
    """Return the most likely population of all draws together, and each draw's log-likelihood (features, G)."""
    best: tuple[Population, list[Array]] | None = None
    for share in RIVALS:
        curves = curves_of(strata, share * n_features)
        parts = [log_likelihood(each, strata, curves) for each in tallies]
        weights, value = fit_weights(np.concatenate(parts), first_weights(curves))
        if best is None or value > best[0].log_likelihood:
            best = Population(weights, curves, value), parts
    assert best is not None
    return best


def posterior(tally: Tally, strata: Strata, population: Population) -> Array:
    """Return the chance of each curve for each feature, (features, G), given what its probes found."""
    likelihood = log_likelihood(tally, strata, population.curves)
    joint = np.exp(likelihood - likelihood.max(axis=1, keepdims=True)) * population.weights
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))
