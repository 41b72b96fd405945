"""The law of a chance of success over features, from few outcomes of each: Rasch's model with a normal ability.

Instance i succeeds at a start in stratum k with the chance sigma(a_i + g_k), a_i ~ N(0, v).  g, straight between a few
knots, and v, which has a prior, have the largest marginal likelihood: few outcomes of an instance then do not broaden
the law of chances.
Rasch (1960); the marginal likelihood by EM: Bock and Aitkin (1981).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit

from theory.checks import FloatArray

ABILITIES = np.linspace(-4, 4, 33)  # ours: nodes of the normal law, in its standard deviations
N_ITERATIONS = 80  # ours
N_KNOTS = 7  # ours: of g over the strata, straight between them
USUAL_SPREAD, SLACK = 3.5, 1.0  # ours: prior of the square root of v, which few successes do not tell
RELAXATION = 1.7  # ours: of the spread's step, which EM takes too short
LONGEST_STEP = 1.0  # ours: of a parameter in one iteration
FARTHEST = 40.0  # beyond e^-40 a chance is none


class Abilities(NamedTuple):
    """Nodes of the law of a_i with their weights, both (G,), and what each stratum adds, g (S,)."""

    ability: FloatArray
    weight: FloatArray
    stratum: FloatArray

    def log_chance(self, log_mass: FloatArray) -> FloatArray:
        """Return log P (G,) at each ability: P = sum_k mass_k sigma(a + g_k) for masses given by their logs (S,)."""
        shares = log_expit(self.stratum[:, None] + self.ability)
        return np.asarray(np.logaddexp.reduce(log_mass[:, None] + shares, axis=0))


def abilities(successes: FloatArray, trials: FloatArray) -> Abilities:
    """Return the law of abilities of largest marginal likelihood, of successes in trials, both (S, R) counts.

    EM: the E step weighs the nodes for each instance; the M step moves g and the spread by a Newton step each.
    """
    node, basis = ABILITIES, _hats(len(trials))
    total, tried = successes.sum(axis=1), trials.sum(axis=1)
    knots = np.linalg.lstsq(basis, np.log((total + 0.5) / (tried - total + 0.5)), rcond=None)[0]
    spread, ridge = USUAL_SPREAD, 1e-6 * np.eye(len(knots))
    counts, misses = np.vstack([trials, successes]), np.hstack([trials.T, (successes - trials).T])
    for _ in range(N_ITERATIONS):
        place = (basis @ knots)[:, None] + spread * node
        chance = 1 / (1 + np.exp(-place))
        log_weight = misses @ np.vstack([np.log(chance), place]) - node * node / 2  # log sigma(-x) = log sigma(x) - x
        posterior = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
        seen, won = np.split(counts @ posterior, 2)
        slope, excess = seen * chance * (1 - chance), won - seen * chance
        pull = (USUAL_SPREAD - spread) / SLACK**2
        step = RELAXATION * ((excess @ node).sum() + pull) / ((slope @ node**2).sum() + 1 / SLACK**2)
        spread = max(spread + min(max(float(step), -LONGEST_STEP), LONGEST_STEP), 0.05)
        information = basis.T @ (slope.sum(axis=1)[:, None] * basis) + ridge
        steps = np.linalg.solve(information, basis.T @ excess.sum(axis=1))
        knots = np.clip(knots + np.clip(steps, -LONGEST_STEP, LONGEST_STEP), -FARTHEST, FARTHEST)
    weight = np.exp(-node * node / 2)
    return Abilities(spread * node, weight / weight.sum(), basis @ knots)


def _hats(n_strata: int) -> FloatArray:
    """Return (S, J) hat functions: a row holds how much of each of J even knots is in a stratum."""
    place = np.linspace(0, min(N_KNOTS, n_strata) - 1, n_strata)
    return np.asarray(np.maximum(1 - np.abs(place[:, None] - np.arange(min(N_KNOTS, n_strata))), 0))


def at_most(log_chance: FloatArray, weight: FloatArray, n_features: int, most: float) -> FloatArray:
    """Return log P scaled down to sum_i P_i <= `most` over the n features: the number of them that a neuron is within.

    That is 1, the feature on which it ends, and those that are within tau of it by chance.
    """
    log_sum = float(np.logaddexp.reduce(log_chance + np.log(weight))) + math.log(n_features)
    return log_chance - max(log_sum - math.log(most), 0.0)
