"""Learners of other libraries, by stand-ins of what they show: dictionary_learning's trainers, and SPAMS."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from trained_helper import draw_less

from simulations.algorithms.base import Runtime, algorithm_class, discover
from simulations.algorithms.kinds.dictionary_learning_trainers import KINDS
from simulations.cli.listing import LISTS
from simulations.data.model import Model
from simulations.data.source import conditioned
from simulations.instruments.simulation import results_of
from simulations.runs.cell import Cell

SMALL: dict[str, Any] = {"n_neurons": 12, "n_steps": 20, "batch_size": 8, "n_evaluations": 2}
# What dictionary_learning 0.1 shows of a trainer: its arguments, `ae`, `update(step, x)`; its package loads nnsight.
PACKAGE = "import a_module_that_nobody_has\n"
TRAINER = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self, d, size):
        super().__init__()
        self.dict_size = size
        self.decoder = nn.Linear(size, d, bias=False)
        self.b_dec = nn.Parameter(torch.zeros(d))
    def encode(self, x):
        return torch.relu((x - self.b_dec) @ self.decoder.weight)
    def decode(self, f):
        return self.decoder(f) + self.b_dec
    def forward(self, x):
        return self.decode(self.encode(x))

class StandardTrainer:
    made = []
    def __init__(self, steps, activation_dim, dict_size, layer, lm_name, seed=None, device=None, **told):
        assert 0 <= told["warmup_steps"] < steps, "warmup_steps must be >= 0 and < steps."
        assert told.get("l1_penalty") != 7, "no sevens"
        if seed is not None:
            torch.manual_seed(seed)
        self.ae, self.told, self.seen = AE(activation_dim, dict_size).to(device), told | {"steps": steps}, []
        self.made.append(self)
    def update(self, step, x):
        self.seen.append((step, x.clone()))
        self.ae.b_dec.data += 0.1 * x.mean(0)
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_less(monkeypatch)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Put a stand-in of dictionary_learning where it is looked for; return the trainers that are made."""
    folder = tmp_path / "dictionary_learning" / "trainers"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text(PACKAGE)
    (folder / "__init__.py").write_text("")
    (folder / "standard.py").write_text(textwrap.dedent(TRAINER))
    rest = "from .standard import StandardTrainer\n\nclass {0}(StandardTrainer):\n    made = StandardTrainer.made\n"
    for each in KINDS.values():
        module, kind = each.trainer.split(".")
        if module != "standard":
            (folder / f"{module}.py").write_text(rest.format(kind))
    _forget()
    monkeypatch.syspath_prepend(tmp_path)
    made: list[Any] = []
    from simulations.algorithms import dictionary_learning

    dictionary_learning._module("standard").StandardTrainer.made = made
    yield made
    _forget()


def _forget() -> None:
    for name in [each for each in sys.modules if each.split(".")[0] == "dictionary_learning"]:
        del sys.modules[name]


def world(**given: Any) -> Any:
    return Model(**{"n_features": 8, "d_model": 5, "sparsity": 2} | given).stream()


@pytest.mark.parametrize("kind", KINDS)
def test_its_trainer_gets_our_batches_and_its_codes_are_of_raw_data(kind: str, library: list[Any]) -> None:
    source = world(center=True)
    before = torch.get_rng_state()
    fitted = algorithm_class(f"dictionary-learning:{kind}")(**SMALL).fit(source, Runtime("cpu"))
    assert torch.equal(torch.get_rng_state(), before)
    trainer = library[-1]
    view = conditioned(source, torch.device("cpu"), torch.float32)[0]
    assert [step for step, _ in trainer.seen] == list(range(20))
    assert all(torch.equal(x, view.batch(step, 8)) for step, x in trainer.seen)
    W, c = trainer.ae.decoder.weight.detach().double().numpy(), trainer.ae.b_dec.detach().double().numpy()
    np.testing.assert_allclose(fitted.dictionary, W.T, atol=1e-6)  # float32, of order 1
    X = source.held_out()[:50]
    z = np.maximum((view.of(X).double().numpy() - c) @ W, 0)
    np.testing.assert_allclose(fitted.encode(X), z, atol=1e-5)
    np.testing.assert_allclose(fitted.reconstruct(X), (z @ W.T + c) / view.scale + view.mean, atol=1e-5)
    np.testing.assert_allclose(fitted.shift, c / view.scale, rtol=1e-5)
    assert fitted.trace.steps == [0, 10, 20] and fitted.encode(X[:0]).shape == (0, 12)
    row = results_of(fitted, source)
    assert row["status"] == "ok" and row["l0"] == pytest.approx((fitted.encode(source.held_out()) != 0).sum(1).mean())


