"""A cell: model x algorithm x instrument x runtime, given flat, and the row that measuring it gives."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from simulations import __version__
from simulations.algorithms.base import Algorithm, Runtime, algorithm_class, all_fields
from simulations.base import checks
from simulations.base.progress import say_when_compiling
from simulations.base.settings import Settings, derive, setting, unknown
from simulations.data.model import Model
from simulations.instruments.base import Instrument, Task, instrument_class

BATCH_BYTES = 2**33  # samples, features and weights of one batch on a GPU
DEFAULT_ALGORITHM, DEFAULT_INSTRUMENT = "modified-ba", "simulation"
CHOICES = ("algorithm", "instrument", "arm")
HELD = {"float32": (2.0**-126, (2 - 2.0**-23) * 2.0**127), "float64": (sys.float_info.min, sys.float_info.max)}
MOST_EVALUATIONS = 1_000_000


@dataclass(frozen=True, kw_only=True, repr=False)
class Machine(Settings):
    """Where a cell runs; it decides no result beyond rounding, and is no part of a cell's identity."""

    kind_of_leaf: ClassVar[str] = "the runtime"

    device: str = setting("auto", "auto, cpu or cuda", checks.names("auto", "cpu", "cuda"))
    dtype: str = setting("float32", "float32 or float64", checks.names("float32", "float64"))


class Leaves(NamedTuple):
    """The parts of a cell, with what was given; derived settings are None until they are worked out."""

    model: Model
    algorithm: Algorithm
    instrument: Instrument
    machine: Machine


class Cell:
    """One point of a grid.  Settings are given flat, `Cell(algorithm="topk", n_features=64, k=3)`, and read flat.

    A setting that is not given takes its default, which may depend on the others and is worked out when it is read.
    `arm` says which method, slice or point of an experiment the cell is; it decides nothing.  Raises ValueError for a
    value that is not allowed, and for a setting that this cell does not have.

    >>> Cell(algorithm="topk", sparsity=5).replace(sparsity=8).k
    8
    """

    leaves: Leaves

    def __init__(self, *, algorithm: Any = DEFAULT_ALGORITHM, instrument: Any = DEFAULT_INSTRUMENT, arm: Any = "",
                 **given: Any) -> None:  # fmt: skip
        kinds = _kinds(str(algorithm), str(instrument))
        own = {each.name: kind for kind in kinds for each in fields(kind)}
        without = kinds[2].without  # type: ignore[attr-defined]
        absent = [name for name in given if name not in own or name in without]
        if absent:
            raise _not_its_own(absent, algorithm, instrument, list(own), without)
        self._given = {name: value for name, value in given.items() if value is not None}
        parts = [kind(**{name: value for name, value in self._given.items() if own[name] is kind}) for kind in kinds]
        self.leaves = Leaves(*parts)  # type: ignore[arg-type]
        self.algorithm, self.instrument = str(algorithm), str(instrument)
        self.arm = " ".join(str(arm).split())
        self._own = own
        self._check()

    def _check(self) -> None:
        self.leaves.instrument.check_algorithm(self.leaves.algorithm)
        for name in self.names:
            getattr(self, name)
        self.leaves.algorithm.check(self)

    @cached_property
    def names(self) -> list[str]:
        """The settings that this cell has, in the order of its leaves."""
        without = self.leaves.instrument.without
        return [each.name for leaf in self.leaves for each in leaf.own() if each.name not in without]

    @property
    def usual_samples(self) -> int:
        """How many samples the algorithm takes where their number is not given."""
        return int(self.leaves.algorithm.usual_samples)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "leaves" or name not in self._own:
            raise AttributeError(name)
        leaf = next(leaf for leaf in self.leaves if isinstance(leaf, self._own[name]))
        return derive(leaf, name, self)

    def __repr__(self) -> str:
        return f"Cell({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and (self.arm, self.settings()) == (other.arm, other.settings())

    def __hash__(self) -> int:
        return hash(self.key())

    def __reduce__(self) -> Any:
        return _rebuild, (self.given(),)

    def given(self) -> dict[str, Any]:
        """Return what the cell was made of, flat: no defaults."""
        told: dict[str, Any] = {"algorithm": self.algorithm, "instrument": self.instrument}
        told |= {"arm": self.arm} if self.arm else {}
        return told | {name: getattr(self, name) for name in self._given}

    def replace(self, **changes: Any) -> Cell:
        """Return the cell with changes; derived settings are worked out anew.

        A change of algorithm or instrument leaves behind the settings that the new one does not have.
        """
        given = self.given() | changes
        if changes.keys() & {"algorithm", "instrument"}:
            kinds = _kinds(str(given["algorithm"]), str(given["instrument"]))
            known = {each.name for kind in kinds for each in fields(kind)} - set(kinds[2].without)  # type: ignore[attr-defined]
            given = {name: value for name, value in given.items() if name in known | {*CHOICES} or name in changes}
        return Cell(**given)

    def settings(self) -> dict[str, Any]:
        """Return every setting of the cell, derived ones worked out, flat."""
        told = {"algorithm": self.algorithm, "instrument": self.instrument}
        return told | {name: getattr(self, name) for name in self.names}

    def key(self) -> str:
        """Return the identity of the cell: its own settings in canonical form, without machine and arm."""
        machine = {each.name for each in fields(Machine)}
        told = {name: value for name, value in self.settings().items() if name not in machine}
        laws = self.leaves.model.identity()
        told |= {name: laws[name] for name in laws if name in told and laws[name] is not None}
        return "|".join(f"{name}={told[name]!r}" for name in sorted(told))

    def task(self) -> Task:
        """Return model, algorithm and instrument with every setting resolved."""
        model, algorithm, instrument, _ = self.leaves
        return Task(model.resolved(self), algorithm.resolved(self), instrument.resolved(self))

    def runtime(self, threads: int = 1, checkpoint: Path | None = None) -> Runtime:
        """Return where and how the cell runs."""
        return Runtime(self.device, self.dtype, threads, checkpoint)


