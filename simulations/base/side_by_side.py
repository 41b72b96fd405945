"""Two calculations at once, for a command that has nothing else to do."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

First = TypeVar("First")
Second = TypeVar("Second")


def side_by_side(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Return what both return, and raise what one raises; the second runs in a fork of this process where it may.

    It may on Linux with a processor to spare, and without torch or threads, which a fork does not have; what it returns
    is pickled.  Should the fork die, the second runs here.
    """
    threads = threading.active_count() > 1 or "torch" in sys.modules
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1 or threads:
        return first(), second()
    from multiprocessing import get_context

    context = get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(second, there), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of threads, those of BLAS, which are idle
        process.start()
    there.close()
    try:
        found = first()
        returned, value = here.recv()
    except EOFError:
        return found, second()
    finally:
        process.kill()
        process.join()
    if not returned:
        raise value
    return found, value


def _answer(calculate: Callable[[], Any], there: Connection) -> None:
    """Send whether it returned, and what, or what it raised; an interrupt is the other process's to tell of."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        there.send((True, calculate()))
    except Exception as error:  # raised where it is asked for
        there.send((False, error))
