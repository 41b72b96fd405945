"""The registry of figures: one for each experiment, under its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.figure import Figure

from figures import (
    activations,
    balance,
    consistency,
    cooccurrence,
    dimension,
    frontier,
    learnability,
    resonance,
    resonance_trained,
    scaling,
    sensitivity,
    sparsity,
    steps,
    time_to_recovery,
    toy,
    width,
    width_check,
)

FIGURES: Mapping[str, Callable[[pd.DataFrame], Figure]] = {
    "resonance": resonance.plot,
    "sparsity": sparsity.plot,
    "dimension": dimension.plot,
    "steps": steps.plot,
    "activations": activations.plot,
    "cooccurrence": cooccurrence.plot,
    "balance": balance.plot,
    "learnability": learnability.plot,
    "width": width.plot,
    "width_check": width_check.plot,
    "scaling": scaling.plot,
    "toy": toy.plot,
    "resonance_trained": resonance_trained.plot,
    "frontier": frontier.plot,
    "consistency": consistency.plot,
    "sensitivity": sensitivity.plot,
    "time_to_recovery": time_to_recovery.plot,
}


def draw(name: str, rows: pd.DataFrame) -> Figure:
    """Return the figure of that name drawn from the rows of its experiment.

    Raises ValueError for an unknown name, suggesting the nearest, and for rows that the figure cannot show.
    """
    if name not in FIGURES:
        near = difflib.get_close_matches(name, FIGURES, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"figure={name!r}, but should be one of {', '.join(FIGURES)}{hint}")
    return FIGURES[name](rows)
