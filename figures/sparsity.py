"""Recovery over target frequency and sparsity: the theorem's band opens at s = 3."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import phase
from figures import rows as checks
from figures.heatmap import Panel, diagram


def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, sparsity), mean over seeds, a panel with and without centring.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "sparsity")
    table = checks.prepare(rows, free=free, needs=("target_frequency", "n_neurons"), results=(phase.RECOVERY,))
    panels = [Panel(name, part, "sparsity") for name, part in checks.by_centring(table)]
    notes = checks.counts(table, n="n_features", d="d_model", N="n_samples", M="n_neurons")
    question = "Which target frequencies recover sparse features?"
    return diagram([panels], "target_frequency", question=question, notes=notes, height=2.5)
