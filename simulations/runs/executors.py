"""How the batches of a sweep are run: one after another, side by side in processes, or on other machines.

An executor is a function (work, batches, n_jobs, lost) -> iterator of work(batch) as each finishes, in any order.
Closing the iterator ends its workers, which also end soon after a parent that was killed.  Where a worker is killed, as
by a system that runs out of memory, the batches that it may have been at are tried again, each alone; of one that
kills its worker again `lost(batch)` is the result, and the rest goes on.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import cache, partial
from typing import Any, Protocol, TypeVar

from simulations import __version__
from simulations.base.checks import one_of

T = TypeVar("T")
Batch = Sequence[Any]
SECONDS_TO_CONNECT = 10


class WorkerKilled(RuntimeError):
    """A worker process ended before its work did, and nobody said what stands for its result."""


def _raise(batch: Batch) -> Any:
    raise WorkerKilled(f"a worker process was killed at {batch!r} (out of memory?)")


class Executor(Protocol):
    """Runs batches; what it needs of `work` is that it can be pickled, with the batch."""

    def __call__(
        self, work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int, lost: Callable[[Batch], T] = _raise
    ) -> Generator[T, None, None]: ...


def serial(
    work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int = 1, lost: Callable[[Batch], T] = _raise
) -> Generator[T, None, None]:
    """Run the batches here, one after another."""
    yield from (work(each) for each in batches)


def loky(
    work: Callable[[Batch], T], batches: Sequence[Batch], n_jobs: int, lost: Callable[[Batch], T] = _raise
) -> Generator[T, None, None]:
    """Run the batches in `n_jobs` processes (-1: one per core) by joblib, whose backend loky is."""
    if n_jobs == 1 or len(batches) <= 1:
        yield from serial(work, batches)
        return
    import joblib

    workers = min(joblib.cpu_count() if n_jobs == -1 else n_jobs, len(batches))
    if workers <= 1:
        yield from serial(work, batches)
        return
    pending = dict(enumerate(batches))
    while pending:
        try:
            with closing(_side_by_side(work, list(pending.items()), workers)) as outputs:
                for index, result in outputs:
                    del pending[index]
                    yield result
        except BrokenProcessPool:  # work begins in order: what was under way is among the first that are left
            for index in list(pending)[:workers]:
                yield _alone(work, pending.pop(index), lost)


def _side_by_side(
    work: Callable[[Batch], T], batches: Sequence[tuple[int, Batch]], workers: int
) -> Generator[tuple[int, T], None, None]:
    """Return the index and the result of each batch as it finishes; raises BrokenProcessPool when a worker dies."""
    import joblib

    parallel = joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1)
    outputs = parallel(joblib.delayed(_work_under)(os.getpid(), work, *each) for each in batches)
    try:
        yield from outputs
    finally:
        with warnings.catch_warnings():  # joblib remarks that results were left unused: so they are, at an interruption
            warnings.simplefilter("ignore")
            outputs.close()


def _alone(work: Callable[[Batch], T], batch: Batch, lost: Callable[[Batch], T]) -> T:
    """Return work(batch) from a process beside which nothing else runs, or lost(batch) where that is killed too."""
    try:  # of one task joblib makes no process: a second one does nothing
        with closing(_side_by_side(partial(_if_any, work), [(0, batch), (1, ())], 2)) as outputs:
            return next(result for index, result in outputs if index == 0)  # type: ignore[return-value]
    except BrokenProcessPool:
        return lost(batch)


def _if_any(work: Callable[[Batch], T], batch: Batch) -> T | None:
    return work(batch) if batch else None


def _work_under(parent: int, work: Callable[[Batch], T], index: int, batch: Batch) -> tuple[int, T]:
    _end_with(parent)
    return index, work(batch)


@cache
def _end_with(parent: int) -> None:
    """End this worker soon after its parent, which may have been killed without a chance to end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def dask(
    work: Callable[[Batch], T],
    batches: Sequence[Batch],
    n_jobs: int = -1,
    lost: Callable[[Batch], T] = _raise,
    *,
    scheduler: str,
) -> Generator[T, None, None]:
    """Run the batches on the workers of a dask.distributed scheduler at an address; `n_jobs` is theirs to say.

    A batch whose worker dies goes to another one, by the scheduler's own rule a few times, and in the end alone.
    Raises ValueError where the scheduler does not answer, or workers have another version of this package.
    """
    from distributed import KilledWorker, as_completed

    with _client(scheduler) as client:
        suspects = []
        futures = {client.submit(work, each, pure=False): each for each in batches}
        try:
            for future in as_completed(list(futures), loop=client.loop):
                batch = futures.pop(future)
                try:
                    yield future.result()
                except KilledWorker:  # it, or one that waited behind it at the same worker
                    suspects.append(batch)
            for batch in suspects:  # alone
                try:
                    yield client.submit(work, batch, pure=False).result()
                except KilledWorker:
                    yield lost(batch)
        finally:
            client.cancel(list(futures))


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    from distributed import Client

    try:
        client: Any = Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"scheduler={scheduler!r} does not answer: {' '.join(str(error).split())}") from None
    try:
        others = sorted({each for each in client.run(_version).values() if each != __version__})
        if others:
            raise ValueError(f"workers of {scheduler} have version {', '.join(others)}, but here it is {__version__}")
        yield client
    finally:
        client.close()


def _version() -> str:
    return __version__


EXECUTORS: Mapping[str, Executor] = {"loky": loky, "serial": serial, "dask": dask}  # type: ignore[dict-item]
DEFAULT_EXECUTOR = "loky"


def check_jobs(n_jobs: int) -> None:
    """Raise ValueError for a number of processes that is none."""
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs={n_jobs}, but should be at least 1, or -1 for one per core")


def executor(backend: str, scheduler: str = "") -> Executor:
    """Return the executor of a name; raises ValueError for an unknown one, or a scheduler too many or too few."""
    one_of("backend", backend, EXECUTORS)
    if (backend == "dask") is not bool(scheduler):
        raise ValueError(f"backend={backend!r} with scheduler={scheduler!r}, but dask has one, and no other has")
    if backend != "dask":
        return EXECUTORS[backend]
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ValueError("backend='dask' needs dask.distributed: pip install 'sae-recovery[distributed]'") from None
    with _client(scheduler):  # refused before any work
        pass
    return partial(dask, scheduler=scheduler)
