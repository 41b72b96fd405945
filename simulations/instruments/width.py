"""Width as an instrument: the chance that a neuron learns a feature, from rare events, and the width that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulations.algorithms.base import Runtime
from simulations.base import checks
from simulations.base.settings import setting
from simulations.instruments.base import Task, register
from simulations.instruments.learnability import Probe
from simulations.measures.base import ANY, POSITIVE, Column, declare, with_interval

declare(
    **with_interval("success_probability", Column("chance that a random neuron learns a given feature")),
    success_probability_spread=Column("standard deviation of log10 of it over features ever learned", *POSITIVE),
    never_learned_fraction=Column("share of features that no width learns, as far as the probes tell"),
    **with_interval("predicted_recovery_rate", Column("recovery rate at n_neurons, from success probabilities")),
    **with_interval("required_width", Column("width for target_recovery, empty above 1e300", *POSITIVE)),
    **with_interval("log10_required_width", Column("log10 of the width for target_recovery", *ANY)),
    required_width_reason=Column("why the required width, or an end of its interval, is empty", kind="text"),
    reachable_recovery=Column("recovery rate of any width, however large: 1 - never_learned_fraction"),
    **with_interval(
        "log10_relative_width", Column("log10 of the width for target_recovery times reachable_recovery", *ANY)
    ),
)


@register("width")
@dataclass(frozen=True, kw_only=True, repr=False)
class Width(Probe):
    """Start neurons near features, at every distance, and count those that arrive."""

    without: ClassVar[tuple[str, ...]] = ("initialization",)  # always a uniform start

    target_recovery: float = setting(
        0.95, "recovery rate of the required width", checks.number(0, 1, low_open=True, high_open=True)
    )

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return success probability, predicted recovery and required width, with intervals."""
        from simulations.instruments.probes.width import width

        return [width(each, runtime) for each in tasks]
