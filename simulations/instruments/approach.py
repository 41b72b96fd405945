"""Approach as an instrument: neurons started as near to a feature as the best of many random ones, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulations.algorithms.base import Runtime
from simulations.base import checks
from simulations.base.settings import setting
from simulations.instruments.base import Task, register
from simulations.instruments.learnability import Probe
from simulations.measures.base import COSINE, Column, declare, with_interval

declare(
    **with_interval("arrived_fraction", Column("share of probes that end on the feature they start near")),
    start_cosine=Column("cosine to their feature at which neurons start", *COSINE),
)


@register("approach")
@dataclass(frozen=True, kw_only=True, repr=False)
class Approach(Probe):
    """Start neurons at one depth near features, run the algorithm, and count at each step those that have arrived."""

    start_depth: float = setting(
        6.0,
        "of approach: decades; starts have the cosine that a random direction passes with probability 10^-this",
        checks.number(0, 300, low_open=True),
    )

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return arrived_fraction with its interval, and the share on their own feature at each step."""
        from simulations.instruments.probes.approach import approach

        return [approach(each, runtime) for each in tasks]
