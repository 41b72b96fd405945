"""Somebody's own trainer: what it is given, what becomes of its parameters, and what is refused in one line."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained_helper import draw_less

from simulations.algorithms.base import Algorithm, Runtime, algorithm_class
from simulations.base.settings import derive
from simulations.data.model import Model
from theory.closed_forms import chance_recovery_rate

HEAD = "import numpy as np\nimport torch\n\n\n"
TRAINER = (
    HEAD
    + """def train(batches, *, d_model, n_neurons, n_steps, seed, rate=0.5, power: int = 2, k: int, centred=False,
          extra=None):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((n_neurons, d_model))
    for _ in range(n_steps):
        x = next(batches)
        assert isinstance(x, torch.Tensor) and x.dtype == torch.float32 and x.shape[1] == d_model
    return W, {"seen": n_steps * len(x), "rate": rate, "power": power, "k": k, "centred": centred}


def picks(batches, *, d_model, n_neurons, n_steps, seed):
    x = torch.cat([next(batches) for _ in range(n_steps)])[:n_neurons]
    return torch.nn.Parameter(x.bfloat16())


def mine(batches, *, n_steps, **others):
    return np.ones((others["n_neurons"], others["d_model"]), dtype=np.float16) * others["seed"]


def world(batches, *, d_model, n_neurons, n_steps, seed, sparsity, device):
    return np.full((n_neurons, d_model), sparsity if device == "cpu" else -1.0)


def greedy(batches, d_model, n_neurons, n_steps, seed):
    for count, x in enumerate(batches):
        if count == 2 * n_steps:
            return np.ones((n_neurons, d_model))


def fails(batches, *, d_model, n_neurons, n_steps, seed):
    raise KeyError("no such\\nthing")


def wrong(batches, *, d_model, n_neurons, n_steps, seed, what: str):
    ones = np.ones((n_neurons, d_model))
    return {"1-d": ones[0], "turned": ones.T, "nan": ones * np.nan, "none": None, "text": "W", "three": (ones, {}, 1),
            "extra": (ones, {"loss": "low"}), "list": (ones, 3), "inf": (ones, {"loss": np.inf})}[what]


def no_seed(batches, *, d_model, n_neurons, n_steps):
    return np.ones((n_neurons, d_model))


def no_batches(*, d_model, n_neurons, n_steps, seed):
    return np.ones((n_neurons, d_model))


def word(batches, *, d_model, n_neurons, n_steps, seed, algorithm="x"):
    return np.ones((n_neurons, d_model))


