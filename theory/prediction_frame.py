"""What a neuron has seen of the features: its position among known directions, and their projections.

PREDICTION.md, section 1: exact, whatever the samples are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray
from theory.prediction_nodes import Nodes

ROUNDING = 64  # times eps: what subtracting known directions leaves of a vector that lies in them


def row_sums(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the products of rows, both (R, K): (R,)."""
    return np.asarray(np.einsum("rk,rk->r", left, right))


def products(stack: FloatArray, vector: FloatArray) -> FloatArray:
    """Return the products of a vector (R, K) with each of a stack (J, R, K): (R, J)."""
    return np.asarray(np.matmul(stack.transpose(1, 0, 2), vector[:, :, None])[..., 0])


def combined(shares: FloatArray, stack: FloatArray) -> FloatArray:
    """Return the sum of a stack (J, R, K) with the shares (R, J): (R, K)."""
    return np.asarray(np.matmul(shares[:, None, :], stack.transpose(1, 0, 2))[:, 0])


class Frame:
    """A neuron, and what V has shown so far, in the frame that its steps span.

    w = sum_j position_j e_j with e_0 = v_1/||v_1||.  `shown` holds <v_k, e_j> (J, R, K) of the rivals for each j,
    `gaussian` its fresh part, `asked` the directions c of n-space, orthonormal in the rivals' weights, for which V^T c
    is known, `held` the same over the nodes: orthonormal, with the span of the weights times `asked`.  `memory` (R,) is
    by how much a rival's c is met again in its projection: of all that was asked, what is along the last c.
    """

    def __init__(self, nodes: Nodes) -> None:
        """Start at the feature, or at nodes.start where the nodes have one: a second direction is known then."""
        self.nodes = nodes
        start, (n_replicas, n_rivals), kind = nodes.start, nodes.overlap.shape, nodes.overlap.dtype
        self.n_asked, self.n_shown = 0, 1 if start is None else 2
        self.n_first = self.n_shown
        room = (len(nodes.fresh), n_replicas, n_rivals)
        self._grouped = bool((nodes.weight > 1).any())
        self._asked = np.empty(room, kind)
        self._held = np.empty(room, kind) if self._grouped else self._asked
        self._shown = np.empty((self.n_first + room[0], *room[1:]), kind)
        self.position = np.ones((n_replicas, 1), kind)
        self._shown[0] = nodes.overlap
        if start is not None:
            self.position = np.stack([start.cosine, np.sqrt((1 - start.cosine) * (1 + start.cosine))], axis=1)
            self._shown[1] = start.across
        self.memory = np.zeros(n_replicas, kind)
        self._last = np.zeros_like(self.position)  # where the neuron was before, orthogonal to where it is
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
        return self.position[:, 0] * self.nodes.norm, combined(self.position, self.shown)

    def _outside(self, vector: FloatArray, weighted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the part of a vector (R, K) outside everything asked, and its products with that (R, steps).

        `weighted` is the vector times the weights.
        """
        inside = products(self.asked, weighted)
        return (vector - combined(inside, self.asked) if self.n_asked else vector), inside

    def _free(self, vector: FloatArray, count: int) -> FloatArray:
        """Return a vector over the nodes (R, K) as it is free where its sums with the first `count` asked are known.

        These sums are over the rivals, but it is the nodes that are drawn, independent and of variance 1 whatever their
        weight: given the sums, what changes least is the part along weight times `asked`.  (Taken along `asked`, the
        chance of the groups, too large, would end on the strongest singles.)
        """
        held = self._held[:count]
        return vector - combined(products(held, vector), held) if count else vector

    def _hold(self, direction: FloatArray) -> None:
        """Keep what the last direction asked (R, K) holds of the nodes; of singles it is the direction itself."""
        if self._grouped:
            held = self.nodes.weight * direction
            for _ in range(2):  # once more for what rounding leaves
                held = self._free(held, self.n_asked - 1)
            length = np.sqrt(row_sums(held, held))
            self._held[self.n_asked - 1] = held / np.where(length > 0, length, np.inf)[:, None]

    def _along(self, weighted: FloatArray, new: FloatArray) -> FloatArray:
        """Return <c, V e_j> (R, J) for each known direction; weight times c, and the part of c outside `asked`: (R, K).

        A node of weight m would sum m equal Gaussians where m independent ones are meant.  Only the combination in u
        of the fresh parts moves c; what is beside it is chance, shrunk here to the size it has in the sum of singles
        (but for the mean of c, since nodes know how the mean of a Gaussian varies).  Only `new` has chance.
        """
        weight = self.nodes.weight
        along = products(self.shown, weighted)
        if not self._grouped:
            return along
        fresh = products(self._gaussian[: self.n_shown], weighted - weight * (weighted.sum(1) / weight.sum())[:, None])
        beside = fresh - self.position * row_sums(fresh, self.position)[:, None]
        beside -= self._last * row_sums(fresh, self._last)[:, None]
        if self.nodes.start is None:  # there the overlaps, even over the groups, shape every direction that is asked
            beside[:, 0] = 0
        apart = new - (new @ weight / weight.sum())[:, None]
        energy = weight * apart
        free = self._free(energy, self.n_asked)
        chance = np.sqrt(row_sums(energy, apart) / np.maximum(row_sums(free, free), np.finfo(new.dtype).tiny))
        return along - (1 - np.minimum(chance, 1))[:, None] * beside

    def move(self, own: FloatArray, c: FloatArray, alive: npt.NDArray[np.bool_]) -> None:
        """Replace w by V^T c / ||V^T c|| where `alive` (R,); c has the entries `own` (R,) and `c` (R, K) of the rivals.

        Implements: Gaussian conditioning, exact for any c that depends on V through its projections so far.  With c'
        the part of c outside `asked`, V^T c = sum_j <c, V e_j> e_j + r |c'| e, where e is a new direction and r the
        length of a Gaussian vector; and V e = r c'/|c'| + a fresh Gaussian outside everything asked.
        """
        weight = self.nodes.weight
        weighted = weight * c
        new, inside = self._outside(c, weighted)
        along = self._along(weighted, new)
        along[:, 0] += own * self.nodes.norm
        length = np.sqrt(row_sums(weight * new, new))
        radius = self.nodes.radius[self.n_shown - 1]
        direction = self._asked[self.n_asked]
        energy = row_sums(weighted, c)
        least = ROUNDING * np.finfo(new.dtype).eps * np.sqrt(energy)
        length = np.where(length > least, length, np.zeros_like(length))  # c was asked before
        np.divide(new, np.where(length > 0, length, np.inf)[:, None], out=direction)
        self.n_asked += 1
        self._hold(direction)
        fresh = self._free(self.nodes.fresh[self.n_asked - 1], self.n_asked)
        if self._grouped:
            self._gaussian[self.n_shown] = fresh
        np.multiply(radius[:, None], direction, out=self._shown[self.n_shown])
        self._shown[self.n_shown] += fresh
        self.n_shown += 1
        moved = np.concatenate([along, (radius * length)[:, None]], axis=1)
        norm = np.linalg.norm(moved, axis=1)
        stays = ~alive | (norm == 0)
        before = np.concatenate([self.position, np.zeros_like(self.position[:, :1])], axis=1)
        self.position = np.where(stays[:, None], before, moved / np.where(stays, 1, norm)[:, None])
        first, inside = self.n_first, np.concatenate([inside, length[:, None]], axis=1)
        again = row_sums(self.position[:, first:] * self.nodes.radius[first - 1 : self.n_shown - 1].T, inside)
        self.memory = np.divide(again, energy, out=np.zeros_like(again), where=energy > 0)
        apart = before - self.position * row_sums(before, self.position)[:, None]
        self._last = apart / np.maximum(np.linalg.norm(apart, axis=1), 1e-6)[:, None]
