"""One import: lazy, light, typed, and sure that its packages are its own."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sae_recovery as sr
import torch

ROOT = Path(__file__).parents[2]
WORLD = sr.Model(n_features=24, d_model=12, sparsity=2, seed=3)
SMALL: dict[str, Any] = {"n_neurons": 32, "n_steps": 5, "batch_size": 32}


def python(code: str, *folders: Path, where: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*folders, ROOT / "simulations" / "face", ROOT]))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=where)


def test_the_import_is_light() -> None:
    heavy = ("torch", "pandas", "matplotlib", "numpy", "scipy", "sklearn", "numba", "joblib")
    done = python(f"import sae_recovery, sys; print([each for each in {heavy} if each in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_every_name_is_there_and_a_mistyped_one_suggests() -> None:
    for name in sr.__all__:
        assert getattr(sr, name) is not None and name in dir(sr)
    assert set(sr.list_algorithms()) >= {"gba", "topk", "modified-ba"}
    assert "l0" in sr.list_measures() and "zipf[:exponent=1]" in sr.list_laws()["support"]
    with pytest.raises(AttributeError, match="did you mean 'score'"):
        sr.scor  # noqa: B018


@pytest.mark.parametrize("name", ["theory", "simulations", "figures"])
@pytest.mark.parametrize("form", ["package", "module"])
def test_a_foreign_package_in_the_way_is_named(name: str, form: str, tmp_path: Path) -> None:
    if form == "package":
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    else:
        (tmp_path / f"{name}.py").touch()
    done = python("import sae_recovery", tmp_path, where=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: sae_recovery comes with a package") and str(tmp_path / name) in last


def test_doctests() -> None:
    import simulations.data.arrays
    import simulations.data.matrices
    import simulations.measures.score

    names = [each.name for each in pkgutil.iter_modules(sr.__path__) if each.name != "saelens"]  # needs sae_lens
    rooms = [importlib.import_module(f"sae_recovery.{name}") for name in names]
    data = [simulations.data.arrays, simulations.data.matrices, simulations.measures.score]
    found = [doctest.testmod(each) for each in [sr, *rooms, *data]]
    assert sum(each.failed for each in found) == 0 and sum(each.attempted for each in found) >= 20


def test_an_algorithm_is_given_in_many_ways() -> None:
    wanted = sr.algorithm("topk", k=2)
    assert wanted == sr.algorithm(sr.TopK(k=2)) == sr.algorithm(type(wanted), k=2) == sr.algorithm(sr.TopK, k=2)
    assert repr(sr.GBA(gain=0.1)) == "GBA(gain=0.1)"
    with pytest.raises(ValueError, match="did you mean 'gain'"):
        sr.algorithm("gba", gian=1)
    with pytest.raises(TypeError, match="did you mean 'gain'"):
        sr.GBA(gian=1)


def mine(batches: Iterator[torch.Tensor], *, d_model: int, n_neurons: int, n_steps: int, seed: int) -> torch.Tensor:
    return torch.cat([next(batches) for _ in range(n_steps)])[:n_neurons].bfloat16()


def test_a_function_is_an_algorithm_also_a_local_one() -> None:
    local = lambda batches, *, d_model, n_neurons, n_steps, seed: np.eye(n_neurons, d_model)  # noqa: E731
    for train in (mine, local):
        assert sr.fit(train, WORLD, **SMALL).dictionary.shape == (32, 12)
    assert sr.algorithm(mine, n_steps=3).n_steps == 3  # type: ignore[attr-defined]


def test_fit_takes_every_kind_of_data(tmp_path: Path) -> None:
    X = WORLD.sample(300).X
    np.save(tmp_path / "X.npy", X)
    tensor = torch.nn.Parameter(torch.from_numpy(X).bfloat16())
    given: list[Any] = [X, X.astype(np.float16), X.tolist(), tensor, tmp_path / "X.npy", str(tmp_path / "X.npy")]
    given += [(X[k : k + 50] for k in range(0, 300, 50)), [(torch.from_numpy(X), 0)]]
    for data in given:
        found = sr.fit(sr.TopK(k=2, **SMALL), data, n_steps=2)
        assert found.dictionary.shape == (32, 12) and found.encode(X).shape == (300, 32)
    with pytest.raises(ValueError, match="k has no default on data of unknown sparsity; give k"):
        sr.fit("topk", X)
    with pytest.raises(ValueError, match="give a matrix"):
        sr.fit("modified-ba", iter([X]))
    with pytest.raises(ValueError, match="data of type int"):
        sr.fit("topk", 3, k=2)
    with pytest.raises(ValueError, match=r"batch_size=2000, but should be in \[1, n_samples=270\]"):
        sr.fit("topk", X, k=2, batch_size=2_000)


def test_the_seed_is_the_algorithms_alone() -> None:
    first, again, other = (sr.fit(sr.TopK(**SMALL), WORLD, seed=seed).dictionary for seed in (None, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    learner = sr.TopK(k=2, seed=5, **SMALL)
    X = WORLD.sample(200).X
    assert np.array_equal(learner.fit(X).components_, sr.fit(learner, X).dictionary)
    assert not np.array_equal(learner.components_, sr.fit(learner, X, seed=6).dictionary)
