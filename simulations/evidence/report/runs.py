"""The runs that a report tells of: their rows, what made them, and their files as they are, compressed."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from simulations.evidence.presets import all_rows, folders
from simulations.experiments import EXPERIMENTS
from simulations.runs.manifests import MANIFEST_FILE, read_manifest
from simulations.runs.storage import ROWS_FILE

LEVEL = 6  # of gzip: the highest is a few per cent smaller, and several times slower


@dataclass(frozen=True)
class Run:
    """Rows of an experiment at one preset.

    rows: every row, failed ones too, numbered from 0 as in the file.
    trouble: why they cannot be read; "" where they can.
    """

    experiment: str
    preset: str
    folder: Path
    rows: pd.DataFrame = field(repr=False)
    manifest: dict[str, Any] = field(repr=False)
    trouble: str = ""

    @property
    def name(self) -> str:
        """EXPERIMENT/PRESET."""
        return f"{self.experiment}/{self.preset}"

    @property
    def good(self) -> pd.DataFrame:
        """The rows of status ok."""
        found: pd.DataFrame = self.rows[self.rows["status"] == "ok"] if len(self.rows) else self.rows
        return found

    @property
    def smoke(self) -> bool:
        """Whether they only test that the experiment runs."""
        return self.preset == "quick" and EXPERIMENTS[self.experiment].smoke

    @property
    def seeds(self) -> int:
        """How many draws of the world the good rows have."""
        return int(self.good["seed"].nunique()) if len(self.good) else 0

    @property
    def failed(self) -> int:
        """How many rows are not ok."""
        return len(self.rows) - len(self.good)

    @property
    def versions(self) -> str:
        """The versions that made the rows."""
        told = {str(each) for each in self.rows["version"]} if len(self.rows) else set()
        return " and ".join(sorted(told - {"", "nan"}))

    @property
    def command(self) -> str:
        """The command that measures these rows again."""
        told = [str(each) for each in self.manifest.get("command", [])]
        usual = f"sae-recovery sweep {self.experiment} --preset {self.preset} --n-jobs {self.manifest.get('n_jobs', 1)}"
        return " ".join(told) if self.manifest.get("overrides") and told else usual

    @property
    def seconds(self) -> float:
        """How long measuring them took, all runs together."""
        parts = [*self.manifest.get("earlier_runs", []), self.manifest]
        return float(sum(part.get("seconds") or 0.0 for part in parts))

    def packed(self) -> str:
        """Return the rows file, gzip in base64: as it is, or, where it has torn or repeated lines, as it was read."""
        data = (self.folder / ROWS_FILE).read_bytes()
        if data.count(b"\n") != len(self.rows) + 1 or not data.endswith(b"\n"):
            data = self.rows.to_csv(index=False, lineterminator="\n").encode(errors="backslashreplace")
        return base64.b64encode(gzip.compress(data, LEVEL, mtime=0)).decode()


def collect(results: Path, names: Sequence[str]) -> dict[str, list[Run]]:
    """Return the runs of each experiment of `names` that has any, the largest preset last.

    Rows that cannot be read leave a run without rows, with the reason.
    """
    found = {name: [_run(name, folder) for folder in folders(results, name)] for name in names}
    return {name: runs for name, runs in found.items() if runs}


def _run(experiment: str, folder: Path) -> Run:
    manifest: dict[str, Any] = {}
    try:
        rows = all_rows(folder)
        manifest = read_manifest(folder) if (folder / MANIFEST_FILE).is_file() else {}
        return Run(experiment, folder.name, folder, rows, manifest)
    except ValueError as error:
        return Run(experiment, folder.name, folder, pd.DataFrame(), manifest, " ".join(str(error).split()))


def pack(runs: Sequence[Run], budget: int) -> tuple[dict[str, str], list[str]]:
    """Return the packed rows by name of as many runs as fit into `budget` bytes, and the names of those left out.

    Earlier runs of the sequence come first.
    """
    packed: dict[str, str] = {}
    left: list[str] = []
    for run in runs:
        data = run.packed() if len(run.rows) else ""
        if data and len(data) <= budget:
            packed[run.name], budget = data, budget - len(data)
        elif data:
            left.append(run.name)
    return packed, left
