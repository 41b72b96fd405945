"""What the measures say of a trained autoencoder: by hand, and against an independent measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from trained_helper import DOUBLE, SINGLE, draw_less, fit, job_of

from simulations.algorithms.base import Fitted, Trace, algorithm_class
from simulations.data.model import Model
from simulations.data.sampling import Sample
from simulations.data.synthetic import FixedSample
from simulations.instruments.simulation import results_of
from simulations.measures import coding, recovery
from simulations.measures.base import result_columns
from simulations.measures.coding import consistency, histogram
from simulations.measures.look import Firing, Look, firing
from theory.closed_forms import chance_recovery_rate

SMALL: dict[str, Any] = {
    "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 64, "n_steps": 60,
    "n_evaluations": 3, "learning_rate": 0.02, "coefficient_law": "half-normal",
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "gba": {"n_groups": 3, "buffer_steps": 10, "gain": 0.3},
    "ba": {"buffer_steps": 10, "gain": 0.3},
    "topk": {},
    "batchtopk": {},
    "l1": {},
    "jumprelu": {},
}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch, 1_500, 1_500, 1_500)


def job(name: str, **given: Any) -> Any:
    return job_of(algorithm=name, **(SMALL | OWN[name] | given))


def by_hand(cell: Any, fitted: Fitted, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and outputs, in NumPy; batchtopk takes the largest of 1,024 rows at a time."""
    parameters = fitted.code.parameters  # type: ignore[union-attr]
    W, a, b, b_pre = (parameters[key][0].numpy() for key in ("weights", "scale", "bias", "pre_bias"))
    u = (x - b_pre) @ W.T
    y = u + b
    on = y > 0
    if cell.name == "topk":
        on &= y >= np.sort(y, axis=1)[:, [-cell.k]]
    elif cell.name == "batchtopk":
        for start in range(0, len(x), 1_024):
            part = y[start : start + 1_024]
            on[start : start + 1_024] &= part >= np.sort(part, axis=None)[-cell.k * len(part)]
    z = np.where(on, u if cell.jump else y, 0)
    return z, (z * a) @ W + b_pre


@pytest.mark.parametrize("name", OWN)
def test_results_are_what_the_autoencoder_does(name: str) -> None:
    own = job(name, center=True, noise=0.05)
    fitted = fit(own, runtime=DOUBLE)
    found = results_of(fitted, own.source)
    x = (own.source.held_out() - fitted.code.mean) * fitted.code.scale
    z, output = by_hand(own.algorithm, fitted, x)
    frequency = (z != 0).mean(axis=0)
    variance = ((x - x.mean(axis=0)) ** 2).sum()
    assert found["fraction_variance_unexplained"] == pytest.approx(((output - x) ** 2).sum() / variance, rel=1e-10)
    assert 0 < found["fraction_variance_unexplained"] < 1
    assert found["l0"] == pytest.approx((z != 0).sum(axis=1).mean(), rel=1e-12)
    assert found["activation_frequency"] == pytest.approx(frequency.mean(), rel=1e-12)
    assert found["dead_fraction"] == (frequency == 0).mean()
    scores = (z.max(axis=0) - z.mean(axis=0)) / np.where(z.std(axis=0) > 0, z.std(axis=0), np.inf)
    assert found["selectivity"] == pytest.approx(scores.mean(), rel=1e-8)  # a variance as a difference of squares
    V = own.source.truth.features
    best = (V / np.linalg.norm(V, axis=1, keepdims=True) @ fitted.dictionary.T).max(axis=1)
    assert found["feature_recovery_rate"] == (best > 0.9).mean()
    assert found["feature_recovery_rate_080"] == (best > 0.8).mean() > 0
    assert found["mean_max_cosine"] == pytest.approx(best.mean(), rel=1e-12)
    assert found["chance_recovery_rate"] == pytest.approx(float(chance_recovery_rate(10, 30, 0.9)))
    assert found["frequency_histogram"] == histogram(frequency)
    z_start, _ = by_hand(own.algorithm, fitted.before, x)
    assert found["frequency_histogram_start"] == histogram((z_start != 0).mean(axis=0)) != histogram(frequency)
    assert found["recovery_steps"] == "0 20 40 60"
    rates = [float(word) for word in found["recovery_per_step_080"].split()]
    assert rates == pytest.approx([(each > 0.8).mean() for each in fitted.trace.best_cosine], abs=1e-6)  # six digits
    if name in ("gba", "ba"):
        fires = frequency > 0
        error = np.median(np.abs(np.log(frequency[fires] / fitted.target_frequency[fires])))
        assert found["control_error"] == pytest.approx(error, rel=1e-10)
    else:
        assert not {"control_error", "control_fluctuation", "steps_to_target"} & set(found)
    assert set(found) <= set(result_columns())


