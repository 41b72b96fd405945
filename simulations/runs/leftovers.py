"""What a sweep that was killed with its workers leaves in shared memory, removed when it is gone on with."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
NAMES = ("sem.loky-{}-*", "joblib_memmapping_folder_{}_*")  # of loky and joblib, whose names have the process in them


def remove_leftovers(process: int | None) -> int:
    """Remove what workers of a process that has ended left in shared memory; return how many entries that was.

    Only entries of this user, and none while a process of that number is alive: it may be another one by now.
    """
    if process is None or process <= 1 or _alive(process):
        return 0
    removed = 0
    for each in [path for name in NAMES for path in SHARED_MEMORY.glob(name.format(process))]:
        with suppress(OSError):
            if each.lstat().st_uid == os.getuid():
                shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
                removed += 1
    return removed


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # someone else's, and a number that no process has
        return True
    return True
