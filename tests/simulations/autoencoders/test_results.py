"""What a row says of a trained autoencoder: by hand, and against an independent measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from simulations.algorithms.autoencoders import trainer
from simulations.algorithms.autoencoders.model import Parameters
from simulations.algorithms.autoencoders.trainer import Trace
from simulations.base.columns import RESULTS
from simulations.base.settings import Settings
from simulations.data import stream as data
from simulations.data.sampling import Sample
from simulations.instruments.training import train
from simulations.measures import autoencoder as results
from simulations.measures import recovery as measures
from simulations.measures.autoencoder import Firing, consistency, firing, histogram, history
from simulations.runs.cell import run_cell
from simulations.runs.storage import check_row
from theory.closed_forms import chance_recovery_rate

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "n_features": 20, "d_model": 10, "sparsity": 2, "n_neurons": 30, "batch_size": 64, "n_steps": 60, "device": "cpu",
    "n_groups": 3, "n_evaluations": 3, "buffer_steps": 10, "learning_rate": 0.02, "dtype": "float64", "gain": 0.3,
    "coefficient_law": "half-normal",
}  # fmt: skip
ALGORITHMS = ("gba", "ba", "topk", "batchtopk", "l1", "jumprelu")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw less at once: the tests are about other things."""
    for name in ("BLOCK", "CALIBRATION_ROWS", "EVALUATION_ROWS"):
        monkeypatch.setattr(data, name, 1_500)


