"""A small folder of runs with known numbers, without any training: what a report should say of it is known."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from simulations.runs.cell import Cell, row_of
from simulations.runs.columns import results
from simulations.runs.manifests import outcome, told_of, write_manifest
from simulations.runs.storage import ROWS_FILE, run_folder, write_rows

SEEDS = (0, 1, 2, 3, 4, 5)  # 0 is that of the search
RECOVERY = {"gba": 0.95, "topk": 0.70, "ba": 0.94, "l1-untied": 0.97}
SHIFTS = (0.0, -0.02, -0.01, 0.0, 0.01, 0.02)  # of the seeds; those of the methods are another permutation
SERIES = "0 0.25 0.5"
DEFAULT = {"chance_recovery_rate": 1e-6, "recovery_per_step": SERIES, "recovery_per_step_080": SERIES}


def row(cell: Cell, **found: Any) -> dict[str, Any]:
    """Return a row of status ok, with a number for whatever a row needs."""
    needed = {name: 0.5 for name, each in results().items() if each.needed and each.kind == "number"}
    return row_of(cell, needed | DEFAULT | found, 1.0, "cpu")


def failed(cell: Cell, message: str) -> dict[str, Any]:
    return cell.settings() | {"arm": cell.arm, "status": "failed", "message": message, "seconds": 0.1, "version": "0"}


def write_run(folder: Path, experiment: str, preset: str, rows: list[dict[str, Any]], cells: list[Cell]) -> Path:
    place = run_folder(folder, experiment, preset)
    place.mkdir(parents=True)
    write_rows(place / ROWS_FILE, rows)
    command = ["sae-recovery", "sweep", experiment, "--preset", preset]
    told = {"experiment": experiment, "preset": preset, "seconds": 12.0, "n_jobs": 1, "command": command}
    write_manifest(place, told | told_of(cells) | outcome(rows))
    return place


def recovery_at(p: float, d: int, seed: int) -> float:
    """Return the recovery of a cell of the phase diagram of `resonance`: of its own for each."""
    return round(0.1 + 0.8 * (d / 64) * (0.1 - p) / 0.1 + 0.001 * seed, 6)


def resonance(folder: Path, message: str = "") -> Path:
    """Write a phase diagram of three dimensions and four frequencies over two seeds; one row failed."""
    rows, cells = [], []
    for seed in (0, 1):
        for d in (4, 16, 64):
            for p in (0.001, 0.01, 0.03, 0.1):
                same = {"n_features": 64, "n_samples": 300, "n_neurons": 128, "n_steps": 3, "arm": "centred"}
                cell = Cell(**same, d_model=d, target_frequency=p, seed=seed, center=True)
                cells.append(cell)
                told = {
                    "feature_recovery_rate": recovery_at(p, d, seed),
                    "chance_recovery_rate": 0.9 if d == 4 else 1e-9,
                }
                rows.append(row(cell, **told))
    extra = cells[-1].replace(seed=2)
    return write_run(folder, "resonance", "quick", [*rows, failed(extra, message or "no room")], [*cells, extra])


def toy(folder: Path, preset: str = "standard", seeds: tuple[int, ...] = SEEDS) -> Path:
    """Write a search of two trials at the first seed, and its winners, trial 1, at the others.

    The search was lucky: its recovery is 1 wherever it counts.
    """
    rows, cells = [], []
    for k, (name, mean) in enumerate(RECOVERY.items()):
        for seed in seeds:
            for trial in (0, 1) if seed == 0 else (1,):
                same = {"n_features": 128, "d_model": 42, "support_law": "mixed", "n_neurons": 256, "n_steps": 600}
                rate = {"learning_rate": (1e-3, 3e-3)[trial]}
                cell = Cell(algorithm=name, arm=f"{name}, trial {trial}", seed=seed, **same, **rate)
                value = float(trial) if seed == 0 else mean + SHIFTS[1 + (seed + k) % 5]
                cells.append(cell)
                curve = f"0 {value / 2} {value}"
                numbers = {
                    "feature_recovery_rate": value,
                    "feature_recovery_rate_080": value,
                    "recovery_steps": "0 300 600",
                }
                rows.append(row(cell, **numbers, recovery_per_step=curve, fraction_variance_unexplained=0.2, l0=9.0))
    return write_run(folder, "toy", preset, rows, cells)


def runs(folder: Path) -> Path:
    """Write all of them, the toy at two presets."""
    resonance(folder)
    toy(folder)
    toy(folder, "quick", (1,))
    return folder


class Page(HTMLParser):
    """A page taken apart, which fails on tags that do not match: elements with attributes, and texts by element."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {names}"
        told = {name: value or "" for name, value in attrs}
        self.elements.append((tag, told))
        if tag not in self.VOID:
            self._open.append((tag, told))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1][0] == tag, f"</{tag}> closes {self._open[-1:]} at line {self.getpos()}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1][0], data))

    def of(self, tag: str) -> list[dict[str, str]]:
        return [told for name, told in self.elements if name == tag]

    def text_of(self, tag: str) -> str:
        return "\n".join(data for name, data in self.texts if name == tag)
