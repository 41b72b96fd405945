"""Paths of random neurons among the features: who wins, who loses, who stays mixed (Figure 16, arXiv 2506.14002v1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from simulations.algorithms.base import Runtime
from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.fit import evaluation_of
from simulations.algorithms.provable.vectors import LANES
from simulations.data.sampling import initial_directions
from simulations.instruments.base import Task
from simulations.instruments.probes.directions import unit_rows
from simulations.measures.look import TAU

Array = np.ndarray[Any, Any]
SHOWN = 8  # neurons of a kind whose paths are kept
KEPT, CHANGED, MIXED = range(3)


def paths(task: Task, runtime: Runtime) -> dict[str, Any]:
    """Run `n_probes` random neurons and tell of what becomes of them.

    The algorithm goes by projections <w, v_i>, which have the features' norms in them: the front-runner at the start,
    that of the largest, need not be the feature nearest in angle, and both are told of.
    The first feature of a neuron is the one nearest to its start.  Its rival is the feature that it ends on, where that
    is another; else the feature nearest to its end, but for the first.  A neuron keeps or changes where it ends within
    cosine 0.9 of the first or of another feature, and is mixed otherwise.
    """
    model, algorithm = task.model, task.algorithm
    source = model.fixed()
    data = evaluation_of(algorithm, [source], runtime.torch_device(), runtime.torch_dtype())
    starts = initial_directions(model.d_model, task.instrument.n_probes, model.seed)
    directions = unit_rows(source.sample.features)
    cosines = _cosines(starts, directions, data, algorithm)
    return told(cosines, np.linalg.norm(source.sample.features, axis=1))


def _cosines(starts: Array, directions: Array, data: Any, algorithm: Any) -> Array:
    """Return the cosines of each neuron with each feature before the first step and after each: (T + 1, k, n)."""
    weights = torch.from_numpy(starts).to(data.features.device, data.features.dtype)
    null = (0, 0, 0, -len(starts) % LANES)
    state = modified_ba.init(torch.nn.functional.pad(weights, null), algorithm.target_frequency)
    seen = [state.weights]
    for _ in range(algorithm.n_steps):
        state, _ = modified_ba.step(state, data, algorithm)
        seen.append(state.weights)
    return np.stack([each[0, : len(starts)].double().cpu().numpy() @ directions.T for each in seen])


def told(cosines: Array, norms: Array) -> dict[str, Any]:
    """Return the results from the cosines (T + 1, k, n) of k neurons with n features of norms |v_i| (n,)."""
    neurons = np.arange(cosines.shape[1])
    first, last = cosines[0].argmax(axis=1), cosines[-1].argmax(axis=1)
    on = cosines[-1, neurons, last] > TAU
    kind = np.where(on, np.where(first == last, KEPT, CHANGED), MIXED)
    without_first = cosines[-1].copy()
    without_first[neurons, first] = -np.inf
    rival = without_first.argmax(axis=1)
    points = [
        f"{which}:{m}:{step}:{cosines[step, m, first[m]]:.4f}:{cosines[step, m, rival[m]]:.4f}"
        for which in (KEPT, CHANGED, MIXED)
        for m in np.flatnonzero(kind == which)[:SHOWN].tolist()
        for step in range(len(cosines))
    ]
    shares = [float((kind == which).mean()) for which in (KEPT, CHANGED, MIXED)]
    names = ("kept_fraction", "changed_fraction", "mixed_fraction")
    ahead = [float((on & ((each * norms).argmax(axis=1) == last)).mean()) for each in cosines[:2]]
    fronts = {"kept_by_projection": ahead[0], "kept_after_one_step": ahead[-1]}
    return {"neuron_trajectories": " ".join(points)} | dict(zip(names, shares, strict=True)) | fronts