def test_starts_follow_the_seed(library: list[Any]) -> None:
    def start(seed: int, **given: Any) -> Any:
        fitted = algorithm_class("dictionary-learning:standard")(**SMALL | {"n_steps": 1} | given)
        return fitted.fit(world(seed=seed), Runtime("cpu"))

    first, again, other = start(0), start(0), start(1)
    assert np.array_equal(first.dictionary, again.dictionary)
    assert not np.allclose(first.dictionary, other.dictionary)
    one, two = start(0, n_restarts=2).restarts
    assert np.array_equal(one.dictionary, first.dictionary) and not np.allclose(two.dictionary, one.dictionary)


def test_what_a_trainer_is_told(library: list[Any]) -> None:
    def told(kind: str, **given: Any) -> Any:
        algorithm_class(f"dictionary-learning:{kind}")(**SMALL | given).fit(world(), Runtime("cpu"))
        return library[-1].told

    assert told("standard", l1_penalty=0.3) == {
        "lr": 0.001, "l1_penalty": 0.3, "warmup_steps": 2, "sparsity_warmup_steps": 4, "steps": 20,
    }  # fmt: skip
    assert told("topk", n_neurons=16, k=3) == {
        "lr": pytest.approx(2e-4 * 32), "k": 3, "auxk_alpha": 1 / 32, "warmup_steps": 2, "threshold_start_step": 2,
        "threshold_beta": 0.5, "steps": 20,
    }  # fmt: skip
    assert told("jumprelu")["target_l0"] == 2  # s
    assert told("matryoshka", n_neurons=16)["group_fractions"] == [1 / 8, 1 / 8, 1 / 4, 1 / 2]
    with pytest.raises(ValueError, match=r"^algorithm='dictionary-learning:standard': no sevens$"):
        told("standard", l1_penalty=7)


@pytest.mark.parametrize(("name", "module"), [("dictionary-learning:topk", "dictionary_learning"), ("spams", "spams")])
def test_without_the_library_one_line_says_so(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda each, *_: None if each == module else find(each))
    cell = Cell(algorithm=name, n_features=8, d_model=4, n_neurons=8)
    with pytest.raises(ValueError, match=rf"^algorithm='{name}' needs .*: pip install [^\n]*$"):
        cell.leaves.algorithm.fit(cell.leaves.model.stream())


def test_they_are_listed_and_an_unknown_kind_is_refused() -> None:
    assert {"dictionary-learning:KIND", "dictionary-learning", "spams", "saelens:KIND"} <= LISTS["algorithms"]().keys()
    with pytest.raises(
        ValueError, match=r"^algorithm=dictionary-learning='topkk', but should .* \(did you mean 'topk'"
    ):
        algorithm_class("dictionary-learning:topkk")
    assert "spams" in discover() and Cell(algorithm="dictionary-learning:topk", n_neurons=64, sparsity=5).k == 5


def test_spams_goes_on_from_batch_to_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its matrices are by columns (d, B), (d, M) and (M, B); the sums of earlier batches come back to it."""
    calls: list[Any] = []

    def train(X: Any, D: Any, model: Any, **told: Any) -> Any:
        calls.append((X, D, model, told))
        return D[:, ::-1], {"iter": len(calls)}

    def lasso(X: Any, D: Any, lambda1: float, **told: Any) -> Any:
        assert told == {"pos": True, "numThreads": 1}
        return scipy.sparse.csc_matrix(np.maximum(D.T @ X - lambda1, 0))

    monkeypatch.setitem(sys.modules, "spams", SimpleNamespace(trainDL=train, lasso=lasso, __spec__=object()))
    source = world()
    fitted = algorithm_class("spams")(**SMALL | {"n_steps": 3, "penalty": 0.2}).fit(source)
    view = conditioned(source, torch.device("cpu"), torch.float64)[0]
    assert [model for _, _, model, _ in calls] == [None, {"iter": 1}, {"iter": 2}]
    for step, (X, D, _, told) in enumerate(calls):
        assert X.flags.f_contiguous and D.flags.f_contiguous and D.shape == (5, 12)
        np.testing.assert_array_equal(X.T, view.batch(step, 8).numpy())
        assert (told["lambda1"], told["posAlpha"], told["batchsize"], told["iter"]) == (0.2, True, 8, 1)
    np.testing.assert_allclose(np.linalg.norm(calls[0][1], axis=0), 1)
    np.testing.assert_array_equal(fitted.dictionary, calls[0][1].T[::-1])  # turned about three times
    X = source.held_out()[:20]
    expected = np.maximum(view.of(X).numpy() @ fitted.dictionary.T - 0.2, 0)
    np.testing.assert_allclose(fitted.encode(X), expected, atol=1e-12)


def test_spams_itself_recovers_an_easy_world() -> None:
    """Where the user has it: 40 batches recovered all of 64 features, at one seed."""
    pytest.importorskip("spams")
    source = Model(n_features=64, d_model=16, sparsity=2, seed=1).stream()
    fitted = algorithm_class("spams")(n_neurons=128, n_steps=40, batch_size=128, n_evaluations=2).fit(source)
    assert results_of(fitted, source)["feature_recovery_rate"] > 0.9
