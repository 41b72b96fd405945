"""The recursion behind the prediction: one neuron, its feature and the rivals, step by step.  See PREDICTION.md."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray
from theory.prediction_drive import Drive, Neuron, Population, shared_drive, spacing
from theory.prediction_nodes import Nodes, make_nodes


class Model(NamedTuple):
    """The sizes n, d, s, N, T, and whether the data are centred; checked by the callers."""

    n_features: int
    d_model: int
    sparsity: int
    n_samples: int
    n_steps: int
    center: bool

    def nodes(self, n_replicas: int, n_rivals: int) -> Nodes:
        """Return quadrature nodes for this model."""
        n, s = self.n_features, self.sparsity
        cooccurrences = self.n_samples * s * (s - 1) / (n * (n - 1))
        return make_nodes(n, self.d_model, cooccurrences, self.n_steps, n_replicas, n_rivals)


def _sum(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rk,rk->r", left, right))


class Frame:
    """A neuron, and what V has shown so far, in the frame that its steps span.

    w = sum_j position_j e_j with e_0 = v_1/||v_1||.  `shown` holds <v_k, e_j> (R, K) of the rivals for each j, `asked`
    the directions c of n-space, orthonormal in the rivals' weights, for which V^T c is known.
    """

    def __init__(self, nodes: Nodes) -> None:
        """Start at the feature, or at nodes.start where the nodes have one: a second direction is known then."""
        self.nodes = nodes
        start = nodes.start
        self.position = np.ones((len(nodes.norm), 1))
        self.shown = [nodes.overlap]
        if start is not None:
            self.position = np.stack([start.cosine, np.sqrt((1 - start.cosine) * (1 + start.cosine))], axis=1)
            self.shown.append(start.across)
        self.gaussian = list(self.shown)
        self.asked: list[FloatArray] = []

    def projections(self) -> tuple[FloatArray, FloatArray]:
        """Return u_1 = <w, v_1> (R,) and the rivals' u_k = <w, v_k> (R, K)."""
        u = sum(along[:, None] * known for along, known in zip(self.position.T, self.shown, strict=True))
        return self.position[:, 0] * self.nodes.norm, np.asarray(u)

    def _outside(self, vector: FloatArray) -> FloatArray:
        for known in self.asked:
            vector = vector - _sum(self.nodes.weight * vector, known)[:, None] * known
        return vector

    def _along(self, weighted: FloatArray) -> list[FloatArray]:
        """Return <c, V e_j> (R,) for each known direction; `weighted` is the weight times c, (R, K).

        A node of weight m would sum m equal Gaussians where m independent ones are meant.  Of its fresh part only the
        combination in u moves c; what is beside that one is chance, and is shrunk by sqrt(m), to that of m singles.
        """
        apart = weighted * (1 - 1 / np.sqrt(np.maximum(self.nodes.weight, 1)))
        moving = sum(_sum(apart, part) * place for part, place in zip(self.gaussian, self.position.T, strict=True))
        pairs = zip(self.shown, self.gaussian, self.position.T, strict=True)
        return [_sum(weighted, known) - _sum(apart, part) + place * moving for known, part, place in pairs]

    def move(self, own: FloatArray, c: FloatArray, alive: npt.NDArray[np.bool_]) -> None:
        """Replace w by V^T c / ||V^T c|| where `alive` (R,); c has the entries `own` (R,) and `c` (R, K) of the rivals.

        Implements: Gaussian conditioning, exact for any c that depends on V through its projections so far.  With c'
        the part of c outside `asked`, V^T c = sum_j <c, V e_j> e_j + r |c'| e, where e is a new direction and r the
        length of a Gaussian vector; and V e = r c'/|c'| + a fresh Gaussian outside everything asked.
        """
        weighted = self.nodes.weight * c
        along = self._along(weighted)
        along[0] = along[0] + own * self.nodes.norm
        new = self._outside(c)
        length = np.sqrt(_sum(self.nodes.weight * new, new))
        step = len(self.asked)
        radius = self.nodes.radius[len(self.shown) - 1]
        self.asked.append(new / np.maximum(length, np.finfo(float).tiny)[:, None])
        self.gaussian.append(self._outside(self.nodes.fresh[step]))
        self.shown.append(radius[:, None] * self.asked[-1] + self.gaussian[-1])
        moved = np.stack([*along, radius * length], axis=1)
        norm = np.linalg.norm(moved, axis=1)
        stays = ~alive | (norm == 0)
        self.position = np.pad(self.position, ((0, 0), (0, 1)))
        self.position[~stays] = moved[~stays] / norm[~stays, None]


