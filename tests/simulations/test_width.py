"""Required width: the conditional start, strata, the population of curves, intervals, agreement with simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from cells_helper import evaluation_of, sample_of
from scipy import stats
from statistics_helper import assert_z, seed_of

from simulations.instruments.probes import inference
from simulations.instruments.probes import width as instrument
from simulations.instruments.probes.directions import conditional_directions, cosines_between, trajectories, unit_rows
from simulations.instruments.probes.population import Curves, curves_of, fit, fit_weights, log_likelihood
from simulations.instruments.probes.strata import N_BULK, Strata, Tally, next_probes, strata_of, stratum_of
from simulations.instruments.probes.width import N_DRAWS
from simulations.runs.cell import Cell, run_cell
from simulations.runs.columns import results
from theory.rare_events import learned_probability, log_tail

CELL = Cell(
    instrument="width",
    n_features=48,
    d_model=32,
    sparsity=3,
    n_samples=3_000,
    target_frequency=0.005,
    n_neurons=512,
    n_steps=4,
    n_probes=64,
    device="cpu",
)
INTERVALS = ("success_probability", "predicted_recovery_rate", "required_width", "log10_required_width")


def width(cell: Cell, threads: int = 1) -> dict[str, Any]:
    return instrument.width(cell.task(), cell.runtime(threads))


def probe(cell: Cell, strata: Strata) -> Tally:
    return instrument.probe(cell.task(), strata, cell.runtime())


def summary(tallies: list[Tally], strata: Strata, cell: Cell) -> dict[str, Any]:
    return inference.summary(tallies, strata, cell.task())


def rng(what: str) -> np.random.Generator:
    return np.random.default_rng(seed_of(what))


def test_conditional_starts_are_unit_and_at_their_cosine() -> None:
    draw = rng("conditional")
    directions = unit_rows(draw.standard_normal((500, 7)))
    cosine = draw.uniform(-1, 1, 500)
    w = conditional_directions(directions, cosine, draw)
    # A handful of float64 roundings of numbers of order 1.
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 1, atol=1e-14)
    np.testing.assert_allclose((w * directions).sum(axis=1), cosine, atol=1e-14)


def test_two_dimensions_by_hand() -> None:
    # At d = 2 and cosine 0.6 of (1, 0) there are two starts, (0.6, 0.8) and (0.6, -0.8), equally likely.
    w = conditional_directions(np.tile([1.0, 0.0], (2_000, 1)), np.full(2_000, 0.6), rng("circle"))
    np.testing.assert_allclose(w[:, 0], 0.6)
    np.testing.assert_allclose(np.abs(w[:, 1]), 0.8)
    assert_z(float((w[:, 1] > 0).mean()), 0.5, 0.5 / math.sqrt(2_000), "upper start")


def test_mixing_over_the_cosine_gives_back_the_uniform_sphere() -> None:
    draw, d, k = rng("mixing"), 5, 60_000
    v = unit_rows(draw.standard_normal((1, d)))[0]
    whole = cosines_between(np.zeros(k), np.full(k, np.inf), d, draw)
    w = conditional_directions(np.tile(v, (k, 1)), whole, draw)
    # Uniform on the sphere: the mean is 0 and E w w^T = I/d; (w.a)^2 is beta(1/2, (d-1)/2) with the variance below.
    for a in np.eye(d):
        assert_z(float((w @ a).mean()), 0.0, math.sqrt(1 / d / k), "mean", comparisons=20)
        square = stats.beta(0.5, (d - 1) / 2)
        assert_z(float(((w @ a) ** 2).mean()), square.mean(), square.std() / math.sqrt(k), "square", comparisons=20)
    assert_z(float((w[:, 0] * w[:, 1]).mean()), 0.0, math.sqrt(1 / (d * (d + 2)) / k), "product", comparisons=20)
    # And the law of the cosine to an unrelated direction, as a whole (Kolmogorov and Smirnov at ALPHA).
    other = unit_rows(draw.standard_normal((1, d)))[0]
    for direction in (v, other):
        found = stats.kstest(w @ direction, lambda c: -np.expm1(log_tail(np.clip(c, -1, 1), d)))
        assert found.pvalue > 1e-6


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.3, 1.0), (5.0, 5.5), (200.0, 200.5), (8.0, np.inf)])
def test_cosines_of_a_stratum_stay_in_it_with_the_law_inside(low: float, high: float) -> None:
    k, d = 20_000, 300
    cosine = cosines_between(np.full(k, low), np.full(k, high), d, rng(f"stratum {low}"))
    depth = -log_tail(cosine, d) / math.log(10)
    # The inverse is good to 1e-9 in depth here.
    assert depth.min() >= low - 1e-8
    assert depth.max() <= high + 1e-8
    r = 0.0 if math.isinf(high) else 10.0 ** (low - high)
    uniform = (10.0 ** (low - depth) - r) / (1 - r)  # the tail is uniform between its ends
    assert stats.kstest(uniform, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("d", [2, 3, 8, 128, 4_096])
def test_strata_cover_the_sphere(d: int) -> None:
    strata = strata_of(d)
    assert np.exp(strata.log_mass).sum() == pytest.approx(1, abs=1e-12)
    assert (np.diff(strata.edges) > 0).all()
    np.testing.assert_array_equal(stratum_of(strata.log_tail, strata), np.arange(len(strata.log_mass)))
    assert stratum_of(np.array([-math.inf, 0.0]), strata).tolist() == [len(strata.log_mass) - 1, 0]


def test_probes_go_where_they_are_asked_for() -> None:
    strata = strata_of(64)
    shape = (2, len(strata.log_mass))
    empty = Tally(np.zeros(shape, int), np.zeros(shape, int))
    chance = np.zeros(shape)
    chance[:, 20] = 0.5
    probes = next_probes(empty, chance, np.array([3.0, 1.0]), strata, 400, rng("probes"))
    assert probes[:, :N_BULK].sum() == 0
    # 400 in shares 3 to 1, in one stratum, rounded up or down.
    np.testing.assert_allclose(probes[:, 20], [300, 100], atol=1)
    assert next_probes(empty, chance, np.zeros(2), strata, 400, rng("none")).sum() == 0


def test_the_likelihood_is_the_binomial_one_up_to_the_window() -> None:
    strata = Strata(np.array([0.0, 1.0, 2.0, 7.0, np.inf]), np.zeros(4), np.zeros(4))
    success = np.array([[0.2, 0.7, 0.8, 0.9], [0.5, 0.9, 0.9, 0.99], [0.0, 0.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        curves = Curves(np.log(success), np.log1p(-success), np.log(success.mean(axis=1)))
    trials = np.array([[5, 4, 2, 9], [3, 2, 1, 9], [3, 2, 1, 2]])
    hits = np.array([[0, 3, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    found = np.exp(log_likelihood(Tally(trials, hits), strata, curves))
    for k, (a, b, c, e) in enumerate(success):
        # The first hit at depth 1 hides the stratum at 7, more than four decades on; without one all are read.
        assert found[0, k] == pytest.approx((1 - a) ** 5 * b**3 * (1 - b) * c * (1 - c))
        assert found[1, k] == pytest.approx((1 - a) ** 3 * (1 - b) ** 2 * (1 - c) * (1 - e) ** 9)
        assert found[2, k] == pytest.approx((1 - a) ** 3 * (1 - b) ** 2 * (1 - c) * e * (1 - e))


def test_weights_of_a_known_mixture_come_back() -> None:
    # Two kinds told apart by every feature: the mixture weights are their shares.
    likelihood = np.log(np.array([[1.0, 1e-12]] * 30 + [[1e-12, 1.0]] * 10))
    weights, _ = fit_weights(likelihood, np.array([0.5, 0.5]))
    np.testing.assert_allclose(weights, [0.75, 0.25], atol=1e-9)


def test_every_curve_falls_towards_the_bulk() -> None:
    curves = curves_of(strata_of(64), 2.0)
    assert (np.diff(curves.log_success[:-1, : N_BULK + 2], axis=1) >= 0).all()
    assert curves.log_probability.max() < 0
    assert curves.log_probability[-1] == -math.inf


def drawn_tallies(shares: dict[float, float], *, n: int, probes: int, what: str) -> list[Tally]:
    """Return N_DRAWS draws of features whose pi jumps from 0 to 1/2 at a depth; a depth of inf is never."""
    draw, strata = rng(what), strata_of(64)
    starts = strata.edges[:-1]
    tallies = []
    for _ in range(N_DRAWS):
        depth = draw.choice(list(shares), p=list(shares.values()), size=n)
        trials = np.full((n, len(starts)), probes)
        hits = draw.binomial(trials, np.where(starts >= depth[:, None], 0.5, 0.0))
        tallies.append(Tally(trials, hits))
    return tallies


def test_the_required_width_of_a_known_population() -> None:
    # pi = 1/2 beyond depth 4, so P = 5e-5 for all features: M = ln 20 / P = 59,900 for 0.95.
    cell = CELL.replace(d_model=64, n_neurons=10_000, target_recovery=0.95)
    found = summary(drawn_tallies({4.0: 1.0}, n=40, probes=30, what="known"), strata_of(64), cell)
    # No curve of the family jumps: the best of them reach half a stratum (a quarter of a decade) deeper or less deep.
    assert math.log10(found["success_probability"]) == pytest.approx(math.log10(5e-5), abs=0.25)
    assert found["log10_required_width"] == pytest.approx(math.log10(math.log(20) / 5e-5), abs=0.25)
    assert found["required_width"] == pytest.approx(10 ** found["log10_required_width"])
    low, high = (float(learned_probability([math.log(5e-5 * each)], math.log(10_000))[0]) for each in (0.56, 1.8))
    assert low < found["predicted_recovery_rate"] < high


def test_rare_events_far_below_any_simulation() -> None:
    # P = 5e-19: M at 0.5 is ln 2 / P = 1.4e18.  Relative to the depth the family's steepest curve spans 1/32.
    found = summary(drawn_tallies({18.0: 1.0}, n=40, probes=30, what="far"), strata_of(64), CELL.replace(d_model=64))
    assert math.log10(found["success_probability"]) == pytest.approx(math.log10(5e-19), abs=2.0)
    assert found["log10_required_width_low"] > 15
    assert found["predicted_recovery_rate"] < 1e-10
    assert found["required_width_reason"] == "" and found["reachable_recovery"] > 0.9


def test_what_is_learned_only_from_the_feature_itself_is_never_learned() -> None:
    # In 64 dimensions a start within 0.9 is as rare as 1e-23.9: nothing beyond it is learned from a start.
    found = summary(drawn_tallies({40.0: 1.0}, n=40, probes=30, what="far"), strata_of(64), CELL.replace(d_model=64))
    assert found["log10_required_width"] == "" and found["required_width_reason"] != ""
    assert found.get("never_learned_fraction", 1.0) > 0.9


def test_features_that_are_never_learned_make_the_width_infinite() -> None:
    tallies = drawn_tallies({3.0: 0.7, math.inf: 0.3}, n=60, probes=20, what="never")
    strata = strata_of(64)
    cell = CELL.replace(d_model=64, n_neurons=10**9)
    population, _ = fit(tallies, strata, 48)
    # 480 features: a share of 0.3 +- 4.9 standard errors of 0.021.
    assert population.weights[population.curves.log_probability < -100].sum() == pytest.approx(0.3, abs=0.11)
    above = summary(tallies, strata, cell.replace(target_recovery=0.95))
    assert above["required_width"] == above["log10_required_width"] == above["required_width_high"] == ""
    assert above["required_width_reason"] == "no width recovers as much: too many features are never learned"
    assert above["reachable_recovery"] == pytest.approx(0.7, abs=0.11)
    assert above["log10_relative_width"] < 6  # 0.95 of what is reachable, all of it at depth 3
    below = summary(tallies, strata, cell.replace(target_recovery=0.3))
    assert below["required_width"] < 1e5
    assert above["predicted_recovery_rate"] == pytest.approx(0.7, abs=0.11)


def test_nothing_seen_bounds_without_assumptions() -> None:
    strata = strata_of(64)
    trials = np.zeros((10, len(strata.log_mass)), int)
    trials[:, :N_BULK] = 200
    tallies = [Tally(trials, np.zeros_like(trials))] * N_DRAWS
    found = summary(tallies, strata, CELL.replace(d_model=64, target_recovery=0.5))
    # (1 - P)^K = 0.025 at K = 8 * 10 * 5 * 200 starts.
    assert found["success_probability"] == found["success_probability_low"] == 0
    assert found["success_probability_high"] == pytest.approx(math.log(40) / 80_000)
    assert found["required_width"] == ""
    assert found["required_width_low"] == pytest.approx(math.log(2) / found["success_probability_high"], rel=1e-3)


def test_results_are_columns_in_range_with_ordered_intervals() -> None:
    found = width(CELL.replace(n_probes=16))
    for name, value in found.items():
        column = results()[name]
        assert value == "" or column.kind == "text" or column.low <= value <= column.high, name
    for name in INTERVALS:
        if found[name] != "":
            assert found[f"{name}_low"] <= found[name]
            assert found[f"{name}_high"] == "" or found[name] <= found[f"{name}_high"]


def test_threads_and_repeats_change_nothing() -> None:
    few = CELL.replace(n_probes=16)
    assert width(few, threads=2) == width(few) == width(few)
    assert width(few.replace(seed=1)) != width(few)


def test_neurons_started_elsewhere_are_refused() -> None:
    with pytest.raises(ValueError, match="initialization is no setting of instrument=width"):
        width(CELL.replace(initialization="data"))


def test_success_by_stratum_agrees_with_neurons_started_anywhere() -> None:
    """Brute force: the share of uniform neurons that end on a feature is sum mass pi, on the same data."""
    cell = CELL
    data = sample_of(cell)
    directions = unit_rows(data.features)
    evaluation = evaluation_of(cell, [data], [cell.seed], torch.device("cpu"))
    draw, k = rng("brute"), 12_288
    starts = unit_rows(draw.standard_normal((k, cell.d_model)))
    _, ends = trajectories(starts, starts, evaluation, cell, 1)
    per_neuron = (ends @ directions.T > 0.9).sum(axis=1)
    brute, brute_error = per_neuron.mean() / 48, per_neuron.std() / 48 / math.sqrt(k)
    assert per_neuron.sum() > 500  # enough to tell
    strata = strata_of(cell.d_model)
    mass, m = np.exp(strata.log_mass), 40
    value = variance = 0.0
    for stratum in range(len(mass)):
        if mass[stratum] < 1e-7:  # together below 1e-6: nothing beside the error
            continue
        low, high = (np.full(48 * m, strata.edges[stratum + each]) for each in (0, 1))
        near = np.repeat(directions, m, axis=0)
        begin = conditional_directions(near, cosines_between(low, high, cell.d_model, draw), draw)
        on, _ = trajectories(begin, near, evaluation, cell, 1)
        pi = on[-1].reshape(48, m).mean(axis=1)
        value += mass[stratum] * pi.mean()
        variance += mass[stratum] ** 2 * (pi * (1 - pi) + 1 / m).sum() / m / 48**2
    # Power: a stratum left out, or the mass of half a stratum, moves the sum by 10 % or more, some ten errors.
    assert_z(value, brute, math.sqrt(variance + brute_error**2), "success probability")


def test_prediction_agrees_with_direct_simulation() -> None:
    cells = [CELL.replace(seed=each, n_probes=192) for each in range(12)]
    simulated = np.array([run_cell(each.replace(instrument="simulation"))["feature_recovery_rate"] for each in cells])
    found = width(cells[0])
    # Both are means over draws of the data: 12 simulated, N_DRAWS probed, which differ by the spread of the first.
    error = simulated.std(ddof=1) * math.sqrt(1 / 12 + 1 / N_DRAWS) + 0.01  # 0.01: the family of curves
    assert_z(found["predicted_recovery_rate"], float(simulated.mean()), error, "recovery")
    inside = (simulated >= found["predicted_recovery_rate_low"]) & (simulated <= found["predicted_recovery_rate_high"])
    # One interval holds each with probability 0.95 at best: 7 or fewer of 12 has a tail of 2e-4 a seed.
    assert inside.sum() >= 8


def test_the_tally_counts_where_neurons_near_a_feature_end() -> None:
    cell = CELL.replace(n_probes=48 * N_DRAWS)  # all features
    strata = strata_of(cell.d_model)
    tally = probe(cell, strata)
    data = sample_of(cell)
    directions = unit_rows(data.features)
    evaluation = evaluation_of(cell, [data], [cell.seed], torch.device("cpu"))
    draw, m = rng("tally"), 60
    # Depths 2 to 6 are cosines of 0.4 to 0.75 at d = 32: no start is on its feature yet.
    inside = np.flatnonzero((strata.edges[:-1] >= 2) & (strata.edges[:-1] < 6))
    near = np.repeat(directions, m, axis=0)
    hits = expected = variance = 0.0
    for stratum in inside:
        low, high = (np.full(len(near), strata.edges[stratum + each]) for each in (0, 1))
        begin = conditional_directions(near, cosines_between(low, high, cell.d_model, draw), draw)
        on, _ = trajectories(begin, near, evaluation, cell, 1)
        pi, trials = on[-1].reshape(-1, m).mean(axis=1), tally.trials[:, stratum]
        hits += tally.hits[:, stratum].sum()
        expected += float(trials @ pi)
        # Given where probes go, each is a fair draw: the differences are a martingale whatever the allocation.
        variance += float((trials * (pi * (1 - pi) + 1 / m) + trials**2 * (pi * (1 - pi) + 1 / m) / m).sum())
    assert expected > 100
    assert_z(hits, expected, math.sqrt(variance), "hits of probes near features")


def test_probes_concentrate_on_the_rise() -> None:
    strata = strata_of(CELL.d_model)
    tally = probe(CELL, strata)
    assert (tally.hits <= tally.trials).all()
    assert tally.trials[:, :N_BULK].sum(axis=1).min() > 400  # starts anywhere serve every feature
    spent = tally.trials[:, N_BULK:].sum(axis=0)
    assert spent[:8].sum() > spent[8:].sum()


def test_widths_inside_the_band_are_what_theory_asks_for():
    from simulations.experiments.width_check import WIDTHS, ask
    from theory.conditions import band

    asked = (256, 32, 0.0068, True)
    assert ask(*asked) == pytest.approx(WIDTHS[asked], rel=0.05)
    for n, d, p, _ in WIDTHS:
        edges = band(n, d, 3, epsilon=0.0, zeta=0.0)
        assert float(edges.lower) < p < float(edges.upper) and WIDTHS[n, d, p, True] <= 65_536
