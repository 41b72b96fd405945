"""The synthetic data of SAELens as a Source: its SyntheticModel, with the truth that it knows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from simulations.base.streams import stream
from simulations.data.sampling import FloatArray, Sample
from simulations.data.source import Source

BLOCK = 8_192  # rows drawn at once: fixed, so that the data do not depend on the batch size
EVALUATION_ROWS = 16_384  # held out


class SyntheticModelSource(Source):
    """The endless stream of a sae_lens.synthetic.SyntheticModel, X = HV + bias.

    V (n, d) are its feature vectors, H its feature activations.  SAELens draws from torch's global generator: here it
    is seeded for each block, by a stream of its own, and afterwards what it was, so that equal steps give equal rows
    and nothing outside is disturbed.  `seed` is that of the draws; the model's own decides V and the firing laws.

    Example: SyntheticModelSource(SyntheticModel(SyntheticModelConfig(num_features=64, hidden_dim=16, seed=0))).
    """

    def __init__(self, synthetic: Any, *, seed: int = 0, center: bool = False) -> None:
        self.synthetic, self.seed, self.center = synthetic, seed, center
        vectors = synthetic.feature_dict.feature_vectors
        self.features = np.asarray(vectors.detach().cpu().double().numpy())
        self.n_features, self.d_model = (int(each) for each in self.features.shape)
        self._blocks: dict[int, FloatArray] = {}

    def _draw(self, n_rows: int, part: int | str) -> tuple[FloatArray, FloatArray]:
        """Return X (rows, d) and H (rows, n)."""
        from sae_lens.util import temporary_seed

        rng = stream("coefficients", self.seed, library="saelens", part=part)
        with temporary_seed(int(rng.integers(2**63))):
            X, H = self.synthetic.sample_with_features(n_rows)
        X, H = (each.to_dense() if each.is_sparse else each for each in (X, H))
        return X.detach().cpu().double().numpy(), H.detach().cpu().double().numpy()

    @cached_property
    def _evaluation(self) -> tuple[FloatArray, FloatArray]:
        return self._draw(EVALUATION_ROWS, "evaluation")

    @cached_property
    def truth(self) -> Sample:
        """V, with support and values of the held-out rows, padded to the most that a row has."""
        H = self._evaluation[1]
        width = max(1, int((H != 0).sum(axis=1).max()))
        order = np.argsort(H == 0, axis=1, kind="stable")[:, :width]
        return Sample(order.astype(np.int32), np.take_along_axis(H, order, axis=1), self.features)

    def calibration(self) -> FloatArray:
        """Return rows of X that no step sees."""
        return self._draw(BLOCK, "calibration")[0]

    def held_out(self) -> FloatArray:
        """Return rows of X that no step sees."""
        return self._evaluation[0]

    def batch(self, step: int, size: int) -> FloatArray:
        """Return the rows of X (size, d) of a step."""
        start, stop = step * size, (step + 1) * size
        parts = []
        for index in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            low = index * BLOCK
            parts.append(self._block(index)[max(start - low, 0) : min(stop - low, BLOCK)])
        return np.concatenate(parts)

    def _block(self, index: int) -> FloatArray:
        if index not in self._blocks:
            for old in sorted(self._blocks, key=lambda each: abs(each - index))[1:]:
                del self._blocks[old]
            self._blocks[index] = self._draw(BLOCK, index)[0]
        return self._blocks[index]
