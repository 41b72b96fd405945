"""Settings of trained algorithms: defaults that follow the algorithm, refusals word by word, and the round trip."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from simulations.base.checks import ALGORITHMS, TRAINED
from simulations.base.settings import SETTING_COLUMNS, Settings

PAPER = {
    "high_target_frequency": 0.5, "low_target_frequency": 0.001, "n_groups": 10, "gain": 0.01, "gain_ratio": 1.0,
    "buffer_steps": 50, "dead_frequency": 1e-6, "batch_size": 512,
}  # fmt: skip


def test_defaults_are_the_papers() -> None:
    settings = Settings(algorithm="gba")
    assert {name: getattr(settings, name) for name in PAPER} == PAPER  # Algorithm 1 and its constants


@pytest.mark.parametrize(
    ("algorithm", "activation"),
    [("modified-ba", "relu"), ("gba", "jumprelu"), ("ba", "jumprelu"), ("topk", "relu"), ("batchtopk", "relu"),
     ("l1", "relu"), ("jumprelu", "jumprelu"), ("dictionary-learning", "relu")],
)  # fmt: skip
def test_defaults_follow_the_algorithm(algorithm: str, activation: str) -> None:
    settings = Settings(algorithm=algorithm)
    assert settings.activation == activation
    assert settings.trained == (algorithm != "modified-ba")
    if settings.trained:
        assert (settings.n_steps, settings.batch_size, settings.n_samples) == (6_000, 512, 6_000 * 512)
    else:
        assert (settings.n_steps, settings.batch_size, settings.n_samples) == (5, 0, 30_000)
    # Given values win over both.
    given = Settings(algorithm=algorithm, n_steps=7, batch_size=20, n_samples=60)
    assert (given.n_steps, given.batch_size, given.n_samples) == (7, 20, 60)


def test_samples_are_all_fresh_unless_fewer_are_asked_for() -> None:
    assert Settings(algorithm="topk", n_steps=30, batch_size=16).n_samples == 480
    assert Settings(algorithm="topk", n_steps=0, batch_size=16).n_samples == 16
    assert Settings(algorithm="topk", n_steps="30", batch_size="16").n_samples == 480  # type: ignore[arg-type]
    assert Settings(algorithm="topk", n_steps=30, batch_size=16, n_samples=100).n_samples == 100


def test_k_is_the_sparsity_of_the_data() -> None:
    assert Settings(algorithm="topk", sparsity=7).k == 7
    assert Settings(algorithm="batchtopk", sparsity=7, n_neurons=4).k == 4
    assert Settings(algorithm="topk", sparsity=7, k=2).k == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "topk", "k": 9}, "k=9, but should be in [1, n_neurons=8]"),
        ({"algorithm": "batchtopk", "k": 0}, "k=0, but should be in [1, n_neurons=8]"),
        ({"algorithm": "topk", "k": "2.5"}, "k='2.5', but should be a finite integer"),
        ({"algorithm": "gba", "n_groups": 9}, "n_groups=9, but should be in [1, n_neurons=8]"),
        ({"algorithm": "gba", "n_groups": 0}, "n_groups=0, but should be in [1, n_neurons=8]"),
        (
            {"algorithm": "gba", "low_target_frequency": 0.3, "high_target_frequency": 0.2},
            "low_target_frequency=0.3, but should be at most high_target_frequency=0.2",
        ),
        ({"algorithm": "gba", "high_target_frequency": 1.0}, "high_target_frequency=1.0, but should be in (0, 1)"),
        ({"algorithm": "gba", "high_target_frequency": 0}, "high_target_frequency=0.0, but should be in (0, 1)"),
        ({"algorithm": "gba", "low_target_frequency": 0}, "low_target_frequency=0.0, but should be in (0, 1)"),
        ({"algorithm": "gba", "low_target_frequency": -0.1}, "low_target_frequency=-0.1, but should be in (0, 1)"),
        ({"algorithm": "gba", "low_target_frequency": "nan"}, "low_target_frequency='nan', but should be a number"),
        ({"algorithm": "ba", "target_frequency": 0.6}, "target_frequency=0.6, but should be in (0, 0.5]"),
        ({"algorithm": "gba", "learning_rate": 0}, "learning_rate=0.0, but should be in (0, inf)"),
        ({"algorithm": "gba", "learning_rate": -1}, "learning_rate=-1.0, but should be in (0, inf)"),
        ({"algorithm": "gba", "learning_rate": "inf"}, "learning_rate=inf, but should be in (0, inf)"),
        ({"algorithm": "gba", "gain": 0}, "gain=0.0, but should be in (0, inf)"),
        ({"algorithm": "gba", "gain_ratio": -1}, "gain_ratio=-1.0, but should be in [0, inf)"),
        ({"algorithm": "gba", "relaxation": 1.1}, "relaxation=1.1, but should be in (0, 1]"),
        ({"algorithm": "gba", "buffer_steps": 0}, "buffer_steps=0, but should be an integer of at least 1"),
        ({"algorithm": "gba", "dead_frequency": 1}, "dead_frequency=1.0, but should be in [0, 1)"),
        ({"algorithm": "gba", "initial_bias": 0.1}, "initial_bias=0.1, but should be in [-1, 0]"),
        ({"algorithm": "gba", "initial_bias": -1.5}, "initial_bias=-1.5, but should be in [-1, 0]"),
        (
            {"algorithm": "topk", "initial_bias": -0.1},
            "initial_bias=-0.1, but should be 0 for algorithm=topk, which has no bias",
        ),
        ({"algorithm": "gba", "initial_scale": 0}, "initial_scale=0.0, but should be in (0, inf)"),
        ({"algorithm": "l1", "penalty": -0.1}, "penalty=-0.1, but should be in [0, inf)"),
        ({"algorithm": "jumprelu", "bandwidth": 0}, "bandwidth=0.0, but should be in (0, inf)"),
        (
            {"algorithm": "topk", "activation": "jumprelu"},
            "activation='jumprelu', but should be one of relu (did you mean 'relu'?) for algorithm=topk",
        ),
        (
            {"algorithm": "jumprelu", "activation": "relu"},
            "activation='relu', but should be one of jumprelu (did you mean 'jumprelu'?) for algorithm=jumprelu",
        ),
        (
            {"algorithm": "gba", "activation": "smooth-relu"},
            "activation='smooth-relu', but should be one of relu, jumprelu (did you mean 'relu'?) for algorithm=gba",
        ),
        ({"algorithm": "gba", "controller": "papr"},
         "controller='papr', but should be one of paper, quantile, quantile-below (did you mean 'paper'?)"),
        ({"algorithm": "gba", "schedule": "cosine"}, "schedule='cosine', but should be one of constant, linear"),
        ({"algorithm": "l1", "optimizer": "sgd"}, "optimizer='sgd', but should be one of adam, adamw"),
        ({"algorithm": "jumprelu", "penalty_kind": "l2"}, "penalty_kind='l2', but should be one of l0, tanh"),
        ({"algorithm": "gba", "n_samples": 9, "batch_size": 10}, "batch_size=10, but should be in [1, n_samples=9]"),
        ({"algorithm": "gba", "n_samples": 100, "batch_size": 0}, "batch_size=0, but should be in [1, n_samples=100]"),
        ({"algorithm": "gba", "batch_size": 0}, "batch_size=0, but should be"),
        ({"algorithm": "gba", "batch_size": -5}, "batch_size=-5, but should be"),
        ({"algorithm": "gba", "n_steps": -1}, "n_steps=-1, but should be an integer of at least 0"),
        ({"algorithm": "gba", "instrument": "width"},
         "instrument='width' needs algorithm='modified-ba', whose neurons are independent"),
        ({"algorithm": "gbaa"}, "algorithm='gbaa', but should be one of modified-ba, gba, ba, topk"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
        Settings(**({"n_neurons": 8, "n_groups": 2} | given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"algorithm": "topk", "k": 8},
        {"algorithm": "gba", "n_groups": 8},
        {"algorithm": "gba", "n_groups": 1},
        {"algorithm": "gba", "high_target_frequency": 0.2, "low_target_frequency": 0.2},
        {"algorithm": "gba", "high_target_frequency": 0.999},
        {"algorithm": "gba", "gain_ratio": 0},
        {"algorithm": "gba", "relaxation": 1},
        {"algorithm": "gba", "initial_bias": -1},
        {"algorithm": "gba", "activation": "relu"},
        {"algorithm": "l1", "penalty": 0},
        {"algorithm": "l1", "k": 100},  # without top-k, k says nothing
        {"algorithm": "topk", "n_groups": 10},  # without groups, n_groups says nothing
        {"algorithm": "gba", "noise": 0.1, "evaluation": "factored"},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(given: dict[str, Any]) -> None:
    Settings(**({"n_neurons": 8, "n_groups": 2} | given))


def test_defaults_follow_the_algorithm_and_give_way_to_what_is_given() -> None:
    names = ("initial_scale", "penalty", "activation", "batch_size", "n_steps", "n_samples")
    defaults = {name: tuple(getattr(Settings(algorithm=name), each) for each in names) for name in ALGORITHMS}
    drawn = (512, 6_000, 512 * 6_000)
    assert defaults == {
        "modified-ba": (1.0, 0.01, "relu", 0, 5, 30_000),
        "gba": (0.01, 0.01, "jumprelu", *drawn),
        "ba": (0.01, 0.01, "jumprelu", *drawn),
        "topk": (1.0, 0.01, "relu", *drawn),
        "batchtopk": (1.0, 0.01, "relu", *drawn),
        "l1": (1.0, 0.1, "relu", *drawn),
        "jumprelu": (1.0, 0.01, "jumprelu", *drawn),
        "dictionary-learning": (1.0, 0.1, "relu", *drawn),
    }
    given = Settings(algorithm="gba", initial_scale=0.5, penalty=0.3)
    assert (given.initial_scale, given.penalty) == (0.5, 0.3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_hold_all_of_the_settings(algorithm: str) -> None:
    settings = Settings(
        algorithm=algorithm, n_features=33, sparsity=5, n_neurons=70, seed=4, center=True, noise=0.25,
        learning_rate=1 / 3, support_law="zipf:1.5", evaluation="dense",
    )  # fmt: skip
    row = settings.to_row()
    assert tuple(row) == SETTING_COLUMNS == tuple(each.name for each in fields(Settings))
    assert Settings.from_row(row) == settings
    buffer = io.StringIO()
    csv.writer(buffer).writerow(row.values())
    texts = next(csv.reader([buffer.getvalue().strip()]))
    again = Settings.from_row(dict(zip(row, texts, strict=True)))
    assert again == settings
    assert again.key() == settings.key()
    assert {type(value) for value in again.to_row().values()} <= {int, float, bool, str}


@pytest.mark.parametrize("algorithm", TRAINED)
def test_settings_of_training_are_part_of_the_identity(algorithm: str) -> None:
    settings = Settings(algorithm=algorithm)
    for change in ({"gain": 0.5}, {"k": 2}, {"penalty": 0.5}, {"schedule": "linear"}, {"n_restarts": 2}, {"seed": 1}):
        assert replace(settings, **change).key() != settings.key()  # type: ignore[arg-type]
    assert replace(settings, device="cpu").key() == settings.key()


def test_a_row_without_a_setting_is_refused() -> None:
    row = Settings(algorithm="gba").to_row()
    del row["gain"], row["k"]
    with pytest.raises(ValueError, match="row without gain, k"):
        Settings.from_row(row)
