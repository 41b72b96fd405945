"""Recovery at any width, size and time without simulation: the recursion of PREDICTION.md, started anywhere.

A random neuron meets feature i at cosine c, of known density, and ends on it with probability pi_i(c): that gives the
chance P_i that it learns i, and with it the recovery rate at every width.  Instances stand for features; the average
over them is outside of 1 - (1-P)^M, the average over starts inside P.  Quadrature nodes only: no randomness.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, at_least, cosine, frequency, require
from theory.closed_forms import frequency_to_bias
from theory.prediction import critical_frequency, learnable_fraction, model_of
from theory.prediction_nodes import Nodes, Start
from theory.prediction_recursion import Model, alignments
from theory.rare_events import cosine_of_tail, log_required_width, log_tail, recovery_curve

N_REPLICAS, N_RIVALS, N_STARTS = 64, 448, 28  # ours: instances, rivals of each, strata of the start
ROUGH_REPLICAS, ROUGH_RIVALS, ROUGH_STARTS = 16, 192, 14  # ours: the search for the range of starts that matter
ROUGH = (32, 128, 8)  # ours: of a search over settings
FULL = 0.85  # ours: a share of the largest success beyond which starts are one stratum
POOL = 2  # ours: how many more or fewer successes instances that are pooled may have
FAR = 6.0  # ours: normal deviations above the bias at which a feature's samples all fire
LOWEST_LOG_TAIL = -300 * math.log(10)  # of `cosine_of_tail`
GOLDEN, PLASTIC = 0.6180339887498949, 0.7548776662466927  # irrational steps of a two-dimensional lattice


class Prediction(NamedTuple):
    """What the theory says of one setting: shares in [0, 1], a probability, a width (or inf), a frequency (or NaN)."""

    predicted_recovery_rate: FloatArray
    learnable_fraction: float
    success_probability: float
    required_width: float
    critical_frequency: float


class Success(NamedTuple):
    """Log P_i of R typical features, (R,): the chance that a random neuron ends within tau of the feature."""

    log_probability: FloatArray

    def recovery_rate(self, n_neurons: npt.ArrayLike) -> FloatArray:
        """Return E [1 - (1-P_i)^M] at each width M >= 1."""
        return recovery_curve(self.log_probability, np.log(at_least("n_neurons", n_neurons, 1)))

    def width(self, target_recovery: float) -> float:
        """Return the width that reaches the target in (0, 1), inf where none does (or none below 1e308)."""
        log_width = log_required_width(self.log_probability, target_recovery)
        return math.exp(log_width) if log_width < 709 else math.inf


def predicted_recovery_rate(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    n_neurons: npt.ArrayLike,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> FloatArray:
    """Return the predicted share of features that M random neurons recover, in [0, 1], in the shape of `n_neurons`.

    n >= 2, d >= 2, s in [1, n], p in (0, 0.5], N >= 1, T >= 0, M >= 1.  A curve over M costs as much as one value.
    Implements: FRR(M) = E_i [1 - (1-P_i)^M], P_i = integral of pi_i(c) f_d(c) dc (ours; DESIGN section 7.2 without
    simulation, PREDICTION.md section 4).  Raises ValueError for arguments out of range.
    """
    at_least("n_neurons", n_neurons, 1)
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success(*sizes, center=center, threshold=threshold).recovery_rate(n_neurons)


def success_probability(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> float:
    """Return the predicted chance that a random neuron learns a given feature: the mean of P_i over features.

    Arguments and errors as in `predicted_recovery_rate`; 0 below 1e-300.
    """
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return float(np.exp(success(*sizes, center=center, threshold=threshold).log_probability).mean())


def required_width(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
    target_recovery: float = 0.95,
) -> float:
    """Return the width M >= 1 at which the predicted recovery rate is `target_recovery` in (0, 1); inf where none is.

    Other arguments and errors as in `predicted_recovery_rate`.
    """
    require("target_recovery", np.asarray(target_recovery, float), 0 < target_recovery < 1, "in (0, 1)")
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success(*sizes, center=center, threshold=threshold).width(target_recovery)


def predict(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    n_neurons: npt.ArrayLike,
    *,
    center: bool = False,
    threshold: float = 0.9,
    target_recovery: float = 0.95,
) -> Prediction:
    """Return all that the theory predicts of one setting; arguments and errors as in the functions of these names."""
    require("target_recovery", np.asarray(target_recovery, float), 0 < target_recovery < 1, "in (0, 1)")
    at_least("n_neurons", n_neurons, 1)
    sizes, rest = (n_features, d_model, sparsity), (n_samples, n_steps)
    found = success(*sizes, target_frequency, *rest, center=center, threshold=threshold)
    return Prediction(
        found.recovery_rate(n_neurons),
        float(learnable_fraction(*sizes, target_frequency, *rest, center=center, threshold=threshold)),
        float(np.exp(found.log_probability).mean()),
        found.width(target_recovery),
        critical_frequency(*sizes, *rest, center=center, threshold=threshold),
    )


def success(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
) -> Success:
    """Return the chances P_i of typical features; arguments and errors as in `predicted_recovery_rate`."""
    sizes = (n_features, d_model, sparsity, target_frequency, n_samples, n_steps)
    return success_by_step(*sizes, center=center, threshold=threshold)[-1]


def success_by_step(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_frequency: float,
    n_samples: int,
    n_steps: int,
    *,
    center: bool = False,
    threshold: float = 0.9,
    rough: bool = False,
) -> list[Success]:
    """Return `success` after 0 .. T steps, in the range of starts that matters after T, at the cost of one.

    `rough` takes a tenth of the time, for a search over settings; other arguments and errors as in `success`.
    """
    at_least("d_model", d_model, 2)
    tau = cosine("threshold", threshold)
    bias = float(frequency_to_bias(frequency("target_frequency", target_frequency)))
    model = model_of(n_features, d_model, sparsity, n_samples, n_steps, center)
    far = min(math.sqrt(model.d_model), math.sqrt(model.sparsity) * (FAR - bias) + FAR)
    n_replicas, n_rivals, n_starts = ROUGH if rough else (N_REPLICAS, N_RIVALS, N_STARTS)
    low, high = (0.0, far / 2) if rough else _range(model, bias, tau, far)
    edges = np.linspace(low, high, n_starts)
    ended = _outcomes(model, bias, tau, edges, n_replicas, n_rivals)
    log_mass, _ = _strata(edges, model.d_model)
    return [Success(_at_most_one(_pooled(each, log_mass), model.n_features)) for each in ended]


def _range(model: Model, bias: float, tau: float, far: float) -> tuple[float, float]:
    """Return the starts u = c sqrt(d) between which success goes from rare to as frequent as it gets."""
    edges = np.linspace(0.0, far, ROUGH_STARTS + 1)[:-1]
    found = _outcomes(model, bias, tau, edges, ROUGH_REPLICAS, ROUGH_RIVALS)[-1].mean(axis=1)
    if not found.any():
        return 0.0, float(edges[-1])
    first = int(np.flatnonzero(found)[0])
    last = int(np.flatnonzero(found >= FULL * found.max())[0])
    return float(edges[max(first - 1, 0)]), float(min(edges[last] + edges[1], edges[-1]))


def _pooled(ended: npt.NDArray[np.bool_], log_mass: FloatArray) -> FloatArray:
    """Return log P_i (R,) from few outcomes (strata, R) of each instance: its count of successes says where it turns.

    Implements: a location family.  Had all instances one curve pi(place - mu_i), the count would be all that the
    outcomes say of mu_i; so P_i is the mean over instances of nearly as many successes, each shifted by the difference
    of the counts.  Without any success P_i = 0.
    """
    count = ended.sum(axis=0)
    result = np.full(count.size, -np.inf)
    for each in np.unique(count[count > 0]):
        share = _shifted_mean(ended[:, count > 0], count[count > 0], int(each))
        result[count == each] = min(np.log(np.exp(log_mass - log_mass[0]) @ share) + log_mass[0], 0.0)
    return result


def _shifted_mean(ended: npt.NDArray[np.bool_], count: npt.NDArray[np.int64], wanted: int) -> FloatArray:
    """Return the share of successes in each stratum at `wanted` successes, (strata,), from instances near it."""
    distance = np.abs(count - wanted)
    near = distance <= POOL
    places = np.arange(len(ended))
    total = np.zeros(len(ended))
    for each in np.flatnonzero(near):
        source = places + wanted - count[each]  # with more successes the curve lies further down
        inside = ended[np.clip(source, 0, len(ended) - 1), each]
        total += np.where(source < 0, False, inside)
    return np.asarray(total / near.sum())


def _at_most_one(log_probability: FloatArray, n_features: int) -> FloatArray:
    """Return log P_i scaled down to sum_i P_i <= 1 over the n features: a neuron ends on one of them at most."""
    log_sum = np.logaddexp.reduce(log_probability) + math.log(n_features / len(log_probability))
    return log_probability - max(float(log_sum), 0.0)


def _strata(edges: FloatArray, d_model: int) -> tuple[FloatArray, FloatArray]:
    """Return log mass and log tail of the starts from each edge u = c sqrt(d) to the next, the last to c = 1."""
    log_above = log_tail(np.minimum(edges / math.sqrt(d_model), 1.0), d_model)
    beyond = np.append(log_above[1:], -np.inf)
    return log_above + np.log(-np.expm1(beyond - log_above)), log_above


def _outcomes(
    model: Model, bias: float, tau: float, edges: FloatArray, n_replicas: int, n_rivals: int
) -> npt.NDArray[np.bool_]:
    """Return whether a start in each stratum is on its feature after 0 .. T steps, (T + 1, strata, R).

    Places within a stratum are drawn by its mass.
    """
    nodes = model._replace(n_steps=model.n_steps + 1).nodes(n_replicas, n_rivals, anywhere=True)
    nodes = _single_precision(nodes)
    log_mass, log_above = _strata(edges, model.d_model)
    ended = np.empty((model.n_steps + 1, len(edges), n_replicas), dtype=bool)
    replica = np.arange(n_replicas)
    for place in range(len(edges)):
        # The part of the stratum's mass that lies further out than the start.
        inside = (GOLDEN * replica + PLASTIC * (place + 1)) % 1
        log_further = log_above[place] + np.log1p(-inside * np.exp(log_mass[place] - log_above[place]))
        start = cosine_of_tail(np.maximum(log_further, LOWEST_LOG_TAIL), model.d_model)
        drawn = _another_draw(nodes, start, (replica + place + 1) % n_replicas)
        ended[:, place] = alignments(model, bias, drawn) > tau
    return ended


def _single_precision(nodes: Nodes) -> Nodes:
    """Return the nodes in single precision, in which the recursion runs twice as fast; tables stay in double."""
    single = {name: each.astype(np.float32) for name, each in nodes._asdict().items() if name != "start"}
    return nodes._replace(**single)


def _another_draw(nodes: Nodes, start: FloatArray, other: npt.NDArray[np.int64]) -> Nodes:
    """Return the same features with a start (R,), its second direction and its luck taken from the `other` instances.

    What the features are (norms, overlaps, co-occurrences) and the luck near the end belong to an instance; the luck of
    the first step and of the feature's own samples, which fire or not as the neuron stands, to the draw.
    """
    sampling = np.concatenate([nodes.sampling[:1, other], nodes.sampling[1:]])
    return nodes._replace(
        start=Start(start.astype(nodes.norm.dtype), nodes.fresh[0, other]),
        fresh=nodes.fresh[1:],
        sampling=sampling,
        own_sampling=nodes.own_sampling[other],
    )