def test_nothing_trained_has_results_too() -> None:
    own = job("gba", n_steps=0)
    found = results_of(fit(own), own.source)
    assert found["recovery_steps"] == "0"
    assert not {"steps_to_target", "control_fluctuation"} & set(found)
    assert found["frequency_histogram"] == found["frequency_histogram_start"]


def test_a_single_sample_in_a_batch_and_one_neuron_train() -> None:
    for name in OWN:
        tiny = {"batch_size": 1, "n_neurons": 1, "n_steps": 20} | ({"n_groups": 1} if name == "gba" else {})
        own = job(name, **tiny)
        found = results_of(fit(own), own.source)
        assert found["status"] == "ok" and found["l0"] <= 1


# By hand


def blocks(codes: Any, output: Any, x: Any) -> Fitted:
    """Return a dictionary whose codes on the held-out rows are these."""
    return Fitted(np.eye(3), held_out=lambda: iter([(np.array(codes), np.array(output), np.array(x))]))


def test_firing_by_hand() -> None:
    """Four samples on two axes and three neurons, one of which never fires."""
    x = [[1.0, 0], [2, 0], [0, 1], [0, 0]]
    codes = [[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 0]]
    seen = firing(blocks(codes, [[0.0, 0], [2, 0], [0, 0.5], [0, 0]], x))
    assert seen is not None
    np.testing.assert_allclose(seen.frequency, [0.25, 0.25, 0])
    np.testing.assert_allclose(seen.mean, [0.5, 0.25, 0])
    np.testing.assert_allclose(seen.z_score, [1.5 / np.sqrt(0.75), 0.75 / np.sqrt(3 / 16), 0])
    assert seen.l0 == 0.5
    # Errors 1, 0, 1/4 and 0; the mean is (3/4, 1/4), so the spread is 1/8 + 26/16 + 18/16 + 10/16.
    assert seen.variance_unexplained == pytest.approx(1.25 / 3.5)


