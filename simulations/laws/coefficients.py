"""Laws of the coefficients: the positive weights of the active features.

A law is (row_sparsity, n_slots, rng, **parameters) -> values (N, n_slots) float64.  Row l has row_sparsity[l] weights,
all positive, then zeros.  Every law has E[h^2] = 1/row_sparsity[l], so that E ||H_l||^2 = 1, as in the canonical case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simulations.laws.registry import COEFFICIENTS

FloatArray = npt.NDArray[np.float64]
RowSparsity = npt.NDArray[Any]
# A generator may return 0 exactly, if hardly ever; a weight of 0 would mean an unused slot.  Survives float32.
SMALLEST = float(np.finfo(np.float32).tiny)


def _scaled(unit: FloatArray, row_sparsity: RowSparsity) -> FloatArray:
    """Turn weights with E[h^2] = 1 into a row's weights: scaled by 1/sqrt(row_sparsity), zero in unused slots."""
    used = np.arange(unit.shape[1]) < row_sparsity[:, None]
    scale = 1 / np.sqrt(np.maximum(row_sparsity, 1))
    return np.asarray(np.where(used, np.maximum(unit, SMALLEST) * scale[:, None], 0.0))


@COEFFICIENTS.register("constant")
def constant(row_sparsity: RowSparsity, n_slots: int, rng: np.random.Generator) -> FloatArray:
    """Return 1/sqrt(s), the coefficients of Theorem 6.1 (arXiv 2506.14002v1)."""
    return _scaled(np.ones((len(row_sparsity), n_slots)), row_sparsity)


@COEFFICIENTS.register("uniform")
def uniform(row_sparsity: RowSparsity, n_slots: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. weights, uniform on (0, sqrt(3/s)]."""
    return _scaled(np.sqrt(3) * (1 - rng.random((len(row_sparsity), n_slots))), row_sparsity)


@COEFFICIENTS.register("half-normal")
def half_normal(row_sparsity: RowSparsity, n_slots: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. weights |N(0, 1/s)|."""
    return _scaled(np.abs(rng.standard_normal((len(row_sparsity), n_slots))), row_sparsity)


@COEFFICIENTS.register("exponential")
def exponential(row_sparsity: RowSparsity, n_slots: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. exponential weights of mean 1/sqrt(2 s)."""
    return _scaled(rng.standard_exponential((len(row_sparsity), n_slots)) / np.sqrt(2), row_sparsity)


def normalize_rows(values: FloatArray) -> FloatArray:
    """Return the weights (N, n_slots) with every row scaled to norm 1; a row without active features stays 0."""
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms > 0, norms, 1.0))
