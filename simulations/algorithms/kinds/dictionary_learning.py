"""scikit-learn's online dictionary learning on the stream of the trained algorithms."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from simulations.algorithms.autoencoders import base
from simulations.algorithms.base import Algorithm, Fitted, Job, Runtime, register
from simulations.base import checks


@register("dictionary-learning")
@dataclass(frozen=True, kw_only=True, repr=False)
class DictionaryLearning(Algorithm):
    """Mairal et al., Online Learning for Matrix Factorization and Sparse Coding (JMLR 2010), with codes >= 0."""

    batch_axes: ClassVar[tuple[str, ...]] = ()

    n_steps: int = base.n_steps()
    batch_size: int = base.batch_size()
    penalty: float = base.penalty(0.1, "sparsity penalty of l1, dictionary-learning (0.1) and jumprelu (0.01)")
    n_evaluations: int = base.n_evaluations()

    @property
    def usual_samples(self) -> int:  # type: ignore[override]
        """The number of samples where none is given: every batch is fresh."""
        return max(1, self.n_steps) * (self.batch_size or base.USUAL_BATCH)

    def check(self, model: Any) -> None:
        """Raise ValueError for batches larger than the data."""
        checks.check_batch(self.batch_size, None if model is None else model.n_samples)

    def check_ready(self) -> None:
        """Raise ValueError where scikit-learn is not installed."""
        if importlib.util.find_spec("sklearn") is None:
            raise ValueError(f"algorithm={self.name!r} needs scikit-learn: pip install 'sae-recovery[scikit-learn]'")

    @classmethod
    def fit_batch(cls, jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
        """Learn a dictionary per job, one after the other; raises ValueError where there is to be a checkpoint."""
        from simulations.algorithms.classical import learn

        if runtime.checkpoint is not None:
            raise ValueError(f"checkpoint={str(runtime.checkpoint)!r}, but {cls.name} has none")
        return [learn(each.algorithm.resolved(base.Whole(*each)), each.source) for each in jobs]

    def cost_of(self, model: Any) -> float:
        """Return about how long a job takes."""
        rows = self.batch_size or base.USUAL_BATCH
        return float(self.n_steps + 1) * self.n_neurons * rows * float(model.d_model)
