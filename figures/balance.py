"""Recovery of rare and frequent features over the ratio of their weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import curves
from figures import rows as checks
from figures.style import BLUE, VERMILLION, styled

LOOKS = {
    "rarest quarter": {"color": VERMILLION, "marker": "o"},
    "most frequent twelfth": {"color": BLUE, "marker": "s"},
}


def profile(text: str) -> np.ndarray:
    """Return the points (feature frequency, recovery rate, neuron frequency) of a frequency_profile, rarest first."""
    try:
        return np.array([[float(number) for number in point.split(":")] for point in text.split()]).reshape(-1, 3)
    except ValueError:
        raise ValueError(f"frequency_profile={text!r}, but should hold a:b:c numbers separated by spaces") from None


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery of the rarest and of the most frequent features against how much rarer the rare ones are.

    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("support_law",), results=("support_law", "frequency_profile"))
    table = table[table["status"] == "ok"].copy()
    profiles = [profile(str(each)) for each in table["frequency_profile"]]
    table["relative"] = [each[0, 0] / each[-1, 0] for each in profiles]
    table["rarest quarter"] = [each[: max(1, len(each) // 4), 1].mean() for each in profiles]
    table["most frequent twelfth"] = [each[-1, 1] for each in profiles]
    figure, axes = curves.panel("frequency of the rarest over the most frequent features", logarithmic=True)
    table["relative"] = table.groupby("support_law")["relative"].transform("mean")
    for name, look in LOOKS.items():
        curves.line(axes, table, "relative", name, name, look | {"markersize": 3.2, "linewidth": 1.1})
    axes.legend(frameon=False)
    axes.set_title(checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons"))
    return figure
