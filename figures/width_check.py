"""Recovery predicted from probes against recovery simulated outright, with the coverage of the intervals."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import beta

from figures import phase
from figures import rows as checks
from figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SINGLE_COLUMN,
    SKY,
    VERMILLION,
    heading,
    legend_below,
    new_figure,
    styled,
)

Array = npt.NDArray[np.float64]
FREE = ("instrument", "target_frequency", "n_neurons", "n_features", "d_model", "sparsity", "n_samples")
SAME = ("target_frequency", "n_neurons", "n_features", "d_model", "sparsity", "n_samples", "center", "seed")
PREDICTED = ("predicted_recovery_rate", "predicted_recovery_rate_low", "predicted_recovery_rate_high")
SIMULATED = "feature_recovery_rate"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
MARKERS = "os^Dv<>pPX"
CLAIMED = 0.95


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return predicted recovery with its 95 % interval against simulated recovery, a point a cell and seed.

    Colours are target frequencies, markers widths.  The title says how many intervals cover the simulation, with the
    95 % Clopper-Pearson interval of that share over seeds and settings taken as independent.
    Raises ValueError for rows without the columns it reads, or when no prediction has its simulation.
    """
    needs, results = ("target_frequency", "n_neurons"), (SIMULATED, *PREDICTED)
    table = checks.prepare(rows, free=FREE, needs=needs, results=results, series=("arm",))
    pairs = _pairs(table)
    p, m = phase.distinct(pairs["target_frequency"]), phase.distinct(pairs["n_neurons"])
    figure = new_figure(SINGLE_COLUMN, 4.3)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, gid="diagonal")
    for k, frequency in enumerate(p):
        for j, width in enumerate(m):
            chosen = pairs[(pairs["target_frequency"] == frequency) & (pairs["n_neurons"] == width)]
            value, low, high, simulated = (chosen[name].to_numpy(dtype=float) for name in (*PREDICTED, SIMULATED))
            colour = COLOURS[k % len(COLOURS)]
            axes.vlines(simulated, low, high, color=colour, linewidth=0.6, alpha=0.6)
            marker = MARKERS[j % len(MARKERS)]
            axes.plot(simulated, value, linestyle="", marker=marker, markersize=3.2, color=colour)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set(xlabel="simulated recovery rate", ylabel="predicted recovery rate, one dictionary")
    axes.spines[["top", "right"]].set_visible(False)
    heading(figure, "Do probes predict what a simulation recovers?", _covered(pairs))
    frequencies = [_handle(f"$p$ = {each:g}", COLOURS[k % len(COLOURS)], "o") for k, each in enumerate(p)]
    widths = [_handle(f"$M$ = {each:,.0f}", "0.4", MARKERS[j % len(MARKERS)]) for j, each in enumerate(m)]
    legend_below(figure, [*frequencies, *widths], 3)
    return figure


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each finished prediction with its finished simulation at the same settings and seed."""
    predicted = table.loc[table["arm"] == "probes", [*SAME, *PREDICTED]]
    simulated = table.loc[table["arm"] == "simulation", [*SAME, SIMULATED]]
    pairs = predicted.merge(simulated, on=list(SAME)).dropna(subset=[*PREDICTED, SIMULATED])
    if pairs.empty:
        raise ValueError("pairs=0, but should be at least one prediction with its simulation")
    return pairs


def covered(pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether each interval holds its simulation, ends included (recovery rates are multiples of 1/n)."""
    _, low, high = (pairs[name].to_numpy(dtype=float) for name in PREDICTED)
    simulated = pairs[SIMULATED].to_numpy(dtype=float)
    return np.asarray((low - 1e-9 <= simulated) & (simulated <= high + 1e-9))


def _covered(pairs: pd.DataFrame) -> str:
    inside, trials = int(covered(pairs).sum()), len(pairs)
    low = float(beta.ppf(0.025, inside, trials - inside + 1)) if inside else 0.0
    high = float(beta.ppf(0.975, inside + 1, trials - inside)) if inside < trials else 1.0
    error = math.sqrt(float(((pairs[PREDICTED[0]] - pairs[SIMULATED]) ** 2).mean()))
    n = phase.distinct(pairs["n_features"])
    sizes = ", ".join(f"{each:,.0f}" for each in n)
    return (
        f"$n$ = {sizes}: {inside} of {trials} intervals cover the simulation, "
        f"{inside / trials:.0%} [{low:.0%} to {high:.0%}] where {CLAIMED:.0%} is claimed, rms error {error:.3f}"
    )


def _handle(label: str, colour: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, markersize=3.6, color=colour, label=label)
