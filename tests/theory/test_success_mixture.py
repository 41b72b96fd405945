"""The law of chances from few outcomes: worlds of known law, limits, and the bound."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from statistics_helper import seed_of

from theory.prediction_recursion import Model
from theory.rare_events import log_tail, recovery_curve
from theory.recovery_prediction import _Trial
from theory.starts import strata
from theory.success_mixture import Abilities, abilities, at_most

EDGES, N_INSTANCES, N_STARTS = np.linspace(1.0, 7.0, 32), 128, 8


def outcomes(chance: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw successes and trials (S, R), eight starts an instance, for chances (S, R)."""
    apart = len(chance) // N_STARTS
    trials = np.zeros(chance.shape)
    for turn in range(N_STARTS):
        trials[apart * turn + rng.integers(apart, size=N_INSTANCES), np.arange(N_INSTANCES)] = 1
    return trials * (rng.random(chance.shape) < chance), trials


@pytest.mark.parametrize("spread", [0.6, 1.2])  # 2.4 and 4.8 in logits: far below, the prior broadens the law
def test_few_outcomes_give_the_law_of_the_chances(spread: float) -> None:
    """Instances whose success turns at mu_i, normal around 4: eight outcomes of each give the true curve."""
    rng = np.random.default_rng(seed_of(f"mixture {spread}"))
    log_mass, _ = strata(EDGES, 200)
    turn = 4 + spread * stats.norm.ppf((np.arange(N_INSTANCES) + 0.5) / N_INSTANCES)
    chance = expit((EDGES[:, None] - turn) / 0.25)
    log_width = np.arange(4, 14, 2.0)
    exact = recovery_curve(np.log(np.exp(log_mass) @ chance), log_width)
    errors = []
    for _ in range(12):
        law = abilities(*outcomes(chance, rng))
        errors.append(recovery_curve(law.log_chance(log_mass), log_width, law.weight) - exact)
    # 32 starts a stratum: log P, of few strata where a third succeed, errs by about 0.35, the spread by a tenth.  The
    # curve moves by M P e^(-M P) <= 0.37 for a unit of log P where nothing spreads: 0.13, and less where it does.
    assert np.sqrt(np.mean(np.square(errors), axis=0)).max() < 0.16
    # Of the mean a root of twelve is left, 0.04; the prior of the spread, 3.5, moves 2.4 and 4.8 by a fifth of a unit.
    assert abs(np.mean(errors, axis=0)).max() < 0.09


def test_equal_instances_are_no_mixture() -> None:
    rng = np.random.default_rng(seed_of("equal"))
    chance = np.tile(np.linspace(0.05, 0.9, 32)[:, None], N_INSTANCES)
    successes, trials = outcomes(chance, rng)
    law = abilities(successes, trials)
    mass = np.full(32, 1e-3)
    found = np.exp(law.log_chance(np.log(mass)))
    # The mean over the law is the mean of the observed shares (each stratum has about 32 starts), whatever the law.
    assert found @ law.weight == pytest.approx(mass @ (successes.sum(1) / trials.sum(1)), rel=0.03)
    spread = np.sqrt(law.weight @ (law.ability - law.weight @ law.ability) ** 2)
    assert spread < 0.8  # none; eight outcomes say of an ability 1 / sqrt(8 * 0.2) = 0.8, of its variance a tenth


def test_a_stratum_without_success_adds_nothing() -> None:
    trials = np.ones((4, N_INSTANCES))
    successes = np.zeros_like(trials)
    successes[2:] = 1
    law = abilities(successes, trials)
    chance = np.exp(law.log_chance(np.log(np.full(4, 0.01))))
    np.testing.assert_allclose(chance @ law.weight, 0.02, rtol=1e-3)


def test_at_most_so_many_features_a_neuron() -> None:
    weight = np.full(8, 1 / 8)
    np.testing.assert_allclose(np.exp(at_most(np.log(np.full(8, 0.1)), weight, 40, 1.0)), 1 / 40, rtol=1e-12)
    np.testing.assert_array_equal(at_most(np.log(np.full(8, 0.01)), weight, 40, 1.0), np.log(0.01))
    np.testing.assert_allclose(np.exp(at_most(np.log(np.full(8, 0.1)), weight, 40, 2.5)), 2.5 / 40, rtol=1e-12)


def test_a_chance_is_the_sum_over_the_strata() -> None:
    law = Abilities(np.array([-1.0, 0.0, 2.0]), np.full(3, 1 / 3), np.array([-3.0, 0.5, 40.0]))
    mass = np.array([0.3, 0.02, 0.001])
    expected = [sum(m * expit(g + a) for m, g in zip(mass, law.stratum, strict=True)) for a in law.ability]
    np.testing.assert_allclose(np.exp(law.log_chance(np.log(mass))), expected, rtol=1e-12)


def test_what_succeeds_in_the_last_stratum_alone_has_its_mass() -> None:
    """All starts beyond u = 5 end on the feature and no others do: E P is the chance of such a start."""
    edges, d = np.linspace(3.0, 5.0, 5), 200
    starts = np.full((5, N_INSTANCES), 2.0)
    ended = np.zeros((2, *starts.shape))
    ended[1, -1] = 2
    found = _Trial(Model(100, d, 3, 10, 1, True), 0.9, strata(edges, d)[0], starts, ended).success(1)
    # Within what 256 starts without success leave open: half a success in each of the other strata, of at most 1,500
    # times the mass, is no more than the prior lets it be; EM has brought it to 1e-3.
    assert found.mean() == pytest.approx(float(np.exp(log_tail(5 / np.sqrt(d), d))), rel=0.05)
