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
from theory.closed_forms import chance_recovery_rate

SIZES = ("n_features", "sparsity", "n_samples", "n_steps", "n_neurons")
FEWEST = 32  # dimensions: below, recovery is below a half or chance
CHANCE, TAU = 0.05, 0.9  # chance recovery, above which recovery tells nothing, and its threshold


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
    question = f"Is recovery a band of p around the feature frequency f?{answer(table)}"
    return diagram(lines, "target_frequency", question=question, notes=notes, also=_edge)


def answer(table: pd.DataFrame) -> str:
    """Return in words between which p half of the best recovery is kept, and where the best is, where no chance is.

    At the d of the best recovery, of centred data where there are any, mean over seeds, in units of f = s/n; "at most"
    and "at least" where that is an end of the grid.
    """
    known = table[(table["status"] == "ok") & (table["center"] == table["center"].max())]
    known = known[chance_recovery_rate(known["d_model"], known["n_neurons"], TAU) < CHANCE]
    means = known.groupby(["sparsity", "d_model", "target_frequency"])[phase.RECOVERY].mean()
    if means.empty or not means.max() > 0:
        return ""
    s, d, best = means.idxmax()
    curve, f = means.loc[s, d], s / known["n_features"].iloc[0]
    kept = curve.index[curve >= curve.max() / 2]
    low = "at most " * bool(kept[0] == curve.index[0]) + f"{kept[0] / f:.2g} f"
    high = "at least " * bool(kept[-1] == curve.index[-1]) + f"{kept[-1] / f:.2g} f"
    return f" Most is recovered at {best / f:.2g} f (d = {d:,.0f}), half as much from {low} to {high}"


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
