"""README's Python example runs as printed, and its commands parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from simulations.cli import parser

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    assert len(example.strip().splitlines()) <= 12
    exec(compile(example, "README.md", "exec"), {})
    assert "feature_recovery_rate" in capsys.readouterr().out


def test_every_command_parses() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("sae-recovery")]
    assert len(lines) >= 5
    for line in lines:
        parser().parse_args(shlex.split(line, comments=True)[1:])
