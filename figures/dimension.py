"""Recovery at the centre of the band, over dimension and number of features."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure

from figures import phase
from figures import rows as checks
from figures.heatmap import Panel, diagram
from theory.closed_forms import chance_recovery_rate
from theory.transitions import crossing

FOLLOWS = ("target_frequency", "n_samples", "n_neurons")
CHANCE, TAU = 0.05, 0.9  # chance recovery, above which recovery tells nothing, and its threshold


def plot(rows: pd.DataFrame) -> Figure:
    """Return the phase diagram over (d_model, n_features), mean over seeds, a panel with and without centring.

    Raises ValueError for rows without the columns it reads, in which another setting varies, or in which the target
    frequency, the samples or the width are not the same throughout a cell.
    """
    cell = ("n_features", "d_model")
    table = checks.prepare(
        rows, free=(*cell, *FOLLOWS), needs=("target_frequency", "n_neurons"), results=(phase.RECOVERY,)
    )
    checks.one_per_cell(table, cell, FOLLOWS)
    panels = [Panel(name, part, "n_features") for name, part in checks.by_centring(table)]
    notes = [checks.counts(table, s="sparsity")]
    notes += [checks.share_of_n(table, "n_samples", "N"), checks.share_of_n(table, "n_neurons", "M")]
    notes += [checks.frequency_note(table)]
    question = f"How many dimensions does recovery take?{answer(table)}"
    return diagram([panels], "d_model", question=question, notes=checks.title(*notes), height=1.9)


def answer(table: pd.DataFrame) -> str:
    """Return in words the d from which half are recovered where chance explains nothing, at the least and greatest n.

    Of centred data if there are any; the mean over seeds passes a half there.
    """
    part = table[(table["center"] == table["center"].max()) & (table["status"] == "ok")]
    part = part[chance_recovery_rate(part["d_model"], part["n_neurons"], TAU) < CHANCE]
    told = []
    for n, cells in part.groupby("n_features"):
        rates = cells.groupby("d_model")[phase.RECOVERY].mean().dropna()
        rising = rates.loc[: rates.idxmax()]
        half = crossing(rising.index.to_numpy(), rising.to_numpy(), falling=False) if len(rising) > 1 else math.nan
        told += [f"d = {half:.0f} at n = {n:,.0f}"] if math.isfinite(half) else []
    centred = ", centred" * bool(table["center"].max())
    return f" Half of the features{centred}, take {' and '.join(dict.fromkeys((told[0], told[-1])))}" if told else ""
