"""The critical p that theory alone predicts over the simulated one, at settings drawn beforehand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from figures import critical, intervals, phase, predicted
from figures import rows as checks
from figures.style import BLUE, DOUBLE_COLUMN, heading, new_figure, open_axes, styled

RESULT, HISTORY = "learnable_fraction", critical.HISTORIES[0.9]
CLOSE = 0.05  # the error that theory should stay within


@styled
def plot(rows: pd.DataFrame) -> Figure:
    """Return predicted over measured critical p (half of the features kept, tau = 0.9), a line a setting.

    Bars are 95 % intervals over seeds of what is measured; the shaded range is 5 %.  Settings whose share does not pass
    a half between the simulated p are named without a point.  Raises ValueError for rows without the columns it reads.
    """
    free = (*critical.SETTING, "target_frequency")
    table = checks.prepare(rows, free=free, needs=free, results=(RESULT,), series=(HISTORY,))
    failed = int((table["status"] != "ok").sum())
    pairs = compared(table[table["status"] == "ok"].dropna(subset=[HISTORY]))
    figure = new_figure(DOUBLE_COLUMN, 2.0 + 0.17 * len(pairs))
    axes = figure.subplots()
    axes.axvspan(1 / (1 + CLOSE), 1 + CLOSE, color="0.9", linewidth=0, gid="within")
    axes.axvline(1, color="0.5", linewidth=0.8)
    for place, ratio in enumerate(pairs["ratio"]):
        intervals.bar(axes, ratio, place, color=BLUE)
        axes.plot([ratio.value], [place], marker="o", markersize=3.6, linestyle="", color=BLUE)
    axes.set_yticks(np.arange(len(pairs)), [_label(each) for _, each in pairs.iterrows()])
    axes.set(xlabel="predicted over measured critical $p$", ylabel="$n$, $d$, $s$; samples, steps, critical $p$")
    axes.invert_yaxis()
    open_axes(axes, "x")
    number, rms, mean, worst, near, maybe = errors(pairs)
    steps = phase.distinct(table["n_steps"])
    told = f"{number} settings, {datasets(table)} datasets each, $T$ = {steps[0]:.0f} to {steps[-1]:.0f}, $\\tau$ = 0.9"
    off = f"mean {mean}, worst {worst}; {near} within {CLOSE:.0%}, {maybe} by their intervals" if rms else ""
    answer = f"within a factor of {rms} (rms)" if rms else "(none was measured)"
    bars = "bars: 95 % intervals over datasets" if intervals.note(table["seed"].nunique()) else ""
    notes = checks.title(told, off, f"{failed} runs failed" if failed else "", bars)
    heading(figure, f"Theory alone predicts the critical $p$ {answer}", notes)
    return figure


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return for each setting its sizes and `ratio`, predicted over measured with its interval (NaN: not measured)."""
    found = []
    for key, part in table.groupby(list(critical.SETTING)):
        n, d, s, n_samples, n_steps, center = (float(each) for each in np.array(key, dtype=float))
        told = predicted.critical(int(n), int(d), int(s), int(n_samples), int(n_steps), bool(center))
        seen = list(critical.measured(part).values())[-1]
        ratio = intervals.Mean(told / seen.value, told / seen.high, told / seen.low, seen.n_values)
        found.append(dict(zip(critical.SETTING, key, strict=True)) | {"predicted": told, "ratio": ratio})
    if not found:
        raise ValueError("settings=0, but should be at least one finished simulation")
    return pd.DataFrame(found)


def datasets(table: pd.DataFrame) -> str:
    """Return of how many seeds settings are: "40", or "40 to 160" where more where a share takes long to fall."""
    counts = table.groupby(list(critical.SETTING))["seed"].nunique()
    return " to ".join(f"{each}" for each in sorted({counts.min(), counts.max()}))


def errors(pairs: pd.DataFrame) -> tuple[str, ...]:
    """Return the number of settings, and of predicted over measured the rms factor, the mean and the worst ratio, and
    in how many it is within 5 %, or may be by its interval; blank where none is measured.
    """
    ratios = [each for each in pairs["ratio"] if math.isfinite(each.value)]
    if not ratios:
        return "0", *[""] * 5
    logs = np.log([each.value for each in ratios])
    rms, mean, worst = float(np.sqrt(np.mean(logs**2))), float(logs.mean()), float(logs[np.abs(logs).argmax()])
    near = int((np.abs(logs) <= math.log1p(CLOSE)).sum())
    maybe = sum(each.low <= 1 + CLOSE and each.high >= 1 / (1 + CLOSE) for each in ratios)
    return str(len(ratios)), *(f"{math.exp(each):.2f}" for each in (rms, mean, worst)), str(near), str(maybe)


def _label(pair: pd.Series) -> str:
    n, d, s, n_samples, n_steps = (float(pair[name]) for name in critical.SETTING[:-1])
    centred = "" if pair["center"] else ", not centred"
    return f"{n:,.0f}, {d:,.0f}, {s:.0f}; {n_samples / n:.0f} $n$, {n_steps:.0f}, {pair['predicted']:.2g}{centred}"
