"""From the points of an experiment to cells: changes asked for on the command line, shards, and one row per cell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import product
from typing import Any

from simulations.algorithms.base import algorithm_class
from simulations.base.checks import suggestion
from simulations.base.settings import plain
from simulations.runs.cell import CHOICES, DEFAULT_ALGORITHM, DEFAULT_INSTRUMENT, Cell, Machine, check_numbers
from simulations.runs.columns import setting_fields
from simulations.runs.memory import check_memory
from simulations.runs.rows import Row, identity_of

Point = Mapping[str, Any]
Overrides = Mapping[str, Sequence[Any]]


def cells_of(points: Iterable[Point], *, overrides: Overrides | None = None, algorithm: str = "") -> list[Cell]:
    """Return the cells of flat points of an experiment.

    `overrides` replaces a setting by one value, or by several in turn, in every cell that has it; `algorithm` takes the
    place of that of every trained cell, keeps what settings it has too, and is the arm of those cells.  What becomes
    the same cell of the same arm is there once.  Raises ValueError for a setting that no cell has, and for an algorithm
    where no cell is trained.
    """
    given = [dict(each) for each in points]
    if algorithm:
        given = _with_algorithm(given, algorithm)
    cells = [Cell(**each) for each in given]
    if not (overrides or algorithm):
        return cells
    changed = [new for each in cells for new in _overridden(each, overrides or {})]
    _check_used([each for each, _ in changed], overrides or {})
    return _merged(changed)


def _merged(changed: Sequence[tuple[Cell, bool]]) -> list[Cell]:
    """Return the cells (with whether they are as they were) once each; of several arms that is right which was so."""
    found: dict[str, dict[str, tuple[Cell, bool]]] = {}
    for each, as_it_was in changed:
        arms = found.setdefault(identity_of(each), {})
        if each.arm not in arms or as_it_was:
            arms[each.arm] = each, as_it_was
    merged = []
    for arms in found.values():
        right = [each for each, as_it_was in arms.values() if as_it_was]
        merged += right or [each for each, _ in arms.values()]
    return merged


def _with_algorithm(points: Sequence[dict[str, Any]], algorithm: str) -> list[dict[str, Any]]:
    kind = algorithm_class(algorithm)
    own = {each.name for each in fields(kind)}
    others = set(setting_fields()) - {each.name for each in fields(kind)}
    done, trained = [], 0
    for point in points:
        old = algorithm_class(str(point.get("algorithm", DEFAULT_ALGORITHM)))
        if old.full_batch or str(point.get("instrument", DEFAULT_INSTRUMENT)) != DEFAULT_INSTRUMENT:
            done.append(point)
            continue
        trained += 1
        of_old = {each.name for each in fields(old)}
        kept = {name: value for name, value in point.items() if name in own or name not in others & of_old}
        done.append(_applying(kind, kept) | {"algorithm": algorithm, "arm": algorithm})
    if not trained:
        raise ValueError(f"algorithm={algorithm!r}, but the experiment has no trained cells that it could replace")
    return done


def _applying(kind: Any, point: dict[str, Any]) -> dict[str, Any]:
    """Leave out the settings that the algorithm has, but not under the other ones of the point."""
    conditional = {each.name for each in fields(kind) if each.metadata["applies"]}
    names = {each.name for each in fields(kind)} - conditional
    meant = {each.name for each in kind(**{name: point[name] for name in names if name in point}).own()}
    return {name: value for name, value in point.items() if name not in conditional - meant}


def _overridden(cell: Cell, overrides: Overrides) -> list[tuple[Cell, bool]]:
    own = {name: values for name, values in overrides.items() if name in cell.names}
    cells = [cell.replace(**dict(zip(own, values, strict=True))) for values in product(*own.values())]
    return [(each, identity_of(each) == identity_of(cell)) for each in cells]


def _check_used(cells: Sequence[Cell], overrides: Overrides) -> None:
    had = {name for each in cells for name in each.names}
    for name in overrides:
        if name in CHOICES:
            raise ValueError(f"{name} cannot be set by --set; use --algorithm for another algorithm")
        if name not in had:
            raise ValueError(f"{name} is no setting of any cell of this experiment{suggestion(name, had)}")


def parse_overrides(words: Iterable[str]) -> dict[str, list[Any]]:
    """Return the values by setting of texts name=value or name=value,value,...; raises ValueError for other texts."""
    found: dict[str, list[Any]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name, values = name.strip().replace("-", "_"), [each.strip() for each in value.split(",")]
        if not (equals and name and all(values)):
            raise ValueError(f"--set {word}, but should be --set name=value or name=value,value")
        if name in found:
            raise ValueError(f"{name} is set twice")
        known = setting_fields().get(name)
        found[name] = [plain(name, each, known.metadata["kind"]) for each in values] if known else values
    return found


def parse_shard(text: str) -> tuple[int, int]:
    """Return (i, k) of the text i/k; raises ValueError unless 1 <= i <= k."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"shard={text!r}, but should be i/k with 1 <= i <= k, as 2/8")
    return int(match[1]), int(match[2])


def part_of(cells: Sequence[Cell], shard: tuple[int, int]) -> Sequence[Cell]:
    """Return the cells of shard (i, k): every k-th from the i-th; raises ValueError where a shard would have none."""
    i, k = shard
    if k > len(cells):
        raise ValueError(f"shard={i}/{k}, but the grid has {len(cells)} cells: k should be in [1, {len(cells)}]")
    return cells[i - 1 :: k]


def keyed(cells: Sequence[Cell]) -> dict[str, Cell]:
    """Return the cells by identity; raises ValueError for none, and for one cell under two arms."""
    if not cells:
        raise ValueError("cells=0, but a sweep needs at least one")
    grid: dict[str, Cell] = {}
    for each in cells:
        first = grid.setdefault(identity_of(each), each)
        if first.arm != each.arm:
            raise ValueError(f"arms {first.arm!r} and {each.arm!r} of one grid are the same cell")
    return grid


def fingerprint(cells: Iterable[Cell]) -> str:
    """Return what equal grids alone share, by which shards of one run know each other."""
    return hashlib.sha256("\n".join(map(identity_of, cells)).encode(errors="backslashreplace")).hexdigest()[:16]


def difference(row: Row, cells: Iterable[Cell]) -> str:
    """Return the first setting, with both values, in which the row differs from the cell that is nearest to it."""
    machine = {each.name for each in fields(Machine)} | {"arm"}
    names = [name for name in ("algorithm", "instrument", *setting_fields()) if name not in machine]
    settings = [each.settings() for each in cells]

    def differing(other: Mapping[str, Any]) -> list[str]:
        return [name for name in names if row.get(name) != other.get(name)]

    nearest = min(settings, key=lambda each: len(differing(each)))
    different = differing(nearest)
    if not different:
        return "settings of its own differ"
    name = different[0]
    there, here = (repr(each[name]) if name in each else "none" for each in (row, nearest))
    return f"{name}={there} there, {here} here"


def check_ready(cells: Sequence[Cell]) -> None:
    """Raise ValueError, before any work, for a device that is not there, and for what is not installed or not here."""
    for each in {(each.algorithm, each.leaves.instrument, each.device): each for each in cells}.values():
        each.leaves.algorithm.check_ready()
        each.leaves.instrument.check_ready()
        if each.device == "cuda":  # which loads torch
            each.runtime().torch_device()
    for each in cells:
        check_numbers(each)
    if cells:
        check_memory(min(cells, key=lambda each: int(each.leaves.algorithm.bytes_of(each))))
