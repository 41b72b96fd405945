"""Collected activations as a Source: rows of the documents that are trained on, in random order, read from the disk."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulations.data.activations import names
from simulations.data.activations.shards import END, POSITION, START, WINDOW, Shards
from simulations.data.arrays import CALIBRATION_ROWS, HELD_OUT_ROWS, ArraySource
from simulations.data.source import Array

if TYPE_CHECKING:
    from simulations.data.activations.downstream import Downstream

RUNS = 256  # of neighbours, among many held-out rows


class ActivationSource(ArraySource):
    """Activations of a transformer, by their name or folder.

    Whole documents are held out, one in ten, so that no step sees a neighbour of a held-out token; of their rows at
    most 16,384 measure, in runs spread evenly.  Order and shuffling are those of ArraySource.  There is no truth.
    `splice` says whether the model itself is asked what reconstructions are worth to it.
    Raises ValueError for activations that are not here, not complete or damaged.
    """

    def __init__(self, activations: str | Path, *, seed: int = 0, center: bool = False, splice: bool = False) -> None:
        folder = Path(activations)
        self.shards = Shards(folder if folder.is_dir() else names.locate(str(activations)))
        self.seed, self.center, self.d_model = seed, center, self.shards.d_model
        self.n_samples = self.shards.train
        # Nothing is held out by ArraySource: the rows that are trained on are counted among themselves.
        self._every, self._place, self._n_held = self.n_samples + 1, self.n_samples, 0
        self._pools, self._ends = {}, {}
        self._splice = splice

    def _take(self, index: Array) -> Array:
        """Return rows that are trained on by their number among themselves."""
        return self.shards.take(self.shards.numbers(index, held=False))

    def calibration(self) -> Array:
        """Return rows that are trained on, spread evenly: at most 16,384."""
        return self._take(np.arange(0, self.n_samples, -(-self.n_samples // CALIBRATION_ROWS)))

    @cached_property
    def held_out_rows(self) -> Array:
        """The numbers of the held-out rows, over all rows: all of them, or 16,384 in 256 runs of neighbours."""
        total = self.shards.held
        counted = np.arange(total)
        if total > HELD_OUT_ROWS:
            begins = np.arange(RUNS) * (total // RUNS)
            counted = (begins[:, None] + np.arange(HELD_OUT_ROWS // RUNS)).ravel()
        return self.shards.numbers(counted, held=True)

    def held_out(self) -> Array:
        """Return the held-out rows."""
        return self.shards.take(self.held_out_rows)

    @cached_property
    def downstream(self) -> Downstream | None:
        """The model, to splice reconstructions into; None where it is not asked for, or not known."""
        if not self._splice:
            return None
        from simulations.data.activations.downstream import downstream_of

        return downstream_of(self.shards)

    @property
    def has_text(self) -> bool:
        """Whether the tokens behind the rows are known."""
        return self.shards.has_text

    def labelled(self, n_rows: int, *, held: bool) -> tuple[Array, list[tuple[str, str, int]]]:
        """Return rows (R, d), spread evenly, and of each the text of its token, that before it, and its position."""
        total = self.shards.held if held else self.n_samples
        numbers = self.shards.numbers(np.unique(np.linspace(0, total - 1, n_rows).round().astype(int)), held=held)
        of = np.searchsorted(self.shards.starts, numbers, side="right") - 1
        told = []
        for shard in np.unique(of):
            tokens, windows = self.shards.tokens(int(shard)), self.shards.windows(int(shard))
            for row in numbers[of == shard] - self.shards.starts[shard]:
                token = tokens[row]
                text = windows[token[WINDOW]]["text"]
                told.append((text[token[START] : token[END]], text[: token[START]], int(token[POSITION])))
        return self.shards.take(numbers), told
