"""README's Python example runs as printed, and its commands parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from simulations.cli import parser
from simulations.readme import rewrite

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


def test_generated_parts_are_up_to_date() -> None:
    assert rewrite(README) == README, "run `python -m simulations.readme`"
