"""Settings and cells: what is allowed, what follows from what, what a cell is told apart by."""

from __future__ import annotations

import csv
import io
import pickle
import re
from dataclasses import fields
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from simulations.algorithms.base import algorithm_class, discover
from simulations.runs.cell import Cell, batches, run_batch, run_cell
from simulations.runs.columns import cell_of, setting_columns, setting_fields

TRAINED = ("gba", "ba", "topk", "batchtopk", "l1", "jumprelu", "dictionary-learning")
PAPER = {
    "high_target_frequency": 0.5, "low_target_frequency": 0.001, "n_groups": 10, "gain": 0.01, "gain_ratio": 1.0,
    "buffer_steps": 50, "dead_frequency": 1e-6, "batch_size": 512,
}  # fmt: skip


def test_defaults_are_the_papers() -> None:
    cell = Cell(algorithm="gba")
    assert {name: getattr(cell, name) for name in PAPER} == PAPER  # Algorithm 1 and its constants


@pytest.mark.parametrize("algorithm", ["modified-ba", *TRAINED])
def test_defaults_follow_the_algorithm(algorithm: str) -> None:
    cell = Cell(algorithm=algorithm)
    if algorithm in TRAINED:
        assert (cell.n_steps, cell.batch_size, cell.n_samples) == (6_000, 512, 6_000 * 512)
    else:
        assert (cell.n_steps, cell.batch_size, cell.n_samples) == (5, 0, 30_000)
    given = Cell(algorithm=algorithm, n_steps=7, batch_size=20, n_samples=60)  # given values win over both
    assert (given.n_steps, given.batch_size, given.n_samples) == (7, 20, 60)


def test_samples_are_all_fresh_unless_fewer_are_asked_for() -> None:
    assert Cell(algorithm="topk", n_steps=30, batch_size=16).n_samples == 480
    assert Cell(algorithm="topk", n_steps=0, batch_size=16).n_samples == 16
    assert Cell(algorithm="topk", n_steps="30", batch_size="16").n_samples == 480
    assert Cell(algorithm="topk", n_steps=30, batch_size=16, n_samples=100).n_samples == 100


def test_derived_settings_follow_when_another_changes() -> None:
    top = Cell(algorithm="topk", sparsity=7)
    assert (top.k, top.replace(sparsity=8).k) == (7, 8)
    assert Cell(algorithm="batchtopk", sparsity=7, n_neurons=4).k == 4
    assert top.replace(k=2).replace(sparsity=8).k == 2  # a given one stays
    assert Cell(algorithm="topk", n_steps=30).replace(n_steps=40).n_samples == 40 * 512
    assert Cell(algorithm="gba").replace(algorithm="topk").initial_scale == Cell(algorithm="topk").initial_scale


def test_a_change_of_algorithm_leaves_behind_what_the_new_one_does_not_have() -> None:
    cell = Cell(algorithm="gba", gain=0.1, n_neurons=64, n_steps=9, arm="gba").replace(algorithm="topk")
    assert cell == Cell(algorithm="topk", n_neurons=64, n_steps=9, arm="gba")
    with pytest.raises(ValueError, match="gain is no setting of algorithm=topk"):
        Cell(algorithm="gba").replace(algorithm="topk", gain=0.1)


NOT_ITS_OWN: list[tuple[dict[str, Any], str]] = [
    ({"algorithm": "topk", "gain": 5}, "gain is no setting of algorithm=topk"),
    ({"k": 3}, "k is no setting of algorithm=modified-ba"),
    ({"n_probes": 3}, "n_probes is no setting of"),
    ({"algorithm": "gba", "controller": "quantile", "gain": 0.1}, "gain=0.1, but algorithm=gba has no gain"),
    ({"algorithm": "topk", "weight_decay": 0.1}, "weight_decay=0.1, but algorithm=topk has no weight_decay"),
    ({"instrument": "width", "initialization": "data"}, "initialization is no setting of instrument=width"),
    ({"n_feature": 3}, "n_feature is no setting of a cell of algorithm=modified-ba, instrument=simulation (did you"),
]


