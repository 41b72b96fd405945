"""What the samples give a neuron: the mean and the second moment of psi over the features beside a given one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from theory.checks import FloatArray, at_least, real

# The grid of projections, in cells: rivals from LOWEST, N_CELLS of them at most; sums of them from FIRST, as many as a
# period, which is short where few of them add up.
LOWEST, N_CELLS = -96, 320
SHORT, LONG, FEW = 256, 384, 6
FIRST = {SHORT: -96, LONG: -176}
MOST_ACTIVE = 4096  # s of which the grid's cells are fine enough: E psi errs by 0.4 % there, by 11 % at 10,000
SMALLEST = 1e-15  # of a mass that is more than an error of rounding
Bias = float | FloatArray
LEGENDRE = np.polynomial.legendre.leggauss(40)


def gaussian_drive(mean: npt.ArrayLike, variance: npt.ArrayLike, bias: npt.ArrayLike) -> FloatArray:
    """Return E psi(y; b) of the ReLU for y ~ N(m, v), v >= 0.

    Implements: E (2y + b) 1(y > -b) = 2 [m Q(a) + sqrt(v) phi(a)] + b Q(a) with a = -(b + m)/sqrt(v).
    Raises ValueError when an argument is not finite, or a variance is negative.
    """
    m, v, b = np.broadcast_arrays(real("mean", mean), at_least("variance", variance, 0), real("bias", bias))
    return _gaussian_drive(m, np.sqrt(v), b)[()]


def _gaussian_drive(m: FloatArray, spread: FloatArray, b: FloatArray) -> FloatArray:
    above = np.divide(b + m, spread, out=np.where(b + m > 0, np.inf, -np.inf), where=spread > 0)
    density = np.exp(-above * above / 2) / math.sqrt(2 * math.pi)
    return np.asarray((2 * m + b) * ndtr(above) + 2 * spread * density)


def shared_drive(correlation: npt.ArrayLike, bias: Bias) -> FloatArray:
    """Return E psi(y) psi(y') / E psi(y)^2 for standard normal y, y' of the given correlation in [-1, 1], b <= 0.

    One bias, or one for each correlation, in its shape.
    By Gauss-Legendre quadrature in the root of y + b, up to 6 units, which hold all but 1e-8 of E psi^2.
    """
    node, weight = LEGENDRE
    b = np.asarray(bias, dtype=np.float64)[..., None]
    y = -b + 1.5 * (node + 1) ** 2  # the root: close to correlation 1 all happens close to -b
    weight = weight * (node + 1) * (2 * y + b) * np.exp(-(y * y - b * b) / 2)
    r = np.clip(correlation, -1, 1)[..., None]
    shared = (_gaussian_drive(r * y, np.sqrt(1 - r * r), b) * weight).sum(axis=-1)
    return np.asarray(shared / ((2 * y + b) * weight).sum(axis=-1))


def driven_again(
    mean: FloatArray, before: FloatArray, crossing: FloatArray, change: FloatArray, spread: FloatArray, bias: Bias
) -> FloatArray:
    """Return E psi(y) psi'(y') over the samples of a rival, y before a step and y' after it: arrays (R, K).

    `mean` and `before` are E psi(y') and E psi(y), `crossing` is the density of y' at the threshold, `change` that of y
    by the rival's own projection, `spread` (R, 1) the standard deviation of what the others in the sample change it by.
    Implements: psi' = 2 1(y' > -b) + |b| delta(y' + b), for changes that are small beside the spread of y (ours); the
    normal law is erf(x / sqrt(2)) ~ tanh(sqrt(2/pi) (x + 0.044715 x^3)), within 4e-4 and many times as fast.
    """
    b = np.reshape(np.asarray(bias, mean.dtype), (-1, 1))
    past = change / -np.maximum(spread, np.finfo(mean.dtype).tiny ** 0.5)  # of the threshold, in deviations, before
    np.clip(past, -8, 8, out=past)
    squared = past * past
    above = np.tanh(past * (0.7978846 + 0.0356774 * squared))
    above += 1
    stood = (-b - 2 * change) * above  # twice what those that stand at the threshold gave
    np.exp(squared * -0.5, out=squared)
    stood += 4 / math.sqrt(2 * math.pi) * spread * squared
    return np.asarray(2 * np.minimum(mean, before) - b / 2 * crossing * stood)


def spacing(sparsity: int) -> float:
    """Return the cell of the grid of projections (ours): 1/8, coarser where many of them add up (s > 16).

    A fifth of the spread of psi's argument at most, which moves E psi by about its square; -12 to 28 at s <= 16.
    """
    return max(1 / 8, math.sqrt(sparsity) / 32)


def period(sparsity: int) -> int:
    """Return the cells of the grid of sums: at s <= 6 from -12 to 20, five standard deviations, else -22 to 26."""
    return SHORT if sparsity <= FEW else LONG


class Drive(NamedTuple):
    """E psi, E psi^2 and P(y > -b) over the samples that hold some projections: arrays of equal shape."""

    mean: FloatArray
    square: FloatArray
    share: FloatArray

    @property
    def variance(self) -> FloatArray:
        """The variance of psi."""
        return np.asarray(np.maximum(self.square - self.mean**2, 0))

    def split(self, column: int) -> tuple[Drive, Drive]:
        """Return the drive left of a column, and from there on."""
        return Drive(*(each[:, :column] for each in self)), Drive(*(each[:, column:] for each in self))


class Neuron(NamedTuple):
    """How a sample drives the neuron, y = scale (sum of projections) - shift: bias b, h, and <w, mean of X> (R,).

    One bias for all instances, or one for each, (R,).
    """

    bias: Bias
    scale: float
    shift: FloatArray


class Rest(NamedTuple):
    """Tail sums at grid points x of the law of a sum S of projections: P(S > x), summed over x once and twice.

    Each is (R, cells), from the largest x down; cells count from the middle of one to that of the next.
    """

    cell: float
    tails: tuple[FloatArray, FloatArray, FloatArray]

    def drive(self, projection: FloatArray, neuron: Neuron) -> Drive:
        """Return the drive at y = scale (projection + S) - shift, `projection` (R, any) or (1, any).

        Implements: psi = 2 scale (S - x) - b above the threshold x, where y = -b.
        """
        kind, n_cells = self.tails[0].dtype.type, self.tails[0].shape[1]
        step, jump = 2 * neuron.scale * self.cell, -neuron.bias
        # The place of x among the cells, from above, at y = 0 and then at y = scale projection - shift.
        last = n_cells - 1.5 + FIRST[n_cells] - 2 / step * (jump + neuron.shift)
        place = projection / self.cell + last[:, None]
        inside = np.clip(place, 0, n_cells - 1.001)
        index = inside.astype(np.intp)
        share, once, twice = _between(self.tails, index, (inside - index).astype(kind))
        # E (S - x) 1(S > x), then its square, from sums of j - i + 1 cells: S and x lie in the middle of theirs.
        step, jump = kind(step), np.reshape(np.asarray(jump, kind), (-1, 1))
        above = step * (once - share / 2)
        mean = above + jump * share
        square = 2 * step * step * (twice - once + share / 8) + jump * (above + mean)
        found = Drive(mean, square, share)
        if place.max() >= n_cells - 1:  # there all fire, and psi is linear
            more = step * np.maximum(place - inside, 0).astype(kind)
            found = Drive(found.mean + more, found.square + more * (2 * found.mean + more), found.share)
        return found


def _between(tables: Sequence[FloatArray], index: npt.NDArray[np.intp], part: FloatArray) -> list[FloatArray]:
    """Return what lies a `part` of a cell beyond `index`, both (R, any), in tables (R, size) or (1, size)."""
    n_rows, size = tables[0].shape
    index = index + size * np.arange(n_rows)[:, None]
    found = []
    for table in tables:
        flat = table.ravel()
        low, high = flat.take(index, mode="clip"), flat[1:].take(index, mode="clip")
        high -= low
        high *= part
        high += low
        found.append(high)
    return found


class Population:
    """The law of the projections u_k of the rivals, on a grid."""

    def __init__(self, projection: FloatArray, weight: FloatArray, cell: float, period: int = LONG) -> None:
        """Take projections (R, K) of weight (K,); those beyond the widest grid count at its end."""
        self.cell, self.period, total = cell, period, weight.sum()
        self.mean = projection @ weight / total
        place = projection * (1 / cell)
        place -= LOWEST
        below = np.floor(np.clip(place, 0, min(N_CELLS, period) - 2))
        self.first, last = int(below.min()), int(below.max())
        self.n_cells = last + 2 - self.first
        index = below.astype(np.intp)
        self.part = np.subtract(place, below, out=place)
        self._at = index - self.first
        inside = np.clip(self.part, 0, 1) * weight
        index += period * np.arange(len(projection))[:, None]
        size = period * len(projection) + 1
        mass = np.bincount(index.ravel(), (weight - inside).ravel(), size)
        mass[1:] += np.bincount(index.ravel(), inside.ravel(), size)[:-1]
        self.mass = mass[:-1].reshape(-1, period) / total
        # Conjugate: of the law from its largest value down.
        spectrum = np.fft.rfft(self.mass, axis=1).conj()
        self.powers: dict[int, npt.NDArray[np.complex128]] = {0: np.ones_like(spectrum[:1]), 1: spectrum}
        self.rests: dict[int, Rest] = {}

    def grid(self) -> FloatArray:
        """Return the projections at which tables for `at_rivals` are made, (1, cells)."""
        return np.asarray(self.cell * (LOWEST + self.first + np.arange(self.n_cells, dtype=self.part.dtype)))[None]

    def rest(self, n_terms: int) -> Rest:
        """Return the tails of the sum of `n_terms` independent projections, made once."""
        if n_terms not in self.rests:
            phase = _phase(FIRST[self.period] + self.period - 1 - n_terms * LOWEST, self.period)
            law = np.fft.irfft(self._power(n_terms) * phase, n=self.period, axis=1)
            law -= SMALLEST
            share = np.maximum(law, 0, dtype=self.part.dtype, casting="same_kind").cumsum(axis=1)
            once = share.cumsum(axis=1)
            self.rests[n_terms] = Rest(self.cell, (share, once, once.cumsum(axis=1)))
        return self.rests[n_terms]

    def _power(self, n_terms: int) -> npt.NDArray[np.complex128]:
        """Return the spectrum to a power, by few products: `**` is slow for complex numbers."""
        if n_terms not in self.powers:
            half = n_terms // 2 if n_terms % 2 == 0 else n_terms - 1
            self.powers[n_terms] = self._power(half) * self._power(n_terms - half)
        return self.powers[n_terms]

    def shrink(self, n_terms: int, share: float = 1.0) -> float:
        """Return by how much sums of `n_terms`, read off at the rivals, shrink to have the variance they should have.

        That is `share` of independent draws'.  Implements: a value between two points of the grid, cell a, is put on
        both, which adds part (1 - part) a^2 to a variance, a^2/6 on average, for each term and where the table is read;
        that tails are straight within a cell adds a^2/12; all beside the variance of a projection, about 1.
        """
        cell = self.cell**2
        wanted = n_terms * share - cell / 12 - cell / 6
        return math.sqrt(max(wanted / (n_terms * (1 + cell / 6)), 0.01)) if n_terms else 1.0

    def average(self, table: FloatArray) -> FloatArray:
        """Return the mean over the rivals of a table over the grid, (R,)."""
        return np.asarray(np.einsum("rk,rk->r", self.mass[:, self.first : self.first + self.n_cells], table))

    def at_rivals(self, *tables: FloatArray) -> list[FloatArray]:
        """Interpolate tables over the grid, each (R, cells), at the rivals: each (R, K), in a line beyond it.

        In the precision of the projections.
        """
        return _between([np.ascontiguousarray(each) for each in np.broadcast_arrays(*tables)], self._at, self.part)


@lru_cache(maxsize=64)
def _phase(n_cells: int, period: int) -> npt.NDArray[np.complex128]:
    """Return the spectrum of a shift by so many of `period` cells, (period / 2 + 1,)."""
    return np.asarray(np.exp(-2j * np.pi / period * (n_cells * np.arange(period // 2 + 1) % period)))
