"""How the batches of a sweep are run: one after another, or side by side in processes; one small interface.

An executor is a function (work, batches, n_jobs) -> iterator of work(batch) as each finishes, in any order.  Closing
the iterator ends its workers, which also end soon after a parent that was killed.  It raises WorkerKilled when a worker
dies.  Another backend, say a cluster of machines, is one more such function in EXECUTORS.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Batch = Sequence[Any]


class WorkerKilled(RuntimeError):
    """A worker process ended before its work did, as the system's out-of-memory killer makes it."""


class Executor(Protocol):
    """Runs batches; what it needs of `work` is that it can be pickled, with the batch."""

    def __call__(
        self, work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int
    ) -> Generator[T, None, None]: ...


def serial(work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int = 1) -> Generator[T, None, None]:
    """Run the batches here, one after another."""
    yield from (work(each) for each in batches)


def loky(work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int) -> Generator[T, None, None]:
    """Run the batches in `n_jobs` processes (-1: one per core) by joblib, whose backend loky is."""
    if n_jobs == 1 or len(batches) <= 1:
        yield from serial(work, batches)
        return
    import joblib

    workers = min(joblib.cpu_count() if n_jobs == -1 else n_jobs, len(batches))
    parallel = joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1)
    outputs = parallel(joblib.delayed(_work_under)(os.getpid(), work, each) for each in batches)
    try:
        yield from outputs
    except BrokenProcessPool as error:
        raise WorkerKilled(str(error)) from None
    finally:
        with warnings.catch_warnings():  # joblib remarks that results were left unused: so they are, at an interruption
            warnings.simplefilter("ignore")
            outputs.close()


def _work_under(parent: int, work: Callable[[Batch], T], batch: Batch) -> T:
    _end_with(parent)
    return work(batch)


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent, which may have been killed without a chance to end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


EXECUTORS: Mapping[str, Executor] = {"loky": loky, "serial": serial}
DEFAULT_EXECUTOR = "loky"
