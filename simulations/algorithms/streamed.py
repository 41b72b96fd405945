"""What learners of other libraries and of users share: fresh batches, one job after the other, no checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulations.algorithms.autoencoders import base
from simulations.algorithms.base import Fitted, Job, Runtime
from simulations.data.source import Source


@dataclass(frozen=True, kw_only=True, repr=False)
class Streamed(base.Stepwise):
    """An algorithm whose jobs run one by one, by a function (settings, source, runtime) -> Fitted."""

    @classmethod
    def learner(cls) -> Callable[[Any, Source, Runtime], Fitted]:
        """Return fit(settings, source, runtime), loaded only now."""
        raise NotImplementedError

    @classmethod
    def fit_batch(cls, jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
        """Learn from one source after the other; raises ValueError where there is to be a checkpoint."""
        jobs[0].algorithm.check_ready()
        if runtime.checkpoint is not None:
            raise ValueError(f"checkpoint={str(runtime.checkpoint)!r}, but {cls.name} has none")
        fit = cls.learner()
        return [fit(each.algorithm.on(each.source), each.source, runtime) for each in jobs]

    def bytes_of(self, model: Any) -> int:
        """Return about what a job takes: two weights, gradients and moments, and half a dozen arrays of a batch."""
        rows = self.batch_size or base.USUAL_BATCH
        return int(32 * self.n_neurons * (2 * model.d_model + rows))
