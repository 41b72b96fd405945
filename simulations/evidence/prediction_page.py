"""The generated parts of theory/PREDICTION.md: what the prediction errs by, from committed rows, and what it says."""

from __future__ import annotations

import ast
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from figures import critical, critical_check, intervals, predict_check
from figures.erosion import SMALL
from figures.rows import prepare
from simulations.evidence.presets import rows_of
from theory.prediction import critical_frequency
from theory.transition_floor import transition_floor
from theory.transitions import LEVELS, transition_width

Array = npt.NDArray[np.float64]
STEPS = (3, 6, 9, 12)
SIZES, SPARSITIES = (1_024, 4_096, 16_384, 65_536, 10**6, 10**7, 10**8), (3, 5, 8)  # of the widths of the transition
PER_FEATURE, N_STEPS = 100, 6  # N/n and T of these; d = n/2, centred
TAIL = 0.025  # of a bootstrap interval, on each side


def recovery_errors(results: Path) -> str:
    """Return the Markdown table of the errors of predicted recovery and width, for parts of the settings."""
    rows = prepare(rows_of(results, "predict_check"), free=predict_check.FREE, results=(predict_check.RESULT,))
    pairs = predict_check.compared(rows)
    n, d, _, _, _, n_steps, center = map(np.array, zip(*map(ast.literal_eval, pairs["setting"]), strict=True))
    every = np.ones(len(pairs), dtype=bool)
    parts = {
        "all": every, "centred": center, "not centred": ~center, "T <= 4": n_steps <= 4, "T > 4": n_steps > 4,
        "d >= n/2": 2 * d >= n, "d < n/2": 2 * d < n, "d = 16": d == 16,
        **{f"M = {ratio:g} n": pairs["ratio"].to_numpy() == ratio for ratio in sorted(pairs["ratio"].unique())},
    }  # fmt: skip
    lines = [_line(name, pairs[part]) for name, part in parts.items()]
    return _table(("which", "settings", "rms error of FRR", "mean error", "width, rms factor", "within 1.5"), lines)


def _line(name: str, pairs: pd.DataFrame) -> list[str]:
    errors, factors = predict_check.errors(pairs), np.log(predict_check.width_factors(pairs))
    told = [name, str(pairs["setting"].nunique()), f"{_rms(errors):.3f}", f"{errors.mean():+.3f}"]
    if not len(factors):
        return [*told, "", ""]
    near = f"{np.mean(np.abs(factors) <= math.log(1.5)):.0%} of {len(factors)}"
    return [*told, f"{math.exp(_rms(factors)):.2f}", near]


def critical_errors(results: Path) -> str:
    """Return the Markdown table of predicted over measured critical p at settings drawn beforehand."""
    rows = rows_of(results, "critical_check")
    pairs = critical_check.compared(rows)
    share, steps, center = pairs["d_model"] / pairs["n_features"], pairs["n_steps"], pairs["center"].astype(bool)
    parts = {
        "all": share > 0, "d >= n/8": share >= 1 / 8, "d < n/8": share < 1 / 8, "T <= 6": steps <= 6,
        "T > 6": steps > 6, "centred": center, "not centred": ~center,
    }  # fmt: skip
    told = [(name, pairs[part]) for name, part in parts.items() if part.any()]
    lines = [[name, *critical_check.errors(part)] for name, part in told]
    return _table(("which", "settings", "rms factor", "mean", "worst", "within 5 %", "by their intervals"), lines)


def critical_at_small_d(results: Path) -> str:
    """Return the Markdown table of the critical p at small d, with its interval, and predicted over measured."""
    rows = rows_of(results, "erosion")
    lines = []
    for d, part in rows[rows["arm"] == SMALL].groupby("d_model"):
        for tau in critical.HISTORIES:
            seen, told = critical.measured(part, tau), critical.by_theory(part, tau)
            lines.append([f"{d:.0f}", f"{tau:g}", *(_critical(seen[step], told[step]) for step in STEPS)])
    return _table(("d", "tau", *(f"T = {step}" for step in STEPS)), lines)


def _critical(seen: intervals.Mean, told: float) -> str:
    if not math.isfinite(seen.value):
        return ""
    half = math.sqrt(seen.high / seen.low) - 1
    ratio = f"; {told / seen.value:.2f}" if math.isfinite(told) else ""
    return f"{seen.value:.4f} ({half:.0%}){ratio}"


def transition_widths() -> str:
    """Return the Markdown table of the width of the transition in log p by the recursion, over n, and of its floor."""
    lines = [
        [f"s = {s}", *(f"{recursion_width(n, s):.2f}" for n in SIZES),
         f"{transition_floor(0.5, s, PER_FEATURE, N_STEPS):.2f}"] for s in SPARSITIES
    ]  # fmt: skip
    return _table(
        ("recursion", *(f"n = {n:,}" if n < 10**6 else f"{n:.0e}".replace("+0", "") for n in SIZES), "floor"), lines
    )


def recursion_width(n: int, s: int) -> float:
    """Return log of the p at which the recursion keeps 1/4 of the features over that at which it keeps 3/4."""
    sizes = (n, n // 2, s, PER_FEATURE * n, N_STEPS)
    high, low = (critical_frequency(*sizes, center=True, level=level) for level in LEVELS)
    return math.log(high / low)


def measured_widths(results: Path) -> str:
    """Return the Markdown table of the measured width of the transition in log p, with its bootstrap interval."""
    rows = rows_of(results, "scaling")
    rows = rows[(rows["arm"] == "over p") & rows["center"] & (rows["n_features"] >= SIZES[0])]
    sizes = sorted(rows["n_features"].unique())
    lines = []
    for s, part in rows.groupby("sparsity"):
        tables = (
            part[part["n_features"] == n].pivot_table(
                index="target_frequency", columns="seed", values="learnable_fraction"
            )
            for n in sizes
        )
        told = (_width(each.index.to_numpy(), each.to_numpy()) for each in tables)
        lines.append([f"s = {s}", *told])
    return _table(("measured", *(f"n = {n:,}" for n in sizes)), lines)


def _width(p: Array, shares: Array) -> str:
    """Return the width of the mean of shares (p, seeds), and the interval of its bootstrap over the seeds.

    All samples of as many seeds are there, each as likely as its orders are many: no chance.  An open one is wide.
    """
    n_seeds = shares.shape[1]
    widths, orders = [], []
    for some in itertools.combinations_with_replacement(range(n_seeds), n_seeds):
        width = transition_width(p, shares[:, some].mean(axis=1))
        widths.append(math.inf if math.isnan(width) else width)
        orders.append(math.factorial(n_seeds) / math.prod(map(math.factorial, Counter(some).values())))
    order = np.argsort(widths)
    below = np.cumsum(np.array(orders)[order]) / sum(orders)
    low, high = np.array(widths)[order][np.searchsorted(below, (TAIL, 1 - TAIL))]
    return f"{transition_width(p, shares.mean(axis=1)):.2f} [{low:.2f}, {high:.2f}]"


def _rms(values: Array) -> float:
    return math.sqrt(float((values**2).mean()))


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(each) + " |" for each in (head, ["---"] * len(head), *lines))
