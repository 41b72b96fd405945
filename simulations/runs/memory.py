"""Whether a cell fits in memory, asked before it starts."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from simulations.runs.cell import Cell

GIB = 2**30
GROUPS = (  # of a container (cgroup v2, v1): the most, what is used, and how much of that is a cache of files
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available() -> int | None:
    """Return how many bytes of memory are free on this machine, or in its container; None where that is not told."""
    found = []
    with suppress(OSError, ValueError, KeyError):
        found.append(1024 * int(_numbers(Path("/proc/meminfo"))["MemAvailable:"]))
    for folder, most, used, cached in GROUPS:
        with suppress(OSError, ValueError, KeyError):  # "max" where there is no limit
            room = int(Path(folder, most).read_text()) - int(Path(folder, used).read_text())
            found.append(max(0, room + int(_numbers(Path(folder, "memory.stat"))[cached])))
    return min(found, default=None)


def _numbers(path: Path) -> dict[str, str]:
    words = [line.split() for line in path.read_text().splitlines()]
    return {each[0]: each[1] for each in words if len(each) > 1}


def check_memory(cell: Cell) -> None:
    """Raise MemoryError, with both numbers, for a cell that takes more than is free; a GPU has memory of its own."""
    if cell.runtime().device == "cuda":
        return
    needed, free = cell.leaves.algorithm.bytes_of(cell), available()
    if free is not None and needed > free:
        raise MemoryError(f"the cell takes about {gib(needed)} GiB, but {gib(free)} GiB of memory are free")


def gib(size: int) -> str:
    """Return a number of bytes in GiB, three digits, however large it is."""
    return f"{min(size, 10**300) / GIB:.3g}"
