"""The folders read as the argument: who may import whom, and one name everywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from figures.registry import FIGURES
from simulations.experiments import EXPERIMENTS

ROOT = Path(__file__).parent.parent
PACKAGES = ("theory", "simulations", "figures")
# The two modules that put rows and pictures together: everything else in simulations knows no figure.
MAY_DRAW = {"simulations/evidence/reproduce.py"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", modules("theory"), ids=str)
def test_theory_stands_alone(path: Path) -> None:
    allowed = {"__future__", "collections", "dataclasses", "math", "typing", "numpy", "scipy", "theory"}
    assert roots(path) <= allowed
    assert not any(re.match(r"numpy\.random", name) for name in imports(path))
    assert "random" not in {
        node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("path", modules("simulations"), ids=str)
def test_simulations_do_not_draw(path: Path) -> None:
    forbidden = {"matplotlib"} | (set() if str(path.relative_to(ROOT)) in MAY_DRAW else {"figures"})
    assert not roots(path) & forbidden


@pytest.mark.parametrize("path", modules("figures"), ids=str)
def test_figures_only_read_rows(path: Path) -> None:
    assert not roots(path) & {"torch", "numba", "joblib"}
    assert "pyplot" not in path.read_text()
    inside = {name for name in imports(path) if name.startswith("simulations")}
    assert all(name.startswith(("simulations.runs.storage", "simulations.base.settings")) for name in inside)


def test_storage_and_settings_load_no_torch() -> None:
    for name in ("runs/storage", "base/settings"):
        assert not roots(ROOT / "simulations" / f"{name}.py") & {"torch", "numba", "figures"}


def test_the_global_generator_is_never_used() -> None:
    text = {path: path.read_text() for package in PACKAGES for path in modules(package)}
    seeded = [
        str(path) for path, code in text.items() if re.search(r"manual_seed|np\.random\.(seed|rand|normal)", code)
    ]
    assert not seeded


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_one_name_everywhere(name: str) -> None:
    assert EXPERIMENTS[name].name == name
    assert name in FIGURES
    assert list((ROOT / "results" / name).glob("*/rows.csv")), f"no committed rows of {name}"
    assert list((ROOT / "results" / name).glob("*/manifest.json"))
    assert len(re.findall(rf"^\| `{name}` \|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)) == 1


def test_every_figure_has_an_experiment() -> None:
    assert set(FIGURES) == set(EXPERIMENTS)


def test_modules_stay_readable() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for each in PACKAGES for path in modules(each)}
    assert {path: length for path, length in lengths.items() if length > 300} == {}