def _rebuild(given: dict[str, Any]) -> Cell:
    return Cell(**given)


def _kinds(algorithm: str, instrument: str) -> tuple[type[Settings], ...]:
    return Model, algorithm_class(algorithm), instrument_class(instrument), Machine


def _not_its_own(
    absent: Sequence[str], algorithm: str, instrument: str, own: list[str], without: Sequence[str]
) -> ValueError:
    name = absent[0]
    if name in without:
        return ValueError(f"{name} is no setting of instrument={instrument}")
    if name in all_fields():
        return ValueError(f"{name} is no setting of algorithm={algorithm}")
    return unknown(list(absent), own, f"a cell of algorithm={algorithm}, instrument={instrument}")


def run_cell(cell: Cell, *, threads: int = 1, checkpoint: Path | str | None = None) -> dict[str, Any]:
    """Measure one cell with its instrument and return its row; raises ValueError for what cannot run here."""
    return run_batch([cell], threads=threads, checkpoint=checkpoint)[0]


def run_batch(cells: Sequence[Cell], *, threads: int = 1, checkpoint: Path | str | None = None) -> list[dict[str, Any]]:
    """Return the row of each cell of a batch; the cells differ in the batch axes of their algorithm only.

    Raises ValueError for an empty batch, cells that do not belong together, and a device that is not there.
    """
    if not cells:
        raise ValueError("cells=0, but a batch has at least one")
    if threads < 1:
        raise ValueError(f"threads={threads}, but should be at least 1")
    first = cells[0]
    if checkpoint is not None and (first.instrument != DEFAULT_INSTRUMENT or first.leaves.algorithm.full_batch):
        whose = f"{first.leaves.algorithm.describe()}, {first.leaves.instrument.describe()}"
        raise ValueError(f"checkpoint={str(checkpoint)!r}, but {whose} has none")
    if len({batch_key(each) for each in cells}) > 1:
        raise ValueError(f"cells of one batch may differ in {', '.join(batch_axes(cells[0]))} only")
    for each in cells:
        check_numbers(each)
    say_when_compiling()
    begin = time.perf_counter()
    runtime = cells[0].runtime(threads, None if checkpoint is None else Path(checkpoint))
    device = runtime.torch_device()
    tasks = [each.task() for each in cells]
    with _one_thread():
        found = type(cells[0].leaves.instrument).measure(tasks, runtime)
    seconds = (time.perf_counter() - begin) / len(cells)
    return [row_of(cell, results, seconds, device.type) for cell, results in zip(cells, found, strict=True)]


def check_numbers(cell: Cell) -> None:
    """Raise ValueError for a setting that the floating type of the cell does not hold, or that no run would end with.

    Such cells have rows all the same: they are refused where they would run.
    """
    least, most = HELD[cell.leaves.machine.dtype]
    for name, value in cell.settings().items():
        if isinstance(value, float) and math.isfinite(value) and value and not least <= abs(value) <= most:
            raise ValueError(f"{name}={value}, but {cell.dtype} holds numbers from {least:.3g} to {most:.3g}")
    if (number := getattr(cell, "n_evaluations", 0)) > MOST_EVALUATIONS:
        raise ValueError(f"n_evaluations={number}, but should be at most {MOST_EVALUATIONS}")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch's products run on one thread: their bits depend on the number, and other cells run beside this one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def row_of(cell: Cell, results: Mapping[str, Any], seconds: float, device: str = "") -> dict[str, Any]:
    """Return a row: the cell's settings and its results; what the cell does not have is not in it."""
    row = cell.settings() | {"arm": cell.arm} | ({"device": device} if device else {})
    return row | {"status": "ok", "seconds": seconds, "version": __version__} | dict(results)


def batch_axes(cell: Cell) -> tuple[str, ...]:
    """Return the settings in which cells of one batch may differ."""
    return type(cell.leaves.algorithm).batch_axes if cell.instrument == DEFAULT_INSTRUMENT else ()


def batch_key(cell: Cell) -> str:
    """Return what cells must share to run in one batch."""
    axes = batch_axes(cell)
    return "|".join(f"{name}={value!r}" for name, value in cell.settings().items() if name not in axes)


def batches(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group cells into batches: single cells on a CPU, where processes are the better way, replicas on a GPU."""
    groups: dict[str, list[Cell]] = {}
    for each in cells:
        groups.setdefault(batch_key(each), []).append(each)
    done = []
    for group in groups.values():
        size = 1
        if group[0].device != "cpu" and group[0].runtime().torch_device().type == "cuda":
            size = max(1, BATCH_BYTES // group[0].leaves.algorithm.bytes_of(group[0]))
        done += [group[start : start + size] for start in range(0, len(group), size)]
    return done


def cost(cell: Cell) -> float:
    """Return about how long a cell runs, in no unit."""
    return float(cell.leaves.algorithm.cost_of(cell))
