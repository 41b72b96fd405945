"""What data are to an algorithm: a Source of rows of X, and its View, x = scale (X - mean), on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simulations.data.sampling import FloatArray, Sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = npt.NDArray[Any]
ROUNDING = 1e-10  # of a mean over some 1e5 float64 rows, relative to their size, with room


class Source(ABC):
    """Rows of X (.., d), to train on and held out; with a `truth` where the features behind them are known.

    `n_samples` is the number of rows before they repeat, None where they never do; `seed` is the root seed of what an
    algorithm draws on these data; `center` says that an algorithm is to subtract the mean.
    """

    d_model: int
    seed: int = 0
    center: bool = False
    n_samples: int | None = None

    @property
    def truth(self) -> Sample | None:
        """The features V (n, d), with support and values of the held-out rows; None where there is no ground truth."""
        return None

    @abstractmethod
    def batch(self, step: int, size: int) -> Array:
        """Return the rows of X (size, d) of a step, counted from 0; equal steps give equal rows."""

    @abstractmethod
    def calibration(self) -> Array:
        """Return rows of X that give its mean and its scale."""

    @cached_property
    def moments(self) -> tuple[FloatArray, float, float]:
        """The mean of X (d,), the mean norm of X, and that of X less its mean."""
        X = np.asarray(self.calibration(), dtype=np.float64)
        mean = X.mean(axis=0)
        plain, centred = (float(np.linalg.norm(X - shift, axis=1).mean()) for shift in (np.zeros(self.d_model), mean))
        return mean, plain, centred

    @abstractmethod
    def held_out(self) -> Array:
        """Return rows of X (R, d) that no step sees (of data with few rows: that training may have seen)."""

    def rows(self) -> Array:
        """Return all N rows of X (N, d), for algorithms that see all of them in every step; raises ValueError."""
        if self.n_samples is None:
            raise ValueError("n_samples should be given: these data are endless, and a full batch needs all of them")
        return self.batch(0, self.n_samples)

    def batches(self, size: int, *, start: int = 0) -> Iterator[Array]:
        """Yield batches of X (size, d) without end, from the step `start` on; raises ValueError for a size below 1."""
        if size < 1:
            raise ValueError(f"size={size}, but should be an integer of at least 1")
        step = start
        while True:
            yield self.batch(step, size)
            step += 1

    def view(self, scale: float, mean: FloatArray, device: torch.device, dtype: torch.dtype) -> View:
        """Return these data as an autoencoder sees them."""
        return View(self, scale, mean, device, dtype)


class View:
    """x = scale (X - mean) of a source, as tensors (rows, d)."""

    def __init__(
        self, source: Source, scale: float, mean: FloatArray, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.source, self.scale, self.mean, self.device, self.dtype = source, scale, mean, device, dtype

    def of(self, X: Array) -> Tensor:
        """Return x of rows of X."""
        import torch

        return torch.from_numpy((np.asarray(X, dtype=np.float64) - self.mean) * self.scale).to(self.device, self.dtype)

    def batch(self, step: int, size: int) -> Tensor:
        """Return x (size, d) of a step."""
        return self.of(self.source.batch(step, size))

    def held_out(self) -> Tensor:
        """Return x (R, d) of the held-out rows."""
        return self.of(self.source.held_out())


def conditioned(source: Source, device: torch.device, dtype: torch.dtype) -> tuple[View, FloatArray]:
    """Return the view in which the mean norm of x is 1 (Algorithm 1), centred if the source says so, and the mean of x.

    Raises ValueError where X does not vary at all (its norm is 0) or is not finite.
    """
    mean_X, whole, centred = source.moments
    norm = centred if source.center else whole
    if not (np.isfinite(norm) and norm > ROUNDING * whole):  # equal rows, centred, leave rounding
        raise ValueError(f"mean norm of the data {norm}, but should be finite and above 0")
    mean, scale = mean_X if source.center else np.zeros(source.d_model), 1 / norm
    return source.view(scale, mean, device, dtype), (mean_X - mean) * scale
