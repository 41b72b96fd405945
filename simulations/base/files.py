"""Files that are written whole or not at all."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class StorageError(ValueError):
    """A folder or file that cannot be used as asked; the message is one line."""


class BrokenOff(StorageError):
    """A file that could not be written on while a run was under way: no bad input, the run can be gone on with."""

    exit_code = 1


def check_writable(folder: Path) -> None:
    """Make `folder` and prove that a file can be made in it; raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from None


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader meets the old bytes or the new ones, also after a crash."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror or error}; it is as it was") from None


def strict(value: Any) -> Any:
    """Return `value` as strict JSON can hold it: inf and nan become text, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): strict(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