@pytest.mark.parametrize(("given", "message"), NOT_ITS_OWN)
def test_a_setting_that_is_not_the_cells_own_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
        Cell(**given)
    assert "\n" not in str(caught.value)
    name = list(given)[-1]
    own = {key: value for key, value in given.items() if key != name}
    assert name not in Cell(**own).settings()
    assert f"{name}=" not in Cell(**own).key()


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
        ({"algorithm": "gba", "controller": "quantile", "relaxation": 1.1}, "relaxation=1.1, but should be in (0, 1]"),
        ({"algorithm": "gba", "buffer_steps": 0}, "buffer_steps=0, but should be an integer of at least 1"),
        ({"algorithm": "gba", "dead_frequency": 1}, "dead_frequency=1.0, but should be in [0, 1)"),
        ({"algorithm": "gba", "initial_bias": 0.1}, "initial_bias=0.1, but should be in [-1, 0]"),
        ({"algorithm": "gba", "initial_bias": -1.5}, "initial_bias=-1.5, but should be in [-1, 0]"),
        (
            {"algorithm": "topk", "initial_bias": -0.1},
            "initial_bias is no setting of algorithm=topk",
        ),
        ({"algorithm": "gba", "initial_scale": 0}, "initial_scale=0.0, but should be in (0, inf)"),
        ({"algorithm": "l1", "penalty": -0.1}, "penalty=-0.1, but should be in [0, inf)"),
        ({"algorithm": "jumprelu", "bandwidth": 0}, "bandwidth=0.0, but should be in (0, inf)"),
        (
            {"algorithm": "topk", "activation": "jumprelu"},
            "activation is no setting of algorithm=topk",
        ),
        (
            {"algorithm": "jumprelu", "activation": "relu"},
            "activation is no setting of algorithm=jumprelu",
        ),
        (
            {"algorithm": "gba", "activation": "smooth-relu"},
            "activation='smooth-relu', but should be one of relu, jumprelu (did you mean 'relu'?)",
        ),
        ({"algorithm": "gba", "controller": "papr"},
         "controller='papr', but should be one of paper, quantile, quantile-below (did you mean 'paper'?)"),
        ({"algorithm": "gba", "schedule": "cosine"}, "schedule='cosine', but should be one of constant, linear"),
        ({"algorithm": "l1", "optimizer": "sgd"}, "optimizer='sgd', but should be one of adam, adamw"),
        ({"algorithm": "jumprelu", "penalty_kind": "l2"}, "penalty_kind='l2', but should be one of l0, tanh"),
        ({"algorithm": "gba", "n_samples": 9, "batch_size": 10}, "batch_size=10, but should be in [1, n_samples=9]"),
        ({"algorithm": "gba", "n_samples": 100, "batch_size": 0}, "batch_size=0, but should be an integer"),
        ({"algorithm": "gba", "batch_size": 0}, "batch_size=0, but should be"),
        ({"algorithm": "gba", "batch_size": -5}, "batch_size=-5, but should be"),
        ({"algorithm": "gba", "n_steps": -1}, "n_steps=-1, but should be an integer of at least 0"),
        ({"algorithm": "gba", "instrument": "width"},
         "instrument='width' needs algorithm='modified-ba', whose neurons are independent"),
        ({"algorithm": "gbaa"}, "algorithm='gbaa', but should be one of "),
    ],
)  # fmt: skip
def test_bad_values_are_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    sizes = {"n_neurons": 8} | ({"n_groups": 2} if given.get("algorithm") == "gba" else {})
    with pytest.raises(ValueError, match="^" + re.escape(message)) as caught:
        Cell(**(sizes | given))
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
        {"algorithm": "gba", "controller": "quantile", "relaxation": 1},
        {"algorithm": "gba", "initial_bias": -1},
        {"algorithm": "gba", "activation": "relu"},
        {"algorithm": "l1", "penalty": 0},
        {"algorithm": "l1", "optimizer": "adamw", "weight_decay": 0},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(given: dict[str, Any]) -> None:
    sizes = {"n_neurons": 8} | ({"n_groups": 2} if given["algorithm"] == "gba" else {})
    Cell(**(sizes | given))


