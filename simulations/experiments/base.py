"""What an experiment is: a claim, and the grid of cells that tests it at each preset.

A grid is a list of axes; its cells are their product.  Presets: quick (minutes on two cores, all of them within `make
reproduce`), standard (an hour or two on two cores), paper (sized for a GPU).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from simulations.base.checks import one_of
from simulations.base.settings import Settings

PRESETS = ("quick", "standard", "paper")
Axes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Experiment:
    """A named claim with a grid per preset; `complete` derives the settings that follow from the axes."""

    name: str
    claim: str
    grids: Mapping[str, Axes]
    complete: Callable[[dict[str, Any]], dict[str, Any] | None] = dict

    def cells(self, preset: str, *, seed: int = 0, device: str = "auto") -> list[Settings]:
        """Return the cells of a preset in grid order; raises ValueError for an unknown preset or a negative seed."""
        one_of("preset", preset, PRESETS)
        axes = {"seed": (seed,), **self.grids[preset]}
        if len(axes["seed"]) > 1:  # replicas: distinct root seeds, the first one given
            axes["seed"] = tuple(seed + each for each in axes["seed"])
        points = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
        completed = (self.complete(point) for point in points)
        return [Settings(**(each | {"device": device})) for each in completed if each is not None]


def grid(low: float, high: float, n_points: int) -> tuple[float, ...]:
    """Return `n_points` from low to high in equal ratios, rounded to three significant digits."""
    ratio = (high / low) ** (1 / (n_points - 1))
    return tuple(float(f"{low * ratio**k:.3g}") for k in range(n_points))
