"""Shrinkage of codes: planted factors are told exactly, soft thresholds and trained penalties by their closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shrinkage_worlds as worlds
from scipy.stats import norm
from scipy.stats import t as student
from trained_helper import METHODS, SINGLE, SMALL, UNTIED, job_of

from simulations.algorithms.autoencoders.fit import fit_batch
from simulations.algorithms.base import Fitted
from simulations.data.model import Model
from simulations.data.source import Source
from simulations.evidence.scorecard import shrinkage as claims
from simulations.evidence.scorecard.claims import CLAIMS
from simulations.evidence.scorecard.verdicts import CONFLICTS, SUPPORTED
from simulations.experiments import frontier
from simulations.experiments import shrinkage as experiment
from simulations.measures import shrinkage as measure
from simulations.measures.look import Look
from simulations.runs.cell import Cell, run_cell
from theory.closed_forms import tied_output_scale

WORLD = Model(n_features=12, d_model=8, sparsity=3, n_samples=600, coefficient_law="half-normal")
PLAIN = Model(n_features=12, d_model=16, sparsity=3, n_samples=600, dictionary_law="orthogonal")
SCALE = 0.4


def truth_of(source: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true coefficients in units of x (N, n), unit directions (n, d) and x (N, d)."""
    support, values, V = source.truth
    H = np.zeros((len(support), len(V)))
    np.add.at(H, (np.arange(len(support))[:, None], support), values)
    size = np.linalg.norm(V, axis=1)
    mean = source.moments[0] if source.center else 0.0
    return SCALE * H * size, V / size[:, None], SCALE * (source.held_out() - mean)


