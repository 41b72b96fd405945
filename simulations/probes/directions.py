"""Neurons started at a chosen cosine of a feature, run through the algorithm, and compared with their own feature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from simulations import modified_ba
from simulations.cells import DTYPES
from simulations.evaluation import Evaluation
from simulations.measures import TAU
from simulations.settings import Settings
from theory.rare_events import cosine_of_tail

Array = np.ndarray[Any, Any]
ROWS_AT_ONCE = 8_192  # pairs compared at a time, so that no array has a row per sample or per feature


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


def cosines_between(log10_low: Array, log10_high: Array, d_model: int, rng: np.random.Generator) -> Array:
    """Draw the cosine of a uniform direction given that its tail P(cos > c) lies between two powers of ten, (k,).

    `log10_low` < `log10_high` <= 0 are the logs of the tail at the stratum's upper and lower end; -inf is c = 1.
    Implements: inverse CDF in log space: log10 S = high + log10(r + U (1 - r)), r = 10^(low - high), U uniform.
    """
    r = 10.0 ** (log10_low - log10_high)
    log10_tail = log10_high + np.log10(r + (1 - rng.random(log10_high.shape)) * (1 - r))
    return np.asarray(cosine_of_tail(np.maximum(log10_tail, -300.0) * math.log(10), d_model))


def run(starts: Array, data: Evaluation, settings: Settings, threads: int) -> Array:
    """Return where neurons (k, d) end after n_steps steps of the algorithm, unit rows (k, d)."""
    weights = torch.from_numpy(starts).to(data.features.device, DTYPES[settings.dtype])
    state = modified_ba.init(weights, settings.target_frequency)
    return np.asarray(modified_ba.run(state, data, settings, threads=threads).weights[0].cpu().numpy())


def on_own_feature(weights: Array, directions: Array) -> Array:
    """Return whether each row of `weights` (k, d) has a cosine above 0.9 with its own unit row of `directions`."""
    cosine = np.concatenate(
        [
            np.einsum("kd,kd->k", weights[k : k + ROWS_AT_ONCE], directions[k : k + ROWS_AT_ONCE], dtype=np.float64)
            for k in range(0, len(weights), ROWS_AT_ONCE)
        ]
    )
    return np.asarray(cosine > TAU)
