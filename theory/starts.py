"""What becomes of random starts: their strata, the range of them that matters, and how each ends by the recursion.

A start is u = c sqrt(d), c its cosine with the feature, in a stratum of exact mass; an instance stands for a feature.
PREDICTION.md, section 4.  Quadrature nodes only: no randomness.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray
from theory.prediction_nodes import Nodes, Start
from theory.prediction_recursion import Model, alignments
from theory.rare_events import cosine_of_tail, log_tail

Places = npt.NDArray[np.int64]

N_INSTANCES, N_RIVALS, N_STRATA, N_STARTS = 128, 512, 32, 8  # ours: instances, rivals and starts of each
FIRST_INSTANCES, FIRST_RIVALS, FIRST_STRATA = 16, 192, 14  # ours: the search for the range of starts that matter
FULL = 0.85  # ours: a share of the largest success beyond which starts are one stratum
MARGIN, SHORTEST = 2, 2.5  # ours: strata of that search below its first success, and the shortest range of u
COMMON = 0.5  # ours: how much of the variance of what a later step draws is common to all starts at a feature
AT_ONCE = 128  # ours: instances whose arrays stay in a processor's cache
FAR = 6.0  # ours: normal deviations above the bias at which a feature's samples all fire
LOWEST_LOG_TAIL = -300 * math.log(10)  # of `cosine_of_tail`
GOLDEN, PLASTIC = 0.6180339887498949, 0.7548776662466927  # irrational steps of a two-dimensional lattice


def outcomes_where_it_matters(model: Model, bias: float, tau: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log mass of the strata (S,), and of `outcomes` in them the starts (S, R) and successes (T + 1, S, R)."""
    edges = np.linspace(*range_of_starts(model, bias, tau), N_STRATA)
    log_mass, _ = strata(edges, model.d_model)
    return log_mass, *outcomes(model, bias, tau, edges, N_INSTANCES, N_RIVALS, N_STARTS)


def range_of_starts(model: Model, bias: float, tau: float) -> tuple[float, float]:
    """Return the starts u = c sqrt(d) between which success goes from rare to as frequent as it gets."""
    far = min(math.sqrt(model.d_model), math.sqrt(model.sparsity) * (FAR - bias) + FAR)
    edges = np.linspace(0.0, far, FIRST_STRATA + 1)[:-1]
    sizes = (FIRST_INSTANCES, FIRST_RIVALS, FIRST_STRATA)
    found = outcomes(model, bias, tau, edges, *sizes)[1][-1].mean(axis=1)
    if not found.any():
        return 0.0, float(edges[-1])
    first = int(np.flatnonzero(found)[0])
    last = int(np.flatnonzero(found >= FULL * found.max())[0])
    low = float(edges[max(first - MARGIN, 0)])
    return low, min(max(float(edges[last] + edges[1]), low + SHORTEST), float(edges[-1]))


def strata(edges: FloatArray, d_model: int) -> tuple[FloatArray, FloatArray]:
    """Return log mass and log tail of the starts from each edge u = c sqrt(d) to the next, the last to c = 1."""
    log_above = log_tail(np.minimum(edges / math.sqrt(d_model), 1.0), d_model)
    beyond = np.append(log_above[1:], -np.inf)
    return log_above + np.log(-np.expm1(beyond - log_above)), log_above


def outcomes(
    model: Model, bias: float, tau: float, edges: FloatArray, n_instances: int, n_rivals: int, n_starts: int
) -> tuple[FloatArray, FloatArray]:
    """Return the starts of each instance in each stratum (S, R), and those on the feature after 0 .. T: (T + 1, S, R).

    Each instance starts n_starts times, in strata spread over all of them; a place in a stratum is drawn by its mass.
    """
    nodes = model._replace(n_steps=model.n_steps + 1).nodes(n_instances, n_rivals, anywhere=True, single=True)
    log_mass, log_above = strata(edges, model.d_model)
    starts = np.zeros((len(edges), n_instances))
    ended = np.zeros((model.n_steps + 1, len(edges), n_instances))
    turns, instances = (each.ravel() for each in np.divmod(np.arange(n_starts * n_instances), n_instances))
    apart = len(edges) // n_starts
    places = apart * turns + (5 * instances + turns) % apart
    # The part of the stratum's mass that lies further out than the start.
    inside = (GOLDEN * instances + PLASTIC * (turns + 1)) % 1
    log_further = log_above[places] + np.log1p(-inside * np.exp(log_mass[places] - log_above[places]))
    cosines = cosine_of_tail(np.maximum(log_further, LOWEST_LOG_TAIL), model.d_model)
    starts[places, instances] += 1
    for first in range(0, len(turns), AT_ONCE):
        now = slice(first, first + AT_ONCE)
        turn, some, place = turns[now], instances[now], places[now]
        others = (some + turn + 1) % n_instances, (some + 2 * turn + 3) % n_instances
        drawn = _another_draw(nodes, cosines[now], some, *others)
        ended[:, place, some] += alignments(model, bias, drawn) > tau  # no instance is twice in a stratum
    return starts, ended


def _another_draw(nodes: Nodes, start: FloatArray, some: Places, first: Places, later: Places) -> Nodes:
    """Return the features of `some` instances with a start (k,) and what belongs to it: of `first` and `later` ones.

    What the features are (norms, overlaps, co-occurrences) belongs to an instance; the second direction, the luck of
    the first step and that of the feature's own samples, which fire or not as the neuron stands, to the start; new
    directions and luck of later steps, when neurons on their way to the feature are near each other, half to each.
    """
    kept, drawn = (np.asarray(math.sqrt(each), nodes.norm.dtype) for each in (COMMON, 1 - COMMON))
    return Nodes(
        weight=nodes.weight,
        overlap=nodes.overlap[some],
        cooccurrence=nodes.cooccurrence[some],
        sampling=np.concatenate(
            [nodes.sampling[:1, first], kept * nodes.sampling[1:, some] + drawn * nodes.sampling[1:, later]]
        ),
        fresh=kept * nodes.fresh[1:, some] + drawn * nodes.fresh[1:, later],
        norm=nodes.norm[some],
        own_sampling=nodes.own_sampling[first],
        occurrence=nodes.occurrence[some],
        radius=nodes.radius[:, some],
        start=Start(start.astype(nodes.norm.dtype), nodes.fresh[0, first]),
    )
