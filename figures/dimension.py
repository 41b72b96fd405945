"""Recovery at the centre of the band, over dimension and number of features."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from figures import phase
from figures import rows as checks
from figures.heatmap import Panel, diagram

FOLLOWS = ("target_frequency", "n_samples", "n_neurons")


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
    question = "How many dimensions does recovery take?"
    return diagram([panels], "d_model", question=question, notes=checks.title(*notes), height=1.9)
