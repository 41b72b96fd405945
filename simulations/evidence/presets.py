"""Which rows there are of an experiment, and which of them speak: those of its largest preset."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from simulations.experiments.base import PRESETS
from simulations.runs.storage import ROWS_FILE, read_rows, run_folder


def folders(results: Path, experiment: str) -> list[Path]:
    """Return the folders in `results` that hold rows of an experiment, one per preset, the largest preset last."""
    runs = (run_folder(results, experiment, preset) for preset in PRESETS)
    return [each for each in runs if (each / ROWS_FILE).is_file()]


def largest(results: Path, experiment: str) -> Path | None:
    """Return the folder of the largest preset that has rows of an experiment, or None."""
    return max(folders(results, experiment), key=lambda each: PRESETS.index(each.name), default=None)


def all_rows(folder: Path) -> pd.DataFrame:
    """Return every row, a copy; an unchanged file is read once.  Raises ValueError as `read_rows` does."""
    told = (folder / ROWS_FILE).stat()
    return _read(folder, told.st_mtime_ns, told.st_size).copy()


def good_rows(folder: Path) -> pd.DataFrame:
    """Return the rows of status ok, as `all_rows` does."""
    rows = all_rows(folder)
    good: pd.DataFrame = rows[rows["status"] == "ok"]
    return good


@lru_cache(maxsize=64)
def _read(folder: Path, _modified: int, _size: int) -> pd.DataFrame:
    return read_rows(folder)


def rows_of(results: Path, experiment: str) -> pd.DataFrame:
    """Return the good rows of the largest preset of an experiment.

    Raises ValueError where there are none.
    """
    folder = largest(results, experiment)
    if folder is None:
        raise ValueError(f"no rows of {experiment} in {results}")
    return good_rows(folder)
