"""Laws: how they are named, and that what they draw has the promised support, sign, scale and distribution."""

import itertools
import math
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statistics_helper import assert_binomial, assert_z, seed_of

from simulations.data.laws import dictionaries, supports
from simulations.data.laws.choice import REGISTRIES, check_law
from simulations.data.laws.coefficients import COEFFICIENTS, normalize_rows
from simulations.data.laws.dictionaries import DICTIONARIES
from simulations.data.laws.supports import SUPPORTS, Support
from theory.cooccurrence import cluster_cooccurrence

SUPPORT_LAWS = [
    "uniform",
    "zipf",
    "zipf:2.5",
    "two-level:0.3:5",
    "planted:0.7",
    "bernoulli",
    "mixed:2:4:0.4",
    "hierarchy:1:0.4",
    "clusters:2:0.6",
    "exclusive:2",
    "copula:0.5:3",
    "synthsaebench",  # what it draws: test_synthsaebench.py
]
POSITIVE_LAWS = [
    "constant",
    "equal:2.5",
    "uniform",
    "half-normal",
    "exponential",
    "levels:0.3:4",
    "graded:4",
    "synthsaebench",
]
DICTIONARY_LAWS = [
    "gaussian",
    "sphere",
    "rademacher",
    "orthogonal",
    "student",
    "clustered:0.6:3",
    "antipodal",
    "frame",
    "orthogonalized:5",
]
EPSILON = float(np.finfo(np.float64).eps)
N_LEVELS = 10  # features, of which `levels:0.3:4` makes 3 strong


def generator(what: str) -> np.random.Generator:
    return np.random.default_rng(seed_of(what))


def active(drawn: Support, n_features: int) -> npt.NDArray[np.bool_]:
    """Return the dense N x n mask of active features."""
    mask = np.zeros((len(drawn.indices), n_features + 1), dtype=bool)
    used = np.arange(drawn.indices.shape[1]) < drawn.row_sparsity[:, None]
    np.put_along_axis(mask, np.where(used, drawn.indices, n_features).astype(np.int64), True, axis=1)
    return mask[:, :n_features]


def slots(row_sparsity: npt.NDArray[Any], n_slots: int) -> Support:
    """Return a support over N_LEVELS features with given numbers of them."""
    row = np.arange(n_slots, dtype=np.int32) % N_LEVELS
    used = np.arange(n_slots) < row_sparsity[:, None]
    return Support(np.where(used, row, 0).astype(np.int32), row_sparsity.astype(np.int32))


# Names and parameters


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("support", "unifrom", "one of uniform, zipf[:exponent=1], two-level"),
        ("support", "unifrom", "(did you mean 'uniform'?)"),
        ("support", "", "support_law='', but should be one of"),
        ("coefficient", "half-norml", "(did you mean 'half-normal'?)"),
        ("dictionary", "gausian", "dictionary_law='gausian', but should be one of gaussian, sphere, rademacher"),
        ("support", "uniform:1", "has 1 parameters, but should be uniform"),
        ("support", "zipf:1:2", "has 2 parameters, but should be zipf[:exponent=1]"),
        ("support", "planted", "has 0 parameters, but should be planted:probability"),
        ("support", "zipf:-1", "exponent=-1, but should be a finite number in [0, 10]"),
        ("support", "zipf:nan", "exponent=nan"),
        ("support", "zipf:inf", "exponent=inf"),
        ("support", "zipf:", "exponent=, but"),
        ("support", "zipf:steep", "exponent=steep"),
        ("support", "two-level:0:2", "share=0, but should be a finite number in (0, 1]"),
        ("support", "two-level:0.5:0", "ratio=0"),
        ("support", "mixed:2.5:20", "low=2.5, but should be an integer at least 1"),
        ("support", "mixed:3:inf", "high=inf"),
        ("support", "mixed:3:20:1.01", "share=1.01"),
        ("support", "mixed:5:4", "low=5, but should be at most high=4"),
        ("support", "planted:1.5", "probability=1.5"),
        ("suport", "uniform", "kind='suport', but should be one of support, coefficient, dictionary"),
    ],
)
def test_bad_texts_are_refused_with_what_is_allowed(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_law(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "good", "bad", "message"),
    [
        ("dictionary", "orthogonal", {"n_features": 8, "d_model": 8}, {"n_features": 9, "d_model": 8},
         "d_model=8, but should be at least n_features=9 for the orthogonal dictionary"),
        ("support", "mixed", {"n_features": 20}, {"n_features": 19}, "high=20, but should be at most n_features=19"),
        ("support", "planted:1", {"n_features": 4}, {"n_features": 5}, "n_features=5, but should be even"),
        ("support", "planted:1", {"sparsity": 2}, {"sparsity": 1}, "sparsity=1, but should be at least 2"),
        ("support", "clusters:3:1", {"n_features": 9}, {"n_features": 8}, "n_features=8, but should be a multiple"),
        ("support", "exclusive:3", {"n_features": 9, "sparsity": 3}, {"n_features": 9, "sparsity": 4},
         "sparsity=4, but should be at most the 3 groups of the exclusive support"),
        ("dictionary", "antipodal", {"n_features": 8}, {"n_features": 9}, "n_features=9, but should be even"),
        ("support", "hierarchy:2", {"n_features": 9}, {"n_features": 8}, "n_features=8, but should be a multiple of 3"),
        ("support", "hierarchy:2", {"n_features": 9, "sparsity": 3}, {"n_features": 9, "sparsity": 4},
         "sparsity=4, but should be at most the 3 families"),
        ("coefficient", "levels:0.3", {"n_features": 4}, {"n_features": 3}, "share=0.3, but should leave a strong"),
        ("coefficient", "levels:1", {}, {"n_features": 3}, "share=1, but should leave a strong and a weak feature"),
        ("dictionary", "frame", {"n_features": 10, "d_model": 4}, {"n_features": 11, "d_model": 4},
         "n_features=11, but should be at most d (d + 1)/2 = 10 for the frame dictionary"),
    ],
)  # fmt: skip
def test_demands_are_checked_at_the_sizes_that_are_known(
    kind: str, text: str, good: dict[str, int], bad: dict[str, int], message: str
) -> None:
    check_law(kind, text)
    check_law(kind, text, **good)
    with pytest.raises(ValueError, match=re.escape(message)):
        check_law(kind, text, **bad)


