"""The experiments, one file each: whatever module of this folder has an EXPERIMENT, in the order that it gives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from simulations.base.checks import one_of
from simulations.experiments.base import PRESETS, Experiment, Point, replicate_seeds

__all__ = ["EXPERIMENTS", "PRESETS", "Experiment", "Point", "experiment", "replicate_seeds"]


def _discover() -> dict[str, Experiment]:
    modules = [importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    found = [each.EXPERIMENT for each in modules if hasattr(each, "EXPERIMENT")]
    return {each.name: each for each in sorted(found, key=lambda each: (each.order, each.name))}


EXPERIMENTS: Mapping[str, Experiment] = _discover()


def experiment(name: str) -> Experiment:
    """Return the experiment of that name; raises ValueError suggesting the nearest."""
    one_of("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]
