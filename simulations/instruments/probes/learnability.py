"""Learnability: the share of features that hold a neuron started on them, which needs no width.

It is no upper bound of recovery: after a few steps a neuron can be passing a feature that would not hold it, and at
small n such neurons put simulated recovery well above it.  Both fall as n_steps grows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest

from simulations.algorithms.base import Runtime
from simulations.algorithms.provable.fit import evaluation_of
from simulations.base.streams import stream
from simulations.instruments.base import Task
from simulations.instruments.probes.directions import alignments, unit_rows
from simulations.measures.look import TAU, TAU_LOOSE

LEVEL = 0.95
TAU_TIGHT = 0.95


def probed_features(n_features: int, seed: int, instrument: str, n_probes: int) -> np.ndarray[Any, Any]:
    """Return which features are probed: `n_probes` different ones at random, all of them when there are no more."""
    if n_probes >= n_features:
        return np.arange(n_features)
    rng = stream("init", seed, instrument=instrument, n_features=n_features, n_probes=n_probes)
    return np.sort(rng.choice(n_features, size=n_probes, replace=False))


def learnability(task: Task, runtime: Runtime) -> dict[str, Any]:
    """Start neurons at features, run the algorithm, and count those that end within cosine 0.9 of their own.

    `n_probes` features of the data of the model's seed are probed.  Returns learnable_fraction with its 95 % interval
    and recovery_per_step, the share on their own feature before the first step and after each, also at cosine 0.8 and
    0.95, and the mean cosine.  The interval covers the choice of features and, as far as features of one draw behave
    independently, the draw of the data: it is about any data of this law, also where all features were probed.
    Implements: DESIGN section 7.1 (ours).  Memory: samples, features and a tile of neurons, never n x n.
    """
    model, algorithm = task.model, task.algorithm
    source = model.fixed()
    features = source.sample.features
    chosen = probed_features(model.n_features, model.seed, "learnability", task.instrument.n_probes)
    evaluation = evaluation_of(algorithm, [source], runtime.torch_device(), runtime.torch_dtype())
    directions = unit_rows(features[chosen])
    cosines, _ = alignments(directions, directions, evaluation, algorithm, runtime.threads)
    tight = {"recovery_per_step_095": _series((cosines > TAU_TIGHT).mean(axis=1))}
    return followed("learnable_fraction", cosines) | tight


def followed(name: str, cosines: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return what probes' cosines with their own feature (T + 1, k) tell: the share `name` at the end, and each step's.

    The share has its 95 % interval (Clopper-Pearson), as `name`_low and `name`_high.
    """
    on = (cosines > TAU).sum(axis=1)
    interval = binomtest(int(on[-1]), cosines.shape[1]).proportion_ci(LEVEL, method="exact")
    return {
        name: float(on[-1] / cosines.shape[1]),
        f"{name}_low": float(interval.low),
        f"{name}_high": float(interval.high),
        "recovery_per_step": _series(on / cosines.shape[1]),
        "recovery_per_step_080": _series((cosines > TAU_LOOSE).mean(axis=1)),
        "alignment_per_step": _series(cosines.mean(axis=1)),
    }


def _series(values: np.ndarray[Any, Any]) -> str:
    return " ".join(f"{each:.6g}" for each in values)