def test_drawing_checks_the_demands_too() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="d_model=3, but should be at least n_features=4"):
        DICTIONARIES.parse("orthogonal").draw(4, 3, rng)
    with pytest.raises(ValueError, match="high=20, but should be at most n_features=8"):
        SUPPORTS.parse("mixed").draw(8, 3, 5, rng)
    with pytest.raises(ValueError, match="n_features=7"):
        SUPPORTS.parse("planted:1").draw(7, 3, 5, rng)
    with pytest.raises(ValueError, match="n_features=7"):
        SUPPORTS.parse("hierarchy").draw(7, 3, 5, rng)
    with pytest.raises(ValueError, match="share=1"):
        COEFFICIENTS.parse("levels:1").draw(slots(np.array([1]), 1), N_LEVELS, rng)
    with pytest.raises(ValueError, match="n_features=4"):
        DICTIONARIES.parse("frame").draw(4, 2, rng)


@pytest.mark.parametrize(
    ("texts", "canonical"),
    [
        (["mixed", "mixed:3", "mixed:3:20:0.5", "mixed:3.0:2e1:.5"], "mixed:3:20:0.5"),
        (["zipf", "zipf:1", "zipf:1.0"], "zipf:1.0"),
        (["zipf:0", "zipf:-0.0"], "zipf:0.0"),
        (["uniform"], "uniform"),
    ],
)
def test_equal_laws_have_equal_canonical_texts(texts: list[str], canonical: str) -> None:
    assert {SUPPORTS.parse(text).text for text in texts} == {canonical}


def test_checking_a_law_is_light_until_a_text_is_read() -> None:
    code = "import sys, simulations.data.laws.registry; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_registered_law_is_tested_here() -> None:
    tested = {"support": SUPPORT_LAWS, "coefficient": POSITIVE_LAWS, "dictionary": DICTIONARY_LAWS}
    for kind, registry in REGISTRIES.items():
        assert set(registry.laws) == {text.split(":")[0] for text in tested[kind]}


# Supports


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SUPPORT_LAWS), st.integers(2, 12), st.data(), st.integers(0, 10**6))
def test_rows_of_a_support_hold_distinct_features_then_padding(
    text: str, half: int, data: st.DataObject, seed: int
) -> None:
    n = 2 * half
    most = half if text.startswith(("hierarchy", "exclusive")) else n
    s = data.draw(st.integers(2 if text.startswith("planted") else 1, most), label="s")
    N = data.draw(st.integers(1, 50), label="N")
    drawn = SUPPORTS.parse(text).draw(n, s, N, np.random.default_rng(seed))
    assert drawn.indices.dtype == np.int32 and drawn.indices.shape == (N, max(1, drawn.row_sparsity.max()))
    assert drawn.indices.min() >= 0 and drawn.indices.max() < n
    used = np.arange(drawn.indices.shape[1]) < drawn.row_sparsity[:, None]
    assert (drawn.indices[~used] == 0).all()
    np.testing.assert_array_equal(active(drawn, n).sum(axis=1), drawn.row_sparsity)  # distinct within a row
    if text == "mixed:2:4:0.4":
        assert sorted(drawn.row_sparsity) == [2] * round(0.4 * N) + [4] * (N - round(0.4 * N))
    elif text not in ("bernoulli", "synthsaebench", "copula:0.5:3"):
        assert (drawn.row_sparsity == s).all()
    again = SUPPORTS.parse(text).draw(n, s, N, np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn.indices, again.indices)


