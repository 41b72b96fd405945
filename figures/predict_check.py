"""Recovery simulated against recovery that theory alone predicts: error, and calibration over the range."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals, phase, predicted
from figures import rows as checks
from figures.style import BLUE, ORANGE, SINGLE_COLUMN, heading, legend_below, new_figure, styled
from theory.transitions import crossing

Array = npt.NDArray[np.float64]
RESULT = "feature_recovery_rate"
SETTING = ("n_features", "d_model", "sparsity", "target_frequency", "n_samples", "n_steps", "center")
FREE = (*SETTING, "n_neurons")
COLOURS, MARKERS = {True: BLUE, False: ORANGE}, "os^Dv<>pPX"
N_BINS = 5  # of equal length, of the predicted rate


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return measured recovery, mean over seeds, against what theory predicts of it, a point a setting and width.

    Colours are centred or not, markers the width over n.  The staircase is the calibration: the mean measured rate
    where the predicted one is in a fifth of its range.  The title has the root mean square and the mean of the error.
    Raises ValueError for rows without the columns it reads.
    """
    needs = ("target_frequency", "n_neurons")
    table = checks.prepare(rows, free=FREE, needs=needs, results=(RESULT,))
    pairs = compared(table)
    figure = new_figure(SINGLE_COLUMN, 4.3)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, gid="diagonal")
    ratios = phase.distinct(pairs["ratio"])
    for (center, ratio), part in pairs.groupby(["center", "ratio"]):
        marker = MARKERS[int(np.searchsorted(ratios, float(str(ratio)))) % len(MARKERS)]
        for told, measured in zip(part["predicted"], part["measured"], strict=True):
            intervals.bar(axes, told, measured, color=COLOURS[bool(center)], linewidth=0.6, alpha=0.6)
        values = [each.value for each in part["measured"]]
        axes.plot(part["predicted"], values, linestyle="", marker=marker, markersize=3.2, color=COLOURS[bool(center)])
    for low, high, mean in calibration(pairs):
        axes.plot([low, high], [mean, mean], color="0.15", linewidth=1.1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set(xlabel="recovery rate predicted by theory alone", ylabel="measured recovery rate")
    axes.spines[["top", "right"]].set_visible(False)
    rms = math.sqrt(float((errors(pairs) ** 2).mean()))
    heading(figure, f"Theory alone predicts recovery within {rms:.3f} (rms)", _errors(pairs, table))
    names = {True: "centred data", False: "not centred"}
    handles = [_handle(names[each], COLOURS[each], "o") for each in sorted(set(pairs["center"]), reverse=True)]
    handles += [_handle(f"$M$ = {each:g} $n$", "0.4", MARKERS[k % len(MARKERS)]) for k, each in enumerate(ratios)]
    handles.append(Line2D([], [], color="0.15", linewidth=1.1, label="mean measured"))
    legend_below(figure, handles, 3)
    return figure


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return for each setting and width: its setting, center, M/n, predicted rate and the measured (intervals.Mean)."""
    found = []
    for key, part in table.dropna(subset=[RESULT]).groupby(list(SETTING)):
        n, d, s, p, n_samples, n_steps, center = (float(each) for each in np.array(key, dtype=float))
        for width, draws in part.groupby("n_neurons"):
            neurons = int(float(str(width)))
            sizes = (int(n), int(d), int(s), p, int(n_samples), int(n_steps), bool(center))
            ratio, rate = neurons / n, predicted.recovery(*sizes, neurons)
            measured = intervals.mean(draws[RESULT], 0.0, 1.0)
            point = {"center": bool(center), "ratio": ratio, "predicted": rate, "measured": measured}
            found.append({"setting": str(sizes)} | point)
    if not found:
        raise ValueError("pairs=0, but should be at least one finished simulation")
    return pd.DataFrame(found)


def errors(pairs: pd.DataFrame) -> Array:
    """Return predicted minus mean measured rate of each pair."""
    return np.array([each["predicted"] - each["measured"].value for _, each in pairs.iterrows()])


def width_factors(pairs: pd.DataFrame) -> Array:
    """Return predicted over measured width at recoveries 1/4, 1/2, 3/4, where both curves pass them between widths."""
    found = []
    for _, part in pairs.groupby("setting"):
        ratio, measured = part["ratio"].to_numpy(), np.array([each.value for each in part["measured"]])
        for level in (0.25, 0.5, 0.75):
            told, seen = (
                crossing(ratio, curve, level, falling=False) for curve in (part["predicted"].to_numpy(), measured)
            )
            found.append(told / seen)
    factors = np.array(found)
    return np.asarray(factors[np.isfinite(factors)])


def calibration(pairs: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return the ends of each bin of the predicted rate that holds pairs, and their mean measured rate."""
    place = np.minimum((pairs["predicted"].to_numpy() * N_BINS).astype(int), N_BINS - 1)
    measured = np.array([each.value for each in pairs["measured"]])
    return [(k / N_BINS, (k + 1) / N_BINS, float(measured[place == k].mean())) for k in np.unique(place)]


def _errors(pairs: pd.DataFrame, table: pd.DataFrame) -> str:
    error, n_settings = errors(pairs), len(table.groupby(list(SETTING)))
    mean = float(error.mean())
    seeds = table["seed"].nunique()
    note = intervals.note(seeds)
    steps, failed = phase.distinct(table["n_steps"]), int((table["status"] != "ok").sum())
    ratios = phase.distinct(table["n_samples"] / table["n_features"])
    told = f"{n_settings} settings, $T$ = {steps[0]:.0f} to {steps[-1]:.0f}, $\\tau$ = 0.9"
    told += f", $N/n$ = {ratios[0]:g} to {ratios[-1]:g}, mean error {mean:+.3f}"
    off = width_factors(pairs)
    if off.size:
        factor = math.exp(math.sqrt(float((np.log(off) ** 2).mean())))
        told += f", required width within a factor of {factor:.2f} (rms)"
        told += f", {float((np.abs(np.log(off)) < math.log(1.5)).mean()):.0%} within 1.5"
    return checks.title(told, f"{failed} runs failed" if failed else "", note)


def _handle(label: str, colour: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="", marker=marker, markersize=3.6, color=colour, label=label)
