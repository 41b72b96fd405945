"""README: its examples run as printed, its commands parse, its generated parts are those of the committed rows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from simulations.cli.commands import parser
from simulations.evidence import readme
from simulations.evidence.sections import parts
from simulations.experiments import EXPERIMENTS
from simulations.runs.grid import cells_of, keyed
from simulations.runs.manifests import read_manifest
from simulations.runs.storage import read_cells

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
README = (ROOT / "README.md").read_text()
LONGEST = 9_000  # bytes
SLOW = {"prediction", "transition-widths"}  # parts that take up to minutes to make; `make results` makes them


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("example", blocks("python"))
def test_the_examples_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_every_command_parses() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if "sae-recovery" in line.split("#")[0]]
    assert len(lines) >= 5
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        parser(words[0]).parse_args(words)


def test_it_is_short_and_its_links_are_alive() -> None:
    assert len(README.encode()) <= LONGEST
    for page in readme.PAGES:
        text = (ROOT / page).read_text()
        links = re.findall(r"\]\(([^)#]+)", text)
        assert links
        dead = [each for each in links if "://" not in each and not ((ROOT / page).parent / each).exists()]
        assert dead == []


FOLDERS = sorted(each.parent for name in EXPERIMENTS for each in (RESULTS / name).glob("*/rows.csv"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "/".join(folder.parts[-2:]))
def test_committed_rows_are_those_of_the_grid_all_of_them(folder: Path) -> None:
    manifest, rows = read_manifest(folder), read_cells(folder / "rows.csv")
    cells = keyed(cells_of(EXPERIMENTS[folder.parent.name].points(folder.name)))  # committed rows are of root seed 0
    assert {key: row["arm"] for key, row in rows.items()} == {key: each.arm for key, each in cells.items()}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert manifest["finished"] and manifest["git"]["commit"]


@pytest.mark.parametrize("page", readme.PAGES)
def test_generated_parts_are_up_to_date(page: str) -> None:
    text = (ROOT / page).read_text()
    now = parts(RESULTS, (ROOT / page).parent)
    kept = {name: _part(text, name) if name in SLOW else now[name] for name in readme.marks(text)}
    assert readme.rewrite(text, kept) == text, "run `python -m simulations.evidence.readme`"


def _part(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end -->", text, flags=re.DOTALL)
    assert found
    return found[1]
