"""The world of SynthSAEBench: its laws against their definition; tests/saelens compares it with its authors' code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtri
from statistics_helper import assert_binomial, assert_z, seed_of

from simulations.algorithms.base import Fitted
from simulations.data.laws import synthsaebench as laws
from simulations.data.laws.supports import Support
from simulations.data.model import Model
from simulations.measures.base import measured
from simulations.measures.look import Look
from simulations.measures.score import score

N = 256
MODEL = Model(
    n_features=N,
    d_model=24,
    support_law="synthsaebench",
    coefficient_law="synthsaebench",
    dictionary_law="orthogonalized:20",
)


def drawn(rows: int, what: str, n: int = N) -> npt.NDArray[np.bool_]:
    """Return which features are active, (rows, n), in a world of its own."""
    world, rng = (np.random.default_rng(seed_of(f"{part}, {what}")) for part in ("world", "rows"))
    found: Support = laws.supports(n, 1, rows, rng, world)
    active = np.zeros((rows, n), dtype=bool)
    used = np.arange(found.indices.shape[1]) < found.row_sparsity[:, None]
    active[used.nonzero()[0], found.indices[used]] = True
    assert (active.sum(axis=1) == found.row_sparsity).all()
    return active


def test_the_published_world_has_its_trees_and_frequencies() -> None:
    """128 roots, 4 children, depth 3; 0.4 to 5e-4 (arXiv 2602.14687): 10,880 features in trees."""
    assert laws.levels(16_384) == [(0, 128), (128, 640), (640, 2_688), (2_688, 10_880)]
    parent = laws.parents(16_384)
    assert (parent >= 0).sum() == 512 + 2_048 + 8_192
    assert (np.bincount(parent[parent >= 0])[:2_688] == 4).all()
    assert [parent[each] for each in (127, 128, 131, 132, 639, 640, 10_879, 10_880)] == [
        -1,
        0,
        0,
        1,
        127,
        128,
        2687,
        -1,
    ]
    p = laws.base_frequencies(16_384)
    assert (p[0], p[-1]) == pytest.approx((0.4, 5e-4), rel=1e-12)
    assert (np.diff(p) < 0).all()
    # Zipf's exponent 1/2, up to the shift and scale that put the ends in place.
    assert (p[3] - p[15]) / (p[0] - p[3]) == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 2), rel=1e-9)
    # A child is drawn p_i/p_a times 1 + (what its siblings have)/p_a, at most always: by hand, for two of root 0.
    drawn_at = laws.drawn_frequencies(16_384)
    assert drawn_at[129] == pytest.approx(p[129] / p[0] * (1 + (p[128] + p[130] + p[131]) / p[0]), rel=1e-12)
    np.testing.assert_array_equal(drawn_at[parent < 0], p[parent < 0])
    # At n = 256 seven features would be asked to fire more often than always.
    assert drawn_at.max() <= 1 == laws.drawn_frequencies(256).max()


@pytest.mark.parametrize("n", [100, 256, 700])
def test_children_are_active_with_their_parent_only_and_one_of_a_family(n: int) -> None:
    active, parent = drawn(4_000, "rules", n), laws.parents(n)
    child = np.flatnonzero(parent >= 0)
    assert active[:, child].sum() > 500  # of 4,000 rows: something to see
    assert not (active[:, child] & ~active[:, parent[child]]).any()
    family = np.zeros((n, n))
    family[child, parent[child]] = 1
    assert (active @ family).max() == 1


def test_frequencies_are_those_of_the_definition() -> None:
    """Roots and lone features at p_i exactly; a family at what its thresholds give by brute force, correlation and all.

    The brute force draws every z_i of a family given e, 400 values of e times 4,000 rows, as the definition says.
    """
    rows = 40_000
    active, p, parent = drawn(rows, "frequencies"), laws.base_frequencies(N), laws.parents(N)
    alone = np.flatnonzero(parent < 0)
    for i in alone:
        assert_binomial(int(active[:, i].sum()), rows, float(p[i]), f"feature {i}", comparisons=len(alone))
    world = np.random.default_rng(seed_of("world, frequencies"))
    F = laws.factor(N, world)
    own, threshold = np.sqrt(1 - np.square(F).sum(axis=1)), -ndtri(laws.drawn_frequencies(N))
    rng = np.random.default_rng(seed_of("brute force"))
    family = np.array([0, *np.flatnonzero(parent == 0)])
    z = rng.standard_normal((rows, laws.RANK)) @ F[family].T + own[family] * rng.standard_normal((rows, len(family)))
    fires = z > threshold[family]
    fires[:, 1:] &= fires[:, :1]
    winner = np.where(fires[:, 1:], rng.random((rows, 4)), -1).argmax(axis=1)
    only = fires[:, 1:].any(axis=1)
    for k, i in enumerate(family[1:]):
        mine, theirs = active[:, i].mean(), (only & (winner == k)).mean()
        error = np.sqrt((mine * (1 - mine) + theirs * (1 - theirs)) / rows)
        assert_z(mine, theirs, error, f"child {i}", comparisons=4)


def test_correlations_are_those_of_the_factor() -> None:
    """Two roots meet as often as two normals of correlation <F_i, F_j> both pass their thresholds.

    Of 8 roots the pair that correlates most, which moves the share by more than 7 standard errors.
    """
    rows, n = 60_000, 1_024
    active = drawn(rows, "correlation", n)
    F = laws.factor(n, np.random.default_rng(seed_of("world, correlation")))
    cross = np.triu(F[:8] @ F[:8].T, 1)
    i, j = np.unravel_index(np.abs(cross).argmax(), cross.shape)
    p, rho = laws.base_frequencies(n), float(cross[i, j])
    x = np.random.default_rng(seed_of("bivariate")).standard_normal((400_000, 2))
    y = rho * x[:, 0] + np.sqrt(1 - rho**2) * x[:, 1]
    both = float(np.mean((x[:, 0] > -ndtri(p[i])) & (y > -ndtri(p[j]))))
    met = float((active[:, i] & active[:, j]).mean())
    error = np.sqrt(met * (1 - met) / rows + both * (1 - both) / 400_000)
    assert_z(met, both, error, f"roots {i} and {j}")
    assert abs(both - p[i] * p[j]) > 7 * error, "too weak a pair to tell"
    assert np.linalg.matrix_rank(F) == laws.RANK
    assert np.square(F).sum(axis=1).max() <= laws.MOST_SHARED + 1e-12


def test_weights_are_of_the_feature_and_children_scale_with_their_parent() -> None:
    rows = 30_000
    indices = np.tile(np.array([0, 2, 10, N - 1], dtype=np.int32), (rows, 1))  # a chain from root 0, and a lone feature
    support = Support(indices, np.full(rows, 4, dtype=np.int32))
    parent = laws.parents(N)
    assert (parent[2], parent[10], parent[N - 1]) == (0, 2, -1)
    values = laws.weights(support, N, np.random.default_rng(seed_of("weights")), np.random.default_rng(5))
    mean = np.linspace(5, 4, N)
    spread = np.abs(0.5 + 0.5 * np.random.default_rng(5).standard_normal(N))
    own = values / np.stack([np.ones(rows), values[:, 0] / mean[0], values[:, 1] / mean[2], np.ones(rows)], axis=1)
    for slot, i in enumerate((0, 2, 10, N - 1)):
        # The cut at 0 moves a mean by less than 1e-3 sigma here: mu/sigma is above 2.9 for these features.
        assert mean[i] / spread[i] > 2.9
        assert_z(own[:, slot].mean(), mean[i], spread[i] / np.sqrt(rows), f"mean of {i}", comparisons=8)
        assert_z(own[:, slot].std(), spread[i], spread[i] / np.sqrt(2 * rows), f"spread of {i}", comparisons=8)
    assert abs(np.corrcoef(own[:, :3].T)[0, 1:]).max() < 5 / np.sqrt(rows)  # draws of their own: |r| sqrt(N) is normal


def test_features_are_moved_apart_down_the_gradient() -> None:
    rng = np.random.default_rng(seed_of("apart"))
    V = rng.standard_normal((7, 5))

    def loss(flat: npt.NDArray[np.float64]) -> float:
        gram = flat.reshape(7, 5) @ flat.reshape(7, 5).T
        off = gram - np.diag(np.diag(gram))
        return float(np.square(off).sum() + 7 * np.square(np.diag(gram) - 1).sum())

    step = 1e-5
    numeric = [(loss(V.ravel() + d) - loss(V.ravel() - d)) / (2 * step) for d in step * np.eye(35)]
    # float32 products of terms up to some 10^3: relative error of about 1e-6 of the largest.
    scale = np.abs(numeric).max()
    np.testing.assert_allclose(laws._push(V.astype(np.float32)).ravel() / scale, np.array(numeric) / scale, atol=1e-5)
    before, after = (
        laws.orthogonalized(300, 24, np.random.default_rng(1), steps, 3e-3) / np.sqrt(24) for steps in (0, 100)
    )
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, rtol=1e-6)
    # What is minimized is at least n^2/d - n, which a tight frame has.
    excess = [np.square(each @ each.T).sum() - 300**2 / 24 for each in (before, after)]
    assert 0 < excess[1] < 0.5 * excess[0]


def test_a_world_is_that_of_its_seed_and_shared_by_its_rows() -> None:
    first, again, other = (MODEL.replace(seed=seed).stream() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.batch(3, 64), again.batch(3, 64))
    assert not np.allclose(first.batch(3, 64), other.batch(3, 64))
    # The spread of a weight is the world's: the same in two blocks of rows, 8,192 apart.
    spreads = []
    for block in (0, 1):
        rows = first._rows(block * 8_192, (block + 1) * 8_192)
        of_root = rows.values[(rows.support == 0) & (rows.values > 0)]
        spreads.append(of_root.std())
    assert len(of_root) > 2_500
    assert_z(spreads[0], spreads[1], spreads[1] / np.sqrt(len(of_root)), "spread of feature 0")


def test_measures_are_those_of_the_score_and_only_of_this_world() -> None:
    """The columns of rows and `score`, which tests compare with SAELens' own, by two routes."""
    source = MODEL.stream()
    rng = np.random.default_rng(seed_of("measures"))
    W = source.features[np.r_[0, 1 + rng.permutation(N - 1)[:39]]] + 2 * rng.standard_normal((40, 24))
    X = source.held_out()
    codes = np.maximum(X @ W.T - 0.6 * np.abs(X @ W.T).max(axis=1, keepdims=True), 0)
    blocks = [
        (codes[part : part + 1_000], X[part : part + 1_000], X[part : part + 1_000]) for part in range(0, 16_384, 1_000)
    ]
    row = measured(Look(Fitted(W, held_out=lambda: iter(blocks)), source))
    truth = source.truth
    H = np.zeros((len(X), N))
    np.add.at(H, (np.arange(len(X))[:, None], truth.support), truth.values)
    expected = score(W, source.features, codes=codes, truth=H)
    for name in ("mcc", "uniqueness", "precision", "recall", "f1_score"):
        assert row[name] == pytest.approx(expected[name], rel=1e-6)  # float32 cosines
        assert 0 < row[name] < 1
    plain = Model(n_features=40, d_model=24).stream()
    other = measured(Look(Fitted(W, held_out=lambda: iter(blocks)), plain))
    assert not {"mcc", "f1_score"} & set(other)
