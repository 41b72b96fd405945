"""Short cuts of the tests to a cell's sample, start and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from simulations.algorithms.provable import fit
from simulations.algorithms.provable.update import Dense, Evaluation
from simulations.data.sampling import Sample
from simulations.data.synthetic import FixedSample
from simulations.runs.cell import Cell


def source_of(cell: Cell) -> FixedSample:
    return cell.task().model.fixed()


def sample_of(cell: Cell) -> Sample:
    return source_of(cell).sample


def start_of(cell: Cell, data: Sample) -> np.ndarray:
    source = source_of(cell)
    source.sample = data
    return fit.start_of(cell.task().algorithm, source)


def evaluation_of(cell: Cell, samples: Sequence[Sample], seeds: Sequence[int], device: torch.device) -> Evaluation:
    """Return the evaluation of samples that need not be those of the cell."""
    sources = []
    for data, seed in zip(samples, seeds, strict=True):
        source = source_of(cell.replace(seed=seed))
        source.sample = data
        sources.append(source)
    return fit.evaluation_of(cell.task().algorithm, sources, device, cell.runtime().torch_dtype())


def dense(
    samples: Sequence[Sample], *, device: torch.device, dtype: torch.dtype, center: bool, noise: Any = ()
) -> Dense:
    """Return the dense evaluation of samples, with noise (sigma, generator) a replica."""
    rows = []
    for r, data in enumerate(samples):
        X = np.einsum("ns,nsd->nd", data.values, data.features[data.support])
        rows.append(X + noise[r][0] * noise[r][1].standard_normal(X.shape) if noise and noise[r][0] > 0 else X)
    return Dense(rows, [each.features for each in samples], device=device, dtype=dtype, center=center)
