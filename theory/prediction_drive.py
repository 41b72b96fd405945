"""What the samples give a neuron: the mean and the second moment of psi over the features beside a given one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from theory.checks import FloatArray, at_least, real

# The grid of projections, in cells: rivals from LOWEST, N_CELLS of them; sums from FIRST, PERIOD of them.
LOWEST, N_CELLS = -96, 320
FIRST, PERIOD = -224, 512
ANGLES = 1024
LEGENDRE = np.polynomial.legendre.leggauss(40)


def gaussian_drive(mean: npt.ArrayLike, variance: npt.ArrayLike, bias: npt.ArrayLike) -> FloatArray:
    """Return E psi(y; b) of the ReLU for y ~ N(m, v), v >= 0.

    Implements: E (2y + b) 1(y > -b) = 2 [m Q(a) + sqrt(v) phi(a)] + b Q(a) with a = -(b + m)/sqrt(v).
    Raises ValueError when an argument is not finite, or a variance is negative.
    """
    m, v, b = np.broadcast_arrays(real("mean", mean), at_least("variance", variance, 0), real("bias", bias))
    spread = np.sqrt(v)
    above = np.divide(b + m, spread, out=np.where(b + m > 0, np.inf, -np.inf), where=spread > 0)
    density = np.exp(-above * above / 2) / np.sqrt(2 * np.pi)
    return np.asarray((2 * m + b) * ndtr(above) + 2 * spread * density)[()]


def shared_drive(correlation: FloatArray, bias: float) -> FloatArray:
    """Return E psi(y) psi(y') / E psi(y)^2 for standard normal y, y' of the given correlation in [-1, 1], b <= 0.

    By Gauss-Legendre quadrature in the root of y + b, up to 6 units, which hold all but 1e-8 of E psi^2.
    """
    node, weight = LEGENDRE
    y = -bias + 1.5 * (node + 1) ** 2  # the root: close to correlation 1 all happens close to -b
    weight = weight * (node + 1) * (2 * y + bias) * np.exp(-(y * y - bias * bias) / 2)
    r = np.clip(correlation, -1, 1)[..., None]
    shared = gaussian_drive(r * y, np.maximum(1 - r * r, 0), bias) @ weight
    return np.asarray(shared / ((2 * y + bias) @ weight))


@lru_cache(maxsize=64)
def _shared_table(bias: float) -> FloatArray:
    """Return `shared_drive` at the correlations cos(angle), ANGLES + 1 even ones from pi to 0."""
    return shared_drive(np.cos(np.pi * (1 - np.arange(ANGLES + 1) / ANGLES)), bias)


def shared_between(correlation: FloatArray, bias: float) -> FloatArray:
    """Return `shared_drive` from its table, linear in the angle between: within 1e-3 (ours)."""
    place = ANGLES * (1 - np.arccos(np.clip(correlation, -1, 1)) / np.pi)
    return np.interp(place, np.arange(ANGLES + 1), _shared_table(bias))


def spacing(sparsity: int) -> float:
    """Return the cell of the grid of projections (ours): 1/8, coarser where many of them add up (s > 16).

    A fifth of the spread of psi's argument at most, which moves E psi by about its square; -12 to 28 at s <= 16.
    """
    return max(1 / 8, math.sqrt(sparsity) / 32)


class Drive(NamedTuple):
    """E psi, E psi^2 and P(y > -b) over the samples that hold some projections: arrays of equal shape."""

    mean: FloatArray
    square: FloatArray
    share: FloatArray


class Neuron(NamedTuple):
    """How a sample drives the neuron, y = scale (sum of projections) - shift: bias b, h, and <w, mean of X> (R,)."""

    bias: float
    scale: float
    shift: FloatArray


class Rest(NamedTuple):
    """Tail moments E S^k 1(S > x), k = 0, 1, 2 (and a blank), of a sum S of projections at grid points x.

    `tails` is (R, PERIOD, 4): four numbers side by side are fetched at once.
    """

    cell: float
    tails: FloatArray

    def drive(self, projection: FloatArray, neuron: Neuron) -> Drive:
        """Return the drive at y = scale (projection + S) - shift, `projection` (R, any) or (1, any)."""
        origin = (neuron.scale * projection - neuron.shift[:, None]).astype(self.tails.dtype)
        threshold = -(neuron.bias + origin) / neuron.scale
        place = np.clip(threshold / self.cell - FIRST + 0.5, 0, PERIOD - 1.001)
        index = place.astype(np.int64)
        share, first, second, _ = np.moveaxis(_between(self.tails, index, place - index), -1, 0)
        level, slope = 2 * origin + neuron.bias, 2 * neuron.scale
        square = level * level * share + 2 * level * slope * first + slope * slope * second
        return Drive(level * share + slope * first, square, share)


def _between(table: FloatArray, index: npt.NDArray[np.int64], part: FloatArray) -> FloatArray:
    """Return what lies a `part` of a cell beyond `index`, both (R, any), in a table (R, size, 4): (R, any, 4)."""
    rows = table.reshape(-1, 4)
    index = index + table.shape[1] * np.arange(len(table))[:, None]
    low = rows.take(index, axis=0)
    high = rows.take(index + 1, axis=0)
    high -= low
    high *= part[..., None]
    high += low
    return high


class Population:
    """The law of the projections u_k of the rivals, on a grid."""

    def __init__(self, projection: FloatArray, weight: FloatArray, cell: float) -> None:
        """Take projections (R, K) of weight (K,); those beyond the widest grid count at its end."""
        self.cell = cell
        self.mean = projection @ weight / weight.sum()
        place = projection / cell - LOWEST
        index = np.clip(place, 0, N_CELLS - 2).astype(np.int64)
        self.first, last = int(index.min()), int(index.max())
        self.n_cells = last + 2 - self.first
        self.index, self.part = index - self.first, place - index
        inside = np.clip(self.part, 0, 1) * weight
        target = (index + PERIOD * np.arange(len(projection))[:, None]).ravel()
        size = PERIOD * len(projection) + 1
        mass = np.bincount(target, (weight - inside).ravel(), size)
        mass[1:] += np.bincount(target, inside.ravel(), size)[:-1]
        self.mass = mass[:-1].reshape(-1, PERIOD) / weight.sum()
        self.spectrum = np.fft.rfft(self.mass, axis=1)
        self.rests: dict[int, Rest] = {}

    def grid(self) -> FloatArray:
        """Return the projections at which tables for `at_rivals` are made, (1, cells)."""
        return self.cell * (LOWEST + self.first + np.arange(self.n_cells, dtype=np.float64))[None]

    def rest(self, n_terms: int) -> Rest:
        """Return the tails of the sum of `n_terms` independent projections, made once."""
        if n_terms not in self.rests:
            law = np.fft.irfft(self.spectrum**n_terms, n=PERIOD, axis=1)
            law = np.roll(law, n_terms * LOWEST - FIRST, axis=1)[:, ::-1].astype(self.part.dtype)
            value = (self.cell * (FIRST + np.arange(PERIOD))[::-1]).astype(law.dtype)
            tails = np.zeros((*law.shape, 4), law.dtype)
            for k in range(3):
                np.cumsum(law, axis=1, out=tails[:, ::-1, k])
                law = law * value
            self.rests[n_terms] = Rest(self.cell, tails)
        return self.rests[n_terms]

    def average(self, table: FloatArray) -> FloatArray:
        """Return the mean over the rivals of a table over the grid, (R,)."""
        return np.asarray(np.einsum("rk,rk->r", self.mass[:, self.first : self.first + self.n_cells], table))

    def at_rivals(self, *tables: FloatArray) -> FloatArray:
        """Interpolate four tables over the grid, each (R, cells), at the rivals: 4 of (R, K), in a line beyond it.

        In the precision of the projections.
        """
        stacked = np.stack(np.broadcast_arrays(*tables), axis=-1).astype(self.part.dtype, copy=False)
        return np.moveaxis(_between(stacked, self.index, self.part), -1, 0)
