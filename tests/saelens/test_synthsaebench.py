"""Our world of SynthSAEBench against its authors' generator, given the same factor, spreads and frequencies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sae_lens.synthetic import (
    ActivationGenerator,
    HierarchyConfig,
    ZipfianFiringProbabilityConfig,
    generate_hierarchy,
    orthogonal_initializer,
)
from sae_lens.synthetic.feature_dictionary import FeatureDictionary
from statistics_helper import assert_z, seed_of

from simulations.data.laws import synthsaebench as laws
from simulations.data.laws.supports import Support

N, ROWS = 256, 60_000
CONFIG = HierarchyConfig(
    total_root_nodes=2, branching_factor=4, max_depth=3, mutually_exclusive_portion=1.0,
    compensate_probabilities=True, scale_children_by_parent=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def theirs_and_ours() -> tuple[np.ndarray, np.ndarray]:
    """Return H (rows, n) of their generator and of ours."""
    world, weights = (np.random.default_rng(seed_of(f"world {k}")) for k in range(2))
    F = torch.from_numpy(laws.factor(N, world)).float()
    spread = np.abs(0.5 + 0.5 * weights.standard_normal(N))
    base = torch.from_numpy(laws.base_frequencies(N)).float()
    tree = generate_hierarchy(N, CONFIG, seed=0)
    generator = ActivationGenerator(
        N,
        (base * tree.compute_probability_correction_factors(base)).clamp(max=1.0),
        torch.from_numpy(spread).float(),
        torch.linspace(5.0, 4.0, N),
        tree.modifier,
        (F, 1 - F.square().sum(1)),
    )
    torch.manual_seed(seed_of("theirs") % 2**31)
    theirs = torch.cat([generator.sample(10_000) for _ in range(ROWS // 10_000)]).numpy()
    world, weights = (np.random.default_rng(seed_of(f"world {k}")) for k in range(2))
    rng = np.random.default_rng(seed_of("ours"))
    support: Support = laws.supports(N, 1, ROWS, rng, world)
    values = laws.weights(support, N, rng, weights)
    ours = np.zeros((ROWS, N))
    np.add.at(ours, (np.arange(ROWS)[:, None], support.indices), values)
    return theirs, ours


def test_trees_and_probabilities_are_theirs() -> None:
    base = ZipfianFiringProbabilityConfig(exponent=0.5, max_prob=0.4, min_prob=5e-4).generate(N)
    # float32 of theirs, in a difference of numbers near 1 that is scaled by 0.4.
    np.testing.assert_allclose(laws.base_frequencies(N), base.numpy(), rtol=1e-4)
    tree = generate_hierarchy(N, CONFIG, seed=0)
    parent = np.full(N, -1)
    nodes = list(tree.roots)
    for node in nodes:
        assert node.mutually_exclusive_children or not node.children
        for child in node.children:
            parent[child.feature_index] = node.feature_index
            nodes.append(child)
    np.testing.assert_array_equal(laws.parents(N), parent)
    theirs = (base * tree.compute_probability_correction_factors(base)).clamp(max=1.0)
    np.testing.assert_allclose(laws.drawn_frequencies(N), theirs.numpy(), rtol=3e-4)


def test_frequencies_and_numbers_of_active_features_agree(theirs_and_ours: tuple[np.ndarray, np.ndarray]) -> None:
    """Two samples of each feature's frequency; of the number of active features, its mean and its second moment."""
    theirs, ours = (each > 0 for each in theirs_and_ours)
    for i in range(N):
        p, q = theirs[:, i].mean(), ours[:, i].mean()
        both = (p + q) / 2
        assert_z(q, p, np.sqrt(2 * both * (1 - both) / ROWS) + 1e-9, f"feature {i}", comparisons=N)
    for power in (1, 2):
        a, b = (each.sum(axis=1, dtype=float) ** power for each in (theirs, ours))
        assert_z(b.mean(), a.mean(), np.sqrt((a.var() + b.var()) / ROWS), f"moment {power}")


def test_pairs_meet_as_often_and_rules_hold_on_both_sides(theirs_and_ours: tuple[np.ndarray, np.ndarray]) -> None:
    """Pairs of the 12 most frequent features without a common family meet alike; the rules have no exception."""
    parent = laws.parents(N)
    child = np.flatnonzero(parent >= 0)
    family = np.zeros((N, N))
    family[child, parent[child]] = 1
    for H in theirs_and_ours:
        active = H > 0
        assert not (active[:, child] & ~active[:, parent[child]]).any()
        assert (active @ family).max() == 1
    theirs, ours = (each > 0 for each in theirs_and_ours)
    often = np.argsort(-theirs.mean(axis=0))[:12]
    pairs = [(i, j) for i in often for j in often if i < j and parent[i] != parent[j]]
    for i, j in pairs:
        p, q = ((each[:, i] & each[:, j]).mean() for each in (theirs, ours))
        both = (p + q) / 2
        assert_z(q, p, np.sqrt(2 * both * (1 - both) / ROWS) + 1e-9, f"pair {i}, {j}", comparisons=len(pairs))


def test_weights_agree(theirs_and_ours: tuple[np.ndarray, np.ndarray]) -> None:
    """Mean and second moment of the weights of each level of the trees, and of lone features, where they are active."""
    for start, stop in [*laws.levels(N), (laws.levels(N)[-1][1], N)]:
        a, b = (each[:, start:stop][each[:, start:stop] > 0].astype(float) for each in theirs_and_ours)
        for power in (1, 2):
            x, y = a**power, b**power
            assert_z(y.mean(), x.mean(), np.sqrt(x.var() / len(x) + y.var() / len(y)), f"level {start}", comparisons=10)


def test_features_are_moved_apart_as_theirs() -> None:
    """The same start, steps and rate give the same features, to rounding (float32, 60 steps of Adam)."""
    rng = np.random.default_rng(3)
    start = rng.standard_normal((200, 16)).astype(np.float32)
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    theirs = FeatureDictionary(200, 16, initializer=None)
    theirs.feature_vectors.data = torch.from_numpy(start.copy())
    orthogonal_initializer(num_steps=60, lr=3e-3, chunk_size=64)(theirs)
    ours = laws.orthogonalized(200, 16, np.random.default_rng(3), 60, 3e-3) / 4
    np.testing.assert_allclose(ours, theirs.feature_vectors.detach().numpy(), atol=2e-3)
    assert np.abs(ours - start).max() > 0.05