def told(
    source: Source, codes: np.ndarray, D: np.ndarray, shift: np.ndarray | None = None, x: np.ndarray | None = None
) -> dict[str, Any]:
    """Return what is measured of codes with a decoder, whose blocks come a hundred rows at a time."""
    x = truth_of(source)[2] if x is None else x
    output = codes @ D + (0.0 if shift is None else SCALE * shift)
    parts = np.array_split(np.arange(len(x)), max(1, len(x) // 100))
    blocks = [(codes[part], output[part], x[part]) for part in parts]
    W = D / np.linalg.norm(D, axis=1, keepdims=True)
    fitted = Fitted(W, held_out=lambda: iter(blocks), shift=shift, input_scale=SCALE, decoder=D)
    return measure.shrinkage(Look(fitted, source))


def test_planted_factors_are_told_whatever_norms_the_decoder_has() -> None:
    source, rng = WORLD.fixed(), np.random.default_rng(0)
    t, U, _ = truth_of(source)
    factors, norms = rng.uniform(0.3, 1.4, 12), rng.uniform(0.1, 9, 12)
    found = told(source, factors * t / norms, norms[:, None] * U)
    assert found["coefficient_slope"] == found["coefficient_slope_active"] == pytest.approx(factors.mean())
    turned = U + np.linspace(0, 0.9, 12)[:, None] * np.roll(U, 1, axis=0)  # a code gives the feature its part along it
    cosine = np.einsum("nd,nd->n", turned, U)
    kept = cosine / np.linalg.norm(turned, axis=1) > 0.9
    assert 3 <= kept.sum() < 12 and np.ptp(cosine[kept]) > 0.1
    assert told(source, t, turned)["coefficient_slope"] == pytest.approx(cosine[kept].mean())


def test_neurons_that_share_a_feature_count_together_and_others_not_at_all() -> None:
    source, rng = WORLD.fixed(), np.random.default_rng(1)
    t, U, _ = truth_of(source)
    part = rng.uniform(0, 1, t.shape)
    stray = rng.standard_normal((5, 8))
    stray /= 3 * np.linalg.norm(stray, axis=1, keepdims=True)
    near = np.abs(3 * stray @ U.T).max(axis=1) < 0.9
    D = np.concatenate([U, 7 * U, stray[near]])
    codes = np.concatenate([part * t, (1 - part) * t / 7, rng.uniform(0, 1, (len(t), int(near.sum())))], axis=1)
    found = told(source, 0.8 * codes, D)
    assert near.any() and found["coefficient_slope"] == pytest.approx(0.8)


def test_rows_where_no_neuron_fires_count_in_one_slope_only() -> None:
    source = WORLD.fixed()
    t, U, _ = truth_of(source)
    on = np.random.default_rng(2).random(t.shape) < 0.6
    found = told(source, 0.7 * t * on, U)
    assert found["coefficient_slope"] == pytest.approx(0.7)
    assert found["coefficient_slope_active"] == pytest.approx(
        np.mean(0.7 * (t**2 * on).sum(axis=0) / (t**2).sum(axis=0))
    )
    assert told(source, 0 * t, U).get("coefficient_slope") is None
    assert told(source, t, -U).get("coefficient_slope_active") is None  # nothing is recovered


@pytest.mark.parametrize("center", [False, True])
def test_what_b_pre_gives_is_not_missed(center: bool) -> None:
    """b_pre = a share of the mean, from which codes start; with centred data the whole mean is gone before."""
    source = WORLD.replace(center=center, support_law="zipf:1").fixed()
    t, U, x = truth_of(source)
    mean = source.sample.features.T @ (t / SCALE / np.linalg.norm(source.sample.features, axis=1)).mean(axis=0)
    for share in (0.0, 0.6):
        codes = 0.9 * (t - (share + center) * t.mean(axis=0)) * (t > 0)
        assert told(source, codes, U, shift=share * mean, x=x)["coefficient_slope"] == pytest.approx(0.9)
    ignored = 0.9 * (t - 0.6 * t.mean(axis=0)) * (t > 0)
    assert told(source, ignored, U, shift=0 * mean, x=x)["coefficient_slope"] != pytest.approx(0.9, abs=0.01)


def test_a_soft_threshold_has_the_slope_of_its_closed_form() -> None:
    """z = t - a where t > a; t half-normal of scale 1: E (t - a) t / E t^2 = 1 - a phi(a) / (a phi(a) + Q(a))."""
    source = WORLD.replace(n_samples=12_000, sparsity=1).fixed()
    t, U, _ = truth_of(source)
    unit = SCALE * np.linalg.norm(source.sample.features, axis=1)
    root = math.sqrt(np.mean((t[t > 0] / np.broadcast_to(unit, t.shape)[t > 0]) ** 2))  # the law's scale: E h^2 = 1/s
    assert root == pytest.approx(1.0, abs=6 * math.sqrt(2 / 12_000))
    for a in (0.1, 0.5, 1.0):
        found = told(source, np.maximum(t - a * unit, 0), U, x=t @ U)
        expected = 1 - a * norm.pdf(a) / (a * norm.pdf(a) + norm.sf(a))
        # 12,000 rows of one feature each, in which (t - a - k t) t / E t^2 is of order 1/2.
        assert found["coefficient_slope"] == pytest.approx(expected, abs=6 * 0.5 / math.sqrt(12_000 * norm.sf(a)))


def test_the_gain_of_factors_is_that_of_least_squares_on_all_entries() -> None:
    rng = np.random.default_rng(3)
    source = WORLD.fixed()
    x = truth_of(source)[2]
    D = rng.standard_normal((7, 8)) * rng.uniform(0.01, 30, (7, 1))
    codes = np.maximum(rng.standard_normal((len(x), 7)), 0)
    codes[:, 2] = 0  # a silent neuron
    codes[:, 5], D[5] = 2 * codes[:, 4], D[4] / 3  # and two that always do the same
    found = told(source, codes, D, x=x)
    parts = (codes[:, :, None] * D).transpose(0, 2, 1).reshape(-1, 7)
    before = np.square(x - codes @ D).sum()
    after = np.square(x.ravel() - parts @ np.linalg.lstsq(parts, x.ravel())[0]).sum()
    assert found["rescaling_gain"] == pytest.approx(1 - after / before, rel=1e-6)
    assert 0 < found["rescaling_gain"] < 1


def test_factors_mend_what_is_common_to_a_neuron_and_nothing_else() -> None:
    source = PLAIN.fixed()
    t, U, x = truth_of(source)  # equal coefficients
    factors = np.linspace(0.3, 1.2, 12)
    found = told(source, factors * t, U)
    assert found["rescaling_gain"] == pytest.approx(1)
    energy = (t**2).sum(axis=0)
    expected = (factors**2 @ energy) / (factors @ energy)
    assert found["relative_reconstruction_bias"] == pytest.approx(expected)
    noise = np.random.default_rng(4).choice([0.5, 1.5], t.shape) * (t > 0)
    best = (noise * t**2).sum(axis=0) / (noise**2 * t**2).sum(axis=0)  # each neuron at its own best size already
    assert told(source, best * noise * t, U)["rescaling_gain"] == pytest.approx(0, abs=1e-9)
    assert told(source, t, U, x=t @ U).get("rescaling_gain") is None  # no error, nothing to remove
    assert np.allclose(t @ U, x)


def test_overlap_alone_makes_tied_outputs_smaller() -> None:
    """u = <v_i, x> / |v_i| on the true support, at the scale of theory.closed_forms: of least error, no factor helps.

    The other features' mean part of u, (s - 1) / (n - 1) times a sum of n - 1 cosines, is 0 but for 0.007 when averaged
    over features: the standard error of n (n - 1) / 2 cosines of spread 1/sqrt(d), each of which counts for two.
    """
    n, d, s = 128, 64, 6
    source = Model(n_features=n, d_model=d, sparsity=s, n_samples=3_000).fixed()
    t, U, x = truth_of(source)
    scale = float(tied_output_scale(s, d))
    found = told(source, (x @ U.T) * (t > 0), scale * U)
    assert scale < 0.9 and found["coefficient_slope"] == pytest.approx(scale, abs=6 * 0.007)
    assert found["relative_reconstruction_bias"] == pytest.approx(1, abs=0.02)
    assert found["rescaling_gain"] < 0.2  # of an FVU of 0.07: neurons that overlap more may have less


L = 0.3
FOUR: dict[str, Any] = {
    "n_features": 4, "d_model": 8, "sparsity": 1, "dictionary_law": "orthogonal", "n_neurons": 16, "batch_size": 32,
    "n_steps": 800, "learning_rate": 0.01, "schedule": "linear", "n_evaluations": 1, "device": "cpu",
    "pre_bias": "zero",
}  # fmt: skip
TRAINED: dict[str, tuple[dict[str, Any], float]] = {
    "l1": ({"algorithm": "l1-untied", "penalty": L}, 1 - L / 2),
    "l1, tied": ({"algorithm": "l1", "penalty": L / 2, "learning_rate": 0.003}, 1 - L / 2),
    "topk": ({"algorithm": "topk", "k": 1}, 1.0),
    "topk-untied": ({"algorithm": "topk-untied", "k": 1}, 1.0),
    "gba": ({"algorithm": "gba", "n_groups": 2, "high_target_frequency": 0.3, "low_target_frequency": 0.1, "gain": 0.1,
             "initial_bias": -0.6, "n_neurons": 32}, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
def test_trained_penalties_shrink_by_their_closed_form_and_others_do_not(name: str) -> None:
    """One feature a row, orthogonal ones, |x| = 1: L1 ends at z = 1 - penalty / 2 (its loss has no 1/2; tied: it has).

    Adam at a rate that falls to 0 ends within a hundredth of a minimum.
    """
    settings, slope = TRAINED[name]
    row = run_cell(Cell(**(FOUR | settings)))
    assert row["status"] == "ok" and row["feature_recovery_rate"] == 1
    assert row["coefficient_slope"] == pytest.approx(slope, abs=0.02)
    if slope == 1:
        assert row["relative_reconstruction_bias"] == pytest.approx(1, abs=0.02)
    else:
        assert row["rescaling_gain"] > 0.8 and row["relative_reconstruction_bias"] < 0.95


KINDS = {**METHODS, **UNTIED} | {
    name: {"algorithm": name} for name in ("l1-untied", "jumprelu-untied", "batchtopk-untied", "matryoshka")
}


@pytest.mark.parametrize("name", KINDS)
def test_every_decoder_is_that_of_the_reconstruction(name: str) -> None:
    usual = SMALL | {"pre_bias": "learned"}
    usual = usual if name in METHODS else {key: each for key, each in usual.items() if key != "initial_scale"}
    (fitted,) = fit_batch([job_of(**(usual | KINDS[name]))], SINGLE)
    assert fitted.decoder is not None and fitted.held_out is not None and fitted.shift is not None
    for codes, output, _ in fitted.held_out():
        expected = np.asarray(codes) @ fitted.decoder + fitted.shift * fitted.input_scale
        np.testing.assert_allclose(np.asarray(output), expected, atol=1e-5)
        assert np.ptp(np.asarray(codes)) > 0.01


# --- the claims

TESTS = {claim.name: claim.test for claim in CLAIMS}


def points(*given: tuple[str, float, float]) -> pd.DataFrame:
    told = pd.DataFrame(given, columns=["arm", "l0", "coefficient_slope"])
    return told.assign(seed=3, n_features=128)


def test_l1_is_read_at_the_sparsity_of_gba_within_its_own_range() -> None:
    """At L0 = 4, half way between 2 and 8 in logarithms; GBA's point at 9, the orthogonal one and another's are out."""
    rows = points(
        ("l1-untied, penalty 0.3", 2.0, 0.4),
        ("l1-untied, penalty 0.1", 8.0, 0.8),
        ("orthogonal: l1-untied, penalty 0.1", 4.0, 0.1),
        ("gba, high_target_frequency 0.2", 4.0, 0.7),
        ("gba, high_target_frequency 0.9", 9.0, 0.1),
        ("orthogonal: gba, high_target_frequency 0.2", 4.0, 1.0),
        ("topk, k 4", 4.0, 0.9),
        ("topk, k 8", 4.0, 0.5),
    )
    table = claims.beside_gba(rows, "coefficient_slope")
    assert table.index.tolist() == [3]
    assert table.loc[3, "l1-untied"] == pytest.approx(0.6) and table.loc[3, "gba"] == pytest.approx(0.7)
    found = TESTS["l1_shrinks_beside_gba"](rows)
    assert found.effect.value == pytest.approx(-0.1) and found.effect.n_seeds == 1
    assert found.note == "L1 0.60, GBA 0.70; TopK, tied 0.70; 1 seed, 5 needed"
    apart = rows.assign(seed=rows["arm"].str.startswith("gba").astype(int))  # no seed has both
    assert claims.beside_gba(apart, "coefficient_slope").empty
    with pytest.raises(ValueError, match=r"^no rows of arms 'l1-untied, '"):
        claims.beside_gba(rows[rows["arm"].str.startswith("gba")], "coefficient_slope")


def test_two_worlds_are_judged_apart() -> None:
    rng = np.random.default_rng(0)
    rows = worlds.keeps_size(["gba"])(rng, 0.4, range(5))  # orthogonal codes are 0.2 times the truth there
    assert TESTS["gba_keeps_size"](rows).effect.value == pytest.approx(0.4, abs=0.05)
    found = TESTS["gba_keeps_size_apart"](rows)
    assert found.effect.value == pytest.approx(-0.8) and found.note == "GBA, orthogonal 0.20"
    with pytest.raises(ValueError, match=r"^no rows of arms 'orthogonal: gba, '\.\.\.$"):
        TESTS["gba_keeps_size_apart"](rows[~rows["arm"].str.startswith("orthogonal")])


@pytest.mark.parametrize(
    ("name", "world", "effect", "column", "extreme", "count"),
    [
        ("l1_shrinks", worlds.l1_shrinks, -0.3, "arm", "orthogonal: l1-untied, penalty 0.1", 3),
        ("front_runner", worlds.front_runner, 0.7, "target_frequency", 0.1, 2),
    ],
)
def test_intervals_of_extremes_are_simultaneous(
    name: str, world: Any, effect: float, column: str, extreme: Any, count: int
) -> None:
    """Student's quantile of four degrees of freedom at 0.05 over how many there are, over that at 0.05."""
    rows = world(np.random.default_rng(0), effect, range(5))
    together, alone = (TESTS[name](each).effect for each in (rows, rows[rows[column] == extreme]))
    assert together.value == pytest.approx(alone.value)
    ratio = student.ppf(1 - 0.025 / count, 4) / student.ppf(0.975, 4)
    halves = [each.high - each.value if name == "l1_shrinks" else each.value - each.low for each in (together, alone)]
    assert halves[0] / halves[1] == pytest.approx(ratio)


def test_codes_that_are_too_large_are_not_as_large_as_the_truth() -> None:
    for effect, verdict in ((0.4, CONFLICTS), (-0.4, CONFLICTS), (0.0, SUPPORTED)):
        rows = worlds.keeps_size(["topk-untied", "gated"])(np.random.default_rng(1), effect, range(5))
        found = TESTS["rivals_keep_size"](rows)
        ends = " to ".join(dict.fromkeys(f"{each:.2f}" for each in sorted((1, 1 + found.effect.value))))
        assert found.verdict == verdict and found.note == f"TopK 1.00; Gated {ends}"


def test_the_settings_are_those_of_the_winners_of_the_frontier() -> None:
    """Each cell but Gated's and the orthogonal ones is one of the frontier's own."""
    theirs = frontier.all_points(frontier.WORLD | frontier.SIZES["standard"], frontier.LINES)
    own = [p for p in experiment.EXPERIMENT.grids["standard"]() if not p["arm"].startswith(("orthogonal", "gated"))]
    assert all(point in theirs for point in own) and {point["seed"] for point in own} == {1, 2, 3, 4, 5}
    apart = [p for p in experiment.EXPERIMENT.grids["standard"]() if p["arm"].startswith("orthogonal")]
    plain = [p | {"arm": p["arm"].removeprefix(experiment.PREFIX), "d_model": 64} for p in apart]
    plain = [{key: value for key, value in point.items() if key != "dictionary_law"} for point in plain]
    others = [point for point in plain if not point["arm"].startswith("gated")]
    assert len(others) == 45 and sum(point in own for point in others) == len(others)
