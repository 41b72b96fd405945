"""Reconstruction and what it is worth to the model against sparsity, and what single neurons are, method by method."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures import boundaries, intervals, methods, real
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled

L0, UNEXPLAINED, KEPT = "l0", "fraction_variance_unexplained", "downstream_fidelity_mean"
EFFECT, CHANCE = "ablation_effect", "ablation_effect_chance"
ONE, COORDINATE = "probing_1", "probing_input_1"
LABELS = {"gba": "GBA", "topk": "TopK", "batchtopk": "BatchTopK", "l1": "L1", "ba": "BA"}
SHIFT = 0.16


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return four panels: FVU and the share of the model's output kept against L0, ablation and probing of neurons.

    Means over seeds with their intervals.  Raises ValueError for rows without the columns that it reads.
    """
    table, looks = real.prepare(rows, (L0, UNEXPLAINED, KEPT, EFFECT, CHANCE, ONE, COORDINATE))
    table["lost"] = 1 - table[KEPT]
    figure = new_figure(DOUBLE_COLUMN, 5.4)
    (loss, kept), (ablation, probing) = figure.subplots(2, 2)
    for axes, column in ((loss, UNEXPLAINED), (kept, "lost")):
        _frontier(axes, table, looks, column)
    loss.set(ylabel="fraction of variance unexplained", title="reconstruction")
    kept.set(ylabel="loss of the model's output,\nas a share of mean ablation", title="spliced into the model")
    _pairs(ablation, table, looks, EFFECT, CHANCE)
    ablation.set(xlabel="mean loss of ablating one neuron", title="single neurons (white: random directions)")
    ablation.xaxis.set_major_locator(MaxNLocator(5))
    ablation.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
    _pairs(probing, table, looks, ONE, COORDINATE)
    probing.set(xlabel="balanced accuracy", title="probing with one neuron (white: one coordinate)")
    heading(figure, f"{QUESTION} {answer(table)}", real.notes(table))
    legend_below(figure, methods.handles(table, looks), 6)
    return figure


QUESTION = "Is GBA near the TopK frontier on a real model?"


def answer(table: pd.DataFrame) -> str:
    """Return FVU of each method where all that have several points can be compared, in words."""
    lines = {name: real.means(table, name, L0, UNEXPLAINED) for name in ("gba", "topk", "batchtopk", "l1", "ba")}
    lines = {name: each for name, each in lines.items() if len(each) > 1}
    if "gba" not in lines or "topk" not in lines:
        return "(too few points to say)"
    pair = [lines["gba"], lines["topk"]]
    low = max(each[0][0].value for each in pair)
    high = min(each[-1][0].value for each in pair)
    if low >= high:
        return "(no sparsity that both reach)"
    at = math.sqrt(low * high)
    told = []
    for name, points in lines.items():
        x, y = np.log([each[0].value for each in points]), np.log([each[1].value for each in points])
        if x[0] <= math.log(at) <= x[-1]:
            told.append(f"{LABELS[name]} {math.exp(np.interp(math.log(at), x, y)):.2f}")
    return f"FVU at $L_0$ = {at:.0f}: {', '.join(told)}"


def _frontier(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look], column: str) -> None:
    """Draw the arms of each method, joined in the order of their sparsity."""
    drawn = False
    for name, look in looks.items():
        points = real.means(table, name, L0, column)
        for x, y in points:
            intervals.bar(axes, x, y, color=look.colour, gid=f"interval-{name}")
        drawn = drawn or bool(points)
        if points:
            axes.plot([x.value for x, _ in points], [y.value for _, y in points], gid=f"frontier-{name}", **look.line())
    axes.set(xscale="log", yscale="log", xlabel="active neurons a token, $L_0$")
    if not drawn:
        real.unmeasured(axes)
        return
    plain_log(axes.xaxis)
    plain_log(axes.yaxis)
    open_axes(axes, "both")


def _pairs(axes: Axes, table: pd.DataFrame, looks: dict[str, methods.Look], column: str, other: str) -> None:
    """Draw the mean over all rows of each method, and that of what it is compared with, white."""
    for y, (name, look) in enumerate(looks.items()):
        part = table[table["method"] == name].groupby("seed")[[column, other]].mean()
        for values, shift, face in ((part[column], -SHIFT, look.colour), (part[other], SHIFT, "white")):
            found = intervals.mean(values)
            intervals.bar(axes, found, y + shift, color=look.colour)
            style = look.line(markersize=4.5, linestyle="", markerfacecolor=face)
            axes.plot(found.value, y + shift, gid=f"{values.name}-{name}", zorder=3, **style)
    if table[column].isna().all():
        real.unmeasured(axes)
        return
    axes.set_ylim(len(looks) - 0.5, -0.5)
    axes.set_yticks(range(len(looks)), [each.label for each in looks.values()])
    if column == ONE:
        axes.axvline(0.5, gid="chance", zorder=1, **boundaries.REFERENCE)
    open_axes(axes, "x")
