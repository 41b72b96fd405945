"""Real activations as an instrument: an algorithm on what a transformer computes, where no features are known.

A cell of it has no model X = HV, but the name of activations that `sae-recovery activations` collected; nothing that
needs true features is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from simulations.algorithms.base import Algorithm, Job, Runtime
from simulations.base import checks
from simulations.base.settings import setting
from simulations.data.activations import names
from simulations.instruments.base import Instrument, Task, register
from simulations.instruments.simulation import results_of
from simulations.measures.base import POSITIVE, Column, declare

OF_THE_MODEL = ("n_features", "sparsity", "support_law", "coefficient_law", "dictionary_law", "normalize", "noise")
declare(n_held_out=Column("rows of held-out documents that measure", *POSITIVE))


def _named(name: str, value: Any, _: Any) -> None:
    if value:
        names.parse(value)


def _dimension(whole: Any) -> int:
    return names.parse(whole.activations).d_model


def _rows(whole: Any) -> int:
    return names.parse(whole.activations).n_rows


def _of_the_name(name: str, value: Any, leaf: Any) -> None:
    if not leaf.activations:
        raise ValueError("activations should be given: the folder or the name of collected ones")
    told = getattr(names.parse(leaf.activations), {"d_model": "d_model", "n_samples": "n_rows"}[name])
    if value != told:
        raise ValueError(f"{name}={value}, but activations={leaf.activations} have {told}")


@register("real")
@dataclass(frozen=True, kw_only=True, repr=False)
class Real(Instrument):
    """Reconstruction, frequencies, agreement of restarts and fidelity on activations; nothing about true features."""

    without: ClassVar[tuple[str, ...]] = OF_THE_MODEL

    activations: str = setting("", "collected activations: their name, or their folder", _named)
    d_model: int = setting(128, "d, dimension of the activations (as they have it)", _of_the_name, derived=_dimension)
    n_samples: int = setting(30_000, "N, rows that are trained on (as they have it)", _of_the_name, derived=_rows)
    splice: bool = setting(False, "ask the transformer what reconstructions and neurons are worth", checks.flag)

    def __post_init__(self) -> None:
        if self.activations:
            object.__setattr__(self, "activations", names.resolve(str(self.activations)))
        super().__post_init__()

    def check_algorithm(self, algorithm: Algorithm) -> None:
        """Raise ValueError for an algorithm that needs all rows at once, or K that nothing tells."""
        if algorithm.full_batch:
            raise ValueError(f"instrument='real' needs an algorithm that is trained on batches, not {algorithm.name!r}")
        if getattr(algorithm, "k", 0) is None:
            raise ValueError("k has no default on data of unknown sparsity; give k")

    def check_ready(self) -> None:
        """Raise ValueError where the activations are not here, or what they are measured with is not installed."""
        names.locate(self.activations)
        if self.splice:
            import importlib.util

            if importlib.util.find_spec("transformers") is None:
                raise ValueError("splice=True needs transformers: pip install 'sae-recovery[activations]'")

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return the results of each task."""
        sources = [source_of(each) for each in tasks]
        jobs = [Job(task.algorithm, own) for task, own in zip(tasks, sources, strict=True)]
        fitted = type(tasks[0].algorithm).fit_batch(jobs, runtime)
        return [
            results_of(each, own) | {"n_held_out": len(own.held_out_rows)}
            for each, own in zip(fitted, sources, strict=True)
        ]


def source_of(task: Task) -> Any:
    """Return the data of a task."""
    own = task.instrument
    return _source(own.activations, task.model.seed, task.model.center, own.splice)


@lru_cache(maxsize=2)
def _source(activations: str, seed: int, center: bool, splice: bool) -> Any:
    from simulations.data.activations.source import ActivationSource

    return ActivationSource(activations, seed=seed, center=center, splice=splice)