def by_hand(cell: Settings, sae: list[np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and outputs, in NumPy; batchtopk takes the largest of 1,024 rows at a time."""
    W, a, b, b_pre = sae
    u = (x - b_pre) @ W.T
    y = u + b
    on = y > 0
    if cell.algorithm == "topk":
        on &= y >= np.sort(y, axis=1)[:, [-cell.k]]
    elif cell.algorithm == "batchtopk":
        for start in range(0, len(x), 1_024):
            part = y[start : start + 1_024]
            on[start : start + 1_024] &= part >= np.sort(part, axis=None)[-cell.k * len(part)]
    z = np.where(on, u if cell.activation == "jumprelu" else y, 0)
    return z, (z * a) @ W + b_pre


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_row_is_what_the_autoencoder_does(name: str) -> None:
    cell = Settings(algorithm=name, center=True, noise=0.05, **SMALL)
    given, state, trace, (found,) = train([cell], CPU, torch.float64)
    sample, held_out = given.streams[0].held_out()
    x = held_out.numpy()
    sae = [each[0].numpy() for each in state.parameters]
    z, output = by_hand(cell, sae, x)
    frequency = (z != 0).mean(axis=0)
    variance = ((x - x.mean(axis=0)) ** 2).sum()
    assert found["fraction_variance_unexplained"] == pytest.approx(((output - x) ** 2).sum() / variance, rel=1e-10)
    assert 0 < found["fraction_variance_unexplained"] < 1
    assert found["l0"] == pytest.approx((z != 0).sum(axis=1).mean(), rel=1e-12)
    assert found["activation_frequency"] == pytest.approx(frequency.mean(), rel=1e-12)
    assert found["dead_fraction"] == (frequency == 0).mean()
    scores = (z.max(axis=0) - z.mean(axis=0)) / np.where(z.std(axis=0) > 0, z.std(axis=0), np.inf)
    assert found["selectivity"] == pytest.approx(scores.mean(), rel=1e-8)  # a variance as a difference of squares
    V = sample.features / np.linalg.norm(sample.features, axis=1, keepdims=True)
    best = (V @ sae[0].T).max(axis=1)
    assert found["feature_recovery_rate"] == (best > 0.9).mean()
    assert found["feature_recovery_rate_080"] == (best > 0.8).mean() > 0
    assert found["mean_max_cosine"] == pytest.approx(best.mean(), rel=1e-12)
    assert found["chance_recovery_rate"] == pytest.approx(float(chance_recovery_rate(10, 30, 0.9)))
    assert found["frequency_histogram"] == histogram(frequency)
    start = trainer.init(given)
    z_start, _ = by_hand(cell, [each[0].numpy() for each in start.parameters], x)
    assert found["frequency_histogram_start"] == histogram((z_start != 0).mean(axis=0)) != histogram(frequency)
    assert found["recovery_steps"] == "0 20 40 60"
    rates = [float(word) for word in found["recovery_per_step_080"].split()]
    expected = [float((each[0] > 0.8).double().mean()) for each in trace.best_cosine]
    assert rates == pytest.approx(expected, abs=1e-6)  # six digits
    if name in ("gba", "ba"):
        target = given.groups.target[0].numpy()
        fires = frequency > 0
        error = np.median(np.abs(np.log(frequency[fires] / target[fires])))
        assert found["control_error"] == pytest.approx(error, rel=1e-10)
    else:
        assert not {"control_error", "control_fluctuation", "steps_to_target"} & set(found)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_rows_can_be_stored(name: str) -> None:
    row = run_cell(Settings(algorithm=name, **SMALL))
    typed = check_row(row)
    assert typed["status"] == "ok"
    for each in ("fraction_variance_unexplained", "l0", "selectivity"):
        assert np.isfinite(typed[each])
    assert {len(row[each].split()) for each in ("frequency_histogram", "frequency_histogram_start")} == {21}
    assert sum(map(int, row["frequency_histogram"].split())) == 30
    assert np.isnan(typed["consistency"]) and row["diverged_step"] == ""


def test_nothing_trained_is_a_row_too() -> None:
    row = run_cell(Settings(algorithm="gba", **(SMALL | {"n_steps": 0})))
    check_row(row)
    assert (row["recovery_steps"], row["steps_to_target"], row["control_fluctuation"]) == ("0", "", "")
    assert row["frequency_histogram"] == row["frequency_histogram_start"]


def test_a_single_sample_in_a_batch_and_one_neuron_train() -> None:
    tiny = SMALL | {"batch_size": 1, "n_neurons": 1, "n_groups": 1, "n_steps": 20}
    for name in ALGORITHMS:
        assert check_row(run_cell(Settings(algorithm=name, **tiny)))["status"] == "ok"


# By hand


def one_autoencoder(W: list[list[float]], scale: list[float], bias: list[float]) -> Parameters:
    tensors = (torch.tensor([each], dtype=torch.float64) for each in (W, scale, bias, [0.0, 0.0]))
    return Parameters(*tensors)


def test_firing_by_hand() -> None:
    """Four samples on two axes and three neurons, one of which never fires."""
    cell = Settings(algorithm="gba", n_features=2, d_model=2, sparsity=1, n_neurons=3, n_groups=1)
    x = torch.tensor([[1.0, 0], [2, 0], [0, 1], [0, 0]], dtype=torch.float64)
    seen = firing(one_autoencoder([[1, 0], [0, 1], [-1, 0]], [1, 0.5, 1], [-1.5, -0.5, 0]), cell, x)
    # JumpReLU: codes (0, 2, 0, 0), (0, 0, 1, 0) and none.
    np.testing.assert_allclose(seen.frequency, [0.25, 0.25, 0])
    np.testing.assert_allclose(seen.mean, [0.5, 0.25, 0])
    np.testing.assert_allclose(seen.z_score, [1.5 / np.sqrt(0.75), 0.75 / np.sqrt(3 / 16), 0])
    assert seen.l0 == 0.5
    # Errors 1, 0, 1/4 and 0; the mean is (3/4, 1/4), so the spread is 1/8 + 26/16 + 18/16 + 10/16.
    assert seen.variance_unexplained == pytest.approx(1.25 / 3.5)


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
    sample = Sample(support, values, np.eye(4))
    told = measures.measure(weights, sample, np.array(frequency), np.zeros((1, 4)))
    return str(told["frequency_profile"])


def test_frequency_profile_by_hand() -> None:
    """Neurons 2, 1 and 0 are on features 0, 1 and 2; none is on the last."""
    weights = np.array([[0, 0, 1, 0.1], [0, 1, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0]])
    assert profile(weights, [0.2, 0.3, 0.5, 1]) == "0.125:0:0 0.25:1:0.2 0.5:1:0.3 1:1:0.5"


def test_frequency_profile_groups_features_and_takes_geometric_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "PROFILE_BINS", 2)
    assert profile(np.eye(4)[:3], [0.9, 0.1, 0.2]) == "0.1875:0.5:0.2 0.75:1:0.3"  # sqrt(0.9 * 0.1)


def firings_of(mean: list[float], z_score: list[float]) -> Firing:
    return Firing(np.array(mean), np.array(mean), np.array(z_score), 1.0, 0.0)


def test_consistency_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dictionary A holds three axes and an odd direction; B holds two of the axes and two others."""
    monkeypatch.setattr(results, "PROFILE_BINS", 2)
    monkeypatch.setattr(results, "MOST_ACTIVE", 0.25)
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
    assert consistency([W], [flat]) == {}
    same = consistency([W, W[rng.permutation(40)], 3 * W], [flat] * 3)
    assert (same["consistency"], same["consistency_top"]) == (1, 1)
    assert same["consistency_mean_cosine"] == pytest.approx(1)
    other = consistency([W, rng.standard_normal((40, 30))], [flat] * 2)
    assert other["consistency"] == 0  # chance, in 30 dimensions: 1e-15
    assert 0.2 < other["consistency_mean_cosine"] < 0.7


def test_restarts_are_compared_and_the_first_is_the_cell() -> None:
    settings = {"algorithm": "topk"} | SMALL
    alone, row = run_cell(Settings(**settings)), run_cell(Settings(n_restarts=3, **settings))
    check_row(row)
    for name in (
        "feature_recovery_rate_080",
        "mean_max_cosine",
        "fraction_variance_unexplained",
        "frequency_histogram",
    ):
        assert row[name] == alone[name]
    assert 0 <= row["consistency"] <= 1
    assert row["consistency_chance"] == pytest.approx(float(chance_recovery_rate(10, 30, 0.9)))
    assert alone["consistency"] == ""
    given, state, _, _ = train([Settings(n_restarts=3, **settings)], CPU, torch.float64)
    assert len({id(each) for each in given.streams}) == 1  # the same data
    W = state.parameters.weights.numpy()
    shares = [((W[i] @ W[j].T).max(axis=1) > 0.9).mean() for i in range(3) for j in range(3) if i != j]
    assert row["consistency"] == pytest.approx(np.mean(shares))


def test_cells_of_a_batch_keep_their_own_restarts() -> None:
    cells = [Settings(algorithm="topk", n_restarts=2, k=k, **SMALL) for k in (1, 4)]
    *_, together = train(cells, CPU, torch.float64)
    for cell, found in zip(cells, together, strict=True):
        *_, (alone,) = train([cell], CPU, torch.float64)
        for name in ("l0", "consistency_mean_cosine", "fraction_variance_unexplained", "mean_max_cosine"):
            # Sixty steps of 0.02 in float64: rounding of 1e-16 over eps = 1e-8 of Adam, 1e-8 of a step each at worst.
            assert found[name] == pytest.approx(alone[name], abs=1e-6)
    assert together[0]["l0"] <= 1 < together[1]["l0"] <= 4


@pytest.mark.parametrize("center", [False, True])
def test_data_that_do_not_vary_are_refused_or_give_a_row(center: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With s = n = 2 and equal coefficients every sample is v_1 + v_2, and centred it is 0: no variance to explain."""
    for name in ("BLOCK", "CALIBRATION_ROWS", "EVALUATION_ROWS"):  # sums of 2^10 equal numbers are exact
        monkeypatch.setattr(data, name, 1_024)
    given = {"n_features": 2, "coefficient_law": "constant", "center": center, "n_steps": 3}
    try:
        row = run_cell(Settings(algorithm="topk", **(SMALL | given)))
    except ValueError as refused:
        assert "\n" not in str(refused)
    else:
        check_row(row)


def test_history_by_hand() -> None:
    cell = Settings(algorithm="topk", n_features=100, n_steps=30, batch_size=10)
    best = torch.zeros(4, 2, 100)
    for k, counts in enumerate(((0, 0), (89, 90), (95, 99), (98, 99))):
        for r, count in enumerate(counts):
            best[k, r, :count] = 0.95
    trace = Trace([0, 10, 20, 30], [0.0, 1.5, 2.5, 4.0], list(best))
    assert history(trace, 0, cell) == {
        "recovery_steps": "0 10 20 30",
        "samples_to_recovery_090": 200,
        "seconds_to_recovery_090": 2.5,
        "samples_to_recovery_099": "",
        "seconds_to_recovery_099": "",
    }
    second = history(trace, 1, cell)
    assert [second[f"samples_to_recovery_{level}"] for level in ("090", "099")] == [100, 200]
    assert [second[f"seconds_to_recovery_{level}"] for level in ("090", "099")] == [1.5, 2.5]


def test_control_by_hand() -> None:
    cell = Settings(algorithm="ba", n_features=20, d_model=4, n_neurons=4, target_frequency=0.1, dtype="float64")
    given = trainer.problem([cell], CPU, torch.float64)
    state = trainer.init(given)
    before, after = ([0.0, 0.1, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1])
    state.last_frequency = (torch.tensor([before]).double(), torch.tensor([after]).double())
    told = results.control(state, given, 0, np.array([0.0, 0.05, 0.1, 0.4]))
    assert told["steps_to_target"] == ""
    assert told["control_error"] == pytest.approx(np.log(2))  # of log 2, 0 and log 4
    assert told["control_fluctuation"] == pytest.approx(np.log(2), rel=1e-6)  # the same; told in float32
    state.on_target = torch.tensor([150])
    assert results.control(state, given, 0, np.zeros(4)) | {"control_fluctuation": 0} == {
        "steps_to_target": 150,
        "control_error": "",
        "control_fluctuation": 0,
    }


def test_every_result_of_a_trained_row_is_a_known_column() -> None:
    for name in ALGORITHMS:
        *_, (found,) = train([Settings(algorithm=name, **(SMALL | {"n_restarts": 2}))], CPU, torch.float64)
        assert set(found) <= set(RESULTS)
