"""Learnability as an instrument: the share of features that hold a neuron started on them, which needs no width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulations.algorithms.base import Algorithm, Runtime
from simulations.base import checks
from simulations.base.settings import setting
from simulations.instruments.base import Instrument, Task, register
from simulations.measures.base import COSINE, Column, declare, with_interval

declare(
    **with_interval("learnable_fraction", Column("share of probes that stay on the feature they start at")),
    recovery_per_step_095=Column("recovery_per_step at cosine 0.95", kind="series"),
    alignment_per_step=Column("mean cosine of probes with their feature, each step", *COSINE, kind="series"),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Probe(Instrument):
    """What the instruments that probe have in common: neurons that do not see each other."""

    without: ClassVar[tuple[str, ...]] = ("n_neurons", "initialization")

    n_probes: int = setting(200, "neurons started at (or near) features by learnability and width", checks.count(1))

    def check_algorithm(self, algorithm: Algorithm) -> None:
        """Raise ValueError for an algorithm whose neurons depend on each other."""
        if not algorithm.independent:
            raise ValueError(
                f"instrument={self.name!r} needs algorithm='modified-ba', whose neurons are independent, not "
                f"{algorithm.name!r}"
            )


@register("learnability")
@dataclass(frozen=True, kw_only=True, repr=False)
class Learnability(Probe):
    """Start neurons at features, run the algorithm, count those that stay."""

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return learnable_fraction with its interval, and the share on their own feature at each step."""
        from simulations.instruments.probes.learnability import learnability

        return [learnability(each, runtime) for each in tasks]
