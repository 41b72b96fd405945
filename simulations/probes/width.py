"""The width that a wanted recovery takes, from probes of rare events: no dictionary of that width is ever made."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from simulations.cells import evaluation_of, resolve_device, sample_of
from simulations.measures import TAU
from simulations.probes.directions import conditional_directions, cosines_between, trajectories, unit_rows
from simulations.probes.learnability import probed_features
from simulations.probes.strata import (
    Estimate,
    Strata,
    Tally,
    estimate,
    first_probes,
    next_probes,
    strata_of,
    stratum_of,
)
from simulations.probes.uncertainty import summary
from simulations.settings import Settings
from simulations.streams import stream
from theory.rare_events import log_tail

Array = np.ndarray[Any, Any]
N_DRAWS = 3  # draws of (H, V), none of them that of settings.seed
PROBES_PER_FEATURE = 96  # neurons started near a feature, over all rounds
UNIFORM_PER_FEATURE, UNIFORM_RANGE = 16, (1_024, 8_192)  # neurons started anywhere, which serve all features
ADAPTIVE_ROUNDS = 4


def width(settings: Settings, *, threads: int = 1) -> dict[str, Any]:
    """Return success_probability, predicted_recovery_rate at n_neurons and required_width, each with its 95 % interval.

    About `n_probes` features are probed, in equal parts from N_DRAWS draws of the data that are not the one of
    `settings.seed`: PROBES_PER_FEATURE neurons near each, and some anywhere.  What the intervals cover, and when a
    width is empty, is told by `uncertainty.summary`.
    Implements: DESIGN section 7.2 (ours).  Raises ValueError unless neurons start uniformly on the sphere.
    """
    if settings.initialization != "sphere":
        raise ValueError(f"initialization={settings.initialization!r}, but should be 'sphere', a uniform start")
    seeds = stream("init", settings.seed, instrument="width").integers(2**31, size=N_DRAWS)
    draws = [probe(replace(settings, seed=int(each)), threads=threads) for each in seeds]
    return summary(draws, settings)


def probe(settings: Settings, *, threads: int = 1) -> Estimate:
    """Estimate log P_i of n_probes / N_DRAWS random features of the data of `settings.seed`.

    First neurons start anywhere, each telling of all the features; then near the features, in rounds: a coarse look at
    every distance, then wherever the estimate of P_i gains most.
    """
    data = sample_of(settings)
    chosen = probed_features(settings, "width", math.ceil(settings.n_probes / N_DRAWS))
    directions = unit_rows(data.features[chosen])
    evaluation = evaluation_of(settings, [data], [settings.seed], resolve_device(settings.device))
    rng = stream("init", settings.seed, instrument="width", d_model=settings.d_model, n_probes=settings.n_probes)
    strata = strata_of(settings.d_model)

    def learned(starts: Array, targets: Array) -> tuple[Array, Array]:
        on, weights = trajectories(starts, targets, evaluation, settings, threads)
        return on[-1], weights

    n_uniform = int(np.clip(UNIFORM_PER_FEATURE * len(chosen), *UNIFORM_RANGE))
    starts = unit_rows(rng.standard_normal((n_uniform, settings.d_model)))
    _, weights = learned(starts, starts)
    tally = _tally_uniform(starts, weights, directions, strata)
    probes = first_probes(len(chosen), strata)
    per_round = (PROBES_PER_FEATURE * len(chosen) - int(probes.sum())) // ADAPTIVE_ROUNDS
    for _ in range(ADAPTIVE_ROUNDS + 1):
        feature, stratum = (np.repeat(each, probes.ravel()) for each in np.indices(probes.shape).reshape(2, -1))
        if len(feature):
            cosine = cosines_between(-strata.edges[stratum + 1], -strata.edges[stratum], settings.d_model, rng)
            near = conditional_directions(directions[feature], cosine, rng)
            on, _ = learned(near, directions[feature])
            tally = _add(tally, feature, stratum, on)
        found = estimate(tally, strata)
        probes = next_probes(tally, found, per_round, rng)
    return found


def _tally_uniform(starts: Array, ends: Array, directions: Array, strata: Strata) -> Tally:
    """Return what neurons that started anywhere tell of every feature, each in the stratum that it started in."""
    shape = (len(directions), len(strata.position))
    trials, hits = np.zeros(shape, int), np.zeros(shape, int)
    for i, direction in enumerate(directions):  # feature by feature, so that no (neurons, features) array is formed
        tail = log_tail(np.clip(starts @ direction, -1, 1), directions.shape[1]) / math.log(10)
        stratum = stratum_of(tail, strata)
        trials[i] = np.bincount(stratum, minlength=shape[1])
        hits[i] = np.bincount(stratum[ends @ direction > TAU], minlength=shape[1])
    return Tally(trials, hits)


def _add(tally: Tally, feature: Array, stratum: Array, on: Array) -> Tally:
    trials, hits = tally.trials.copy(), tally.hits.copy()
    np.add.at(trials, (feature, stratum), 1)
    np.add.at(hits, (feature[on], stratum[on]), 1)
    return Tally(trials, hits)
