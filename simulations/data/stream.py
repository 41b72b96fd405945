"""The endless stream of training data, in blocks that are drawn when they are needed and then forgotten."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simulations.base.settings import Settings
from simulations.base.streams import stream
from simulations.data.sampling import FloatArray, Sample, activations, draw_coefficients, draw_features

BLOCK = 8_192  # rows drawn at once: fixed, so that the data do not depend on the batch size
CALIBRATION_ROWS = 32_768  # give the mean of X, and its mean norm
EVALUATION_ROWS = 16_384  # held out


class Rows(NamedTuple):
    """Some rows of H, as support and values (rows, s), and the noise added to X, (rows, d) or None."""

    support: npt.NDArray[np.int32]
    values: FloatArray
    noise: FloatArray | None = None


class Stream:
    """The data of one cell, scaled so that the mean norm of x is 1 (Algorithm 1), and centred if the settings say so.

    x = scale (sum_k values_k v_support_k + noise - mean).  The draws depend on the statistical model and the seed only:
    algorithms are compared on equal data.  Row l of the stream is row l mod n_samples of the data; memory does not grow
    with n_samples.
    """

    def __init__(self, settings: Settings, device: torch.device, dtype: torch.dtype) -> None:
        self.settings = settings
        self.features = draw_features(settings.n_features, settings.d_model, settings.dictionary_law, settings.seed)
        self._blocks: dict[int, Rows] = {}
        calibration = self._draw(CALIBRATION_ROWS, "calibration")
        X = self._activations(calibration)
        self.mean = mean = X.mean(axis=0) if settings.center else np.zeros(settings.d_model)
        self.scale = float(1 / np.linalg.norm(X - mean, axis=1).mean())
        self.mean_input = (X.mean(axis=0) - mean) * self.scale
        self._shift = torch.from_numpy(mean * self.scale).to(device, dtype)
        self._table = torch.from_numpy(self.features * self.scale).to(device, dtype)

    def _draw(self, n_rows: int, part: int | str) -> Rows:
        given = self.settings
        support, values = draw_coefficients(
            n_rows,
            n_features=given.n_features,
            sparsity=given.sparsity,
            support_law=given.support_law,
            coefficient_law=given.coefficient_law,
            normalize=given.normalize,
            seed=given.seed,
            part=part,
        )
        if given.noise == 0:
            return Rows(support, values)
        rng = stream("noise", given.seed, d_model=given.d_model, part=part)
        return Rows(support, values, given.noise * rng.standard_normal((n_rows, given.d_model)))

    def _activations(self, rows: Rows) -> FloatArray:
        X = activations(Sample(rows.support, rows.values, self.features), 0, len(rows.support))
        return X if rows.noise is None else X + rows.noise

    def inputs(self, rows: Rows) -> Tensor:
        """Return the rows of x as the autoencoder sees them, (rows, d)."""
        table = self._table
        support, values = torch.from_numpy(rows.support).to(table.device), torch.from_numpy(rows.values).to(table)
        X = torch.nn.functional.embedding_bag(support, table, per_sample_weights=values, mode="sum") - self._shift
        return X if rows.noise is None else X + torch.from_numpy(rows.noise * self.scale).to(table)

    def held_out(self) -> tuple[Sample, Tensor]:
        """Return EVALUATION_ROWS rows that no step sees: their (H, V), and x (rows, d) with its noise."""
        rows = self._draw(EVALUATION_ROWS, "evaluation")
        return Sample(rows.support, rows.values, self.features), self.inputs(rows)

    def batch(self, step: int) -> Rows:
        """Return the rows of a step, counted from 0; a rest of n_samples that fills no batch is not used."""
        size = self.settings.batch_size
        start = (step % (self.settings.n_samples // size)) * size
        return self._rows(start, start + size)

    def _rows(self, start: int, stop: int) -> Rows:
        parts = []
        for index in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            low = index * BLOCK
            parts.append(_cut(self._block(index), max(start - low, 0), min(stop - low, BLOCK)))
        return parts[0] if len(parts) == 1 else _join(parts)

    def _block(self, index: int) -> Rows:
        if index not in self._blocks:
            for old in sorted(self._blocks, key=lambda each: abs(each - index))[1:]:
                del self._blocks[old]
            self._blocks[index] = self._draw(BLOCK, index)
        return self._blocks[index]


def _cut(rows: Rows, start: int, stop: int) -> Rows:
    noise = None if rows.noise is None else rows.noise[start:stop]
    return Rows(rows.support[start:stop], rows.values[start:stop], noise)


def _join(parts: list[Rows]) -> Rows:
    """Join rows; of laws with a varying number of active features, blocks may differ in their number of slots."""
    slots = max(each.support.shape[1] for each in parts)

    def padded(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.pad(array, ((0, 0), (0, slots - array.shape[1])))

    support = np.concatenate([padded(each.support) for each in parts])
    values = np.concatenate([padded(each.values) for each in parts])
    noise = None if parts[0].noise is None else np.concatenate([each.noise for each in parts if each.noise is not None])
    return Rows(support.astype(np.int32), values.astype(np.float64), noise)