def test_codes_of_a_jumprelu_by_hand() -> None:
    """Biases -3/2 and -1/2 on two axes, scale 1 and 1/2: codes (0, 2, 0, 0), (0, 0, 1, 0) and none."""
    kind: Any = algorithm_class("gba")
    network = kind.network([kind(n_neurons=3, n_groups=1)], torch.device("cpu"), torch.float64)
    W, a, b = [[1.0, 0], [0, 1], [-1, 0]], [1.0, 0.5, 1], [-1.5, -0.5, 0]
    tensors = dict(zip(("weights", "scale", "bias", "pre_bias"), (W, a, b, [0.0, 0.0]), strict=True))
    x = torch.tensor([[[1.0, 0], [2, 0], [0, 1], [0, 0]]], dtype=torch.float64)
    parameters = {key: torch.tensor([each], dtype=torch.float64) for key, each in tensors.items()}
    codes, output = network.forward(parameters, x)
    assert codes[0].tolist() == [[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert output[0].tolist() == [[0, 0], [2, 0], [0, 0.5], [0, 0]]


def test_histogram_by_hand() -> None:
    """Bins: never, then 20 of a quarter decade from 1e-5 to 1; what is rarer counts in the first of these."""
    words = histogram(np.array([0.0, 0, 1e-7, 1.1e-5, 0.11, 0.5, 1.0])).split()
    expected = ["2", "2"] + ["0"] * 19
    expected[17] = expected[19] = expected[20] = "1"  # from 10^-1, 10^-0.5 and 10^-0.25
    assert words == expected


def profile(weights: np.ndarray, frequency: list[float]) -> str:
    """Return the profile of four features on the axes, of frequencies 1, 1/2, 1/4 and 1/8."""
    support, values = np.zeros((8, 4), np.int32), np.zeros((8, 4))
    for feature, count in enumerate((8, 4, 2, 1)):
        support[:count, feature], values[:count, feature] = feature, 1.0
    source = FixedSample(Model(n_features=4, d_model=4, sparsity=2, n_samples=8))
    source.sample = Sample(support, values, np.eye(4))
    told = recovery.frequencies(Look(Fitted(weights, activation_frequency=np.array(frequency)), source))
    return str(told["frequency_profile"])


def test_frequency_profile_by_hand() -> None:
    """Neurons 2, 1 and 0 are on features 0, 1 and 2; none is on the last."""
    weights = np.array([[0, 0, 1, 0.1], [0, 1, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0]])
    assert profile(weights, [0.2, 0.3, 0.5, 1]) == "0.125:0:0 0.25:1:0.2 0.5:1:0.3 1:1:0.5"


def test_frequency_profile_groups_features_and_takes_geometric_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "PROFILE_BINS", 2)
    assert profile(np.eye(4)[:3], [0.9, 0.1, 0.2]) == "0.1875:0.5:0.2 0.75:1:0.3"  # sqrt(0.9 * 0.1)


def firings_of(mean: list[float], z_score: list[float]) -> Firing:
    return Firing(np.array(mean), np.array(mean), np.array(z_score), 1.0, 0.0)


def test_consistency_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dictionary A holds three axes and an odd direction; B holds two of the axes and two others."""
    monkeypatch.setattr(coding, "PROFILE_BINS", 2)
    monkeypatch.setattr(coding, "MOST_ACTIVE", 0.25)
    I = np.eye(6)  # noqa: E741
    A, B = np.stack([I[0], I[1], I[2], (I[3] + I[4]) / np.sqrt(2)]), np.stack([I[3], I[1], I[0], -I[2]])
    found = consistency([A, B], [firings_of([4, 3, 2, 1], [1, 2, 3, 4]), firings_of([1, 2, 3, 4], [1, 2, 3, 4])])
    # MCS of A: 1, 1, 0, sqrt(1/2); of B: sqrt(1/2), 1, 1, 0, for a flipped neuron agrees with nothing.
    half = np.sqrt(0.5)
    assert found["consistency"] == 2 / 4
    assert found["consistency_top"] == (1 + 0) / 2  # the most active of A is axis 0, of B minus axis 2
    assert found["consistency_mean_cosine"] == pytest.approx((2 + half) / 4)
    assert found["consistency_chance"] == pytest.approx(float(chance_recovery_rate(6, 4, 0.9)))
    first, second = (1 + (1 + half) / 2) / 2, (half / 2 + 1 / 2) / 2
    assert found["selectivity_profile"] == f"1.5:{first:.4g} 3.5:{second:.4g}"


def test_consistency_of_one_dictionary_of_equals_and_of_strangers() -> None:
    rng = np.random.default_rng(0)
    W = rng.standard_normal((40, 30))
    flat = firings_of([1.0] * 40, [1.0] * 40)
    assert coding.restarts(Look(Fitted(W), Model().stream())) == {}
    same = consistency([W, W[rng.permutation(40)], 3 * W], [flat] * 3)
    assert (same["consistency"], same["consistency_top"]) == (1, 1)
    assert same["consistency_mean_cosine"] == pytest.approx(1)
    other = consistency([W, rng.standard_normal((40, 30))], [flat] * 2)
    assert other["consistency"] == 0  # chance, in 30 dimensions: 1e-15
    assert 0.2 < other["consistency_mean_cosine"] < 0.7


def test_restarts_are_compared_and_the_first_is_the_cell() -> None:
    one, three = job("topk"), job("topk", n_restarts=3)
    fitted = fit(three)
    alone, found = results_of(fit(one), one.source), results_of(fitted, three.source)
    assert found["frequency_histogram"] == alone["frequency_histogram"]
    for name in ("feature_recovery_rate_080", "mean_max_cosine", "fraction_variance_unexplained"):
        assert found[name] == pytest.approx(alone[name], rel=1e-6)  # equal bits, measured in float32
    assert 0 <= found["consistency"] <= 1
    assert found["consistency_chance"] == pytest.approx(float(chance_recovery_rate(10, 30, 0.9)))
    assert "consistency" not in alone
    W = [each.dictionary for each in fitted.restarts]
    shares = [((W[i] @ W[j].T).max(axis=1) > 0.9).mean() for i in range(3) for j in range(3) if i != j]
    assert found["consistency"] == pytest.approx(np.mean(shares))


def test_jobs_of_a_batch_keep_their_own_restarts() -> None:
    jobs = [job("topk", n_restarts=2, k=k) for k in (1, 4)]
    together = [results_of(each, own.source) for each, own in zip(fit(*jobs, runtime=DOUBLE), jobs, strict=True)]
    for own, found in zip(jobs, together, strict=True):
        alone = results_of(fit(own, runtime=DOUBLE), own.source)
        for name in ("l0", "consistency_mean_cosine", "fraction_variance_unexplained", "mean_max_cosine"):
            # Sixty steps of 0.02 in float64: rounding of 1e-16 over eps = 1e-8 of Adam, 1e-8 of a step each at worst.
            assert found[name] == pytest.approx(alone[name], abs=1e-6)
    assert together[0]["l0"] <= 1 < together[1]["l0"] <= 4


def test_data_that_do_not_vary_have_no_explained_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    """With s = n = 2 and equal coefficients every sample is v_1 + v_2; centred it is 0, which is refused."""
    draw_less(monkeypatch, 1_024, 1_024, 1_024)  # sums of 2^10 equal numbers are exact
    given = {"n_features": 2, "coefficient_law": "constant", "n_steps": 3, "k": 2}
    own = job("topk", **given)
    found = results_of(fit(own, runtime=SINGLE), own.source)
    assert found["status"] == "ok" and found["selectivity"] >= 0
    with pytest.raises(ValueError, match="mean norm of the data"):
        fit(job("topk", center=True, **given))


def test_history_by_hand() -> None:
    best = []
    for count in (0, 90, 99, 99):
        best.append(np.where(np.arange(100) < count, 0.95, 0.0))
    trace = Trace([0, 10, 20, 30], [0.0, 1.5, 2.5, 4.0], [0, 100, 200, 300], best)
    found = recovery.history(Look(Fitted(np.eye(3), trace=trace), Model().stream()))
    assert found["recovery_steps"] == "0 10 20 30"
    assert [found[f"samples_to_recovery_{level}"] for level in ("090", "099")] == [100, 200]
    assert [found[f"seconds_to_recovery_{level}"] for level in ("090", "099")] == [1.5, 2.5]


def test_control_by_hand() -> None:
    kind: Any = algorithm_class("ba")
    network = kind.network([kind(n_neurons=4, target_frequency=0.1)], torch.device("cpu"), torch.float64)
    memory = network.memory({"bias": torch.zeros(1, 4, dtype=torch.float64)})
    memory["frequency_before"] += torch.tensor([0.0, 0.1, 0.2, 0.4])
    memory["frequency_last"] += 0.1
    told = network.results(memory, 0)
    assert told == {"control_fluctuation": pytest.approx(np.log(2)), "mean_bias": 0.0}  # of 0, log 2 and log 4
    memory["on_target"].fill_(150)
    assert network.results(memory, 0)["steps_to_target"] == 150
    fitted = Fitted(np.eye(4), activation_frequency=np.array([0.0, 0.05, 0.1, 0.4]), results=told)
    fitted.target_frequency = network.targets(0).numpy()
    found = coding.control(Look(fitted, Model().stream()))
    assert found["control_error"] == pytest.approx(np.log(2))  # of log 2, 0 and log 4
    assert found["control_fluctuation"] == told["control_fluctuation"] and found["steps_to_target"] is None
