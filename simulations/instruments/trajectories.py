"""Trajectories as an instrument: projections of random neurons on the features that they win or lose, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulations.algorithms.base import Runtime
from simulations.instruments.base import Task, register
from simulations.instruments.learnability import Probe
from simulations.measures.base import ANY, Column, declare

declare(
    neuron_trajectories=Column(
        "kind:neuron:step:cosine with its first feature:with the rival; kind 0 keeps the first, 1 changes, 2 mixed",
        *ANY,
        kind="series",
    ),
    kept_fraction=Column("share of neurons that end on the feature nearest to their start"),
    changed_fraction=Column("share of neurons that end on another feature"),
    mixed_fraction=Column("share of neurons that end on no feature"),
    kept_by_projection=Column("share of neurons that end on the feature of largest projection <w, v_i> at the start"),
    kept_after_one_step=Column("the same of the largest projection after the first step"),
)


@register("trajectories")
@dataclass(frozen=True, kw_only=True, repr=False)
class Trajectories(Probe):
    """Start random neurons, run the algorithm, and follow their cosines with the features that matter to them."""

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return the shares of neurons that keep, change or mix features, and the trajectories of some of each."""
        from simulations.instruments.probes.paths import paths

        return [paths(each, runtime) for each in tasks]
