"""The provable algorithm: Modified Bias Adaptation (arXiv 2506.14002v1, section 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulations.algorithms.base import Algorithm, Fitted, Job, Runtime, register
from simulations.base import checks
from simulations.base.settings import setting


def _batch_size(name: str, value: Any, _: Any) -> None:
    if value < 0:
        raise ValueError(f"{name}={value}, but should be at least 0 (0 = full batch)")


@register("modified-ba")
@dataclass(frozen=True, kw_only=True, repr=False)
class ModifiedBA(Algorithm):
    """One bias for all neurons, spherical gradient steps: the algorithm that Theorem 6.1 is about."""

    batch_axes: ClassVar[tuple[str, ...]] = ("seed", "target_frequency")
    full_batch: ClassVar[bool] = True
    independent: ClassVar[bool] = True

    target_frequency: float = setting(
        0.003, "p, share of samples a neuron should fire on (modified-ba, ba)", checks.number(0, 0.5, low_open=True)
    )
    n_steps: int = setting(5, "T, steps of the algorithm (trained: 6000)", checks.count(0))
    step_size: float = setting(
        math.inf,
        "eta, step size of modified-ba; inf replaces the neuron by its update",
        checks.number(0, low_open=True, note=" (inf replaces the neuron by its update)"),
    )
    activation: str = setting(
        "relu", "relu, smooth-relu or jumprelu; jumprelu for gba, ba", checks.names("relu", "smooth-relu", "jumprelu")
    )
    bias_policy: str = setting(
        "fixed", "of modified-ba: fixed (the theorem) or tracking", checks.names("fixed", "tracking")
    )
    initialization: str = setting(
        "sphere",
        "start: sphere (uniform) or data (random samples); of modified-ba also pairs (of samples that are alike)",
        checks.names("sphere", "data", "pairs"),
    )
    batch_size: int = setting(0, "rows used by a step; 0 = full batch; trained: 512", _batch_size)
    evaluation: str = setting(
        "auto", "auto, factored (sparse, fast) or dense", checks.names("auto", "factored", "dense")
    )

    def check(self, model: Any) -> None:
        """Raise ValueError for a batch larger than the data, or the factored form of noisy data, which have none."""
        if self.batch_size > model.n_samples:
            raise ValueError(
                f"batch_size={self.batch_size}, but should be in [0, n_samples={model.n_samples}] (0 = full batch)"
            )
        if self.evaluation == "factored" and model.noise > 0:
            raise ValueError(f"evaluation='factored', but noise={model.noise} needs the dense evaluation")

    @classmethod
    def fit_batch(cls, jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
        """Run the algorithm on the sample of each job, as replicas of one program."""
        from simulations.algorithms.provable.fit import fit

        return fit(jobs, runtime)

    def bytes_of(self, model: Any) -> int:
        """Return about how much memory one job takes: samples, features and weights."""
        n, d, N = int(model.n_features), int(model.d_model), int(model.n_samples)
        return 16 * N * int(model.sparsity) + 16 * d * (n + self.n_neurons)

    def cost_of(self, model: Any) -> float:
        """Return about how long one job takes: gathered additions and two products a step."""
        a_step = model.n_samples * model.sparsity + model.n_features * model.d_model
        return float((self.n_steps + 1) * self.n_neurons * a_step)
