"""The examples run, each as a user would run it."""

from __future__ import annotations

import importlib.util
import json
import runpy
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = Path(__file__).parents[2] / "simulations" / "examples"
matplotlib.use("Agg")


def load(name: str) -> object:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_score_my_dictionary(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "score_my_dictionary.py"))
    assert f"lost: {list(range(48, 64))}" in capsys.readouterr().out


def test_phase_diagram_of_my_trainer(tmp_path: Path) -> None:
    load("phase_diagram_of_my_trainer").main(str(tmp_path), 20)  # type: ignore[attr-defined]
    assert (tmp_path / "phase_diagram.png").stat().st_size > 10_000
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 18


def test_property_test_of_my_sae() -> None:
    module = load("property_test_of_my_sae")
    for name in [each for each in dir(module) if each.startswith("test_")]:
        getattr(module, name)()


def test_first_half_hour() -> None:
    cells = json.loads((EXAMPLES / "first_half_hour.ipynb").read_text())["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)
    assert names["found"].mcc > 0.8  # type: ignore[attr-defined]
    assert "seed" in str(names.get("fault", "seed"))
