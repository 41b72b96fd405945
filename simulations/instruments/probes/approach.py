"""Approach: how many steps neurons take to a feature from where the best of many random neurons starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulations.algorithms.base import Runtime
from simulations.algorithms.provable.fit import evaluation_of
from simulations.base.streams import stream
from simulations.instruments.base import Task
from simulations.instruments.probes.directions import alignments, conditional_directions, unit_rows
from simulations.instruments.probes.learnability import followed, probed_features
from theory.rare_events import cosine_of_tail


def approach(task: Task, runtime: Runtime) -> dict[str, Any]:
    """Start one neuron at cosine c of each of `n_probes` features, P(cosine > c) = 10^-start_depth, and follow it.

    c is about the largest cosine of 10^start_depth random neurons to a feature.  Returns arrived_fraction with its
    interval (as learnability's), recovery_per_step: the share within cosine 0.9 of their own feature before the first
    step and after each, also at 0.8, and alignment_per_step: their mean cosine.
    """
    model, algorithm = task.model, task.algorithm
    source = model.fixed()
    chosen = probed_features(model.n_features, model.seed, "approach", task.instrument.n_probes)
    evaluation = evaluation_of(algorithm, [source], runtime.torch_device(), runtime.torch_dtype())
    directions = unit_rows(source.sample.features[chosen])
    cosine = float(cosine_of_tail(-task.instrument.start_depth * math.log(10), model.d_model))
    rng = stream("init", model.seed, instrument="approach", d_model=model.d_model, n_probes=len(chosen))
    starts = conditional_directions(directions, np.full(len(chosen), cosine), rng)
    cosines, _ = alignments(starts, directions, evaluation, algorithm, runtime.threads)
    return followed("arrived_fraction", cosines) | {"start_cosine": cosine}
