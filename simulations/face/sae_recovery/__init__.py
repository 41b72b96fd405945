"""When does a sparse autoencoder recover the true features of its data?  Everything a script needs, by one import.

>>> import sae_recovery as sr
>>> world = sr.Model(n_features=32, d_model=16, sparsity=2, seed=0)  # X = HV with known V
>>> fitted = sr.fit(sr.TopK(n_neurons=64, n_steps=20, batch_size=64), world)
>>> sr.score(fitted, world).n_features
32

Worlds: Model.  Algorithms: GBA, BA, TopK, L1 and the others of `list_algorithms()`, each a scikit-learn estimator too;
`algorithm(name)`.  Learning: fit.  Judging: score; without ground truth consistency, frequencies.  Many cells at once:
run, sweep, read_rows, Cell, plot.  Theory (arXiv 2506.14002): conditions, learnable_fraction, critical_frequency.
Testing a trainer of your own: testing.check_trainer.  Names are loaded when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sae_recovery._ours import check_ours

if TYPE_CHECKING:
    from sae_recovery import plot as plot
    from sae_recovery import testing as testing
    from sae_recovery.fitting import algorithm as algorithm
    from sae_recovery.fitting import fit as fit
    from sae_recovery.learners import BA as BA
    from sae_recovery.learners import GBA as GBA
    from sae_recovery.learners import L1 as L1
    from sae_recovery.learners import BatchTopK as BatchTopK
    from sae_recovery.learners import DictionaryLearner as DictionaryLearner
    from sae_recovery.learners import Gated as Gated
    from sae_recovery.learners import JumpReLU as JumpReLU
    from sae_recovery.learners import ModifiedBA as ModifiedBA
    from sae_recovery.learners import TopK as TopK
    from sae_recovery.listing import list_algorithms as list_algorithms
    from sae_recovery.listing import list_experiments as list_experiments
    from sae_recovery.listing import list_laws as list_laws
    from sae_recovery.listing import list_measures as list_measures
    from sae_recovery.rows import read_rows as read_rows
    from sae_recovery.rows import run as run
    from sae_recovery.sweeping import sweep as sweep
    from simulations import __version__ as __version__
    from simulations.algorithms.base import Fitted as Fitted
    from simulations.data.model import Model as Model
    from simulations.data.source import Source as Source
    from simulations.measures.numbers import Score as Score
    from simulations.measures.score import consistency as consistency
    from simulations.measures.score import frequencies as frequencies
    from simulations.measures.score import score as score
    from simulations.measures.score import score_file as score_file
    from simulations.runs.cell import Cell as Cell
    from theory.conditions import conditions as conditions
    from theory.prediction import critical_frequency as critical_frequency
    from theory.prediction import learnable_fraction as learnable_fraction

check_ours()

_HOME = {
    "Model": "simulations.data.model",
    "Source": "simulations.data.source",
    "Fitted": "simulations.algorithms.base",
    "Cell": "simulations.runs.cell",
    "Score": "simulations.measures.numbers",
    **dict.fromkeys(("score", "score_file", "consistency", "frequencies"), "simulations.measures.score"),
    **dict.fromkeys(("algorithm", "fit"), "sae_recovery.fitting"),
    **dict.fromkeys(("run", "read_rows"), "sae_recovery.rows"),
    "sweep": "sae_recovery.sweeping",
    "DictionaryLearner": "sae_recovery.learners",
    **dict.fromkeys(("list_algorithms", "list_experiments", "list_laws", "list_measures"), "sae_recovery.listing"),
    "conditions": "theory.conditions",
    **dict.fromkeys(("critical_frequency", "learnable_fraction"), "theory.prediction"),
    "__version__": "simulations",
}
_ROOMS = ("plot", "testing")
__all__ = [  # the algorithms are found by discovery: dir(sae_recovery) has them all
    "BA", "GBA", "L1", "BatchTopK", "Cell", "DictionaryLearner", "Fitted", "Gated", "JumpReLU", "Model", "ModifiedBA",
    "Score", "Source", "TopK", "algorithm", "conditions", "consistency", "critical_frequency", "fit", "frequencies",
    "learnable_fraction", "list_algorithms", "list_experiments", "list_laws", "list_measures", "plot", "read_rows",
    "run", "score", "score_file", "sweep", "testing",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"sae_recovery.{name}")
    if name in _HOME:
        found = getattr(importlib.import_module(_HOME[name]), name)
    elif name[:1].isupper():
        found = getattr(importlib.import_module("sae_recovery.learners"), name, None)
    else:
        found = None
    if found is None:
        raise AttributeError(f"module 'sae_recovery' has no attribute {name!r}{_near(name)}")
    globals()[name] = found
    return found


def _near(name: str) -> str:
    from simulations.base.checks import suggestion

    return suggestion(name, __all__)


def __dir__() -> list[str]:
    from sae_recovery.learners import names

    return sorted({*__all__, *_HOME, *names()})
