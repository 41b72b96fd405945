"""check_trainer: ours pass, and each broken trainer fails with a message that names its fault."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import pytest

from simulations.algorithms.base import algorithm_class
from simulations.testing import TrainerFault, check_trainer

_SPEC = importlib.util.spec_from_file_location("face_trainers", Path(__file__).parent / "trainers.py")
assert _SPEC is not None and _SPEC.loader is not None
trainers: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(trainers)

BUDGET = 200
BROKEN = {
    "random_directions": ("chance", "random directions have"),
    "plants_features": ("planted", "the start knows the features"),
    "takes_nothing": ("data", "took 0 batches in n_steps=200: it ignores the data"),
    "wrong_shape": (
        "shape",
        r"returned W of shape \(24, 48\), but should return W \(n_neurons, d_model\) = \(48, 24\)",
    ),
    "not_a_number": ("finite", "1 numbers of 1152 that are NaN"),
    "unseeded": ("deterministic", "two runs with seed 1 on equal data differ"),
    "ignores_seed": ("seed", "ignores the seed"),
    "along_axes": ("rotation", "1.00 of features along the axes, but 0.00 of the same features rotated"),
    "wrong_l0": ("l0", "reports an L0 of 9, but its codes have 2.00 active neurons"),
    "one_batch": ("one batch", "first batch alone"),
    "one_direction": ("collapsed", "100% of the neurons are one direction"),
    "stops_early": ("budget", "took 30 batches in n_steps=200"),
    "crashes": ("runs", "raised IndexError at n_steps=200: out of range"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_trainer_fails_with_its_fault_named(name: str) -> None:
    fault, text = BROKEN[name]
    with pytest.raises(TrainerFault, match=text) as caught:
        check_trainer(getattr(trainers, name), n_steps=BUDGET)
    assert fault in caught.value.faults
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


def test_a_good_trainer_passes_and_its_own_settings_reach_it() -> None:
    told = check_trainer(trainers.good, n_steps=BUDGET, k=2)
    assert min(told[name] for name in told if name.startswith("recovery")) >= 0.75
    with pytest.raises(TrainerFault, match="finds 0"):
        check_trainer(trainers.good, n_steps=BUDGET, k=24)  # as many as there are dimensions


def test_a_true_l0_passes() -> None:
    assert check_trainer(trainers.right_l0, n_steps=BUDGET)["l0"] == pytest.approx(2, abs=0.01)


def test_a_start_from_the_bare_seed_plants_the_features_of_a_naive_world() -> None:
    check_trainer(trainers.naive_start, n_steps=BUDGET)
    with pytest.raises(TrainerFault, match=r"default_rng\(seed\)"):
        check_trainer(trainers.naive_start, n_steps=BUDGET, naive_worlds=True)


def test_faults_can_be_skipped_by_name() -> None:
    check_trainer(trainers.ignores_seed, n_steps=BUDGET, skip=["seed"])
    with pytest.raises(ValueError, match="skip='sed'"):
        check_trainer(trainers.good, skip=["sed"])


GBA = {"gain": 0.1, "n_groups": 3, "high_target_frequency": 0.2, "low_target_frequency": 0.02, "buffer_steps": 10}
OURS: dict[str, dict[str, Any]] = {
    "gba": GBA | {"learning_rate": 0.01},
    "topk": {"learning_rate": 0.01},
    "l1": {"learning_rate": 0.01},
}


@pytest.mark.parametrize("name", OURS)
def test_ours_pass(name: str) -> None:
    told = check_trainer(algorithm_class(name)(**OURS[name], n_evaluations=1), n_steps=300)
    assert 0 < told["l0"] < 24


def test_the_provable_algorithm_passes() -> None:
    # Its neurons do not see each other: it needs many, and has no codes and no stream of batches.
    check_trainer(algorithm_class("modified-ba")(target_frequency=0.05), n_neurons=256)
