"""Prediction without simulation: which share of the features a neuron that starts at one keeps.  See PREDICTION.md.

Canonical model: n features v_i ~ N(0, I_d), s active with weight h = 1/sqrt(s) on uniform supports, N samples, ReLU,
one fixed bias b, w <- g/||g||.  The recursion is exact in the features (Gaussian conditioning) and mean-field in the
supports; it has no fitted constant, and is summed over a fixed set of quadrature nodes: no randomness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, cosine, count, frequency, one_frequency, open_share, sparsity_within, switch
from theory.closed_forms import bias_to_frequency, frequency_to_bias
from theory.prediction_drive import MOST_ACTIVE
from theory.prediction_nodes import Nodes
from theory.prediction_recursion import Model, alignments

N_REPLICAS, N_RIVALS, N_SETS = 64, 1024, 4  # ours: nodes, and sets of instances
MOST_ASKED = 32  # ours: sets that the critical p is asked of at most, from N_SETS on the same with luck dealt anew
SPREAD, LOG_ERROR = 0.04, 0.02  # ours: of the share of one set from set to set; of log p, that it is asked for
ROUGH_REPLICAS, ROUGH_RIVALS, ROUGH_AT_ONCE = 16, 256, 6  # ours: nodes of the search for a bracket, and biases
BIAS_STEP = 0.25  # ours: of the search; a band of learnability narrower than this may be missed
FEW_FIRINGS = 10  # ours: below this expected number of firings for its feature, a neuron is not predicted
NARROW = 0.3  # ours: of BIAS_STEP; a shorter bracket holds too few instances to tell a slope
REFINEMENTS = 2  # ours: of a bracket of BIAS_STEP
STEEP = 0.5  # ours: rise of the share within a bracket, below which a straight line is close enough
LARGEST, MOST_SAMPLES = 10**12, 10**24  # of n and d, and of N: rounding in the masses of starts, single precision


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
    n_sets: int = N_SETS,
) -> FloatArray:
    """Return the predicted share of features at which a neuron, started there, is still after T steps, in [0, 1].

    The arguments broadcast: n >= 2 features, d >= 1 dimensions, s in [1, n], p in (0, 0.5], N >= 1 samples, T >= 0, all
    but p whole numbers (n, d <= 1e12, s <= 4096, N <= 1e24); `center` says whether the data are centred.  Still there:
    cosine with the feature above `threshold`.  T = 24 takes seconds, T = 100 half of a minute.
    A neuron that fires on no sample keeps its weight, so it counts as still there.  The share errs by about
    0.04 / sqrt(n_sets), at a cost in proportion.
    Implements: PREDICTION.md (ours; exact in V, mean-field in H).  Raises ValueError for arguments out of range.
    """
    tau, n_sets = cosine("threshold", threshold), count("n_sets", n_sets, 1)
    p = frequency("target_frequency", target_frequency)
    sizes = np.broadcast_arrays(n_features, d_model, sparsity, n_samples, n_steps, center, p)
    shares = np.empty(sizes[0].shape)
    for place in np.ndindex(shares.shape):
        model = model_of(*(each[place] for each in sizes[:-1]))
        shares[place] = _share_above(_all_sets(model, float(sizes[-1][place]), n_sets)[-1], tau)
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
    p = one_frequency("target_frequency", target_frequency)
    return np.asarray(_all_sets(model, p).mean(axis=1))


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
    n_sets: int = N_SETS,
) -> FloatArray:
    """Return `learnable_fraction` after 0 .. T steps, (T + 1,), at the cost of one; arguments and errors as there."""
    tau, n_sets = cosine("threshold", threshold), count("n_sets", n_sets, 1)
    model = model_of(n_features, d_model, sparsity, n_samples, n_steps, center)
    p = one_frequency("target_frequency", target_frequency)
    return np.array([_share_above(each, tau) for each in _all_sets(model, p, n_sets)])


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
    level = open_share("level", level)
    if edge not in ("upper", "lower"):
        raise ValueError(f"edge={edge!r}, but should be upper or lower")

    def share(bias: float, number: int) -> float:
        return _share_above(alignments(model, bias, _set(model, number))[-1], tau)

    def rough(biases: FloatArray) -> FloatArray:
        nodes = model.nodes(ROUGH_REPLICAS, ROUGH_RIVALS, single=True).repeated(len(biases))
        final = alignments(model, np.tile(biases, ROUGH_REPLICAS), nodes)[-1].reshape(ROUGH_REPLICAS, -1)
        return np.array([_share_above(each, tau) for each in final.T]) - level

    silent = _silent_bias(model)
    inside, outside = (silent, -BIAS_STEP / 2) if edge == "lower" else (-BIAS_STEP / 2, silent)
    found = _first_crossing(lambda bias: share(bias, 0) - level, rough, inside, outside, (-level, 1 - level))
    if found is None:
        return math.nan
    n_sets = _sets_needed(*found)
    return float(bias_to_frequency(_mean_crossing(*found, n_sets, lambda bias, number: share(bias, number) - level)))


def _silent_bias(model: Model) -> float:
    """Return the bias at which FEW_FIRINGS firings for its own feature are expected of a neuron at a feature."""
    s, occurrences = model.sparsity, model.n_samples * model.sparsity / model.n_features
    below = float(frequency_to_bias(min(0.5, FEW_FIRINGS / occurrences)))
    return max(-37.0, -math.sqrt(model.d_model / s) + below * math.sqrt((s - 1) / s))


def _sets_needed(bias: float, slope: float) -> int:
    """Return how many sets, at most MOST_ASKED, tell log p within LOG_ERROR where their share has that slope in b.

    d log p / d b = phi(b) / p; where a share takes long to fall, its spread from set to set is much of a change in p.
    """
    by_log = abs(slope) * float(bias_to_frequency(bias)) * math.sqrt(2 * math.pi) * math.exp(bias * bias / 2)
    wanted = (SPREAD / (LOG_ERROR * by_log)) ** 2 if by_log > 0 else math.inf
    return max(N_SETS, math.ceil(min(wanted, MOST_ASKED)))


def _mean_crossing(first: float, slope: float, n_sets: int, excess: Callable[[float, int], float]) -> float:
    """Return the mean bias at which the sets cross; `first` and the slope there are those of the first set.

    Each other set is asked once, where those before it cross on average, and is taken to have that slope.
    """
    places = [first]
    for number in range(1, n_sets):
        bias = sum(places) / len(places)
        moved = -excess(bias, number) / slope if slope else 0.0
        places.append(min(bias + min(max(moved, -BIAS_STEP), BIAS_STEP), 0.0))
    return sum(places) / n_sets


def _first_crossing(
    excess: Callable[[float], float],
    rough: Callable[[FloatArray], FloatArray],
    start: float,
    end: float,
    ends: tuple[float, float],
) -> tuple[float, float] | None:
    """Return the bias nearest `start` at which `excess` goes from negative to 0, walking towards `end`, and its slope.

    A rough walk finds a bracket, which the full nodes correct and, where it is steep, narrow; but where the rough ones
    are all lost or all kept, an excess of `ends`, they are believed.  None without a crossing, or when `excess` is not
    negative at `start`.
    """
    step = math.copysign(BIAS_STEP, end - start)
    n_steps = int(abs(end - start) / BIAS_STEP)
    k, known = n_steps, dict[int, float]()
    for first in range(0, n_steps + 1, ROUGH_AT_ONCE):
        some = np.arange(first, min(first + ROUGH_AT_ONCE, n_steps + 1))
        values = rough(np.asarray(start + some * step, np.float64))
        known |= {int(place): float(value) for place, value in zip(some, values, strict=True) if value in ends}
        held = np.flatnonzero(values >= 0)
        if held.size:
            k = int(some[held[0]])
            break

    @cache
    def at(place: int) -> float:
        return known[place] if place in known else excess(start + place * step)

    while k > 0 and at(k - 1) >= 0:
        k -= 1
    while k <= n_steps and at(k) < 0:
        k += 1
    if k in (0, n_steps + 1):
        return None
    outer, inner = start + (k - 1) * step, start + k * step
    low, high = at(k - 1), at(k)
    slope = (high - low) / step
    for _ in range(REFINEMENTS):
        if high - low < STEEP:
            break
        middle = outer + (inner - outer) * min(max(low / (low - high), 0.1), 0.9)
        value = excess(middle)
        if value < 0:
            outer, low = middle, value
        else:
            inner, high = middle, value
        if abs(inner - outer) > NARROW * abs(step):
            slope = (high - low) / (inner - outer)
    return outer + (inner - outer) * low / (low - high), slope


def model_of(
    n: npt.ArrayLike,
    d: npt.ArrayLike,
    s: npt.ArrayLike,
    n_samples: npt.ArrayLike,
    n_steps: npt.ArrayLike,
    center: object,
    *,
    least_d: int = 1,
) -> Model:
    """Return the checked sizes; raises ValueError for arguments out of range."""
    n_features, d_model = count("n_features", n, 2, LARGEST), count("d_model", d, least_d, LARGEST)
    sparsity = count("sparsity", s, 1)
    sparsity_within(sparsity, n_features)
    count("sparsity", s, 1, MOST_ACTIVE)  # beyond, the grid of projections is too coarse
    samples, steps = count("n_samples", n_samples, 1, MOST_SAMPLES), count("n_steps", n_steps, 0)
    return Model(n_features, d_model, sparsity, samples, steps, switch("center", center))


@lru_cache(maxsize=128)  # thresholds ask for the same
def _all_sets(model: Model, target_frequency: float, n_sets: int = N_SETS) -> FloatArray:
    """Return the cosines of the instances of the first sets after 0 .. T steps, (T + 1, R)."""
    bias = float(frequency_to_bias(target_frequency))
    return np.concatenate([alignments(model, bias, _set(model, number)) for number in range(n_sets)], axis=1)


def _set(model: Model, number: int) -> Nodes:
    """Return a set of instances: from N_SETS on those before with their luck dealt anew."""
    return model.nodes(N_REPLICAS, N_RIVALS, number=number % N_SETS, single=True).dealt(number // N_SETS)


def _share_above(values: FloatArray, threshold: float) -> float:
    """Return the share of the law of `values` above `threshold`, linear between their mid-ranks."""
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    return float(1 - np.interp(threshold, np.sort(values), ranks, left=0.0, right=1.0))
