"""What an experiment is: a claim, and at each preset the points of a grid that tests it.

Adding one is one file in this folder with an EXPERIMENT, found by discovery, and one figure file of the same name.
Presets: quick (minutes on two cores, all of them within `make reproduce`), standard (an hour or two on two cores),
paper (sized for a GPU).  A grid is a union of products, concatenated lists, made when it is asked for.  A point holds
the settings of one cell by name (only those that the cell has), its `arm` (the method, slice or point of the experiment
that it is) and, where there are several replicates, the number of its replicate as `seed`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from simulations.base.checks import one_of
from simulations.base.streams import stream
from theory.conditions import band

PRESETS = ("quick", "standard", "paper")
LARGEST_SEED = 2**53  # which every reader of numbers holds exactly
Point = dict[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Experiment:
    """A named claim with a grid per preset; `order` is its place in listings.

    `smoke` says that the quick preset only tests that the experiment runs: its methods are under-trained there.
    """

    name: str
    claim: str
    order: int
    grids: Mapping[str, Callable[[], Sequence[Point]]]
    smoke: bool = False

    def points(self, preset: str, *, seed: int = 0, device: str = "auto") -> list[Point]:
        """Return the flat settings of each cell of a preset; raises ValueError for an unknown preset or bad seed."""
        one_of("preset", preset, PRESETS)
        grid = self.grids[preset]()
        seeds = replicate_seeds(seed, 1 + max(point.get("seed", 0) for point in grid))
        return [point | {"seed": seeds[point.get("seed", 0)], "device": device} for point in grid]


def replicate_seeds(root: int, count: int) -> list[int]:
    """Return the seeds of `count` replicates: 0, 1, ... for root 0, hashed ones for any other, [root] for a single one.

    Two roots share no seed, so that replicates of one never are replicates of another.  Raises ValueError for a seed
    that is no integer from 0 to 2^53.
    """
    if not 0 <= root < LARGEST_SEED:
        raise ValueError(f"seed={root}, but should be in [0, 2^53)")
    if count == 1 or root == 0:
        return [root] if count == 1 else list(range(count))
    # The component keeps these draws apart from those of every cell.
    return [int(stream("features", root, replicate=k).integers(count, LARGEST_SEED)) for k in range(count)]


def product(**axes: Any) -> list[Point]:
    """Return the product of axes, the last running fastest: a tuple is an axis, whatever else is the same throughout.

    >>> product(algorithm="topk", k=(1, 2))
    [{'algorithm': 'topk', 'k': 1}, {'algorithm': 'topk', 'k': 2}]
    """
    values = [each if isinstance(each, tuple) else (each,) for each in axes.values()]
    return [dict(zip(axes, each, strict=True)) for each in itertools.product(*values)]


def by_centring(points: Sequence[Point]) -> list[Point]:
    """Return the points with whether their data are centred as their arm."""
    return [point | {"arm": "centred" if point["center"] else "not centred"} for point in points]


def evenly(number: int, n_axes: int) -> list[float]:
    """Return a point of a sequence that fills the unit cube evenly: every axis walks in an irrational step of its own.

    Multiples of 1/x, 1/x^2, ... with x^(k+1) = x + 1 for k axes (Roberts 2018).
    """
    x = 1.0
    for _ in range(100):  # a contraction, by more than half a step
        x = (1 + x) ** (1 / (n_axes + 1))
    return [(0.5 + (number + 1) * x ** -(k + 1)) % 1 for k in range(n_axes)]


def choice(values: Sequence[Value], place: float) -> Value:
    """Return the value at a place in [0, 1)."""
    return values[int(place * len(values))]


def grid(low: float, high: float, n_points: int) -> tuple[float, ...]:
    """Return `n_points` from low to high in equal ratios, rounded to three significant digits."""
    ratio = (high / low) ** (1 / (n_points - 1))
    return tuple(float(f"{low * ratio**k:.3g}") for k in range(n_points))


def band_centre(n_features: int, d_model: int, sparsity: int) -> float:
    """Return the geometric centre of the theorem's band at eps = zeta = 0, where the band is widest."""
    edges = band(n_features, d_model, sparsity, epsilon=0.0, zeta=0.0)
    return float(f"{(float(edges.lower) * float(edges.upper)) ** 0.5:.3g}")
