"""The command line inside a test: what a refused command prints."""

from __future__ import annotations

import pytest

from simulations.cli import main


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line that a refused command prints; stdout stays empty and the code is 2."""
    try:
        code = main(list(words))
    except SystemExit as leave:
        code = int(str(leave.code))
    printed = capsys.readouterr()
    assert code == 2, printed.err
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return printed.err
