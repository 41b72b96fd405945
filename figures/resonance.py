"""Neuron resonance: recovery over target frequency and dimension, a panel for each sparsity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import phase, predicted
from figures import rows as checks
from figures.heatmap import Panel, diagram

SIZES = ("n_features", "sparsity", "n_samples", "n_steps", "n_neurons")
FEWEST = 32  # dimensions: below, recovery is below a half or chance


def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, d_model), mean over seeds.

    One column of panels a sparsity, one line of panels without and one with centred data.  Dots: where theory alone
    predicts that recovery falls below a half.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "d_model", "sparsity")
    table = checks.prepare(rows, free=free, needs=("target_frequency", "n_neurons"), results=(phase.RECOVERY,))
    sparsities = phase.distinct(table["sparsity"])
    lines = [
        [Panel(checks.title(f"$s$ = {s:.0f}", name), part[part["sparsity"] == s], "d_model") for s in sparsities]
        for name, part in checks.by_centring(table)
    ]
    notes = checks.counts(table, n="n_features", N="n_samples", M="n_neurons", T="n_steps")
    question = "At which target frequencies are features recovered?"
    return diagram(lines, "target_frequency", question=question, notes=notes, also=_edge)


def _edge(axes: Axes, panel: Panel) -> list[Line2D]:
    """Draw the predicted upper edge in p of half recovery, over the dimensions for which it is tabled."""
    one = panel.rows.iloc[0]
    if panel.rows[list(SIZES)].isna().any(axis=None):
        return []
    n, s, n_samples, n_steps, width = (int(one[name]) for name in SIZES)
    d = [int(each) for each in phase.distinct(panel.rows["d_model"]) if each >= FEWEST and np.log2(each) % 1 == 0]
    p = [predicted.edge(n, each, s, n_samples, n_steps, bool(one["center"]), width) for each in d]
    phase.prediction(axes, p, d)
    return [phase.prediction_handle("half, predicted by theory")] if any(each == each for each in p) else []
