"""The width that a wanted recovery takes, from probes of rare events: no dictionary of that width is ever made."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from simulations.algorithms.base import Runtime
from simulations.algorithms.provable.fit import evaluation_of
from simulations.base.streams import stream
from simulations.instruments.base import Task
from simulations.instruments.probes.directions import conditional_directions, cosines_between, trajectories, unit_rows
from simulations.instruments.probes.inference import summary
from simulations.instruments.probes.learnability import probed_features
from simulations.instruments.probes.population import (
    Population,
    curves_of,
    first_weights,
    fit_weights,
    log_likelihood,
    posterior,
)
from simulations.instruments.probes.strata import Strata, Tally, first_probes, next_probes, strata_of, stratum_of
from simulations.measures.look import TAU
from theory.rare_events import log_tail

Array = np.ndarray[Any, Any]
N_DRAWS = 8  # draws of (H, V), none of them that of settings.seed
PROBES_PER_FEATURE = 48  # neurons started near a feature, over all rounds
UNIFORM_PER_FEATURE, UNIFORM_RANGE = 16, (512, 8_192)  # neurons started anywhere, which serve all features
ADAPTIVE_ROUNDS = 2
ROUND_RIVALS, ROUND_EM_STEPS = 1 / 32, 50  # between rounds a rough population will do
LEAST_SHARE = 1e-100  # of a curve in what is believed of a feature: one over its square is finite


def width(task: Task, runtime: Runtime) -> dict[str, Any]:
    """Return success_probability, predicted_recovery_rate at n_neurons and required_width, each with its 95 % interval.

    About `n_probes` features are probed, in equal parts from N_DRAWS draws of the data (at most n from each), none of
    which is the draw of the model's seed; PROBES_PER_FEATURE neurons start near each, and some anywhere.  What the
    intervals cover, and when a width is empty, is told by `inference.summary`.
    Implements: DESIGN section 7.2 (ours).
    """
    tallies = _tallies(task._replace(algorithm=task.algorithm.replace(n_neurons=1)), runtime)
    return summary(tallies, strata_of(task.model.d_model), task)


@lru_cache(maxsize=1)
def _tallies(task: Task, runtime: Runtime) -> list[Tally]:
    """Return what the probes of each draw of the data tell: the same for every width, which comes one after another."""
    seeds = stream("init", task.model.seed, instrument="width").integers(2**31, size=N_DRAWS)
    strata = strata_of(task.model.d_model)
    return [probe(task._replace(model=task.model.replace(seed=int(each))), strata, runtime) for each in seeds]


def probe(task: Task, strata: Strata, runtime: Runtime) -> Tally:
    """Probe n_probes / N_DRAWS random features of the data of the model's seed.

    First neurons start anywhere, each telling of all the features; then near the features, in rounds: a coarse look at
    every distance, then wherever the estimate of P_i gains most.
    """
    model, algorithm, n_probes = task.model, task.algorithm, task.instrument.n_probes
    source = model.fixed()
    chosen = probed_features(model.n_features, model.seed, "width", math.ceil(n_probes / N_DRAWS))
    directions = unit_rows(source.sample.features[chosen])
    evaluation = evaluation_of(algorithm, [source], runtime.torch_device(), runtime.torch_dtype())
    rng = stream("init", model.seed, instrument="width", d_model=model.d_model, n_probes=n_probes)

    n_uniform = int(np.clip(UNIFORM_PER_FEATURE * len(chosen), *UNIFORM_RANGE))
    starts = unit_rows(rng.standard_normal((n_uniform, model.d_model)))
    _, ends = trajectories(starts, starts, evaluation, algorithm, runtime.threads)
    tally = _tally_uniform(starts, ends, directions, strata)
    probes = first_probes(len(chosen), strata)
    per_round = (PROBES_PER_FEATURE * len(chosen) - int(probes.sum())) // ADAPTIVE_ROUNDS
    for k in range(ADAPTIVE_ROUNDS + 1):
        if k:
            chance, demand = _known(tally, strata, model.n_features)
            probes = next_probes(tally, chance, demand, strata, per_round, rng)
        feature, stratum = (np.repeat(each, probes.ravel()) for each in np.indices(probes.shape).reshape(2, -1))
        if len(feature):
            cosine = cosines_between(strata.edges[stratum], strata.edges[stratum + 1], model.d_model, rng)
            near = conditional_directions(directions[feature], cosine, rng)
            on, _ = trajectories(near, directions[feature], evaluation, algorithm, runtime.threads)
            tally = _add(tally, feature, stratum, on[-1])
    return tally


def _known(tally: Tally, strata: Strata, n_features: int) -> tuple[Array, Array]:
    """Return the mean pi (features, K) that is known so far, and how uncertain each P_i is, in [0, 1] (features,)."""
    curves = curves_of(strata, ROUND_RIVALS * n_features)
    weights, value = fit_weights(log_likelihood(tally, strata, curves), first_weights(curves), ROUND_EM_STEPS)
    share = posterior(tally, strata, Population(weights, curves, value))
    share = np.where(share > LEAST_SHARE, share, 0)
    with np.errstate(divide="ignore"):
        largest = np.max(curves.log_probability + np.log(share), 1)[:, None]
    largest = np.where(np.isfinite(largest), largest, 0)  # of a feature that is never learned, by all that is known
    relative = np.exp(np.minimum(curves.log_probability - largest, -np.log(LEAST_SHARE)))  # more only where share is 0
    mean, square = (share * relative).sum(1), (share * relative**2).sum(1)
    uncertain = np.minimum(np.divide(square, mean**2, out=np.ones_like(mean), where=mean > 0) - 1, 1.0)
    return share @ np.exp(curves.log_success), uncertain * (1 - share[:, -1])


def _tally_uniform(starts: Array, ends: Array, directions: Array, strata: Strata) -> Tally:
    """Return what neurons that started anywhere tell of every feature, each in the stratum that it started in."""
    shape = (len(directions), len(strata.log_mass))
    trials, hits = np.zeros(shape, int), np.zeros(shape, int)
    for i, direction in enumerate(directions):  # feature by feature, so that no (neurons, features) array is formed
        stratum = stratum_of(log_tail(np.clip(starts @ direction, -1, 1), directions.shape[1]), strata)
        trials[i] = np.bincount(stratum, minlength=shape[1])
        hits[i] = np.bincount(stratum[ends @ direction > TAU], minlength=shape[1])
    return Tally(trials, hits)


def _add(tally: Tally, feature: Array, stratum: Array, on: Array) -> Tally:
    trials, hits = tally.trials.copy(), tally.hits.copy()
    np.add.at(trials, (feature, stratum), 1)
    np.add.at(hits, (feature[on], stratum[on]), 1)
    return Tally(trials, hits)
