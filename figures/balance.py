"""Recovery of rare and frequent features over the ratio of their weights."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from figures import curves, series
from figures import rows as checks
from figures.style import BLUE, VERMILLION, heading, styled

PROFILE = "frequency_profile"
LOOKS = {
    "rarest quarter": {"color": VERMILLION, "marker": "o"},
    "most frequent twelfth": {"color": BLUE, "marker": "s"},
}


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return recovery of the rarest and of the most frequent features against how much rarer the rare ones are.

    A frequency_profile holds points (feature frequency, recovery rate, neuron frequency), rarest first.
    Raises ValueError for rows without the columns it reads, or in which another setting varies.
    """
    table = checks.prepare(rows, free=("support_law",), series=("support_law", PROFILE))
    table = table[table["status"] == "ok"].copy()
    profiles = [series.points(each, PROFILE, 3) for each in table[PROFILE]]
    table["relative"] = [each[0, 0] / each[-1, 0] for each in profiles]
    table["rarest quarter"] = [each[: max(1, len(each) // 4), 1].mean() for each in profiles]
    table["most frequent twelfth"] = [each[-1, 1] for each in profiles]
    figure, axes = curves.panel("rarest over most frequent feature frequency", logarithmic=True)
    table["relative"] = table.groupby("support_law")["relative"].transform("mean")
    for name, look in LOOKS.items():
        curves.line(axes, table, "relative", name, name, look | {"markersize": 3.2, "linewidth": 1.1})
    ticks = sorted(table["relative"].unique())
    if ticks:
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(ticks, [f"{each:.2g}" for each in ticks])
    axes.legend(frameon=False)
    sizes = checks.counts(table, n="n_features", d="d_model", s="sparsity", M="n_neurons")
    heading(figure, "Are features recovered that are rarer than others?", sizes)
    return figure
