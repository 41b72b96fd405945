"""The laws of SynthSAEBench-16k (Chanin and Garriga-Alonso, arXiv 2602.14687), at any number of features n.

Its published configuration, with R = n/128 roots (128 at n = 16,384):
    base frequency  p_i = p_min + (p_max - p_min) (i^-1/2 - n^-1/2)/(1 - n^-1/2), i = 1..n, p_max = 0.4, p_min = 5e-4
    trees           features 1..R are roots; level by level, each has 4 children, to depth 3: 85 R features, the rest
                    stand alone; a child is active only with its parent, and at most one child of a parent is
    compensation    a child of a with siblings S is drawn with probability min(1, p_i/p_a (1 + sum_{j in S} p_j/p_a))
    correlation     i is drawn where z_i = <F_i, e> + sqrt(1 - |F_i|^2) g_i > Phi^-1(1 - that), e ~ N(0, I_25) of the
                    row, F_ik ~ N(0, 0.1^2) of the world; of several children drawn, one keeps active, uniformly
    weights         h_i = max(0, N(mu_i, sigma_i^2)), times h_a/mu_a of the parent; mu_i from 5 to 4 along i, and
                    sigma_i = |N(0.5, 0.5^2)| of the world
    dictionary      random unit vectors, after 100 steps of Adam (3e-4) on sum_{i != j} cos^2 (the law `orthogonalized`)
The same laws as those of the authors' generator (sae_lens.synthetic), which tests compare; the draws are ours, and only
the children of active parents are drawn, which takes time in proportion to what is active.  Ours: no constant vector is
added to X (theirs has norm 0.5, where the mean norm of X is about 27); a weight of exactly 0, one in some 10^4, counts
as active; an uneven `sparsity` is not used.  Their creation script and the paper scale children by their parents, as
here; the copy of the model that they published is said not to.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from simulations.base.streams import stream
from simulations.data.laws.coefficients import COEFFICIENTS, SMALLEST
from simulations.data.laws.dependent import SUPPORTS
from simulations.data.laws.dictionaries import DICTIONARIES
from simulations.data.laws.registry import Parameter
from simulations.data.laws.supports import IntArray, Support

__all__ = ["COEFFICIENTS", "DICTIONARIES", "SUPPORTS"]
FloatArray = npt.NDArray[np.float64]
FEATURES_PER_ROOT, CHILDREN, DEPTH = 128, 4, 3
MOST, LEAST, EXPONENT = 0.4, 5e-4, 0.5  # frequencies
RANK, SCALE, MOST_SHARED = 25, 0.1, 0.99  # of the correlation; most variance that a feature shares
STRONGEST, WEAKEST, SPREAD = 5.0, 4.0, 0.5  # weights
ROWS_AT_ONCE, BITS = 1_024, 2**16


def levels(n_features: int) -> list[tuple[int, int]]:
    """Return the first feature and the one after the last of each level of the trees, roots first."""
    found, start, size = [], 0, max(1, n_features // FEATURES_PER_ROOT)
    for _ in range(DEPTH + 1):
        found.append((min(start, n_features), min(start + size, n_features)))
        start, size = start + size, size * CHILDREN
    return found


def parents(n_features: int) -> npt.NDArray[np.int64]:
    """Return the parent of each feature (n,), -1 for roots and for features that stand alone."""
    found = np.full(n_features, -1)
    tree = levels(n_features)
    for (above, _), (start, stop) in pairwise(tree):
        found[start:stop] = above + np.arange(stop - start) // CHILDREN
    return found


def base_frequencies(n_features: int) -> FloatArray:
    """Return p_i (n,), falling: the frequencies that compensation aims at."""
    weight = np.arange(1, n_features + 1) ** -EXPONENT
    return np.asarray(LEAST + (MOST - LEAST) * (weight - weight[-1]) / max(weight[0] - weight[-1], SMALLEST))


def drawn_frequencies(n_features: int) -> FloatArray:
    """Return with which probability each feature (n,) is drawn, given that its parent is active, siblings aside."""
    p, parent = base_frequencies(n_features), parents(n_features)
    child = parent >= 0
    of_parent = p[parent[child]]
    family = np.bincount(parent[child], weights=p[child], minlength=n_features)
    found = p.copy()
    found[child] = p[child] / of_parent * (1 + (family[parent[child]] - p[child]) / of_parent)
    return np.asarray(np.minimum(found, 1))


def factor(n_features: int, world: np.random.Generator) -> FloatArray:
    """Return F (n, 25), whose product with itself is the correlation of the z_i, off the diagonal."""
    F = SCALE * world.standard_normal((n_features, RANK))
    norm = np.linalg.norm(F, axis=1, keepdims=True)
    return np.asarray(F * np.minimum(1, np.sqrt(MOST_SHARED) / norm))


class _World:
    """What decides the draws of a world: F, the spread of each feature's own part, and its threshold."""

    def __init__(self, n_features: int, world: np.random.Generator) -> None:
        self.tree, self.n = levels(n_features), n_features
        self.F = factor(n_features, world)
        self.own = np.sqrt(1 - np.square(self.F).sum(axis=1))
        self.threshold = -ndtri(drawn_frequencies(n_features))  # -inf where a feature always is

    def all_of(self, e: FloatArray, start: int, stop: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Draw features start to stop in every row; return rows and features.

        By thinning: with its largest probability in these rows, rounded up to 16 bits, then with what is left of it.
        """
        part = slice(start, stop)
        shared = e @ self.F[part].T
        most = ndtr((shared.max(axis=0) - self.threshold[part]) / self.own[part])
        level = np.ceil(most * BITS)
        drawn = rng.integers(BITS, size=shared.shape, dtype=np.uint16) < np.minimum(level, BITS - 1).astype(np.uint16)
        drawn |= level == BITS
        row, feature = drawn.nonzero()
        chance = ndtr((shared[row, feature] - self.threshold[part][feature]) / self.own[part][feature])
        kept = rng.random(len(row)) * level[feature] < chance * BITS
        return row[kept].astype(np.int32), (feature[kept] + start).astype(np.int32)

    def children(
        self, e: FloatArray, row: IntArray, parent: IntArray, level: int, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """Draw the children of active features of a level; return rows and features, one of a family at most."""
        (above, _), (start, stop) = self.tree[level], self.tree[level + 1]
        child = start + (parent - above)[:, None] * CHILDREN + np.arange(CHILDREN)
        there = child < stop
        child = np.where(there, child, 0)
        z = np.einsum("rk,rck->rc", e[row], self.F[child]) + self.own[child] * rng.standard_normal(child.shape)
        drawn = (z > self.threshold[child]) & there
        winner = np.where(drawn, rng.random(child.shape), -1).argmax(axis=1)
        any_child = drawn.any(axis=1)
        return row[any_child], child[any_child, winner[any_child]].astype(np.int32)

    def draw(self, n_rows: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Return rows and features of everything active, by row, features rising."""
        e = rng.standard_normal((n_rows, RANK))
        active = [self.all_of(e, *self.tree[0], rng)]
        for level in range(DEPTH):
            active.append(self.children(e, *active[-1], level, rng))
        active.append(self.all_of(e, self.tree[-1][1], self.n, rng))
        row, feature = (np.concatenate(each) for each in zip(*active, strict=True))
        order = np.lexsort((feature, row))
        return row[order], feature[order]


def _own(world: np.random.Generator | None) -> np.random.Generator:
    return stream("features", 0, law="synthsaebench") if world is None else world


@SUPPORTS.register("synthsaebench", of_world=True)
def supports(
    n_features: int, sparsity: int, n_samples: int, rng: np.random.Generator, world: np.random.Generator | None = None
) -> Support:
    """Draw the supports of SynthSAEBench: trees, exclusion among siblings, correlation of rank 25.

    About 34 features are active at n = 16,384 and 8 at n = 1,024; `sparsity` is not used.
    """
    drawn = _World(n_features, _own(world))
    counts, blocks = [], []
    for start in range(0, n_samples, ROWS_AT_ONCE):
        n_rows = min(ROWS_AT_ONCE, n_samples - start)
        row, feature = drawn.draw(n_rows, rng)
        count = np.bincount(row, minlength=n_rows).astype(np.int32)
        block = np.zeros((n_rows, max(1, int(count.max()))), dtype=np.int32)
        block[row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = feature
        counts.append(count)
        blocks.append(block)
    width = max(each.shape[1] for each in blocks)
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in blocks]
    return Support(np.concatenate(padded), np.concatenate(counts))


@COEFFICIENTS.register("synthsaebench", of_world=True)
def weights(
    support: Support, n_features: int, rng: np.random.Generator, world: np.random.Generator | None = None
) -> FloatArray:
    """Draw the weights of SynthSAEBench: 5 to 4 along the features, with spreads of their own, scaled by the parent's.

    In the benchmark's units, not those of the other laws: a weight is about 4.5, and E ||H_l||^2 is not 1.
    """
    mean = np.linspace(STRONGEST, WEAKEST, n_features)
    spread = np.abs(SPREAD + SPREAD * _own(world).standard_normal(n_features))
    indices = support.indices.astype(np.int64)
    used = np.arange(indices.shape[1]) < support.row_sparsity[:, None]
    values = np.maximum(mean[indices] + spread[indices] * rng.standard_normal(indices.shape), SMALLEST)
    row, slot = used.nonzero()
    feature, parent = indices[row, slot], parents(n_features)
    keys = row * n_features + feature
    order = np.argsort(keys)
    found = values[row, slot]
    for start, stop in levels(n_features)[1:]:  # parents before children
        child = np.flatnonzero((feature >= start) & (feature < stop))
        above = row[child] * n_features + parent[feature[child]]
        place = order[np.minimum(np.searchsorted(keys, above, sorter=order), len(keys) - 1)] if len(keys) else child
        met = keys[place] == above  # other laws of supports have children without parents
        found[child] *= np.where(met, found[place] / mean[parent[feature[child]]], 1.0)
    values = np.zeros(indices.shape)
    values[row, slot] = np.maximum(found, SMALLEST)
    return values


@DICTIONARIES.register(
    "orthogonalized",
    Parameter("steps", 0, default=100, integer=True),
    Parameter("rate", 0, 1, default=3e-4, low_open=True),
)
def orthogonalized(n_features: int, d_model: int, rng: np.random.Generator, steps: int, rate: float) -> FloatArray:
    """Draw features of norm sqrt(d), moved apart as in SynthSAEBench: Adam on sum_{i != j} <v_i, v_j>^2, of unit v_i.

    Its loss has n (|v_i|^2 - 1)^2 for each feature besides; gradients are taken in float32.  Takes O(steps n^2 d).
    """
    V = rng.standard_normal((n_features, d_model)).astype(np.float32)
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    first, second = np.zeros_like(V), np.zeros_like(V)
    for step in range(1, steps + 1):
        gradient = _push(V)
        first += 0.1 * (gradient - first)
        second += 0.001 * (np.square(gradient) - second)
        V -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return np.asarray(np.sqrt(d_model) * V / np.linalg.norm(V, axis=1, keepdims=True), dtype=np.float64)


def _push(V: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the gradient of sum_{i != j} <v_i, v_j>^2 + n sum_i (|v_i|^2 - 1)^2, some rows at a time."""
    found = np.empty_like(V)
    square = np.square(V).sum(axis=1)
    for start in range(0, len(V), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        own = (4 * len(V) * (square[part] - 1) - 4 * square[part])[:, None] * V[part]
        found[part] = 4 * (V[part] @ V.T) @ V + own
    return found
