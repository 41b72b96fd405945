"""Recovery predicted from probes against recovery simulated outright; inside the band, against what holds a neuron."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import beta

from figures import intervals, phase
from figures import rows as checks
from figures.style import (
    BLUE,
    DOUBLE_COLUMN,
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
INSIDE, HELD = "inside the band", "inside the band, held"  # arms: recovery, and the share that holds a neuron
LEARNABLE = "learnable_fraction"


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return predicted recovery with its 95 % interval against simulated recovery, a point a cell and seed.

    Colours are target frequencies, markers widths.  The title says how many intervals cover the simulation, with the
    95 % Clopper-Pearson interval of that share over seeds and settings taken as independent.  Where there are rows
    inside the band, a second panel has recovery by the neurons that theory asks for over the share of features that
    hold one, a point a setting, with intervals over seeds.
    Raises ValueError for rows without the columns it reads, or when no prediction has its simulation.
    """
    needs, results = ("target_frequency", "n_neurons"), (SIMULATED, *PREDICTED)
    if "arm" not in rows:
        raise ValueError("rows without arm")
    inside = rows["arm"].astype(str).str.startswith(INSIDE)
    table = checks.prepare(rows[~inside], free=FREE, needs=needs, results=results, series=("arm",))
    pairs = _pairs(table)
    p, m = phase.distinct(pairs["target_frequency"]), phase.distinct(pairs["n_neurons"])
    figure = new_figure(DOUBLE_COLUMN if inside.any() else SINGLE_COLUMN, 4.3)
    panels = figure.subplots(1, 2 if inside.any() else 1, squeeze=False)[0]
    axes = panels[0]
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
    told = _inside(panels[1], rows[inside]) if inside.any() else ""
    error = math.sqrt(float(((pairs[PREDICTED[0]] - pairs[SIMULATED]) ** 2).mean()))
    heading(figure, f"Probes predict what a simulation recovers within {error:.3f} (rms).{told}", _covered(pairs))
    frequencies = [_handle(f"$p$ = {each:g}", COLOURS[k % len(COLOURS)], "o") for k, each in enumerate(p)]
    widths = [_handle(f"$M$ = {each:,.0f}", "0.4", MARKERS[j % len(MARKERS)]) for j, each in enumerate(m)]
    legend_below(figure, [*frequencies, *widths], 3)
    return figure


def _inside(axes: Axes, rows: pd.DataFrame) -> str:
    """Draw recovery at the width asked for over the share of features that hold a neuron; return in words how much."""
    found = inside_band(rows)
    axes.plot([0, 1], [0, CLAIMED], color="0.6", linewidth=0.8, gid="asked")
    for k, ((n, center), part) in enumerate(found.groupby(["n_features", "center"])):
        style: dict[str, Any] = {"color": COLOURS[int(k // 2)], "markerfacecolor": None if center else "none"}
        means = [[intervals.mean(each[name], 0, 1) for name in (LEARNABLE, SIMULATED)]
                 for _, each in part.groupby(["d_model", "target_frequency"])]  # fmt: skip
        for held, recovered in means:
            intervals.bar(axes, held, recovered, color=style["color"])
        xy = [(held.value, recovered.value) for held, recovered in means]
        label = f"$n$ = {n:,.0f}, {'centred' if center else 'not centred'}"
        axes.plot(*zip(*xy, strict=True), linestyle="", marker="o", markersize=3.6, gid=label, label=label, **style)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set(
        xlabel="share of features that hold a neuron", ylabel=f"recovery by the neurons asked for {CLAIMED:.0%} of it"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    ratio = (found[SIMULATED] / found[LEARNABLE])[found[LEARNABLE] > 0].groupby(found["setting"]).mean()
    enough = f"{int((ratio >= CLAIMED).sum())} of {len(ratio)} settings"
    asked = f"the neurons that theory asks for {CLAIMED:.0%} of what holds one recover it"
    return f" Inside the band {asked} at {enough}"


def inside_band(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, a row a setting inside the band and a seed, recovery and the share of features that hold a neuron."""
    names = ["n_features", "d_model", "target_frequency", "center", "seed"]
    ok = rows[rows["status"] == "ok"]
    recovered, held = (ok[ok["arm"] == arm] for arm in (INSIDE, HELD))
    found = recovered[[*names, SIMULATED]].merge(held[[*names, LEARNABLE]], on=names)
    for name in (SIMULATED, LEARNABLE):
        found[name] = pd.to_numeric(found[name])
    return found.assign(setting=found.groupby(names[:-1]).ngroup())


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
    n = phase.distinct(pairs["n_features"])
    sizes = ", ".join(f"{each:,.0f}" for each in n)
    return (
        f"$n$ = {sizes}: {inside} of {trials} intervals cover the simulation, "
        f"{inside / trials:.0%} [{low:.0%} to {high:.0%}] where {CLAIMED:.0%} is claimed"
    )


def _handle(label: str, colour: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, markersize=3.6, color=colour, label=label)
