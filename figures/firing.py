"""Histograms of the firing frequencies of neurons, before and after training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from figures import series
from figures.style import SMALL_FONT_SIZE, open_axes

HISTOGRAMS = ("frequency_histogram_start", "frequency_histogram")
# The bins of a histogram: never, then from 1e-5 in equal ratios; "never" is drawn as a bar of its own at the left.
BIN_EDGES = np.geomspace(1e-5, 1.0, 21)
NEVER = (3e-6, 6e-6)


def before_and_after(axes: Axes, rows: pd.DataFrame, colour: str, *, every: int = 1) -> None:
    """Draw the share of neurons in each bin before (grey) and after training, mean over rows; a tick each `every`.

    Raises ValueError for histograms of other bins.
    """
    axes.set(xscale="log", xlim=(NEVER[0] * 0.7, 1.3), xlabel="firing frequency of a neuron", ylabel="share of neurons")
    for name, label, own in zip(HISTOGRAMS, ("before", "after"), ("0.7", colour), strict=True):
        counts = series.average(rows, name)[:, 0]
        if not counts.size:
            continue
        if counts.size != BIN_EDGES.size:
            raise ValueError(f"{name} has {counts.size} numbers, but should have {BIN_EDGES.size}")
        share = counts / counts.sum()
        style: dict[str, Any] = {"fill": name == HISTOGRAMS[0], "linewidth": 1.2, "color": own}
        axes.stairs(share[1:], BIN_EDGES, label=label, gid=name, **style)
        axes.stairs(share[:1], NEVER, gid=f"{name}-never", **style)
    decades = range(-4, 1, every)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([np.sqrt(NEVER[0] * NEVER[1]), *(10.0**k for k in decades)])
    axes.set_xticklabels(["never", *(f"$10^{{{k}}}$" for k in decades)], fontsize=SMALL_FONT_SIZE)
    open_axes(axes, "y")
