"""The recursion behind the prediction: one neuron, its feature and the rivals, step by step.  See PREDICTION.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from theory.checks import FloatArray
from theory.prediction_drive import Bias, Drive, Neuron, Population, driven_again, period, shared_drive, spacing
from theory.prediction_frame import Frame, row_sums
from theory.prediction_nodes import Nodes, make_nodes


class Model(NamedTuple):
    """The sizes n, d, s, N, T, and whether the data are centred; checked by the callers."""

    n_features: int
    d_model: int
    sparsity: int
    n_samples: int
    n_steps: int
    center: bool

    def nodes(
        self, n_replicas: int, n_rivals: int, *, anywhere: bool = False, number: int = 0, single: bool = False
    ) -> Nodes:
        """Return a set of quadrature nodes for this model, for starts at the feature or anywhere."""
        n, s = self.n_features, self.sparsity
        cooccurrences = self.n_samples * s * (s - 1) / (n * (n - 1))
        return make_nodes(n, self.d_model, cooccurrences, self.n_steps, n_replicas, n_rivals, anywhere, number, single)


class Sampling:
    """The luck of finite N: unit Gaussians (R, K), as equal from step to step as the firings behind them are."""

    def __init__(self, nodes: Nodes, bias: Bias, scale: float) -> None:
        """Start without a history; `scale` is h."""
        self.nodes, self.bias, self.scale, self.n_past = nodes, bias, scale, 0
        self._before: tuple[FloatArray, ...] = ()

    def draw(self, u: FloatArray, mean: FloatArray, square: FloatArray) -> FloatArray:
        """Return the luck at projections `u`, of E psi and of E psi^2, its variance (all R, K), given the step before.

        Implements: r E psi(y) psi(y + h |u' - u|) / sqrt(v v'), v and v' the variances, correlate; r = E psi(y) psi(y')
        / E psi(y)^2, where y, y' correlate as u does between the steps.  Where a rival has grown the samples that fired
        are among those that fire, E psi psi' = v + 2 h |u' - u| E psi; what is new is independent.  Markov (ours).
        """
        weight, tiny = self.nodes.weight, np.finfo(u.dtype).tiny
        apart = u - (u @ weight / weight.sum())[:, None]
        weighted = weight * apart
        size = np.sqrt(row_sums(weighted, apart))
        luck: FloatArray = self.nodes.sampling[self.n_past]
        if self.n_past:
            u_before, apart_before, size_before, mean_before, square_before, luck_before = self._before
            correlation = row_sums(weighted, apart_before) / np.maximum(size * size_before, tiny)
            equal = np.minimum(shared_drive(correlation, self.bias), 1).astype(u.dtype)
            shared = abs(u - u_before)
            shared *= np.minimum(mean, mean_before)
            shared *= 2 * self.scale
            shared += np.minimum(square, square_before)
            with np.errstate(over="ignore"):  # where luck of one of the steps has no size: clipped, and not heard
                shared /= np.maximum(np.sqrt(square * square_before), tiny)
            shared = np.clip(shared, 0, 1, out=shared)
            shared *= equal[:, None]
            luck = shared * luck_before + np.sqrt(1 - shared * shared) * luck
        self.n_past += 1
        self._before = (u, apart, size, mean, square, luck)
        return luck

    def fed(self, u: FloatArray, memory: FloatArray, mean: FloatArray, rise: FloatArray) -> FloatArray:
        """Return what a sample that fired adds to E psi, per company / (N f), before the luck is drawn: (R, K).

        `rise` is that of P(y > -b) with u; `memory` (R,) that of the frame: the others in a sample have grown by
        memory psi(y) / (N f) each, so that y' is larger by h times that.
        """
        if not self.n_past:
            return np.zeros_like(u)
        u_before, mean_before = self._before[0], self._before[3]
        change, weight = self.scale * (u - u_before), self.nodes.weight
        apart = change - (change @ weight / weight.sum())[:, None]
        spread = np.sqrt(row_sums(weight * apart, apart) / weight.sum() * (1 / self.scale**2 - 1))
        again = driven_again(mean, mean_before, rise / self.scale, change, spread[:, None].astype(u.dtype), self.bias)
        return np.asarray(self.scale * memory[:, None] * again)


class Update(NamedTuple):
    """c = H^T psi(H u) in units of N f h, of the feature (R,) and of the rivals (R, K); expected firings (R,)."""

    own: FloatArray
    rivals: FloatArray
    firings: FloatArray


def _distinct(
    population: Population, n_terms: int, among: int, mean: FloatArray, projection: FloatArray, neuron: Neuron
) -> Drive:
    """Return the drive at `projection` beside `n_terms` distinct ones of `among` features, their mean (R, any).

    Independent draws S, moved and shrunk about their mean, get the mean and the variance of draws without replacement.
    """
    shrink = population.shrink(n_terms, 1 - max(n_terms - 1, 0) / max(among - 1, 1))
    centre = projection + n_terms * (mean - shrink * population.mean[:, None])
    return population.rest(n_terms).drive(centre / shrink, neuron._replace(scale=neuron.scale * shrink))


def update(
    own_u: FloatArray,
    u: FloatArray,
    luck: FloatArray | Callable[[FloatArray, FloatArray], FloatArray],
    nodes: Nodes,
    model: Model,
    bias: Bias,
    fed: Callable[[FloatArray, FloatArray], FloatArray] | None = None,
) -> Update:
    """Return what the samples add up to for a neuron with projections `own_u` (R,) and `u`, `luck` (R, K).

    The luck may depend on E psi and on its variance, `fed` on E psi and on the rise of P(y > -b) with u, all (R, K): by
    what the others in a sample have grown, times (s - 1) / (N f).

    Implements: c_k = (1 - q) E psi + q m_k E psi(with v_1) + sampling noise, q = (s - 1)/(n - 1), m_k the share of
    co-occurrences; centred, c_k - (1/n) sum_j c_j.  PREDICTION.md, section 2.
    """
    n, s = model.n_features, model.sparsity
    density, q = s / n, (s - 1) / (n - 1)
    occurrences = model.n_samples * density
    total = u @ nodes.weight
    mean_of_data = density / math.sqrt(s) * (own_u + total)
    neuron = Neuron(bias, 1 / math.sqrt(s), mean_of_data if model.center else np.zeros_like(total))
    population = Population(u, nodes.weight, spacing(s), period(s))

    # The features in the company of v_1 are those it has met more often than the average.  One look at the law of s - 1
    # others, for the feature and a rival alone, and one of s - 2, for a rival counted twice and one with the feature.
    meetings = nodes.cooccurrence @ nodes.weight
    company = row_sums(nodes.cooccurrence, nodes.weight * u) / np.where(meetings > 0, meetings, 1)
    company = np.where(meetings > 0, company, population.mean)
    grid = np.broadcast_to(population.grid(), (len(u), population.n_cells))
    average = np.broadcast_to(population.mean[:, None], grid.shape)
    means, places = np.hstack([company[:, None], average]), np.hstack([own_u[:, None], grid])
    mine, alone = _distinct(population, s - 1, n - 1, means, places, neuron).split(1)
    own = np.maximum(mine.mean + np.sqrt(mine.variance / occurrences) * nodes.own_sampling[:, None], 0)[:, 0]
    # How many samples hold v_1 scales what it gets, and how often it meets the others.
    number = np.maximum(1 + nodes.occurrence * math.sqrt((1 - density) / occurrences), 0)
    own *= number

    mean, square = alone.mean, alone.square
    with_it, noise_with_it = np.zeros((2, len(u), 1))
    if s > 1:
        others = (total[:, None] - grid) / max(n - 2, 1)
        means, places = np.hstack([average, others]), np.hstack([2 * grid, grid + own_u[:, None]])
        twice, both = _distinct(population, s - 2, n - 2, means, places, neuron).split(population.n_cells)
        with_it, noise_with_it = (q * number[:, None] * each for each in (both.mean, both.variance))
        # The law of the others holds the rival itself, which is not its own company: to first order in 1/n.
        mean = mean + (s - 1) / max(n - 2, 1) * (mean - twice.mean)
        square = square + (s - 1) / max(n - 2, 1) * (square - twice.square)
    here, with_it, noise, noise_with_it = population.at_rivals((1 - q) * mean, with_it, (1 - q) * square, noise_with_it)
    noise_with_it *= nodes.cooccurrence
    noise += noise_with_it
    np.maximum(noise, 0, out=noise)
    more: FloatArray | float = 0.0
    if fed is not None:
        (rise,) = population.at_rivals(np.gradient(alone.share, population.cell, axis=1))
        more = fed(here, rise) * ((s - 1) / occurrences)
    c = (luck(here, noise) if callable(luck) else luck) * np.sqrt(noise / occurrences)
    c += more
    with_it *= nodes.cooccurrence
    c += with_it
    c += here
    firings = model.n_samples * (1 - density) * population.average(alone.share) + occurrences * mine.share[:, 0]
    if model.center:
        mean = (own + c @ nodes.weight) / n
        own -= mean
        c -= mean[:, None].astype(c.dtype)
    return Update(own, c, firings)


def alignments(model: Model, bias: Bias, nodes: Nodes) -> FloatArray:
    """Return the cosine <w, v_1>/||v_1|| of a neuron from v_1, or nodes.start, after 0 .. T steps: (T + 1, R).

    One bias for all instances, or one for each, (R,).
    """
    frame, sampling = Frame(nodes), Sampling(nodes, bias, 1 / math.sqrt(model.sparsity))
    cosines = [frame.position[:, 0].copy()]
    at_feature = nodes.start is None
    for _ in range(model.n_steps):
        own_u, u = frame.projections()
        fed = partial(sampling.fed, u, frame.memory)
        seen = update(own_u, u, partial(sampling.draw, u), nodes, model, bias, fed if at_feature else None)
        # A neuron that fires on no sample keeps its weight: the likelier case below log 2 expected firings.
        frame.move(seen.own, seen.rivals, seen.firings > math.log(2))
        cosines.append(frame.position[:, 0].copy())
    return np.stack(cosines)
