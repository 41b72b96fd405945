"""Sources from a user's own data: a matrix in memory or mapped from a file, and an iterator of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulations.base.streams import stream
from simulations.data import matrices
from simulations.data.source import Array, Source

CHUNK = 8_192  # contiguous rows of a matrix that are read together
POOL = 8  # chunks whose rows are shuffled together: 65,536 rows are in perfect random order
CALIBRATION_ROWS = 16_384  # give the mean of X, and its mean norm
HELD_OUT_ROWS, HELD_OUT_SHARE = 16_384, 0.1
ITERATOR_CALIBRATION, ITERATOR_HELD_OUT = 8_192, 4_096


class ArraySource(Source):
    """The rows of a matrix X (N, d) in random order, each once an epoch, without end.

    X is an array, a tensor, a table or the path of a file, which stays on disk (matrices.read).  A tenth of the rows,
    at most 16,384, is held out and trained on never; of fewer than 20 rows nothing is, and all of them measure too.  In
    an epoch chunks of 8,192 rows are visited in random order, and 8 of them are shuffled together: memory does not grow
    with N, and a disk is read in runs.  `seed` decides the order.  There is no ground truth.

    >>> source = ArraySource([[float(row), 1.0] for row in range(100)])
    >>> source.n_samples, source.held_out().shape, next(source.batches(30)).shape
    (90, (10, 2), (30, 2))
    """

    def __init__(self, X: Any, *, seed: int = 0, center: bool = False) -> None:
        # Never read whole here: X may be larger than memory.
        array = matrices.read(X) if isinstance(X, (str, Path)) else matrices.plain_array(X)
        matrices.matrix(matrices.rows_of(array, slice(0, 2)) if array.ndim == 2 else array)
        self.n_samples: int
        self._X, self.seed, self.center, self.d_model = array, seed, center, int(array.shape[1])
        total = len(array)
        held = min(HELD_OUT_ROWS, int(HELD_OUT_SHARE * total)) if total >= 20 else 0
        self._every = total // held if held else total + 1  # one row in so many is held out
        self._place = int(stream("batches", seed, part="held-out", n_samples=total).integers(self._every))
        self._n_held = held
        self.n_samples = total - held
        self._pools: dict[tuple[int, int], Array] = {}
        self._ends: dict[int, tuple[Array, Array]] = {}

    def _rows(self, train: Array) -> Array:
        """Return the row of X of rows that are trained on, counted among themselves."""
        block, rest = np.divmod(train, self._every - 1)
        rest += rest >= self._place
        return np.where(block < self._n_held, block * self._every + rest, train + self._n_held)

    def _take(self, index: Array) -> Array:
        """Return rows of X by their number, read in order of their place on disk."""
        order = np.argsort(index, kind="stable")
        rows = np.empty((len(index), self.d_model), dtype=matrices.rows_of(self._X, slice(0, 1)).dtype)
        rows[order] = matrices.rows_of(self._X, index[order])
        try:
            matrices.check_finite(rows, "X")
        except ValueError:
            bad = index[~np.isfinite(rows).all(axis=1)].min()
            raise ValueError(f"X contains NaN or infinity, in row {bad}") from None
        return rows

    def _epoch(self, epoch: int) -> tuple[Array, Array]:
        """Return the chunks of an epoch in their order, and the position at which each pool of them ends."""
        if epoch not in self._ends:
            chunks = -(-self.n_samples // CHUNK)
            order = stream("batches", self.seed, part="chunks", epoch=epoch).permutation(chunks)
            sizes = np.minimum(CHUNK, self.n_samples - order * CHUNK)
            ends = np.cumsum(np.add.reduceat(sizes, np.arange(0, chunks, POOL)))
            self._ends = {epoch: (order, ends)}
        return self._ends[epoch]

    def _pool(self, epoch: int, pool: int) -> Array:
        """Return the rows of a pool, by number, in random order."""
        if (epoch, pool) not in self._pools:
            chunks = self._epoch(epoch)[0][pool * POOL : (pool + 1) * POOL]
            parts = [np.arange(each * CHUNK, min((each + 1) * CHUNK, self.n_samples)) for each in chunks]
            rng = stream("batches", self.seed, part="rows", epoch=epoch, pool=pool)
            self._pools = dict(list(self._pools.items())[-1:]) | {(epoch, pool): rng.permutation(np.concatenate(parts))}
        return self._pools[epoch, pool]

    def batch(self, step: int, size: int) -> Array:
        """Return the rows of a step (size, d); a rest that fills no batch is left to later epochs."""
        if not 1 <= size <= self.n_samples:
            raise ValueError(f"batch_size={size}, but should be in [1, n_samples={self.n_samples}]")
        epoch, k = divmod(step, self.n_samples // size)
        ends = self._epoch(epoch)[1]
        position, wanted, parts = k * size, (k + 1) * size, []
        while position < wanted:
            pool = int(np.searchsorted(ends, position, side="right"))
            start = int(ends[pool - 1]) if pool else 0
            stop = min(wanted, int(ends[pool]))
            parts.append(self._pool(epoch, pool)[position - start : stop - start])
            position = stop
        return self._take(self._rows(np.concatenate(parts)))

    def rows(self) -> Array:
        """Return all rows that are trained on, in their own order."""
        return self._take(self._rows(np.arange(self.n_samples)))

    def calibration(self) -> Array:
        """Return rows that are trained on, spread evenly: at most 16,384."""
        return self._take(self._rows(np.arange(0, self.n_samples, -(-self.n_samples // CALIBRATION_ROWS))))

    def held_out(self) -> Array:
        """Return the rows that no step sees (of fewer than 20: all)."""
        if not self._n_held:
            return self.rows()
        return self._take(np.arange(self._n_held) * self._every + self._place)


class IteratorSource(Source):
    """Batches of rows of X (any number of rows, d), endless or finite, cut anew to the size that is asked for.

    A batch is an array or a tensor, or a tuple or list that begins with one (a DataLoader's).  The first 8,192 rows are
    read ahead, give mean and scale, and are then replayed; the 4,096 after them are held out.  What can be iterated
    over again (a list, a DataLoader) begins anew when it ends; an iterator that ends raises ValueError.  Batches are
    handed out in order: only the last one can be asked for again.  There is no ground truth.

    >>> import itertools, numpy as np
    >>> source = IteratorSource(np.full((5, 2), float(k)) for k in itertools.count())
    >>> source.batch(0, 8)[:, 0].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, batches: Iterable[Any], *, seed: int = 0, center: bool = False) -> None:
        self._given, self.seed, self.center = batches, seed, center
        self._again = iter(batches) is not batches and not isinstance(batches, Iterator)
        self._iterator, self._seen, self._epochs = iter(batches), 0, 0
        first = self._fresh()
        if first is None:
            raise ValueError("batches: the first pass over them gave none")
        self.d_model = first.shape[1]
        ahead = [first]
        while sum(map(len, ahead)) < ITERATOR_CALIBRATION + ITERATOR_HELD_OUT:
            if (batch := self._fresh()) is None:
                break
            ahead.append(batch)
        rows = np.concatenate(ahead)
        calibrated = min(ITERATOR_CALIBRATION, max(1, len(rows) * 2 // 3))  # of few rows: two thirds
        self._calibration = rows[:calibrated]
        held = slice(calibrated, min(len(rows), calibrated + ITERATOR_HELD_OUT))
        self._held = rows[held] if len(rows) > calibrated else rows
        self._skipped = (held.start, held.stop)  # rows of every later pass that stay held out
        self._left: list[Array] = [self._calibration, rows[held.stop :]]
        self._next, self._last = 0, (-1, rows[:0])

    def _fresh(self) -> Array | None:
        """Return the next batch of the user's, or None at the end of a pass."""
        try:
            batch = next(self._iterator)
        except StopIteration:
            return None
        batch = batch[0] if isinstance(batch, (tuple, list)) and batch and getattr(batch[0], "ndim", 0) == 2 else batch
        rows = matrices.matrix(batch, f"batch at row {self._seen}")
        if (d := getattr(self, "d_model", rows.shape[1])) != rows.shape[1]:
            raise ValueError(f"batch at row {self._seen} of shape {rows.shape}, but should be (rows, {d})")
        self._seen += len(rows)
        return rows

    def _refill(self) -> Array:
        """Return more rows, from the next pass where one ends."""
        for _ in range(2):
            before = self._seen
            if (rows := self._fresh()) is not None:
                if not self._epochs:
                    return rows
                place = np.arange(before, before + len(rows))
                return rows[(place < self._skipped[0]) | (place >= self._skipped[1])]
            if not self._again:
                break
            self._iterator, self._seen, self._epochs = iter(self._given), 0, self._epochs + 1
        raise ValueError(
            f"batches: the iterator ended after {self._seen:,} rows, in step {self._next}: give fewer steps, more "
            "batches, or something that can be iterated over again (a list, a DataLoader, an array)"
        )

    def batch(self, step: int, size: int) -> Array:
        """Return the rows of a step (size, d), the next one or the last one again; raises ValueError for others."""
        if step == self._last[0] and len(self._last[1]) == size:
            return self._last[1]
        if step < self._next:
            raise ValueError(
                f"step {step} of an iterator is gone; give an array, or batches that can be iterated again"
            )
        while self._next <= step:
            self._last = self._next, self._cut(size)
            self._next += 1
        return self._last[1]

    def _cut(self, size: int) -> Array:
        while sum(map(len, self._left)) < size:
            self._left.append(self._refill())
        rows = np.concatenate(self._left)
        self._left = [rows[size:]]
        return rows[:size]

    def calibration(self) -> Array:
        """Return the first rows, at most 8,192."""
        return self._calibration

    def held_out(self) -> Array:
        """Return the rows that no step sees, at most 4,096 (of a single batch: those of the calibration too)."""
        return self._held


def _is_row(value: Any) -> bool:
    """Return whether `value` is one row of numbers, not a batch of rows."""
    if isinstance(value, (list, tuple)):
        return bool(value) and np.isscalar(value[0])
    return getattr(value, "ndim", 0) == 1


def source_of(data: Any, *, seed: int = 0, center: bool = False) -> Source:
    """Return the source of a user's data: an array, a tensor, a table, the path of a file, or batches of rows.

    What has a shape, and a list of lists of numbers, is a matrix; anything else that can be iterated over is batches.
    Raises ValueError for neither.
    """
    if isinstance(data, Source):
        return data
    nested = isinstance(data, (list, tuple)) and bool(data) and _is_row(data[0])
    if isinstance(data, (str, Path)) or hasattr(data, "shape") or hasattr(data, "__array__") or nested:
        return ArraySource(data, seed=seed, center=center)
    if isinstance(data, Iterable):
        return IteratorSource(data, seed=seed, center=center)
    wanted = "a Model, a matrix (N, d), the path of one, or an iterator of batches (rows, d)"
    raise ValueError(f"data of type {type(data).__name__}, but should be {wanted}")
