"""The recursion behind the prediction: one neuron, its feature and the rivals, step by step.  See PREDICTION.md."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray
from theory.prediction_drive import Drive, Neuron, Population, shared_between, spacing
from theory.prediction_nodes import Nodes, make_nodes


class Model(NamedTuple):
    """The sizes n, d, s, N, T, and whether the data are centred; checked by the callers."""

    n_features: int
    d_model: int
    sparsity: int
    n_samples: int
    n_steps: int
    center: bool

    def nodes(self, n_replicas: int, n_rivals: int, *, anywhere: bool = False) -> Nodes:
        """Return quadrature nodes for this model, for starts at the feature or anywhere."""
        n, s = self.n_features, self.sparsity
        cooccurrences = self.n_samples * s * (s - 1) / (n * (n - 1))
        return make_nodes(n, self.d_model, cooccurrences, self.n_steps, n_replicas, n_rivals, anywhere)


def _sum(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rk,rk->r", left, right))


def _products(stack: FloatArray, vector: FloatArray) -> FloatArray:
    """Return the products of a vector (R, K) with each of a stack (J, R, K): (R, J)."""
    return np.asarray(np.matmul(stack.transpose(1, 0, 2), vector[:, :, None])[..., 0])


def _combined(shares: FloatArray, stack: FloatArray) -> FloatArray:
    """Return the sum of a stack (J, R, K) with the shares (R, J): (R, K)."""
    return np.asarray(np.matmul(shares[:, None, :], stack.transpose(1, 0, 2))[:, 0])


class Frame:
    """A neuron, and what V has shown so far, in the frame that its steps span.

    w = sum_j position_j e_j with e_0 = v_1/||v_1||.  `shown` holds <v_k, e_j> (J, R, K) of the rivals for each j,
    `gaussian` its fresh part, `asked` the directions c of n-space, orthonormal in the rivals' weights, for which V^T c
    is known.
    """

    def __init__(self, nodes: Nodes) -> None:
        """Start at the feature, or at nodes.start where the nodes have one: a second direction is known then."""
        self.nodes = nodes
        start, (n_replicas, n_rivals), kind = nodes.start, nodes.overlap.shape, nodes.overlap.dtype
        self.n_asked, self.n_shown = 0, 1 if start is None else 2
        self.n_first = self.n_shown
        room = (len(nodes.fresh), n_replicas, n_rivals)
        self._asked = np.empty(room, kind)
        self._shown = np.empty((self.n_first + room[0], *room[1:]), kind)
        self.position = np.ones((n_replicas, 1), kind)
        self._shown[0] = nodes.overlap
        if start is not None:
            self.position = np.stack([start.cosine, np.sqrt((1 - start.cosine) * (1 + start.cosine))], axis=1)
            self._shown[1] = start.across
        self._grouped = bool((nodes.weight > 1).any())
        self._gaussian = self._shown.copy() if self._grouped else self._shown

    @property
    def shown(self) -> FloatArray:
        """The rivals' projections on each known direction, (J, R, K)."""
        return self._shown[: self.n_shown]

    @property
    def asked(self) -> FloatArray:
        """The directions of n-space that were asked, (steps, R, K)."""
        return self._asked[: self.n_asked]

    def projections(self) -> tuple[FloatArray, FloatArray]:
        """Return u_1 = <w, v_1> (R,) and the rivals' u_k = <w, v_k> (R, K)."""
        return self.position[:, 0] * self.nodes.norm, _combined(self.position, self.shown)

    def _outside(self, vector: FloatArray) -> FloatArray:
        if not self.n_asked:
            return vector
        return vector - _combined(_products(self.asked, self.nodes.weight * vector), self.asked)

    def _along(self, c: FloatArray) -> FloatArray:
        """Return <c, V e_j> (R, J) for each known direction; c has the entries (R, K) of the rivals.

        A node of weight m would sum m equal Gaussians where m independent ones are meant.  Only the combination in u
        of the fresh parts moves c; what is beside it is chance, shrunk here to the size it has in the sum of singles
        (but for the mean of c, since nodes know how the mean of a Gaussian varies).
        """
        weight = self.nodes.weight
        along = _products(self.shown, weight * c)
        if not self._grouped:
            return along
        apart = c - (c @ weight / weight.sum())[:, None]
        energy = weight * apart
        fresh = _products(self._gaussian[: self.n_shown], energy)
        beside = fresh - self.position * _sum(fresh, self.position)[:, None]
        if self.nodes.start is None:  # there the overlaps, even over the groups, shape every direction that is asked
            beside[:, 0] = 0
        size = _sum(energy, energy)
        chance = np.sqrt(_sum(energy, apart) / np.maximum(size, np.finfo(c.dtype).tiny))
        return along - (1 - np.minimum(chance, 1))[:, None] * beside

    def move(self, own: FloatArray, c: FloatArray, alive: npt.NDArray[np.bool_]) -> None:
        """Replace w by V^T c / ||V^T c|| where `alive` (R,); c has the entries `own` (R,) and `c` (R, K) of the rivals.

        Implements: Gaussian conditioning, exact for any c that depends on V through its projections so far.  With c'
        the part of c outside `asked`, V^T c = sum_j <c, V e_j> e_j + r |c'| e, where e is a new direction and r the
        length of a Gaussian vector; and V e = r c'/|c'| + a fresh Gaussian outside everything asked.
        """
        weight = self.nodes.weight
        along = self._along(c)
        along[:, 0] += own * self.nodes.norm
        new = self._outside(c)
        length = np.sqrt(_sum(weight * new, new))
        radius = self.nodes.radius[self.n_shown - 1]
        direction = self._asked[self.n_asked]
        np.divide(new, np.maximum(length, np.finfo(new.dtype).tiny)[:, None], out=direction)
        self.n_asked += 1
        fresh = self._outside(self.nodes.fresh[self.n_asked - 1])
        if self._grouped:
            self._gaussian[self.n_shown] = fresh
        np.multiply(radius[:, None], direction, out=self._shown[self.n_shown])
        self._shown[self.n_shown] += fresh
        self.n_shown += 1
        moved = np.concatenate([along, (radius * length)[:, None]], axis=1)
        norm = np.linalg.norm(moved, axis=1)
        stays = ~alive | (norm == 0)
        self.position = np.pad(self.position, ((0, 0), (0, 1)))
        self.position[~stays] = moved[~stays] / norm[~stays, None]


