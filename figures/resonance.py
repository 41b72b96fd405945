"""Neuron resonance: recovery over target frequency and dimension, a panel for each sparsity."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import phase
from figures import rows as checks
from figures.heatmap import Panel, diagram


def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, d_model), mean over seeds.

    One column of panels a sparsity, one line of panels without and one with centred data.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "d_model", "sparsity")
    table = checks.prepare(rows, free=free, needs=("target_frequency", "n_neurons"), results=(phase.RECOVERY,))
    sparsities = phase.distinct(table["sparsity"])
    lines = [
        [Panel(checks.title(f"$s$ = {s:.0f}", name), part[part["sparsity"] == s], "d_model") for s in sparsities]
        for name, part in checks.by_centring(table)
    ]
    notes = checks.counts(table, n="n_features", N="n_samples", M="n_neurons")
    return diagram(
        lines, "target_frequency", question="At which target frequencies are features recovered?", notes=notes
    )
