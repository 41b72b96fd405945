"""What made a result: the command, the commit of the source, the versions of what it ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from simulations import __version__

DISTRIBUTIONS = ("numpy", "scipy", "torch", "pandas", "joblib", "numba")


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Return the command without absolute folders, the commit of the source, and the versions."""
    return {
        "command": [_portable(each) for each in command],
        "git": _git(Path(__file__).parent),
        "versions": {"python": platform.python_version(), "sae-recovery": __version__}
        | {name: _version(name) for name in DISTRIBUTIONS},
    }


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _portable(word: str) -> str:
    """Return a word of the command without absolute folders, which mean nothing elsewhere."""
    flag, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    path, here = Path(value), Path.cwd()
    if not path.is_absolute():
        return word
    return f"{flag}{equals}{path.relative_to(here) if path.is_relative_to(here) else path.name}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(source: Path) -> dict[str, Any] | None:
    """Return the commit that the source is checked out at and whether code that makes rows differs from it."""

    def git(*words: str) -> str:
        environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run(
            ["git", "-C", str(source), *words], capture_output=True, text=True, check=True, timeout=30, env=environment
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "provenance.py")  # an installed copy inside someone's checkout is not in it
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "..", "../../theory"))}
    except (OSError, subprocess.SubprocessError):
        return None