class Sampling:
    """The luck of finite N: unit Gaussians (R, K), as equal from step to step as the firings behind them are."""

    def __init__(self, nodes: Nodes, bias: float) -> None:
        """Start without a history."""
        self.nodes, self.bias = nodes, bias
        self.n_past, self._past = 0, np.empty(nodes.sampling.shape)
        self.shared = np.zeros((len(nodes.norm), 0, 0))

    def draw(self, u: FloatArray) -> FloatArray:
        """Return the luck at projections `u` (R, K), conditioned on that of the earlier steps.

        Implements: cov(t, t') = E psi(y) psi(y') / E psi(y)^2, where y, y' correlate as u does between the two steps.
        """
        weight, kind = self.nodes.weight, u.dtype
        u = u.astype(np.float64)  # whose correlations are those of vectors to the last digit: the factor below needs it
        u -= (u @ weight / weight.sum())[:, None]
        size = np.maximum(np.sqrt(_sum(weight * u, u)), np.finfo(u.dtype).tiny)
        np.divide(u, size[:, None], out=self._past[self.n_past])
        self.n_past += 1
        newest = shared_between(_products(self._past[: self.n_past], weight * self._past[self.n_past - 1]), self.bias)
        newest[:, -1] = 1 + 1e-4  # keeps the factor real where two steps are all but equal
        self.shared = np.pad(self.shared, ((0, 0), (0, 1), (0, 1)))
        self.shared[:, -1], self.shared[:, :, -1] = newest, newest
        mixture = np.linalg.cholesky(self.shared)[:, -1]
        return _combined(mixture.astype(kind), self.nodes.sampling[: self.n_past])


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
    own_noise = np.maximum(mine.square - mine.mean**2, 0)[:, 0] / occurrences
    own = np.maximum(mine.mean[:, 0] + np.sqrt(own_noise) * nodes.own_sampling, 0)
    # How many samples hold v_1 scales what it gets, and how often it meets the others.
    number = np.maximum(1 + nodes.occurrence * math.sqrt((1 - density) / occurrences), 0)
    own *= number
    cooccurrence = nodes.cooccurrence * number[:, None]

    grid = population.grid()
    average = population.mean[:, None]
    alone = _distinct(population, s - 1, n - 1, average, grid, neuron)
    mean, square = alone.mean, alone.square
    if s > 1:
        # The law of the others holds the rival itself, which is not its own company: to first order in 1/n.
        twice = _distinct(population, s - 2, n - 1, average, 2 * grid, neuron)
        mean = mean + (s - 1) / max(n - 2, 1) * (mean - twice.mean)
        square = square + (s - 1) / max(n - 2, 1) * (square - twice.square)
    shared = [np.zeros((1, 1))] * 2
    if s > 1:
        others = (total[:, None] - grid) / max(n - 2, 1)
        both = _distinct(population, s - 2, n - 2, others, grid + own_u[:, None], neuron)
        shared = [q * both.mean, q * np.maximum(both.square - both.mean**2, 0)]
    here, with_it, noise, noise_with_it = population.at_rivals((1 - q) * mean, shared[0], (1 - q) * square, shared[1])
    noise = np.maximum(noise + cooccurrence * noise_with_it, 0)
    c = here + cooccurrence * with_it + np.sqrt(noise / occurrences) * luck
    firings = model.n_samples * (1 - density) * population.average(alone.share) + occurrences * mine.share[:, 0]
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
