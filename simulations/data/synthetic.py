"""Sources of the model X = HV: an endless stream in blocks that are drawn when needed, and a sample of N rows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulations.base.streams import stream
from simulations.data.sampling import FloatArray, Sample, activations, draw_coefficients, draw_features, sample
from simulations.data.source import Array, Source, View

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK = 8_192  # rows drawn at once: fixed, so that the data do not depend on the batch size
CALIBRATION_ROWS = 32_768  # give the mean of X, and its mean norm
EVALUATION_ROWS = 16_384  # held out


class Rows(NamedTuple):
    """Some rows of H, as support and values (rows, s), and the noise added to X, (rows, d) or None."""

    support: npt.NDArray[np.int32]
    values: FloatArray
    noise: FloatArray | None = None


class Synthetic(Source):
    """The endless stream of a model.

    The draws depend on the statistical model and the seed only: algorithms are compared on equal data.  Row l of the
    stream is row l mod n_samples of the data; memory does not grow with n_samples.  `model` has the settings of the
    model (simulations.data.model.Model).
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.d_model, self.seed, self.center, self.n_samples = model.d_model, model.seed, model.center, model.n_samples
        self.features = draw_features(model.n_features, model.d_model, model.dictionary_law, model.seed)
        self._blocks: dict[int, Rows] = {}

    def _draw(self, n_rows: int, part: int | str) -> Rows:
        given = self.model
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

    def activations(self, rows: Rows) -> FloatArray:
        """Return X (rows, d) of rows of H, with their noise."""
        X = activations(Sample(rows.support, rows.values, self.features), 0, len(rows.support))
        return X if rows.noise is None else X + rows.noise

    @cached_property
    def evaluation(self) -> Rows:
        """EVALUATION_ROWS rows of H that no step sees."""
        return self._draw(EVALUATION_ROWS, "evaluation")

    @property
    def truth(self) -> Sample:
        """V, with support and values of the held-out rows."""
        return Sample(self.evaluation.support, self.evaluation.values, self.features)

    def calibration(self) -> FloatArray:
        """Return CALIBRATION_ROWS rows of X, which no step sees."""
        return self.activations(self._draw(CALIBRATION_ROWS, "calibration"))

    def held_out(self) -> FloatArray:
        """Return the rows of X (R, d) of `evaluation`."""
        return self.activations(self.evaluation)

    def batch(self, step: int, size: int) -> FloatArray:
        """Return the rows of X (size, d) of a step."""
        return self.activations(self.rows_of(step, size))

    def view(self, scale: float, mean: FloatArray, device: torch.device, dtype: torch.dtype) -> View:
        """Return x on a device, gathered there from a table of features."""
        return SyntheticView(self, scale, mean, device, dtype)

    def rows_of(self, step: int, size: int) -> Rows:
        """Return the rows of a step, counted from 0; a rest of n_samples that fills no batch is not used."""
        steps = None if self.n_samples is None else self.n_samples // size
        if steps == 0:
            raise ValueError(f"batch_size={size}, but should be at most n_samples={self.n_samples}")
        start = (step % steps if steps else step) * size
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


class SyntheticView(View):
    """The view of a Synthetic: x = sum_k values_k (scale v_k) + scale (noise - mean), which never forms X in NumPy."""

    source: Synthetic

    def __init__(
        self, source: Synthetic, scale: float, mean: FloatArray, device: torch.device, dtype: torch.dtype
    ) -> None:
        super().__init__(source, scale, mean, device, dtype)
        import torch

        self._shift = torch.from_numpy(mean * scale).to(device, dtype)
        self._table = torch.from_numpy(source.features * scale).to(device, dtype)

    def inputs(self, rows: Rows) -> Tensor:
        """Return x (rows, d) of rows of H."""
        import torch

        table = self._table
        support, values = torch.from_numpy(rows.support).to(table.device), torch.from_numpy(rows.values).to(table)
        X = torch.nn.functional.embedding_bag(support, table, per_sample_weights=values, mode="sum") - self._shift
        return X if rows.noise is None else X + torch.from_numpy(rows.noise * self.scale).to(table)

    def batch(self, step: int, size: int) -> Tensor:
        """Return x (size, d) of a step."""
        return self.inputs(self.source.rows_of(step, size))

    def held_out(self) -> Tensor:
        """Return x (R, d) of the held-out rows."""
        return self.inputs(self.source.evaluation)


class FixedSample(Source):
    """N rows of a model, all of them seen by every step of a full-batch algorithm: (H, V) and the noise on X.

    `sample` is (H, V): what the exact factored form works on, where there is no noise.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.d_model, self.seed, self.center, self.n_samples = model.d_model, model.seed, model.center, model.n_samples
        self.noise: float = model.noise
        self.sample = sample(
            n_features=model.n_features,
            d_model=model.d_model,
            sparsity=model.sparsity,
            n_samples=model.n_samples,
            support_law=model.support_law,
            coefficient_law=model.coefficient_law,
            dictionary_law=model.dictionary_law,
            normalize=model.normalize,
            seed=model.seed,
        )

    @property
    def truth(self) -> Sample:
        """V, with support and values of all rows: none is held out."""
        return self.sample

    @cached_property
    def X(self) -> FloatArray:
        """X = HV with its noise, (N, d)."""
        N, d = len(self.sample.support), self.d_model
        X = np.empty((N, d))
        rng = self.noise_stream()
        for start in range(0, N, BLOCK):
            block = activations(self.sample, start, min(start + BLOCK, N))
            X[start : start + BLOCK] = block + self.noise * rng.standard_normal(block.shape) if self.noise else block
        return X

    def noise_stream(self) -> np.random.Generator:
        """Return the generator of the noise on X, drawn in order of the rows."""
        return stream("noise", self.seed, n_samples=len(self.sample.support), d_model=self.d_model)

    def rows(self) -> Array:
        """Return X."""
        return self.X

    def batch(self, step: int, size: int) -> Array:
        """Return the next `size` rows of X; they are i.i.d., so in order is at random."""
        start = step % max(1, len(self.X) // size) * size
        return self.X[start : start + size]

    def calibration(self) -> Array:
        """Return X."""
        return self.X

    def held_out(self) -> Array:
        """Return X."""
        return self.X


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
