"""Recovery over target frequency and sparsity: the theorem's band opens at s = 3."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import phase
from figures import rows as checks
from figures.heatmap import Panel, diagram

LOWEST = (1, 2, 3)


def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (target_frequency, sparsity), mean over seeds, a panel with and without centring.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    free = ("target_frequency", "sparsity")
    table = checks.prepare(rows, free=free, needs=("target_frequency", "n_neurons"), results=(phase.RECOVERY,))
    panels = [Panel(name, part, "sparsity") for name, part in checks.by_centring(table)]
    notes = checks.counts(table, n="n_features", d="d_model", N="n_samples", M="n_neurons")
    question = f"Is recovery empty below s = 3, as the band?{answer(table)}"
    return diagram([panels], "target_frequency", question=question, notes=notes, height=2.5)


def answer(table: pd.DataFrame) -> str:
    """Return in words the recovery at the best p of s = 1, 2, 3, mean over seeds, of centred data if there are any."""
    part = table[(table["center"] == table["center"].max()) & table["sparsity"].isin(LOWEST)]
    best = part.groupby(["sparsity", "target_frequency"])[phase.RECOVERY].mean().groupby("sparsity").max().dropna()
    told = (", ".join(each) for each in ([f"{rate:.2f}" for rate in best], [f"{s:.0f}" for s in best.index]))
    return f" At the best p {' at s = '.join(told)}" if len(best) > 1 else ""
