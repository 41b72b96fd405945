"""The problem refuses what it cannot mean, and says why."""

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest

from theory import GLOSSARY
from theory.problem import Problem

GOOD: dict[str, Any] = dict(n_features=8, d_model=4, sparsity=3, target_frequency=0.1, n_neurons=64)


def test_keeps_its_sizes_as_plain_numbers() -> None:
    problem = Problem(np.int64(8), np.int32(4), np.float64(2.5), np.float64(0.1), 64.0)  # type: ignore[arg-type]
    assert dataclasses.astuple(problem) == (8, 4, 2.5, 0.1, 64)
    assert [type(value) for value in dataclasses.astuple(problem)] == [int, int, float, float, int]
    assert problem.feature_frequency == 2.5 / 8
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.n_features = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("n_features", "d_model", "superposition", "heavy"),
    [(16, 3, True, True), (16, 4, True, False), (16, 16, False, False), (16, 17, False, False), (17, 4, True, True)],
)
def test_superposition(n_features: int, d_model: int, superposition: bool, heavy: bool) -> None:
    problem = Problem(n_features, d_model, 3, 0.1, 64)
    assert (problem.superposition, problem.heavy_superposition) == (superposition, heavy)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sparsity", 9, "sparsity=9, but should be in [1, n_features=8]"),
        ("sparsity", 0, "sparsity=0, but should be in [1, n_features=8]"),
        ("sparsity", 0.5, "sparsity=0.5, but should be in [1, n_features=8]"),
        ("target_frequency", 0, "target_frequency=0, but should be in (0, 0.5]"),
        ("target_frequency", 0.51, "target_frequency=0.51, but should be in (0, 0.5]"),
        ("n_features", 1, "n_features=1, but should be an integer of at least 2"),
        ("n_features", 8.5, "n_features=8.5, but should be an integer of at least 2"),
        ("d_model", 0, "d_model=0, but should be an integer of at least 1"),
        ("n_neurons", -3, "n_neurons=-3, but should be an integer of at least 1"),
    ],
)
def test_refuses_what_is_out_of_range(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        Problem(**{**GOOD, name: value})


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [True, math.nan, math.inf, -math.inf, "8", None, 1j, [3, 3]])
def test_refuses_what_is_no_finite_number(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        Problem(**{**GOOD, name: value})


def test_accepts_the_ends_of_the_ranges() -> None:
    assert Problem(8, 1, 8, 0.5, 1).sparsity == 8
    assert Problem(8, 1, 1, 1e-300, 1).sparsity == 1
    assert Problem(8, 1, 1, 0.5, 10**300).n_neurons == 10**300
    with pytest.raises(ValueError, match=r"^n_neurons=.* finite"):
        Problem(8, 1, 1, 0.5, 10**309)


def test_glossary_names_the_fields() -> None:
    assert {field.name for field in dataclasses.fields(Problem)} <= set(GLOSSARY)
    assert all(len(entry) == 3 and entry[1] for entry in GLOSSARY.values())
