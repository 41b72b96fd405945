"""Do dictionaries trained from other starts agree: each method at the best of its search, on Zipf supports."""

from __future__ import annotations

from collections.abc import Iterable

from simulations.experiments import frontier
from simulations.experiments.base import Experiment, Point
from simulations.experiments.searching import FRESH, SEARCH, arm, trials

N_RESTARTS = 2


def _restarted(preset: str, names: Iterable[str], seeds: Iterable[int]) -> list[Point]:
    """Return the winner of the frontier's search, which is over the same world, from several starts.

    The replicate of that search runs too, and is not judged.
    """
    world = frontier.WORLD | frontier.SIZES[preset] | {"n_restarts": N_RESTARTS}
    best = {name: frontier.BEST.get(name, 0) for name in names}
    return [world | trials(name)[k] | {"arm": arm(name, k), "seed": seed} for seed in seeds for name, k in best.items()]


EXPERIMENT = Experiment(
    "consistency",
    "The paper: dictionaries trained from other starts agree more with GBA than with TopK (every method at the best of "
    "the same open search, that of the frontier)",
    order=150,
    grids={
        "quick": lambda: _restarted("quick", frontier.QUICK, (0,)),
        "standard": lambda: _restarted("standard", frontier.LINES, (SEARCH, *FRESH)),
        "paper": lambda: _restarted("paper", frontier.LINES, (SEARCH, *FRESH)),
    },
    smoke=True,
)
