"""The folders read as the argument: who may import whom, one name everywhere, and what stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from simulations.experiments import EXPERIMENTS

ROOT = Path(__file__).parent.parent
PACKAGES = ("theory", "simulations", "figures")
# The rooms of simulations/ in the order of the data's way; each may import rooms before it, and theory.
ROOMS = ("base", "data", "algorithms", "measures", "instruments", "experiments", "runs", "evidence", "testing", "face")
MOST_ROOMS, MOST_FLOORS, MOST_LINES = 14, 8, 300
DRAWS = ("evidence", "face")  # the rooms that put rows and pictures together


@cache
def modules(package: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in (ROOT / package).rglob("*.py") if "examples" not in path.parts))


ALL = tuple(path for package in PACKAGES for path in modules(package))


@cache
def imports(path: Path) -> frozenset[str]:
    """Return what a module imports, also inside functions; what only the type checker sees is left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """Return the room of a module: a folder of simulations/, a package, or the command line."""
    parts = name.split(".")
    if parts[0] == "sae_recovery":
        return "face"
    if parts[0] != "simulations":
        return parts[0]
    return "cli" if len(parts) > 1 and parts[1].startswith("cli") else ".".join(parts[1:2])


def graph() -> dict[str, set[str]]:
    """Return which modules each module imports; `from package import module` is of the module alone."""
    known = {module_name(path) for path in ALL}
    found = {}
    for path in ALL:
        names = {name for name in imports(path) if name in known}
        parents = {name.rpartition(".")[0] for name in names}
        found[module_name(path)] = names - (parents & {each for each in names if _is_package(each)})
    return found


def _is_package(name: str) -> bool:
    folder = ROOT / name.replace(".", "/")
    return (folder / "__init__.py").is_file() or name == "sae_recovery"


def rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, others in graph().items():
        if room_of(name):
            found.setdefault(room_of(name), set()).update({room_of(each) for each in others} - {room_of(name), ""})
    return found


def floors(of: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room or module: one above the highest that it imports; fails on a circle."""
    found: dict[str, int] = {}

    def floor(name: str, above: tuple[str, ...]) -> int:
        assert name not in above, f"import circle: {' -> '.join((*above, name))}"
        if name not in found:
            found[name] = 1 + max((floor(each, (*above, name)) for each in of.get(name, ())), default=0)
        return found[name]

    for name in of:
        floor(name, ())
    return found


def test_modules_form_no_circle() -> None:
    floors(graph())


def test_rooms_stand_in_the_order_of_the_way_of_the_data() -> None:
    allowed: dict[str, set[str]] = {}
    before = {"theory"}
    for room in ROOMS:
        allowed[room] = before | ({"figures"} if room in DRAWS else set())
        before = before | {room}
    wrong = {room: up for room, others in rooms().items() if room in ROOMS and (up := others - allowed[room])}
    assert wrong == {}
    assert set(rooms()) <= {*ROOMS, "theory", "figures", "cli"}


def test_few_rooms_on_few_floors() -> None:
    of = rooms()
    assert len(of) <= MOST_ROOMS
    assert max(floors(of).values()) <= MOST_FLOORS


@pytest.mark.parametrize("path", modules("theory"), ids=str)
def test_theory_stands_alone(path: Path) -> None:
    allowed = {"__future__", "collections", "dataclasses", "functools", "itertools", "math", "typing"}
    assert {name.split(".")[0] for name in imports(path)} <= allowed | {"numpy", "scipy", "theory"}
    assert not any(re.match(r"numpy\.random", name) for name in imports(path))
    assert "random" not in {
        node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("path", modules("simulations"), ids=str)
def test_only_pictures_draw(path: Path) -> None:
    if room_of(module_name(path)) not in DRAWS:
        assert not {name.split(".")[0] for name in imports(path)} & {"matplotlib", "figures"}


@pytest.mark.parametrize("path", modules("figures"), ids=str)
def test_figures_only_read_rows(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"torch", "numba", "joblib"}
    assert "pyplot" not in path.read_text()
    inside = {name for name in imports(path) if name.startswith("simulations")}
    assert all(name.startswith("simulations.runs.storage") for name in inside)


GLOBAL_GENERATORS = re.compile(
    r"manual_seed|torch\.(seed|rand|randn|randint|randperm|normal|bernoulli|multinomial)(_like)?\(|torch\.nn\.init\."
    r"|np\.random\.(?!Generator\b|default_rng\b)\w+|\bimport random\b"
    r"|\.(normal|uniform|bernoulli|random|exponential)_\("
)


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("torch.randn(3)", True), ("torch.rand_like(x)", True), ("np.random.choice(3)", True), ("x.normal_()", True),
        ("import random", True), ("torch.manual_seed(0)", True), ("np.random.default_rng(0)", False),
        ("rng: np.random.Generator", False), ("rng.normal(0, 1)", False), ("torch.nn.functional.normalize(x)", False),
    ],
)  # fmt: skip
def test_the_pattern_of_global_generators(code: str, caught: bool) -> None:
    assert bool(GLOBAL_GENERATORS.search(code)) == caught


@pytest.mark.parametrize("path", ALL, ids=str)
def test_the_global_generator_is_never_used(path: Path) -> None:
    assert not GLOBAL_GENERATORS.search(path.read_text())


def test_laws_need_no_lazy_import() -> None:
    assert not any("importlib" in path.read_text() for path in (ROOT / "simulations" / "data").rglob("*.py"))


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import simulations.cli", ("torch", "scipy", "pandas", "numba", "matplotlib")),
        ("from simulations.runs.columns import row_columns; row_columns()", ("torch", "numba", "matplotlib")),
        ("from simulations.runs.cell import Cell; Cell(algorithm='gba')", ("torch", "numba", "matplotlib")),
        ("import simulations.runs.storage", ("torch", "numba", "matplotlib")),
    ],
)
def test_what_stays_light(code: str, heavy: tuple[str, ...]) -> None:
    asked = f"{code}; import sys; print(*[each for each in {heavy!r} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_one_name_everywhere(name: str) -> None:
    assert EXPERIMENTS[name].name == name
    assert (ROOT / "figures" / f"{name}.py").is_file()
    assert list((ROOT / "results" / name).glob("*/rows.csv")), f"no committed rows of {name}"
    assert list((ROOT / "results" / name).glob("*/manifest.json"))
    assert len(re.findall(rf"^\| `{name}` \|", (ROOT / "results" / "README.md").read_text(), flags=re.MULTILINE)) == 1


@pytest.mark.parametrize("path", ALL, ids=str)
def test_modules_stay_readable(path: Path) -> None:
    assert path.read_text().count("\n") <= MOST_LINES
