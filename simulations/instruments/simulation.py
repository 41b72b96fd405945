"""The plain instrument: let the algorithm learn a dictionary, and take every measure of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulations.algorithms.base import Fitted, Job, Runtime
from simulations.data.model import Model
from simulations.data.source import Source
from simulations.instruments.base import Instrument, Task, register
from simulations.measures.base import measured


@register("simulation")
@dataclass(frozen=True, kw_only=True, repr=False)
class Simulation(Instrument):
    """Recovery, frequencies, reconstruction and the rest, of what the algorithm learned."""

    @classmethod
    def measure(cls, tasks: Sequence[Task], runtime: Runtime) -> list[dict[str, Any]]:
        """Return the results of each task; the fits run as one batch."""
        jobs = [Job(task.algorithm, source) for task, source in zip(tasks, sources_of(tasks), strict=True)]
        fitted = type(tasks[0].algorithm).fit_batch(jobs, runtime)
        return [results_of(each, job.source) for each, job in zip(fitted, jobs, strict=True)]


def sources_of(tasks: Sequence[Task]) -> list[Source]:
    """Return the data of each task; tasks of equal model share one source."""
    fixed: dict[Model, Source] = {}
    found: list[Source] = []
    for task in tasks:
        if not task.algorithm.full_batch:
            found.append(_stream(task.model))
            continue
        if task.model not in fixed:
            fixed[task.model] = task.model.fixed()
        found.append(fixed[task.model])
    return found


@lru_cache(maxsize=4)
def _stream(model: Model) -> Source:
    """Return a stream that the next cells of equal data share: what calibrates and measures is drawn once."""
    return model.stream()


def results_of(fitted: Fitted, source: Source) -> dict[str, Any]:
    """Return status and results of a fitted dictionary; one that diverged has no other results."""
    from simulations.measures.look import Look

    broken = {"status": fitted.status, "message": fitted.message, **_own(fitted)}
    if fitted.status != "ok":
        return broken
    look = Look(fitted, source)
    seen = look.firing
    if seen is not None and (math.isinf(seen.variance_unexplained) or math.isnan(seen.l0)):
        step = fitted.trace.steps[-1] if fitted.trace.steps else 0  # what the last step made overflows only here
        return {"status": "diverged", "diverged_step": step, "message": f"non-finite output at step {step}"}
    return {"status": "ok"} | measured(look) | _own(fitted)


def _own(fitted: Fitted) -> dict[str, Any]:
    told = {name: value for name, value in fitted.results.items() if value not in ("", None)}
    if fitted.extra:
        told["extra"] = " ".join(f"{name}={value!r}" for name, value in sorted(fitted.extra.items()))
    return told
