"""What the measures look at: a fitted dictionary and its data, with what several measures need worked out once."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulations.algorithms.base import Fitted
from simulations.data.sampling import Sample
from simulations.data.source import Source
from theory import identifiability
from theory.hypotheses import feature_frequencies

Array = npt.NDArray[Any]
TAU, TAU_LOOSE = 0.9, 0.8


class Firing(NamedTuple):
    """What an autoencoder does on held-out samples: per neuron (M,) and in all.

    The Z-score of a neuron is (largest activation - mean) / standard deviation, 0 where it never fires; FVU is
    sum ||f(x) - x||^2 / sum ||x - mean x||^2, nan where x does not vary.
    """

    frequency: Array
    mean: Array
    z_score: Array
    l0: float
    variance_unexplained: float


class Look:
    """A fitted dictionary and its data."""

    def __init__(self, fitted: Fitted, source: Source) -> None:
        self.fitted, self.source = fitted, source

    @cached_property
    def weights(self) -> Array:
        """The dictionary W (M, d)."""
        return np.asarray(self.fitted.dictionary)

    @cached_property
    def truth(self) -> Sample | None:
        """V, with support and values of the held-out rows; None without ground truth."""
        return self.source.truth

    @cached_property
    def features(self) -> Array:
        """V (n, d) in the type of the dictionary; only with ground truth."""
        assert self.truth is not None
        return self.truth.features.astype(self.weights.dtype)

    @cached_property
    def comparison(self) -> identifiability.Comparison:
        """Best cosines between neurons and features; only with ground truth."""
        return identifiability.compare(self.weights, self.features)

    @cached_property
    def feature_frequency(self) -> Array:
        """f_i (n,) on the held-out rows; only with ground truth."""
        assert self.truth is not None
        return feature_frequencies(self.truth.support, self.truth.values, len(self.truth.features))

    @cached_property
    def firing(self) -> Firing | None:
        """What the codes do on held-out rows; None where there are no codes."""
        return firing(self.fitted)

    @cached_property
    def frequency(self) -> Array | None:
        """p_m (M,), on held-out rows or, without codes, as training saw it; None where neither is known."""
        return self.firing.frequency if self.firing is not None else self.fitted.activation_frequency


def firing(fitted: Fitted) -> Firing | None:
    """Return what the codes of a dictionary do on the held-out rows of its data; None where there are no codes."""
    if fitted.held_out is None:
        return None
    import torch

    blocks, error, rows, seen = None, 0.0, 0, []
    for codes, output, part in fitted.held_out():
        codes, output, part = (torch.as_tensor(each) for each in (codes, output, part))
        if blocks is None:
            zero = torch.zeros(codes.shape[1], device=codes.device, dtype=torch.float64)
            blocks = [zero, zero.clone(), zero.clone(), zero.clone()]
        fired, total, square, top = blocks
        fired += (codes != 0).to(codes.dtype).sum(0)
        total += codes.sum(0)
        square += codes.square().sum(0)
        blocks[3] = torch.maximum(top, codes.amax(0))
        error += float((output - part).square().sum(dtype=torch.float64))
        rows += len(part)
        seen.append(part)
    assert blocks is not None, "no held-out rows"
    fired, total, square, top = blocks
    mean = total / rows
    deviation = (square / rows - mean.square()).clamp(min=0).sqrt()
    # A constant code has top = mean up to rounding, on either side: no selectivity, not a negative one.
    z_score = torch.where(deviation > 0, (top - mean).clamp(min=0) / deviation.clamp(min=1e-300), 0.0)
    x = torch.cat(seen)
    spread = float((x - x.mean(0)).square().sum(dtype=torch.float64))
    frequency, average, z_score_of = (each.cpu().numpy() for each in (fired / rows, mean, z_score))
    return Firing(frequency, average, z_score_of, float(fired.sum()) / rows, error / spread if spread else math.nan)
