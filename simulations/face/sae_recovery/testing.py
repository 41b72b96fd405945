"""Worlds for property tests, and the conformance suite for anybody's trainer (simulations.testing)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulations.testing import TrainerFault as TrainerFault
from simulations.testing import check_trainer as check_trainer

if TYPE_CHECKING:
    from simulations.testing.strategies import dictionaries as dictionaries
    from simulations.testing.strategies import models as models
    from simulations.testing.strategies import samples as samples

__all__ = ["TrainerFault", "check_trainer", "dictionaries", "models", "samples"]


def __getattr__(name: str) -> Any:
    if name in ("dictionaries", "models", "samples"):  # they need Hypothesis
        from simulations.testing import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
