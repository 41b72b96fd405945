"""The kink of a measured curve in logarithms: least-squares fits of two segments, with values known from one side."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from theory.checks import at_least, real, require

Array = np.ndarray[Any, np.dtype[np.float64]]
PLACES, PLACES_OF_TWO = 1_001, 201  # at which a kink is looked for: with slopes 1 and 0, and with two free slopes
ROUNDS = 30  # after which the values that bind a fit change no more
RIDGE = 1e-9  # for a fit that too few values bind


def kink(x: npt.ArrayLike, y: npt.ArrayLike, side: npt.ArrayLike = 0) -> float:
    """Return x* of the fit log y = a + min(log x, log x*), slopes 1 and 0; nan without a kink within the values.

    x (k,) positive, y (k,) positive; side (k,): 0, -1 where the value is at most y, 1 where it is at least y: such a
    value counts by how far the fit is on its wrong side.  Within the values: two known ones below, one above.  Ours.
    Raises ValueError for other shapes, another side, or an x or y that is not positive.
    """
    log_x, log_y, side = _checked(x, y, side)
    known = log_x[side == 0]
    at = np.linspace(log_x[0], log_x[-1], PLACES)
    _, cost = one_sided(np.ones((PLACES, log_x.size, 1)), log_y - np.minimum(log_x, at[:, None]), side)
    best = at[int(np.argmin(cost))]
    inside = best < at[-1] and (known < best).sum() > 1 and (known > best).any()
    return float(np.exp(best)) if inside else math.nan


class Bend(NamedTuple):
    """A fit by two segments: the x at which they meet, and the slopes of log y over log x below and above."""

    x: float
    below: float
    above: float


def bend(x: npt.ArrayLike, y: npt.ArrayLike, side: npt.ArrayLike = 0) -> Bend:
    """Return the least-squares fit of log y over log x by two segments of free slopes that meet.

    Two known values are on each side of the kink, or at it; nan where fewer than four are known.  Arguments and errors
    as in `kink`.  Ours.
    """
    log_x, log_y, side = _checked(x, y, side)
    known = log_x[side == 0]
    if len(known) < 4:
        return Bend(math.nan, math.nan, math.nan)
    at = np.linspace(known[1], known[-2], PLACES_OF_TWO)
    off = log_x - at[:, None]
    design = np.stack([np.ones_like(off), np.minimum(off, 0.0), np.maximum(off, 0.0)], axis=2)
    fits, cost = one_sided(design, np.broadcast_to(log_y, off.shape), side)
    best = int(np.argmin(cost))
    return Bend(float(np.exp(at[best])), float(fits[best, 1]), float(fits[best, 2]))


def one_sided(design: Array, y: Array, side: Array) -> tuple[Array, Array]:
    """Return least-squares coefficients (P, m) and costs (P,) of designs (P, k, m), values y (P, k) and sides (k,).

    A value with a side counts only where the fit is above it (-1) or below it (1): a convex problem, solved by fitting
    those that count until they are the same.
    """
    counts = np.broadcast_to(side == 0, y.shape)
    for _ in range(ROUNDS):
        weighted = design * counts[:, :, None]
        products = np.einsum("pki,pkj->pij", weighted, design) + RIDGE * np.eye(design.shape[2])
        found = np.linalg.solve(products, np.einsum("pki,pk->pi", weighted, y)[:, :, None])[:, :, 0]
        off = y - np.einsum("pki,pi->pk", design, found)
        now = (side == 0) | (side * off > 0)
        if (now == counts).all():
            break
        counts = now
    return found, (counts * off**2).sum(axis=1)


def _checked(x: npt.ArrayLike, y: npt.ArrayLike, side: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Return log x, rising, log y and the sides, of one shape."""
    least = float(np.finfo(float).tiny)
    x, y = at_least("x", x, least), at_least("y", y, least)
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise ValueError(f"x {x.shape} and y {y.shape}, but should have one shape (k,), k > 0")
    sides = np.broadcast_to(real("side", side), x.shape)
    require("side", sides, np.isin(sides, (-1, 0, 1)), "-1, 0 or 1")
    order = np.argsort(x, kind="stable")
    return np.log(x[order]), np.log(y[order]), sides[order]
