"""Classical online dictionary learning on the stream of the trained algorithms: by scikit-learn, and by SPAMS.

Mairal et al., Online Learning for Matrix Factorization and Sparse Coding (JMLR 2010): codes z >= 0 that minimise
1/2 ||x - W z||^2 + penalty |z|_1, rows of W of norm at most 1.  SPAMS, by its authors, is GPL: no part of this suite,
and never asked for, it is used where the user has it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulations.algorithms.autoencoders import base
from simulations.algorithms.base import Fitted, Runtime, register
from simulations.algorithms.streamed import Streamed
from simulations.data.source import Source


@register("dictionary-learning")
@dataclass(frozen=True, kw_only=True, repr=False)
class DictionaryLearning(Streamed):
    """scikit-learn's online dictionary learning (Mairal et al., JMLR 2010), with codes >= 0."""

    penalty: float = base.penalty(0.1, "sparsity penalty of l1, dictionary-learning (0.1) and jumprelu (0.01)")
    n_evaluations: int = base.n_evaluations()

    def check_ready(self) -> None:
        """Raise ValueError where scikit-learn is not installed."""
        if importlib.util.find_spec("sklearn") is None:
            raise ValueError(f"algorithm={self.name!r} needs scikit-learn: pip install 'sae-recovery[scikit-learn]'")

    @classmethod
    def learner(cls) -> Callable[[Any, Source, Runtime], Fitted]:
        """Return its learning."""
        from simulations.algorithms.classical import learn

        return learn


@register("spams")
@dataclass(frozen=True, kw_only=True, repr=False)
class Spams(DictionaryLearning):
    """The same by its authors' own code, SPAMS, which is GPL: used where it is installed, and never asked for."""

    def check_ready(self) -> None:
        """Raise ValueError where SPAMS is not installed."""
        if importlib.util.find_spec("spams") is None:
            needs = "needs SPAMS, which is GPL and no part of this suite: pip install spams-bin"
            raise ValueError(f"algorithm={self.name!r} {needs}")
