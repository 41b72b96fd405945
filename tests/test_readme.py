"""README's Python example runs as printed, and its commands parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from simulations.cli import parser
from simulations.evidence.readme import rewrite
from simulations.experiments import EXPERIMENTS
from simulations.runs.storage import read_cells, read_manifest

RESULTS = Path(__file__).parent.parent / "results"
README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    assert len(example.strip().splitlines()) <= 10
    exec(compile(example, "README.md", "exec"), {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 12
    assert all(0 <= float(line[-1]) <= 1 for line in lines)


def test_every_command_parses() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("sae-recovery")]
    assert len(lines) >= 5
    for line in lines:
        parser().parse_args(shlex.split(line, comments=True)[1:])


FOLDERS = sorted(each.parent for name in EXPERIMENTS for each in (RESULTS / name).glob("*/rows.csv"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "/".join(folder.parts[-2:]))
def test_committed_rows_are_those_of_the_grid_all_of_them(folder: Path) -> None:
    manifest = read_manifest(folder)
    rows = read_cells(folder / "rows.csv")
    cells = EXPERIMENTS[folder.parent.name].cells(folder.name, seed=manifest["seed"])
    assert list(rows) == list(dict.fromkeys(each.key() for each in cells))  # a grid may reach a cell twice
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert manifest["finished"] and manifest["git"]["commit"]


def test_generated_parts_are_up_to_date() -> None:
    assert rewrite(README) == README, "run `python -m simulations.evidence.readme`"
