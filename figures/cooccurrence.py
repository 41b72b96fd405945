"""Recovery over the co-occurrence rho_2 of planted pairs, a line a number of features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import curves
from figures import rows as checks
from figures.style import heading, styled

FOLLOWS = ("d_model", "target_frequency", "n_samples", "n_neurons", "support_law")


def planted_cooccurrence(support_law: str, n_features: float, sparsity: float) -> float:
    """Return the share of a feature's samples in which its planted partner is active (simulations.data.laws.supports).

    q + (2 probability / s) (1 - q) (1 - (s - 2)/(n - 3)) with q = (s - 1)/(n - 1); raises ValueError for other laws.
    """
    name, _, probability = support_law.partition(":")
    if name != "planted":
        raise ValueError(f"support_law={support_law!r}, but should be planted:PROBABILITY")
    q = (sparsity - 1) / (n_features - 1)
    return q + 2 * float(probability) / sparsity * (1 - q) * (1 - (sparsity - 2) / (n_features - 3))


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery against rho_2 for each n, with 1/sqrt(n) marked on every line.

    Raises ValueError for rows without the columns it reads, of other support laws, or in which another setting varies.
    """
    table = checks.prepare(
        rows, free=("n_features", *FOLLOWS), results=("feature_recovery_rate",), series=("support_law",)
    )
    table["rho"] = [planted_cooccurrence(*each) for each in table[["support_law", "n_features", "sparsity"]].to_numpy()]
    figure, axes = curves.panel(r"co-occurrence $\rho_2$ of planted pairs", logarithmic=True)
    for n, style in curves.ordered_styles(sorted(table["n_features"].unique())).items():
        part = table[(table["n_features"] == n) & (table["status"] == "ok")]
        curves.line(axes, part, "rho", "feature_recovery_rate", f"$n$ = {n:,.0f}", style)
        axes.axvline(1 / np.sqrt(n), color=style["color"], linewidth=0.8, linestyle=":")
    axes.plot([], [], color="0.3", linewidth=0.8, linestyle=":", label=r"$1/\sqrt{n}$")
    axes.legend(frameon=False)
    notes = (checks.counts(table, s="sparsity"), checks.share_of_n(table, "n_neurons", "M"), "centred data")
    heading(figure, "At which co-occurrence does recovery end?", checks.title(*notes))
    return figure