value = 3
"""
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    draw_less(monkeypatch)
    path = tmp_path / "mine.py"
    path.write_text(TRAINER)
    yield path


def source() -> Any:
    return Model(n_features=20, d_model=6, sparsity=2, seed=4).stream()


def settings(name: str, **given: Any) -> Algorithm:
    return algorithm_class(name)(**({"n_neurons": 9, "n_steps": 3, "batch_size": 16} | given))


def test_own_parameters_become_settings(file: Path) -> None:
    """With the type of the default, or of the hint; what is no plain value is left alone."""
    kind: Any = algorithm_class(f"{file}:train")
    names = {each.name for each in kind(k=3).own()}
    assert names == {"n_neurons", "n_steps", "batch_size", "rate", "power", "k", "centred"}
    found = settings(f"{file}:train", k="4", rate="0.25", centred="True").fit(source())
    assert found.extra == {"seen": 48, "rate": 0.25, "power": 2, "k": 4, "centred": 1}
    for bad, told in (({"power": 1.5}, "power=1.5"), ({"rate": "fast"}, "rate='fast'"), ({"centred": 3}, "centred=3")):
        with pytest.raises(ValueError, match=f"{told}, but should be"):
            settings(f"{file}:train", k=3, **bad)
    assert kind(k=3).describe() == f"algorithm={file}:train"
    assert kind(k=3, n_steps=5, batch_size=7).usual_samples == 35


def test_a_parameter_without_default_is_needed(file: Path) -> None:
    with pytest.raises(ValueError, match=r"k has no default: algorithm='.*mine.py:train' needs it"):
        settings(f"{file}:train").fit(source())
    with pytest.raises(ValueError, match="k has no default"):
        derive(settings(f"{file}:train"), "k", None)


def test_a_parameter_of_unknown_type_takes_what_its_text_says(file: Path) -> None:
    file.write_text(HEAD + "def train(batches, *, d_model, n_neurons, n_steps, seed, free):\n    return free\n")
    for given, expected in (("3", 3), ("0.5", 0.5), ("True", True), ("deep", "deep"), (1e30, 1e30)):
        found = settings(f"{file}:train", free=given).given()["free"]
        assert found == expected and type(found) is type(expected)


def test_what_it_gets_and_gives(file: Path) -> None:
    """Raw X of the stream in order; W of any floating type, on any device, a Parameter or not."""
    found = settings(f"{file}:picks").fit(source())
    rows = np.concatenate([source().batch(step, 16) for step in range(3)])[:9]
    assert found.dictionary.dtype == np.float64
    np.testing.assert_allclose(found.dictionary, rows, rtol=2**-8)  # bfloat16 has eight bits
    assert found.trace.steps == [3] and found.trace.samples == [48] and found.trace.seconds[0] >= 0
    V = source().truth.features
    cosine = (V / np.linalg.norm(V, axis=1, keepdims=True)) @ (
        found.dictionary / np.linalg.norm(found.dictionary, axis=1, keepdims=True)
    ).T
    np.testing.assert_allclose(found.trace.best_cosine[0], cosine.max(1), atol=1e-12)  # float64
    assert found.code is None and found.held_out is None
    with pytest.raises(ValueError, match="it has no codes"):
        found.encode(rows)
    assert (settings(f"{file}:mine").fit(source()).dictionary == 4).all()


def test_it_may_ask_for_settings_of_the_model_and_the_device(file: Path) -> None:
    found = settings(f"{file}:world").fit(source(), Runtime("cpu"))
    assert (found.dictionary == 2).all()
    assert "sparsity" not in {each.name for each in settings(f"{file}:world").own()}


def test_samples_are_those_really_used(file: Path) -> None:
    assert settings(f"{file}:greedy").fit(source()).trace.samples == [7 * 16]


def test_a_module_in_the_working_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = file.parent / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "my_module.py").write_text(TRAINER)
    monkeypatch.chdir(file.parent)
    name = "my_package.my_module:picks"
    assert algorithm_class(name) is algorithm_class(name)
    assert settings(name).name == name
    np.testing.assert_array_equal(
        settings(name).fit(source()).dictionary, settings(f"{file}:picks").fit(source()).dictionary
    )


def test_it_goes_to_other_processes_by_its_name(file: Path) -> None:
    own = settings(f"{file}:picks")
    assert pickle.loads(pickle.dumps(own)) == own and b"picks" in pickle.dumps(own)
    code = pickle.dumps(own)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(_read, code).result()
    assert found == own.given()


def _read(code: bytes) -> dict[str, Any]:
    return pickle.loads(code).given()  # type: ignore[no-any-return]


# Refusals


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("1-d", "returned W of shape (6,), but should return W (n_neurons, d_model) = (9, 6), finite numbers"),
        ("turned", "returned W of shape (6, 9), but should return W"),
        ("nan", "returned 54 numbers that are not finite, but should return W"),
        ("none", "returned W of shape (), but should return W"),
        ("text", "returned str, but should return W"),
        ("three", "returned 3 things, but should return W or (W, extra)"),
        ("extra", "returned {'loss': 'low'} beside W, but should return a dict of numbers"),
        ("list", "returned 3 beside W, but should return a dict of numbers"),
        ("inf", "returned loss=inf, but extra numbers should be finite"),
    ],
)
def test_what_is_no_dictionary_is_refused(what: str, told: str, file: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{file}:wrong {told}")) as caught:
        settings(f"{file}:wrong", what=what).fit(source())
    assert "\n" not in str(caught.value)


def test_its_own_errors_are_told_with_their_type(file: Path) -> None:
    with pytest.raises(RuntimeError, match=r"mine.py:fails: KeyError: 'no such\\nthing'") as caught:
        settings(f"{file}:fails").fit(source())
    assert "\n" not in str(caught.value) and isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere:train", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("nowhere.py:train", "cannot be loaded: FileNotFoundError: no file nowhere.py"),
        ("FILE:trian", "has no function 'trian' (did you mean 'train'?)"),
        ("FILE:value", "has no function 'value'"),
        ("FILE:no_seed", "takes no seed; it should be train(batches, *, d_model"),
        ("FILE:no_batches", "takes no batches; it should be train(batches"),
        ("FILE:word", "has a parameter algorithm, which is a word of the suite's rows"),
        ("BAD:train", "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_loaded_is_refused(name: str, told: str, file: Path) -> None:
    bad = file.with_name("bad.py")
    bad.write_text("1 / 0\n")
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        algorithm_class(name.replace("FILE", str(file)).replace("BAD", str(bad)))
    assert "\n" not in str(caught.value) and "algorithm=" in str(caught.value)


def test_there_is_no_checkpoint_and_no_batch_larger_than_the_data(file: Path) -> None:
    with pytest.raises(ValueError, match=r"but .*mine\.py:picks has none"):
        settings(f"{file}:picks").fit(source(), Runtime(checkpoint=file.with_name("c")))
    few = Model(n_features=20, d_model=6, sparsity=2, n_samples=10).stream()
    with pytest.raises(ValueError, match=r"batch_size=16, but should be in \[1, n_samples=10\]"):
        settings(f"{file}:picks").fit(few)


# scikit-learn's learner, the other one that is not ours


def test_dictionary_learning_learns() -> None:
    """24 features in 16 dimensions, two at a time; at 0.8 chance recovers 0.3 % of them."""
    world = Model(n_features=24, d_model=16, sparsity=2, coefficient_law="exponential")
    found = algorithm_class("dictionary-learning")(  # type: ignore[call-arg]
        n_neurons=36, n_steps=60, batch_size=64, n_evaluations=2
    ).fit(world.stream())
    rates = [float((each > 0.8).mean()) for each in found.trace.best_cosine]
    assert chance_recovery_rate(16, 36, 0.8) < 0.01
    assert found.trace.samples == [0, 1_920, 3_840]
    assert rates[0] <= 2 / 24 and rates[-1] > 0.6
    assert found.held_out is not None
    codes, output, x = next(found.held_out())
    X = world.stream().held_out()[:100]
    z, reconstructed = found.encode(X), found.reconstruct(X)
    np.testing.assert_allclose(z, codes[:100], atol=1e-6)  # a lasso to its tolerance
    assert (z >= 0).all() and len(codes) == 1_024
    assert np.square(output - x).sum() / np.square(x).sum() < 0.5
    assert np.square(reconstructed - X).sum() / np.square(X).sum() < 0.5