def test_every_setting_is_a_column_once() -> None:
    for name in discover():
        kind = algorithm_class(name)
        assert {each.name for each in fields(kind)} <= set(setting_fields())
    assert len(set(setting_columns())) == len(setting_columns())
    assert all(each.metadata["text"] for each in setting_fields().values())


@pytest.mark.parametrize("algorithm", ["modified-ba", *TRAINED])
def test_texts_of_a_row_make_the_cell_again(algorithm: str) -> None:
    cell = Cell(algorithm=algorithm, n_features=33, sparsity=5, n_neurons=70, seed=2**53 + 1, center=True,
                n_steps=4, support_law="zipf:1.5", arm="an arm, with a comma")  # fmt: skip
    row = cell.settings() | {"arm": cell.arm}
    assert {type(value) for value in row.values()} <= {int, float, bool, str}
    buffer = io.StringIO()
    csv.writer(buffer).writerow(row.values())
    texts = next(csv.reader([buffer.getvalue().strip()]))
    again = cell_of(dict(zip(row, texts, strict=True)))
    assert again.settings() == cell.settings()
    assert (again.key(), again.arm) == (cell.key(), cell.arm)


def test_what_tells_cells_apart() -> None:
    cell = Cell(algorithm="gba")
    for change in ({"gain": 0.5}, {"schedule": "constant"}, {"n_restarts": 2}, {"seed": 1}, {"algorithm": "ba"}):
        assert cell.replace(**change).key() != cell.key()
    for change in ({"device": "cpu"}, {"dtype": "float64"}, {"arm": "other"}, {"gain": 0.01}):
        assert cell.replace(**change).key() == cell.key()
    assert Cell(support_law="zipf").key() == Cell(support_law="zipf:1.0").key() != Cell(support_law="zipf:2").key()


def test_a_cell_survives_pickling_and_printing() -> None:
    cell = Cell(algorithm="gba", gain=0.1, seed=2**60 + 1, arm="gba")
    again = pickle.loads(pickle.dumps(cell))
    assert (again, again.key(), again.arm) == (cell, cell.key(), "gba")
    assert eval(repr(cell)) == cell
    assert hash(again) == hash(cell)


class Word(StrEnum):
    JUMP = "jumprelu"


@pytest.mark.parametrize("value", [np.str_("jumprelu"), Word.JUMP])
def test_values_become_plain(value: str) -> None:
    cell = Cell(activation=value, n_features=np.int64(64), noise=np.float32(0.5), center=np.bool_(True), seed="3")
    assert {type(each) for each in cell.settings().values()} <= {int, float, bool, str}
    assert cell.key() == Cell(activation="jumprelu", n_features=64, noise=0.5, center=True, seed=3).key()


@pytest.mark.parametrize("value", ["uniform\n", "zipf\r:1"])
def test_a_law_with_a_newline_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="support_law") as caught:
        Cell(support_law=value)
    assert "\n" not in str(caught.value)


def test_an_instrument_is_honoured_not_a_label() -> None:
    row = run_cell(Cell(instrument="learnability", n_features=16, d_model=8, n_samples=200, n_probes=4, n_steps=1))
    assert row["instrument"] == "learnability"
    assert 0 <= row["learnable_fraction"] <= 1
    assert "feature_recovery_rate" not in row


def test_what_cannot_run_is_refused() -> None:
    for cells, options, said in (
        ([], {}, "cells=0"),
        ([Cell()], {"threads": 0}, "threads=0"),
        ([Cell(), Cell(n_features=64)], {}, "may differ in"),
        ([Cell()], {"checkpoint": "a.safetensors"}, "has none"),
    ):
        with pytest.raises(ValueError, match=said):
            run_batch(cells, **options)  # type: ignore[arg-type]
    assert batches([Cell(device="cpu"), Cell(device="cpu", seed=1)]) == [
        [Cell(device="cpu")], [Cell(device="cpu", seed=1)],
    ]  # fmt: skip
