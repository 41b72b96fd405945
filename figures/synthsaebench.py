"""SynthSAEBench: its measures over sparsity, a line a method, with the published values of the 16k world."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import intervals, methods
from figures import rows as checks
from figures.style import DOUBLE_COLUMN, heading, legend_below, new_figure, open_axes, plain_log, styled

EXPLAINED, TRUE_L0 = "explained", "measured_sparsity"
LONGER = ", longer"
PANELS = {
    "f1_score": "F1 score", "mcc": "MCC", "uniqueness": "uniqueness",
    "precision": "precision", "recall": "recall", EXPLAINED: "variance explained",
}  # fmt: skip
RESULTS = ("f1_score", "mcc", "uniqueness", "precision", "recall", "fraction_variance_unexplained", "l0", TRUE_L0)
# SynthSAEBench-16k at L0 = 20 and 25, where 34.5 are active: means of 5 seeds (documentation of SAELens 6.43, page
# synth_sae_bench); precision and recall are not told.
PUBLISHED_L0, PUBLISHED_TRUE_L0 = (20, 25), 34.5
PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "batchtopk-untied": {"f1_score": (0.8183, 0.7316), "mcc": (0.7526, 0.7574), "uniqueness": (0.9760, 0.9837),
                         EXPLAINED: (0.7889, 0.7923)},
    "matryoshka": {"f1_score": (0.8601, 0.8793), "mcc": (0.7455, 0.7927), "uniqueness": (0.9874, 0.9987),
                   EXPLAINED: (0.7699, 0.7792)},
    "l1-untied": {"f1_score": (0.5777, 0.5562), "mcc": (0.5834, 0.6039), "uniqueness": (0.8528, 0.8976),
                  EXPLAINED: (0.7501, 0.7654)},
    "jumprelu-untied": {"f1_score": (0.8241, 0.7317), "mcc": (0.7434, 0.7527), "uniqueness": (0.9781, 0.9885),
                        EXPLAINED: (0.7906, 0.7951)},
}  # fmt: skip


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return six panels over L0 / (features active in a sample): a line a method, mean over seeds with its interval.

    Hollow markers are the published values, of another world and budget.  Raises ValueError for rows without the
    columns it reads, or in which another setting varies.
    """
    free = ("learning_rate", "schedule", "n_steps", "n_samples")  # of each method, its own, and of what trains longer
    checked = checks.prepare(rows, free=free, results=RESULTS, by_arm=True)
    checked[EXPLAINED] = 1 - checked["fraction_variance_unexplained"]
    checked["density"] = checked["l0"] / checked[TRUE_L0].mean()
    table, looks = methods.with_method(checked)
    figure = new_figure(DOUBLE_COLUMN, 4.4)
    panels = figure.subplots(2, 3, sharex=True)
    for axes, (column, label) in zip(panels.flat, PANELS.items(), strict=True):
        for name, look in looks.items():
            _line(axes, table[table["method"] == name], look, name, column)
        axes.set(xscale="log", ylabel=label, ylim=(-0.03, 1.03))
        open_axes(axes, "both")
    for axes in panels[1]:
        axes.set_xlabel("$L_0$ / active features a sample")
        plain_log(axes.xaxis)
    sizes = checks.counts(checked, n="n_features", d="d_model", M="n_neurons")
    active = f"{checked[TRUE_L0].mean():.2g} features active"
    longer = checked["arm"].astype(str).str.endswith(LONGER)
    samples = f"{checked.loc[~longer, 'n_samples'].max():,.0f} samples"
    notes = checks.title(sizes, active, samples, intervals.note(checked["seed"].nunique()))
    heading(figure, f"SynthSAEBench's world and measures: {_answer(table, looks)}", notes)
    handles: list[Line2D] = methods.handles(table, looks)
    if longer.any():
        label = f"{checked.loc[longer, 'n_samples'].max():,.0f} samples"
        rim: dict[str, Any] = {"markersize": 6.5, "markerfacecolor": "0.7", "markeredgecolor": "black"}
        handles.append(Line2D([], [], marker="o", linestyle="", label=label, **rim))
    if any(name in PUBLISHED for name in looks):
        label = "published, 16,384 features, 2e8 samples"
        handles.append(Line2D([], [], color="0.3", marker="o", markerfacecolor="none", linestyle="", label=label))
    legend_below(figure, handles, 4)
    return figure


def _line(axes: Axes, part: pd.DataFrame, look: methods.Look, name: str, column: str) -> None:
    """Draw the points of a method, joined in the order of their sparsity, what trained longer, and the published."""
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for arm, point in part.groupby("arm", sort=False):
        x, y = intervals.log_mean(point["density"]), intervals.mean(point[column], 0, 1)
        if x.n_values and y.n_values:
            found[str(arm).endswith(LONGER)].append((x.value, y.value))
            intervals.bar(axes, x, y, color=look.colour, gid=f"interval-{name}")
    if found[False]:
        axes.plot(*zip(*sorted(found[False]), strict=True), gid=f"line-{name}", **look.line())
    if found[True]:
        rim = look.line(linestyle="", markersize=6.5, markeredgecolor="black", markeredgewidth=0.8)
        axes.plot(*zip(*found[True], strict=True), gid=f"longer-{name}", **rim)
    told = PUBLISHED.get(name, {}).get(column)
    if told and found[False]:
        hollow = look.line(linestyle="", markerfacecolor="none", markersize=5.0)
        axes.plot([each / PUBLISHED_TRUE_L0 for each in PUBLISHED_L0], told, gid=f"published-{name}", **hollow)


def _answer(table: pd.DataFrame, looks: dict[str, methods.Look]) -> str:
    """Return which method has the best F1 and MCC, each at its best point, by the means over seeds."""
    best = {}
    for column in ("f1_score", "mcc"):
        means = table.groupby(["arm", "method"])[column].mean().reset_index().dropna().sort_values(column)
        if len(means):
            best[column] = looks[str(means["method"].iloc[-1])].label, float(means[column].iloc[-1])
    told = [f"{PANELS[column]} {value:.2f} ({label})" for column, (label, value) in best.items()]
    return f"best {' and '.join(told)}" if told else "nothing finished"
