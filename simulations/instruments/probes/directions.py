"""Neurons started at a chosen cosine of a feature, run through the algorithm, and compared with their own feature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.update import CPU_TILE, Evaluation
from simulations.algorithms.provable.vectors import LANES
from simulations.measures.look import TAU
from theory.rare_events import cosine_of_tail

Array = np.ndarray[Any, Any]


def unit_rows(features: Array) -> Array:
    """Return the rows of `features` (k, d), none of them null, scaled to norm 1."""
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))


def conditional_directions(directions: Array, cosine: Array, rng: np.random.Generator) -> Array:
    """Return one unit vector (k, d) for each unit row of `directions` (k, d), at the given cosine (k,) to it.

    Implements: w = c vhat + sqrt(1 - c^2) z, z uniform on the unit sphere orthogonal to vhat (DESIGN section 7.2): the
    law of a uniform direction given <w, vhat> = c, exactly.
    """
    z = rng.standard_normal(directions.shape)
    for _ in range(2):  # twice is enough: the rest along vhat is then at rounding level
        z -= np.einsum("kd,kd->k", z, directions)[:, None] * directions
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return np.asarray(cosine[:, None] * directions + np.sqrt((1 - cosine) * (1 + cosine))[:, None] * z)


def cosines_between(depth: Array, depth_end: Array, d_model: int, rng: np.random.Generator) -> Array:
    """Draw the cosine of a uniform direction given that -log10 P(cos > c) is in [depth, depth_end), each (k,).

    `depth_end` may be inf: up to c = 1.  Implements: the inverse CDF in log space, S = 10^-depth (r + U (1 - r)),
    r = 10^(depth - depth_end), U uniform in (0, 1].
    """
    r = 10.0 ** (depth - depth_end)
    deeper = -np.log10(r + (1 - rng.random(depth.shape)) * (1 - r))
    return np.asarray(cosine_of_tail(-np.minimum(depth + deeper, 300.0) * math.log(10), d_model))


def trajectories(
    starts: Array, directions: Array, data: Evaluation, algorithm: Any, threads: int
) -> tuple[Array, Array]:
    """Run neurons from `starts` (k, d) and say which are on their own unit row of `directions` (k, d) at each state.

    Returns booleans (n_steps + 1, k), cosine above 0.9 before the first step and after each, and the last weights (k,
    d).
    """
    cosines, weights = alignments(starts, directions, data, algorithm, threads)
    return cosines > TAU, weights


def alignments(starts: Array, directions: Array, data: Evaluation, algorithm: Any, threads: int) -> tuple[Array, Array]:
    """Run neurons from `starts` (k, d) and return their cosine with their own unit row of `directions` (k, d).

    Returns cosines (n_steps + 1, k), before the first step and after each, and the last weights (k, d).  Neurons are
    worked on in tiles, `threads` of them side by side on a CPU; the results do not depend on it.
    """
    device = data.features.device
    tiles = [slice(first, first + CPU_TILE) for first in range(0, len(starts), CPU_TILE)]

    def work(tile: slice) -> tuple[Array, Array]:
        own = torch.from_numpy(directions[tile]).to(device, data.features.dtype)
        start = torch.from_numpy(starts[tile]).to(own)
        null = (0, 0, 0, -len(own) % LANES)  # the compiled kernel takes whole groups of neurons
        state = modified_ba.init(torch.nn.functional.pad(start, null), algorithm.target_frequency)
        states = [_cosine(state.weights[0], own)]
        for _ in range(algorithm.n_steps):
            state, _ = modified_ba.step(state, data, algorithm)
            states.append(_cosine(state.weights[0], own))
        return np.stack(states), state.weights[0, : len(own)].cpu().numpy()

    done = modified_ba.side_by_side(work, tiles, device, threads)
    return np.concatenate([each for each, _ in done], axis=1), np.concatenate([weights for _, weights in done])


def _cosine(weights: torch.Tensor, directions: torch.Tensor) -> Array:
    return np.asarray((weights[: len(directions)] * directions).sum(1).cpu().numpy())