class Sampling:
    """The luck of finite N: unit Gaussians (R, K), as equal from step to step as the firings behind them are."""

    def __init__(self, nodes: Nodes, bias: float) -> None:
        """Start without a history."""
        self.nodes, self.bias = nodes, bias
        self.past: list[FloatArray] = []
        self.shared = np.zeros((len(nodes.norm), 0, 0))

    def draw(self, u: FloatArray) -> FloatArray:
        """Return the luck at projections `u` (R, K), conditioned on that of the earlier steps.

        Implements: cov(t, t') = E psi(y) psi(y') / E psi(y)^2, where y, y' correlate as u does between the two steps.
        """
        weight = self.nodes.weight
        u = u - (u @ weight / weight.sum())[:, None]
        self.past.append(u / np.maximum(np.sqrt(_sum(weight * u, u)), np.finfo(float).tiny)[:, None])
        weighted = weight * self.past[-1]
        correlation = np.stack([_sum(weighted, each) for each in self.past], axis=1)
        newest = shared_drive(correlation, self.bias)
        newest[:, -1] = 1 + 1e-4  # keeps the factor real where two steps are all but equal
        self.shared = np.pad(self.shared, ((0, 0), (0, 1), (0, 1)))
        self.shared[:, -1], self.shared[:, :, -1] = newest, newest
        mixture = np.linalg.cholesky(self.shared)[:, -1]
        parts = zip(mixture.T, self.nodes.sampling, strict=False)
        return np.asarray(sum(part[:, None] * luck for part, luck in parts))


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
    shrink = math.sqrt(max(1 - max(n_terms - 1, 0) / max(among - 1, 1), 0.01))
    centre = projection + n_terms * (mean - shrink * population.mean[:, None])
    return population.rest(n_terms).drive(centre / shrink, neuron._replace(scale=neuron.scale * shrink))


def update(own_u: FloatArray, u: FloatArray, luck: FloatArray, nodes: Nodes, model: Model, bias: float) -> Update:
    """Return what the samples add up to for a neuron with projections `own_u` (R,) and `u`, `luck` (R, K).

    Implements: c_k = (1 - q) E psi + q m_k E psi(with v_1) + sampling noise, q = (s - 1)/(n - 1), m_k the share of
    co-occurrences; centred, c_k - (1/n) sum_j c_j.  PREDICTION.md, section 2.
    """
    n, s = model.n_features, model.sparsity
    density, q = s / n, (s - 1) / (n - 1)
    occurrences = model.n_samples * density
    total = u @ nodes.weight
    mean_of_data = density / math.sqrt(s) * (own_u + total)
    neuron = Neuron(bias, 1 / math.sqrt(s), mean_of_data if model.center else np.zeros_like(total))
    population = Population(u, nodes.weight, spacing(s))

    # The features in the company of v_1 are those it has met more often than the average.
    met = nodes.weight * np.where(nodes.cooccurrence.any(axis=1, keepdims=True), nodes.cooccurrence, 1)
    company = _sum(met, u) / met.sum(1)
    mine = _distinct(population, s - 1, n - 1, company[:, None], own_u[:, None], neuron)
    own_noise = np.maximum(mine.square - mine.mean**2, 0)[:, 0] / occurrences  # their number scales m_k too
    own = np.maximum(mine.mean[:, 0] + np.sqrt(own_noise) * nodes.own_sampling, 0)

    grid = population.grid()
    average = population.mean[:, None]
    alone = _distinct(population, s - 1, n - 1, average, grid, neuron)
    mean, square = alone.mean, alone.square
    if s > 1:
        # The law of the others holds the rival itself, which is not its own company: to first order in 1/n.
        twice = _distinct(population, s - 2, n - 1, average, 2 * grid, neuron)
        mean = mean + (s - 1) / max(n - 2, 1) * (mean - twice.mean)
        square = square + (s - 1) / max(n - 2, 1) * (square - twice.square)
    c = (1 - q) * population.at_rivals(mean)
    noise = (1 - q) * population.at_rivals(square)
    if s > 1:
        others = (total[:, None] - grid) / max(n - 2, 1)
        both = _distinct(population, s - 2, n - 2, others, grid + own_u[:, None], neuron)
        c += q * nodes.cooccurrence * population.at_rivals(both.mean)
        noise += q * nodes.cooccurrence * population.at_rivals(both.square - both.mean**2)
    c += np.sqrt(np.maximum(noise, 0) / occurrences) * luck
    elsewhere = population.at_rivals(alone.share) @ nodes.weight / (n - 1)
    firings = model.n_samples * (1 - density) * elsewhere + occurrences * mine.share[:, 0]
    if model.center:
        mean = (own + c @ nodes.weight) / n
        own, c = own - mean, c - mean[:, None]
    return Update(own, c, firings)


def alignments(model: Model, bias: float, nodes: Nodes) -> FloatArray:
    """Return the cosine <w, v_1>/||v_1|| of a neuron from v_1, or nodes.start, after 0 .. T steps: (T + 1, R)."""
    frame, sampling = Frame(nodes), Sampling(nodes, bias)
    cosines = [frame.position[:, 0].copy()]
    for _ in range(model.n_steps):
        own_u, u = frame.projections()
        seen = update(own_u, u, sampling.draw(u), nodes, model, bias)
        # A neuron that fires on no sample keeps its weight: the likelier case below log 2 expected firings.
        frame.move(seen.own, seen.rivals, seen.firings > math.log(2))
        cosines.append(frame.position[:, 0].copy())
    return np.stack(cosines)
