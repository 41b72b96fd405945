"""What fit gives: codes on raw X, results, divergence, any data at all, and features that are recovered."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from trained_helper import DOUBLE, METHODS, SINGLE, UNTIED, draw_less, fit, job_of, small, started, trained

from simulations.algorithms.autoencoders.trainer import Problem, State
from simulations.algorithms.base import Algorithm, Array, Job, Runtime, Trace, algorithm_class
from simulations.data.model import Model
from simulations.data.source import Source
from theory.closed_forms import chance_recovery_rate

method = pytest.mark.parametrize("name", [*METHODS, *UNTIED])
ALGORITHMS = ("gba", "ba", "topk", "batchtopk", "l1", "jumprelu", "gated", "topk-untied")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


@method
def test_codes_are_of_raw_data(name: str) -> None:
    """code(X) is held_out() in the units of X, block by block."""
    job = small(name, center=True, noise=0.1)
    found = fit(job, runtime=DOUBLE)
    X = job.source.held_out()
    z, output = found.code(X)
    codes, outputs, x = (torch.cat(each).numpy() for each in zip(*found.held_out(), strict=True))
    scale = 1 / np.linalg.norm(job.source.calibration() - job.source.calibration().mean(0), axis=1).mean()
    np.testing.assert_allclose(x, scale * (X - job.source.calibration().mean(0)), atol=1e-12)  # float64, of order 10
    np.testing.assert_allclose(z, codes, atol=1e-12)
    np.testing.assert_allclose(output, outputs / scale + job.source.calibration().mean(0), atol=1e-11)
    np.testing.assert_allclose(np.square(output - X).sum(), np.square(outputs - x).sum() / scale**2, rtol=1e-10)
    assert z.shape == (1_000, 30) and z.any()
    assert found.code(X[:0])[0].shape == (0, 30)
    with pytest.raises(ValueError, match="X of shape"):
        found.encode(X[:, :3])


@method
def test_before_is_the_untrained_state(name: str) -> None:
    job = small(name)
    found = fit(job, runtime=DOUBLE)
    state, given = started(job)
    np.testing.assert_array_equal(found.before.dictionary, given.network.dictionary(state.parameters)[0])
    codes = torch.cat([each[0] for each in found.before.held_out()])
    expected = torch.cat(
        [given.network.forward(state.parameters, each[None])[0][0] for each in given.held_out(0).split(1_024)]
    )
    assert torch.equal(codes, expected)
    assert not np.array_equal(found.before.dictionary, found.dictionary)


def test_nothing_trained_is_the_start() -> None:
    found = fit(small("gba", n_steps=0))
    assert found.trace.steps == [0] and found.trace.samples == [0]
    np.testing.assert_array_equal(found.dictionary, found.before.dictionary)
    assert set(found.results) == {"mean_bias"}


def test_restarts_are_all_starts_and_the_first_is_the_fit() -> None:
    alone, found = fit(small("topk")), fit(small("topk", n_restarts=3))
    assert alone.restarts == [] and len(found.restarts) == 3
    np.testing.assert_array_equal(found.dictionary, alone.dictionary)
    np.testing.assert_array_equal(found.restarts[0].dictionary, found.dictionary)
    assert not np.isclose(found.restarts[1].dictionary, found.restarts[2].dictionary).all(1).any()


def test_results_of_the_controller_and_targets() -> None:
    found = fit(small("gba", n_steps=40))
    assert set(found.results) <= {"steps_to_target", "control_fluctuation", "mean_bias"} and len(found.results) > 1
    np.testing.assert_allclose(np.unique(found.target_frequency), np.geomspace(0.001, 0.5, 4), rtol=1e-6)  # float32
    assert fit(small("topk")).target_frequency is None and fit(small("topk")).results == {}


# Any data


class Arrays(Source):
    """Rows of an array, in order, without end."""

    def __init__(self, X: Array) -> None:
        self.X, self.d_model, self.n_samples = X, X.shape[1], None

    def batch(self, step: int, size: int) -> Array:
        return self.X[np.arange(step * size, (step + 1) * size) % len(self.X)]

    def calibration(self) -> Array:
        return self.X

    def held_out(self) -> Array:
        return self.X[:300]


class Once(Arrays):
    """Data that go by once, as those of an iterator."""

    def __init__(self, X: Array) -> None:
        super().__init__(X)
        self._steps: Iterator[int] = iter(range(10**6))

    def batch(self, step: int, size: int) -> Array:
        assert step == next(self._steps)
        return super().batch(step, size)


@method
@pytest.mark.parametrize("kind", [Arrays, Once])
def test_any_source_trains_without_ground_truth(name: str, kind: type[Arrays]) -> None:
    world = small(name).source
    source = kind(np.concatenate([world.batch(step, 500) for step in range(4)]).astype(np.float32))
    own = small(name).algorithm.given() | ({"k": 2} if "topk" in name else {})
    found = algorithm_class(own.pop("algorithm", small(name).algorithm.name))(**own).fit(source, DOUBLE)
    assert found.status == "ok" and found.trace.best_cosine == []
    assert found.trace.samples == [0, 192, 384]
    codes, output = found.code(source.held_out())
    assert codes.any() and np.isfinite(output).all()


def test_defaults_that_need_the_model_say_so() -> None:
    source = Arrays(np.random.default_rng(0).standard_normal((600, 5)))
    with pytest.raises(ValueError, match="k has no default on data of unknown sparsity; give k"):
        algorithm_class("topk")(n_neurons=9, n_steps=2).fit(source)
    found: Any = algorithm_class("topk")(n_neurons=9, n_steps=2, k=2, n_evaluations=1).fit(source)
    assert found.trace.samples == [0, 2 * 512]


def test_batches_larger_than_the_data_are_refused() -> None:
    with pytest.raises(ValueError, match=r"batch_size=32, but should be in .1, n_samples=20."):
        fit(small("topk", n_samples=20))


def test_data_that_do_not_vary_are_refused() -> None:
    source = Arrays(np.ones((100, 5)))
    source.center = True
    with pytest.raises(ValueError, match="mean norm of the data 0"):
        algorithm_class("l1")(n_neurons=9, n_steps=2).fit(source)


# Divergence


@pytest.mark.parametrize("name", [*METHODS, *UNTIED])
@pytest.mark.parametrize(("runtime", "rate"), [(SINGLE, 1e30), (DOUBLE, 1e200)])
def test_a_huge_learning_rate_diverges_with_the_step(name: str, runtime: Runtime, rate: float) -> None:
    found = fit(small(name, learning_rate=rate), runtime=runtime)
    assert (found.status, found.message) == ("diverged", "non-finite number at step 1")  # the norm of moved rows
    assert found.results == {"diverged_step": 1}


@pytest.mark.parametrize("name", ["gba", "l1"])
def test_what_is_too_large_to_measure_has_diverged(name: str) -> None:
    """Numbers that are finite but whose output is not, at the start."""
    found = fit(small(name, n_steps=0, initial_scale=1e30))
    assert (found.status, found.message) == ("diverged", "non-finite output at step 0")


@pytest.mark.parametrize("which", ["weights", "scale", "bias", "pre_bias"])
def test_divergence_is_noticed_where_it_happens(which: str) -> None:
    def spoil(given: Problem, state: State, trace: Trace) -> None:
        if state.step == 6:
            state.parameters[which][0, 3] = float("nan")

    state, trace = trained(small("l1", n_evaluations=4), after=spoil)
    assert state.diverged.tolist() == [7]
    assert state.step == 7  # nothing to go on with
    assert trace.steps == [0, 3, 6, 7]
    assert np.isfinite(np.stack(trace.best_cosine)).all()


@pytest.mark.parametrize("name", ["gba", "gba-quantile", "topk", "batchtopk", "jumprelu"])
@pytest.mark.parametrize("evaluation", ["auto", "dense"])
def test_other_replicas_go_on_unharmed(name: str, evaluation: str) -> None:
    jobs = [small(name, seed=seed, evaluation=evaluation, initial_scale=scale)
            for seed, scale in ((0, 0.3), (1, 1e30), (2, 0.3))]  # fmt: skip
    found = fit(*jobs)
    assert [each.status for each in found] == ["ok", "diverged", "ok"]
    assert found[1].results["diverged_step"] == 1
    for r in (0, 2):
        # Twelve float32 steps: 1e-7 over the smallest gradients moves a weight by a share of twelve steps of 0.003.
        np.testing.assert_allclose(found[r].dictionary, fit(jobs[r]).dictionary, atol=0.036)
        assert np.median(np.abs(found[r].dictionary - fit(jobs[r]).dictionary)) < 1e-5


# Recovery

EASY: dict[str, Any] = {
    "n_features": 24, "d_model": 16, "sparsity": 2, "n_neurons": 48, "n_steps": 400, "batch_size": 128,
    "learning_rate": 0.02, "schedule": "linear", "coefficient_law": "exponential", "center": True, "n_evaluations": 4,
}  # fmt: skip
TIED: dict[str, Any] = {"initial_scale": 0.1}
CONTROLLED: dict[str, Any] = TIED | {"buffer_steps": 20}
LEARNERS: dict[str, dict[str, Any]] = {
    "gba": {"n_groups": 3, "high_target_frequency": 0.3, "low_target_frequency": 0.05, "gain": 0.1} | CONTROLLED,
    "ba": {"target_frequency": 0.1, "gain": 0.1} | CONTROLLED,
    "ba quantile": {"target_frequency": 0.1, "controller": "quantile"} | CONTROLLED,
    "ba below": {"target_frequency": 0.1, "controller": "quantile-below"} | CONTROLLED,
    "topk": TIED,
    "batchtopk": TIED,
    "l1": {"penalty": 0.1} | TIED,
    "jumprelu": {"penalty": 0.01} | TIED,
    "jumprelu tanh": {"penalty": 0.03, "penalty_kind": "tanh", "pre_bias": "learned"} | TIED,
}


def rates(found: Any, tau: float) -> list[float]:
    return [float((each > tau).mean()) for each in found.trace.best_cosine]


@pytest.mark.parametrize("name", LEARNERS)
def test_every_tied_algorithm_recovers_features(name: str) -> None:
    """24 features in 16 dimensions, two at a time; at 0.8 chance recovers 0.3 % of them.

    Power: without learning, the rate stays at the start, at most a feature of 24.
    """
    job = job_of(algorithm=name.split()[0], **(EASY | LEARNERS[name]))
    found = fit(job)
    assert chance_recovery_rate(16, 48, 0.8) < 0.01
    reached = rates(found, 0.8)
    assert reached[0] <= 2 / 24 and reached[-1] >= 0.4
    X = job.source.held_out()
    assert 0 < np.square(found.reconstruct(X) - X).sum() / np.square(X - X.mean(0)).sum() < 0.6
    assert found.status == "ok"


@pytest.mark.parametrize(("name", "own"), [("gated", {"penalty": 0.6}), ("topk-untied", {})])
def test_untied_kinds_recover_an_easy_world(name: str, own: dict[str, Any]) -> None:
    """64 features in 32 dimensions, three at a time, of the canonical model; chance recovers 1e-8 of them at 0.9.

    Power: a wrong gradient (tested: with rows read as columns) recovers none.
    """
    job = job_of(algorithm=name, n_features=64, d_model=32, sparsity=3, n_neurons=160, n_steps=900, batch_size=256,
                 learning_rate=6e-3, schedule="linear", pre_bias="zero", n_evaluations=1, **own)  # fmt: skip
    reached = rates(fit(job), 0.9)
    assert reached[0] == 0 and reached[-1] >= 0.8


def test_an_algorithm_is_a_leaf_of_its_own_settings() -> None:
    """A setting that an algorithm does not have is refused, and none is of two minds about its default."""
    for name, bad in (("topk", "gain"), ("topk", "initial_bias"), ("l1", "k"), ("gated", "initial_scale"),
                      ("dictionary-learning", "n_restarts"), ("dictionary-learning", "initialization")):  # fmt: skip
        with pytest.raises(TypeError, match=bad):
            algorithm_class(name)(**{bad: 1})
    with pytest.raises(ValueError, match=r"relaxation=0\.5, but algorithm=gba has no relaxation"):
        algorithm_class("gba")(relaxation=0.5)
    with pytest.raises(ValueError, match=r"weight_decay=0\.1, but algorithm=l1 has no weight_decay"):
        algorithm_class("l1")(weight_decay=0.1)
    for name in ALGORITHMS:
        kind: type[Algorithm] = algorithm_class(name)
        assert kind(n_steps=7, batch_size=3).usual_samples == 21  # type: ignore[call-arg]
        assert isinstance(Job(kind(), small("gba").source).algorithm.usual_samples, int)


@pytest.mark.parametrize("name", ["gba", "gated", "dictionary-learning"])
def test_what_was_learned_can_be_pickled(name: str) -> None:
    source = Model(n_features=12, d_model=6, sparsity=2).stream()
    kind: Any = algorithm_class(name)
    found = kind(n_neurons=16, n_steps=3, batch_size=16).fit(source)
    again = pickle.loads(pickle.dumps(found))
    X = source.held_out()[:50]
    assert np.array_equal(again.encode(X), found.encode(X))
    assert found.held_out is not None
    for one, other in zip(found.held_out(), again.held_out(), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