@pytest.mark.parametrize("text", ["uniform", "zipf", "two-level", "mixed", "planted:0.5", "bernoulli", "hierarchy"])
def test_a_large_support_is_never_dense(text: str) -> None:
    # A dense mask of N = 100,000 rows of n = 4,096 takes 410 MB; the widest result here, 20 slots (mixed), takes 8 MB,
    # and copies, positions in int64 and comparisons a few times that.
    tracemalloc.start()
    try:
        drawn = SUPPORTS.parse(text).draw(4096, 3, 100_000, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert drawn.indices.shape[0] == 100_000
    assert peak < 50e6, f"{text}: {peak / 1e6:.0f} MB"


def successive(weights: npt.NDArray[np.float64], size: int) -> dict[tuple[int, ...], float]:
    """Return the probability of every subset under successive sampling, summed over all orders."""
    law: dict[tuple[int, ...], float] = {}
    for order in itertools.permutations(range(len(weights)), size):
        probability, left = 1.0, float(weights.sum())
        for i in order:
            probability *= float(weights[i]) / left
            left -= float(weights[i])
        key = tuple(sorted(order))
        law[key] = law.get(key, 0.0) + probability
    return law


@pytest.mark.parametrize("method", [supports._by_redrawing, supports._by_keys])
@pytest.mark.parametrize("weights", [[1.0, 1, 1, 1, 1], [8.0, 4, 2, 1, 1]])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_both_methods_draw_every_subset_with_its_probability(
    method: Callable[..., npt.NDArray[np.int32]], weights: list[float], size: int
) -> None:
    # Exact binomial, Bonferroni over the subsets (at most 10): false alarm 1e-6.  N = 20,000: sampling in proportion
    # to products of weights instead gives {0, 1} 0.376 for 0.417 at weights 8:4:2:1:1: 12 standard errors.
    N, w = 20_000, np.array(weights)
    rows = np.sort(method(w, size, N, generator(f"subsets {method.__name__} {weights} {size}")), axis=1)
    subsets, counts = np.unique(rows, axis=0, return_counts=True)
    seen = {tuple(subset): int(count) for subset, count in zip(subsets.tolist(), counts, strict=True)}
    law = successive(w, size)
    assert set(seen) <= set(law)
    for subset, probability in law.items():
        what = f"{method.__name__} {subset}"
        assert_binomial(seen.get(subset, 0), N, min(1.0, probability), what, comparisons=len(law))


@pytest.mark.parametrize(("n", "s"), [(40, 3), (12, 9), (6, 6)])
def test_uniform_frequencies_and_co_occurrence(n: int, s: int) -> None:
    # f_i = s/n and P(i and j) = s(s-1)/(n(n-1)), exact binomials with Bonferroni over features or pairs: false alarm
    # 1e-6 each.  N = 40,000: at n=40 a frequency off by a tenth (30 of 0.075) errs by 6 standard errors, by a fifth
    # 11; dropping or favouring one slot's feature shifts it far more.
    N = 40_000
    mask = active(supports.uniform(n, s, N, generator(f"uniform {n} {s}")), n).astype(np.int64)
    together = mask.T @ mask
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        probability = s / n if i == j else s * (s - 1) / (n * (n - 1))
        assert_binomial(int(together[i, j]), N, probability, f"features {i}, {j}", comparisons=n * (n + 1) // 2)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_zipf_frequencies_are_the_exact_profile_for_one_active_feature(exponent: float) -> None:
    # Exact binomials, Bonferroni over n = 30: false alarm 1e-6.  N = 60,000: at exponent 1 a profile off by one place,
    # (i + 2)^-exponent, moves feature 0 from 0.25 to 0.17, 47 standard errors.
    n, N = 30, 60_000
    drawn = SUPPORTS.parse(f"zipf:{exponent}").draw(n, 1, N, generator(f"zipf {exponent}"))
    weights = [(i + 1.0) ** -exponent for i in range(n)]
    for i, count in enumerate(np.bincount(drawn.indices[:, 0], minlength=n).tolist()):
        assert_binomial(count, N, weights[i] / sum(weights), f"feature {i}", comparisons=n)


def test_two_level_frequencies() -> None:
    # As above: 6 of 20 features carry weight 4 against 1, so 4/38 against 1/38 for one active feature.
    n, N = 20, 40_000
    drawn = supports.two_level(n, 1, N, generator("two levels"), share=0.3, ratio=4.0)
    for i, count in enumerate(np.bincount(drawn.indices[:, 0], minlength=n).tolist()):
        assert_binomial(count, N, (4 if i < 6 else 1) / 38, f"feature {i}", comparisons=n)


def test_mixed_rows_are_shuffled_and_uniform_within_either_size() -> None:
    # Within the rows of one size inclusion is binomial with s_row/n (false alarm 1e-6; power as for uniform).  Of the
    # first half of the rows the number of low ones is hypergeometric, se = sqrt(N/16): unshuffled it would be 0 or
    # N/2, off by 4 N/4 / sqrt(N) = 141 standard errors.
    n, N = 24, 20_000
    drawn = supports.mixed(n, 1, N, generator("mixed"), low=3, high=20, share=0.5)
    mask = active(drawn, n)
    for size in (3, 20):
        rows = drawn.row_sparsity == size
        assert rows.sum() == N // 2
        for i, count in enumerate(mask[rows].sum(axis=0).tolist()):
            assert_binomial(count, N // 2, size / n, f"feature {i}, s={size}", comparisons=2 * n)
    early = int((drawn.row_sparsity[: N // 2] == 3).sum())
    assert_z(early, N / 4, (N / 16) ** 0.5, "low rows in the first half")


@pytest.mark.parametrize("probability", [0.0, 0.6, 1.0])
def test_planted_partners_meet_as_often_as_the_docstring_says(probability: float) -> None:
    # Per sample and pair the meeting is a Bernoulli variable, so counts are exact binomials: Bonferroni over the 210
    # pairs and features, false alarm 1e-6.  N = 40,000: without the planting the share at 0.6 would be 0.11 instead of
    # 0.44 of a feature's samples, over 40 standard errors.
    n, s, N = 20, 3, 40_000
    law = SUPPORTS.parse(f"planted:{probability}")
    mask = active(law.draw(n, s, N, generator(f"planted {probability}")), n).astype(np.int64)
    together = mask.T @ mask
    q = (s - 1) / (n - 1)
    partners = q + 2 * probability / s * (1 - q) * (1 - (s - 2) / (n - 3))
    others = (s - 1 - partners) / (n - 2)  # the s - 1 companions of a feature are its partner or one of n - 2 others
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        share = 1.0 if i == j else partners if i ^ 1 == j else others
        assert_binomial(int(together[i, j]), N, s / n * share, f"features {i}, {j}", comparisons=n * (n + 1) // 2)


def test_bernoulli_features_are_independent() -> None:
    # Frequencies s/n, pairs (s/n)^2 and empty rows (1 - s/n)^n, exact binomials, Bonferroni over 56: false alarm 1e-6.
    # N = 40,000: exactly s a row would give pairs 0.067 instead of 0.09, 16 standard errors, and no empty row.
    n, s, N = 10, 3, 40_000
    drawn = supports.bernoulli(n, s, N, generator("bernoulli"))
    mask = active(drawn, n).astype(np.int64)
    together = mask.T @ mask
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        probability = s / n if i == j else (s / n) ** 2
        assert_binomial(int(together[i, j]), N, probability, f"features {i}, {j}", comparisons=56)
    assert_binomial(int((drawn.row_sparsity == 0).sum()), N, (1 - s / n) ** n, "empty rows", comparisons=56)


@pytest.mark.parametrize(("children", "probability", "s"), [(1, 0.5, 3), (3, 0.7, 4), (2, 1.0, 2), (2, 0.0, 3)])
def test_children_come_with_their_parent_only(children: int, probability: float, s: int) -> None:
    # Per sample and feature, activity is a Bernoulli variable: exact binomials, Bonferroni over the features, false
    # alarm 1e-6.  N = 40,000: a child drawn among the first children only would be off by a third at least.  The number
    # of children in a row is Binomial(floor(s/2), probability) over (1 + floor(s/2)) values.
    n, N = 6 * (children + 1), 40_000
    law = SUPPORTS.parse(f"hierarchy:{children}:{probability}")
    mask = active(law.draw(n, s, N, generator(f"hierarchy {children} {probability} {s}")), n)
    families = mask.reshape(N, 6, children + 1)
    parent, born = families[:, :, 0], families[:, :, 1:].sum(axis=2)
    assert not (born > parent).any()  # at most one child, and none without the parent
    expected = s // 2 * probability
    for i, count in enumerate(mask.sum(axis=0).tolist()):
        frequency = expected / (6 * children) if i % (children + 1) else (s - expected) / 6
        assert_binomial(count, N, frequency, f"feature {i}", comparisons=n)
    for count in range(s // 2 + 1):
        chance = math.comb(s // 2, count) * probability**count * (1 - probability) ** (s // 2 - count)
        assert_binomial(int((born.sum(axis=1) == count).sum()), N, chance, f"{count} children", comparisons=s // 2 + 1)


def test_which_families_have_a_child_does_not_depend_on_their_place() -> None:
    # n = 40 in 20 families is drawn by redrawing, n = 6 in 3 by clocks, whose order carries weight: both shuffled.
    # Exact binomials over families, false alarm 1e-6 each; without the shuffle the order of the clocks' partition
    # shows at 10 standard errors.
    for n, s in ((40, 4), (6, 2), (10, 4)):
        N = 40_000
        mask = active(supports.hierarchy(n, s, N, generator(f"places {n}"), children=1, probability=1.0), n)
        for i, count in enumerate(mask[:, 1::2].sum(axis=0).tolist()):
            assert_binomial(count, N, s // 2 / (n // 2), f"child {i} of {n}", comparisons=n // 2)


def met(drawn: Support, n: int, size: int) -> float:
    """Return the share of a feature's samples in which another of its group is active, mean over all such pairs."""
    mask = active(drawn, n).astype(float)
    together = (mask.T @ mask / mask.sum(axis=0)).reshape(n // size, size, n // size, size)
    inside = together[np.arange(n // size), :, np.arange(n // size)]
    return float((inside.sum() - n) / (n * (size - 1)))  # a feature is always active with itself


@pytest.mark.parametrize(("n", "s", "size", "probability"), [(24, 5, 2, 0.7), (24, 4, 8, 0.5), (24, 3, 6, 1.0)])
def test_clusters_meet_as_often_as_the_formula_says_and_keep_frequencies(
    n: int, s: int, size: int, probability: float
) -> None:
    N = 40_000
    drawn = SUPPORTS.parse(f"clusters:{size}:{probability}").draw(n, s, N, generator(f"clusters {size}"))
    # 40,000 s / 24 occurrences of each feature; pairs of a feature share samples, so errors are those of one feature
    # over the n / size groups: 5 sigma of a share of at most 1/2.
    expected = cluster_cooccurrence(n, s, size, probability)
    assert abs(met(drawn, n, size) - expected) < 5 * 0.5 / np.sqrt(N * s / n * (n / size))
    for i, count in enumerate(active(drawn, n).sum(axis=0)):
        assert_binomial(int(count), N, s / n, f"frequency of feature {i}")


def test_members_of_a_group_exclude_each_other_and_keep_frequencies() -> None:
    N = 20_000
    drawn = SUPPORTS.parse("exclusive:4").draw(24, 3, N, generator("exclusive"))
    assert met(drawn, 24, 4) == 0
    for i, count in enumerate(active(drawn, 24).sum(axis=0)):
        assert_binomial(int(count), N, 3 / 24, f"frequency of feature {i}")


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_features_of_a_copula_meet_as_two_correlated_normals(correlation: float) -> None:
    N, n, s = 40_000, 12, 3
    drawn = SUPPORTS.parse(f"copula:{correlation}:2").draw(n, s, N, generator(f"copula {correlation}"))
    threshold = stats.norm.isf(s / n)
    both = stats.multivariate_normal.cdf([-threshold] * 2, cov=[[1, correlation], [correlation, 1]])
    # Six independent pairs, 10,000 occurrences each: 5 sigma of a share of at most 1/2.
    assert abs(met(drawn, n, 2) - both / (s / n)) < 5 * 0.5 / np.sqrt(6 * N * s / n)
    for i, count in enumerate(active(drawn, n).sum(axis=0)):
        assert_binomial(int(count), N, s / n, f"frequency of feature {i}")


def test_graded_levels_belong_to_features_in_equal_ratios() -> None:
    support = slots(np.array([10, 10, 3]), 10)
    values = COEFFICIENTS.parse("graded:4").draw(support, N_LEVELS, np.random.default_rng(0))
    row = np.sort(values[0])[::-1]
    np.testing.assert_allclose(row[:-1] / row[1:], 4 ** (1 / 9), rtol=1e-12)  # the weakest a quarter of the strongest
    np.testing.assert_allclose(values[1], values[0])
    np.testing.assert_allclose(values[2, :3] * 3**0.5, values[0, :3] * 10**0.5, rtol=1e-12)
    assert abs((values[0] ** 2).sum() - 1) < 1e-14
    assert abs(np.corrcoef(np.arange(10), values[0])[0, 1]) < 0.6  # spread over the indices: sorted, 0.98


# Coefficients


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(POSITIVE_LAWS), st.lists(st.integers(0, 9), min_size=1, max_size=30), st.booleans(), st.integers(0)
)
def test_weights_are_positive_where_used_and_zero_in_padding(
    text: str, sizes: list[int], normalize: bool, seed: int
) -> None:
    row_sparsity, n_slots = np.array(sizes, dtype=np.int32), max(1, *sizes)
    values = COEFFICIENTS.parse(text).draw(slots(row_sparsity, n_slots), N_LEVELS, np.random.default_rng(seed))
    values = normalize_rows(values) if normalize else values
    used = np.arange(n_slots) < row_sparsity[:, None]
    assert values.shape == (len(sizes), n_slots) and values.dtype == np.float64
    assert (values[used] > 0).all() and (values[used].astype(np.float32) > 0).all() and (values[~used] == 0).all()
    if normalize or text == "constant":
        # Squares, their sum over at most 9 slots, a root and a division: under 16 roundings of eps / 2 each.
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), row_sparsity > 0, rtol=0, atol=8 * EPSILON)
    if text == "constant" and not normalize:
        np.testing.assert_allclose(values, used / np.sqrt(np.maximum(row_sparsity, 1))[:, None], rtol=2 * EPSILON)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.floats(1e-100, 1e100), min_size=3, max_size=3), min_size=1, max_size=5))
def test_normalising_keeps_the_direction_of_a_row(rows: list[list[float]]) -> None:
    values = np.array([*rows, [0.0, 0.0, 0.0]])
    unit = normalize_rows(values)
    # As above: a norm of 3 numbers and a division, under 8 roundings.
    np.testing.assert_allclose(np.linalg.norm(unit[:-1], axis=1), 1, rtol=0, atol=4 * EPSILON)
    np.testing.assert_allclose(unit * np.linalg.norm(values, axis=1, keepdims=True), values, rtol=4 * EPSILON)


def test_the_smallest_weight_is_not_zero_even_if_the_generator_returns_zero() -> None:
    class Zero(np.random.Generator):
        def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
            return np.zeros(size)

        def standard_exponential(self, size: Any = None, *_: Any, **__: Any) -> Any:
            return np.zeros(size)

        def random(self, size: Any = None, *_: Any, **__: Any) -> Any:
            return np.nextafter(np.ones(size), 0)  # uniform uses 1 - random(), random() < 1

    for text in POSITIVE_LAWS:
        values = COEFFICIENTS.parse(text).draw(slots(np.full(4, 3), 3), N_LEVELS, Zero(np.random.PCG64(0)))
        assert (values.astype(np.float32) > 0).all(), text


# E h, E h^2 = 1 and E h^4 of the weights times sqrt(s).
MOMENTS = {
    "uniform": (3**0.5 / 2, 9 / 5),  # uniform on (0, sqrt 3): E h^4 = 9/5
    "half-normal": ((2 / np.pi) ** 0.5, 3.0),
    "exponential": (0.5**0.5, 6.0),  # of mean 1/sqrt 2: E h^4 = 24/4
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moments_of_the_weights(text: str) -> None:
    # se(mean of h) = sqrt(1 - (E h)^2)/sqrt(K) and se(mean of h^2) = sqrt(E h^4 - 1)/sqrt(K) over K = 80,000 or 160,000
    # weights; false alarm 6e-6.  The laws' means 0.87, 0.80, 0.71 lie 0.07 apart: over 25 standard errors; the row's
    # own sparsity against another (4 for 8) changes E h^2 by a factor 2: over 100.  Weights that are equal within a row
    # give E h h' = 1 for 0.75, 0.64 or 0.5: over 35.
    mean, fourth = MOMENTS[text]
    N, row_sparsity = 20_000, np.repeat([4, 8], 20_000)
    values = COEFFICIENTS.parse(text).draw(slots(row_sparsity, 8), N_LEVELS, generator(f"moments {text}"))
    for s in (4, 8):
        h = values[row_sparsity == s][:, :s] * s**0.5
        K = h.size
        assert_z(float(h.mean()), mean, ((1 - mean**2) / K) ** 0.5, f"{text} E h, s={s}")
        assert_z(float((h**2).mean()), 1, ((fourth - 1) / K) ** 0.5, f"{text} E h^2, s={s}")
        # h h' has variance 1 - mean^4 when h and h' are independent.
        error = ((1 - mean**4) / N) ** 0.5
        assert_z(float((h[:, 0] * h[:, 1]).mean()), mean**2, error, f"{text} E h h', s={s}")
    if text == "uniform":
        assert values.max() <= (3 / 4) ** 0.5


def test_equal_weights_are_those_of_one_sparsity_in_every_row() -> None:
    support = slots(np.array([4, 1, 0, 9]), 9)
    values = COEFFICIENTS.parse("equal:4").draw(support, N_LEVELS, np.random.default_rng(0))
    # ||H_l||^2 = s_l / 4: 1 where the row has that sparsity, as with `constant`; 2.25 with 9 features.
    np.testing.assert_allclose((values**2).sum(axis=1), [1, 0.25, 0, 2.25], rtol=8 * EPSILON)
    assert set(values.flat) == {0.0, 0.5}
    for text in ("equal", "equal:0", "equal:inf"):
        with pytest.raises(ValueError, match="sparsity"):
            COEFFICIENTS.parse(text)


def test_levels_belong_to_features_and_are_spread_over_them() -> None:
    # By hand: of ten features floor(0.3 * 10) = 3 are strong, those where floor((i + 1) 0.3) steps up: 3, 6 and 9.
    # With c^2 (0.3 * 16 + 0.7) = 1 the weak weight is c/sqrt(s).
    support = slots(np.array([10, 10, 4]), 10)
    values = COEFFICIENTS.parse("levels:0.3:4").draw(support, N_LEVELS, np.random.default_rng(0))
    weak = (0.3 * 16 + 0.7) ** -0.5
    row = weak * np.where(np.isin(np.arange(10), (3, 6, 9)), 4.0, 1.0)
    np.testing.assert_allclose(values[:2], np.stack([row, row]) / 10**0.5, rtol=8 * EPSILON)
    np.testing.assert_allclose(values[2, :4], row[:4] / 4**0.5, rtol=8 * EPSILON)
    assert (values[2, 4:] == 0).all() and abs((values[0] ** 2).sum() - 1) < 1e-14
    turned = support._replace(indices=support.indices[:, ::-1])
    again = COEFFICIENTS.parse("levels:0.3:4").draw(turned, N_LEVELS, np.random.default_rng(0))
    np.testing.assert_allclose(again[0], row[::-1] / 10**0.5, rtol=8 * EPSILON)  # by feature, not by slot


# Dictionaries


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(DICTIONARY_LAWS), st.integers(1, 12), st.integers(0, 12), st.integers(0))
def test_dictionaries_have_the_promised_shape_and_norms(text: str, n: int, more: int, seed: int) -> None:
    n += n % 2 if text == "antipodal" else 0
    d = n + more if text in ("orthogonal", "frame") else 1 + more
    V = DICTIONARIES.parse(text).draw(n, d, np.random.default_rng(seed))
    assert V.shape == (n, d) and V.dtype == np.float64
    if text == "rademacher":
        assert set(np.unique(V)) <= {-1.0, 1.0}
    if text == "antipodal":
        np.testing.assert_array_equal(V[0::2], -V[1::2])
    if text in ("sphere", "frame"):
        np.testing.assert_allclose(np.linalg.norm(V, axis=1), d**0.5, rtol=16 * EPSILON)  # d + 3 roundings of eps / 2
    if text == "orthogonal":
        # Householder QR: ||Q^T Q - I|| < c n d eps with a small c (Higham 2002, section 19.3; c = 6 ours), times d.
        np.testing.assert_allclose(V @ V.T, d * np.eye(n), rtol=0, atol=6 * n * d**2 * EPSILON)


# E v_1^4, E v_1^8 and E v_1^2 v_2^2 of entries, and Var ||v||^2 of a row, at d = 6.
SHAPES = {
    "gaussian": (3.0, 105.0, 1.0, 12.0),
    "sphere": (3 * 6 / 8, 105 * 6**3 / (8 * 10 * 12), 6 / 8, 0.0),
    "rademacher": (1.0, 1.0, 1.0, 0.0),
    # t with nu = 20 has E t^k = nu^(k/2) E z^k E chi^-k; entries scaled by (nu - 2)/nu.
    "student:20": (3 * 18 / 16, 105 * 18**3 / (16 * 14 * 12), 1.0, 6 * (3 * 18 / 16 - 1)),
}


@pytest.mark.parametrize("text", SHAPES)
def test_moments_of_the_dictionaries(text: str) -> None:
    # Ten assertions at most: false alarm 1e-5.  n = 40,000 rows: the standard errors of E v, E v^2 and E v^4 are 0.005,
    # 0.007 and 0.05 at most, so that an entry's law is told from the others' (E v^4 = 3, 2.25, 1) at 15 sigma.
    n, d = 40_000, 6
    fourth, eighth, cross, spread = SHAPES[text]
    V = DICTIONARIES.parse(text).draw(n, d, generator(f"dictionary {text}"))
    for k in (0, d - 1):
        assert_z(float(V[:, k].mean()), 0, n**-0.5, f"{text} E v_{k}")
        if fourth > 1:
            assert_z(float((V[:, k] ** 2).mean()), 1, ((fourth - 1) / n) ** 0.5, f"{text} E v_{k}^2")
            assert_z(float((V[:, k] ** 4).mean()), fourth, ((eighth - fourth**2) / n) ** 0.5, f"{text} E v_{k}^4")
    # E v_0 v_1 = 0; the product of two rows has variance d.
    assert_z(float((V[:, 0] * V[:, 1]).mean()), 0, (cross / n) ** 0.5, f"{text} E v_0 v_1")
    neighbours = float((V[0::2] * V[1::2]).sum(axis=1).mean())
    assert_z(neighbours, 0, (d / (n / 2)) ** 0.5, f"{text} E <v_i, v_j>")
    if spread:
        norms = (V**2).sum(axis=1)
        assert_z(float(norms.mean()), d, (spread / n) ** 0.5, f"{text} E ||v||^2")
    if text == "gaussian":
        # The square of a centred chi-square of d degrees has variance 8 d (d + 6).
        assert_z(float(((norms - d) ** 2).mean()), spread, (8 * d * (d + 6) / n) ** 0.5, f"{text} Var ||v||^2")


@pytest.mark.parametrize("freedom", [2.5, 4.0, 20.0])
def test_student_entries_have_the_quantiles_of_t_at_variance_one(freedom: float) -> None:
    # Exact binomials at five quantiles, false alarm 1e-6.  N = 80,000: at freedom 4 a scale of sqrt(4/6) for sqrt(1/2)
    # moves the share below the upper quartile from 0.75 to 0.72, 20 standard errors.
    V = DICTIONARIES.parse(f"student:{freedom}").draw(20_000, 4, generator(f"student {freedom}"))
    for level in (0.01, 0.25, 0.5, 0.75, 0.99):
        bound = stats.t.ppf(level, freedom) * (1 - 2 / freedom) ** 0.5
        assert_binomial(int((bound > V).sum()), V.size, level, f"quantile {level}", comparisons=5)


@pytest.mark.parametrize(("cosine", "size"), [(0.0, 2), (0.6, 3), (1.0, 4)])
def test_features_of_a_cluster_are_alike_and_others_are_not(cosine: float, size: int) -> None:
    # Entries are N(0, 1); products of two entries have mean rho and variance 1 + rho^2.  At 40,000 clusters of d = 2
    # standard errors are below 0.005, and a root left out (0.77 for 0.6) is 30 of them.
    d, n = 2, 40_000 * size
    V = dictionaries.clustered(n, d, generator(f"clusters {cosine} {size}"), cosine, size)
    K = 40_000 * d
    assert_z(float((V[::size] ** 2).mean()), 1, (2 / K) ** 0.5, "variance")
    for other, rho in ((1, cosine), (size - 1, cosine), (size, 0.0)):
        first, second = V[::size][: 40_000 - 1], V[other::size][: 40_000 - 1]
        assert_z(float((first * second).mean()), rho, ((1 + rho**2) / K) ** 0.5, f"neighbour {other}")
    if cosine == 1:
        np.testing.assert_array_equal(V[0], V[1])


def test_the_last_cluster_may_be_smaller() -> None:
    assert dictionaries.clustered(10, 3, np.random.default_rng(0), 0.5, 4).shape == (10, 3)


@pytest.mark.parametrize(("n", "d"), [(64, 16), (128, 42), (300, 40)])
def test_the_frame_is_far_less_coherent_than_chance(n: int, d: int) -> None:
    # Welch's bound holds for any n > d vectors; random ones lie at 2.5 to 4 times it.  More rounds never do harm.
    def coherence(V: npt.NDArray[np.float64]) -> float:
        return float(np.abs(V @ V.T / d - np.eye(n)).max())

    found = [coherence(dictionaries.frame(n, d, np.random.default_rng(5), rounds)) for rounds in (1, 10, 50)]
    welch = ((n - d) / (d * (n - 1))) ** 0.5
    chance = coherence(dictionaries.sphere(n, d, np.random.default_rng(5)))
    assert welch < found[2] <= found[1] <= found[0] <= chance
    assert found[2] < chance / 1.8


def test_the_frame_is_orthogonal_without_superposition() -> None:
    V = dictionaries.frame(12, 20, np.random.default_rng(0), 50)
    np.testing.assert_allclose(V @ V.T / 20, np.eye(12), atol=1e-6)


def test_the_orthogonal_dictionary_is_haar() -> None:
    # The trace of a Haar matrix of size >= 2 has mean 0 and variance 1, and the signs of its entries are even.  2,000
    # matrices: false alarm 3e-6.  Without the sign fix the trace has mean -0.83 (LAPACK), 37 standard errors off, and
    # the sign of the first entry is that of the Gaussian it came from, turned.  Rows are sqrt(d) times the matrix's.
    d, draws = 4, 2_000
    rng = generator("haar")
    V = np.stack([dictionaries.orthogonal(d, d, rng) for _ in range(draws)]) / d**0.5
    assert_z(float(np.trace(V, axis1=1, axis2=2).mean()), 0, draws**-0.5, "trace")
    assert_z(float((np.trace(V, axis1=1, axis2=2) ** 2).mean()), 1, (2 / draws) ** 0.5, "trace squared")
    assert_binomial(int((V[:, 0, 0] > 0).sum()), draws, 0.5, "sign of the first entry")
