"""Prediction without simulation: which share of the features a neuron that starts at one keeps.  See PREDICTION.md.

Canonical model: n features v_i ~ N(0, I_d), s active with weight h = 1/sqrt(s) on uniform supports, N samples, ReLU,
one fixed bias b, w <- g/||g||.  The recursion is exact in the features (Gaussian conditioning) and mean-field in the
supports; it has no fitted constant, and is summed over a fixed set of quadrature nodes: no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, at_least, cosine, frequency, require, shown, sparsity_within
from theory.closed_forms import bias_to_frequency, frequency_to_bias
from theory.prediction_recursion import Model, alignments

N_REPLICAS, N_RIVALS = 64, 1024  # ours: nodes; with four times as many the critical p moves by about 3%
ROUGH_REPLICAS, ROUGH_RIVALS = 16, 256  # ours: nodes of the search for a bracket
BIAS_STEP = 0.25  # ours: of the search; a band of learnability narrower than this may be missed
FEW_FIRINGS = 10  # ours: below this expected number of firings for its feature, a neuron is not predicted
REFINEMENTS = 2  # ours: of a bracket of BIAS_STEP, where a straight line crosses; then a third line


def learnable_fraction(
    n_features: npt.ArrayLike,
    d_model: npt.ArrayLike,
    sparsity: npt.ArrayLike,
    target_frequency: npt.ArrayLike,
    n_samples: npt.ArrayLike,
    n_steps: npt.ArrayLike,
    *,
    center: npt.ArrayLike = False,
    threshold: float = 0.9,
) -> FloatArray:
    """Return the predicted share of features at which a neuron, started there, is still after T steps, in [0, 1].

    The arguments broadcast: n >= 2 features, d >= 1 dimensions, s in [1, n], p in (0, 0.5], N >= 1 samples, T >= 0, all
    but p integers; `center` says whether the data are centred.  Still there: cosine with the feature above `threshold`.
    A neuron that fires on no sample keeps its weight, so it counts as still there.
    Implements: PREDICTION.md (ours; exact in V, mean-field in H).  Raises ValueError for arguments out of range.
    """
    tau = cosine("threshold", threshold)
    p = frequency("target_frequency", target_frequency)
    sizes = np.broadcast_arrays(n_features, d_model, sparsity, n_samples, n_steps, center, p)
    shares = np.empty(sizes[0].shape)
    for place in np.ndindex(shares.shape):
        model = model_of(*(each[place] for each in sizes[:-1]))
        shares[place] = _share_above(_final(model, float(sizes[-1][place])), tau)
    return np.asarray(shares)[()]


def alignment_trajectory(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
) -> FloatArray:
    """Return the predicted mean cosine with its feature of a neuron that starts there, after 0 .. T steps: (T + 1,).

    Arguments and errors as in `learnable_fraction`.
    """
    model = model_of(n_features, d_model, sparsity, n_samples, n_steps, center)
    bias = float(frequency_to_bias(target_frequency))
    return np.asarray(alignments(model, bias, model.nodes(N_REPLICAS, N_RIVALS)).mean(axis=1))


def learnable_by_step(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> FloatArray:
    """Return `learnable_fraction` after 0 .. T steps, (T + 1,), at the cost of one; arguments and errors as there."""
    tau = cosine("threshold", threshold)
    model = model_of(n_features, d_model, sparsity, n_samples, n_steps, center)
    bias = float(frequency_to_bias(frequency("target_frequency", target_frequency)))
    found = alignments(model, bias, model.nodes(N_REPLICAS, N_RIVALS))
    return np.array([_share_above(each, tau) for each in found])


def critical_frequency(
    n_features: int,
    d_model: int,
    sparsity: int,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
    level: float = 0.5,
    edge: str = "upper",
) -> float:
    """Return the target frequency p at which the predicted learnable fraction is `level`, NaN where none is.

    `edge` upper: the largest such p; lower: the smallest at which the neuron is expected to fire for its feature
    FEW_FIRINGS times at least.  The two levels 1/4 and 3/4 give the width of the transition.
    Other arguments and errors as in `learnable_fraction`; ValueError also for a level outside (0, 1) or another edge.
    """
    model, tau = model_of(n_features, d_model, sparsity, n_samples, n_steps, center), cosine("threshold", threshold)
    wanted = at_least("level", level, 0)
    require("level", wanted, (wanted > 0) & (wanted < 1), "in (0, 1)")
    if edge not in ("upper", "lower"):
        raise ValueError(f"edge={edge!r}, but should be upper or lower")

    @cache
    def excess(bias: float, n_replicas: int = N_REPLICAS, n_rivals: int = N_RIVALS) -> float:
        nodes = model.nodes(n_replicas, n_rivals)
        return _share_above(alignments(model, bias, nodes)[-1], tau) - level

    silent = _silent_bias(model)
    inside, outside = (silent, -BIAS_STEP / 2) if edge == "lower" else (-BIAS_STEP / 2, silent)
    found = _first_crossing(excess, inside, outside)
    return math.nan if found is None else float(bias_to_frequency(found))


def _silent_bias(model: Model) -> float:
    """Return the bias at which FEW_FIRINGS firings for its own feature are expected of a neuron at a feature."""
    s, occurrences = model.sparsity, model.n_samples * model.sparsity / model.n_features
    below = float(frequency_to_bias(min(0.5, FEW_FIRINGS / occurrences)))
    return max(-37.0, -math.sqrt(model.d_model / s) + below * math.sqrt((s - 1) / s))


def _first_crossing(excess: Callable[..., float], start: float, end: float) -> float | None:
    """Return the bias nearest `start` at which `excess` goes from negative to 0, walking towards `end`.

    A rough walk finds a bracket, which the full nodes correct and narrow.  None without a crossing, or when `excess` is
    not negative at `start`.
    """
    step = math.copysign(BIAS_STEP, end - start)
    n_steps = int(abs(end - start) / BIAS_STEP)
    rough = (k for k in range(n_steps + 1) if excess(start + k * step, ROUGH_REPLICAS, ROUGH_RIVALS) >= 0)
    k = next(rough, n_steps)
    while k > 0 and excess(start + (k - 1) * step) >= 0:
        k -= 1
    while k <= n_steps and (high := excess(start + k * step)) < 0:
        k += 1
    if k in (0, n_steps + 1):
        return None
    outer, inner = start + (k - 1) * step, start + k * step
    low = excess(outer)
    for _ in range(REFINEMENTS):
        middle = outer + (inner - outer) * min(max(low / (low - high), 0.1), 0.9)
        value = excess(middle)
        if value < 0:
            outer, low = middle, value
        else:
            inner, high = middle, value
    return outer + (inner - outer) * low / (low - high)


def model_of(n: object, d: object, s: object, n_samples: object, n_steps: object, center: object) -> Model:
    """Return the checked sizes; raises ValueError for arguments out of range."""
    names = ("n_features", "d_model", "sparsity", "n_samples", "n_steps")
    given = zip(names, (n, d, s, n_samples, n_steps), (2, 1, 1, 1, 0), strict=True)
    n_features, d_model, sparsity, samples, steps = (_count(*each) for each in given)
    sparsity_within(sparsity, n_features)
    if not isinstance(center, bool | np.bool_):
        raise ValueError(f"center={center!r}, but should be True or False")
    return Model(n_features, d_model, sparsity, samples, steps, bool(center))


def _count(name: str, value: object, low: int) -> int:
    number = at_least(name, np.asarray(value), low)
    if number.ndim or not float(number).is_integer():
        raise ValueError(f"{name}={value}, but should be an integer of at least {shown(low)}")
    return int(number)


def _final(model: Model, target_frequency: float) -> FloatArray:
    nodes = model.nodes(N_REPLICAS, N_RIVALS)
    return np.asarray(alignments(model, float(frequency_to_bias(target_frequency)), nodes)[-1])


def _share_above(values: FloatArray, threshold: float) -> float:
    """Return the share of the law of `values` above `threshold`, linear between their mid-ranks."""
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    return float(1 - np.interp(threshold, np.sort(values), ranks, left=0.0, right=1.0))
