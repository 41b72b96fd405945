"""How critical values move with n, s, d and p: measured exponents beside those of the theorem, from committed rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulations.evidence.scorecard import provable
from simulations.evidence.scorecard.critical import Points, critical, groups, sharpness
from simulations.evidence.scorecard.verdicts import Effect, slope
from simulations.experiments import PRESETS
from simulations.runs.storage import ROWS_FILE, read_rows, run_folder
from theory.conditions import band
from theory.scaling import CRITICAL_DIMENSION_EXPONENT, upper_edge_exponent

Array = npt.NDArray[np.float64]
LARGE = 1_024  # features, from which a second slope tells how far the first is one of small sizes
NONE = math.nan


class Line(NamedTuple):
    """An exponent: of what, over what, where, as measured (and for large n alone), and the theorem's."""

    quantity: str
    over: str
    setting: str
    measured: Effect
    large: Effect
    theorem: float
    centred: bool
    n_points: int


def _line(what: str, over: str, setting: str, points: Points, theorem: float, centred: float) -> Line:
    large = points.exponent(LARGE) if over == "n" else Effect(NONE)
    return Line(what, over, setting, points.exponent(), large, theorem, bool(centred), len(points.x))


def of_scaling(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the critical p, its sharpness and the critical d over n, and of the critical p over s."""
    half = 2 * rows["d_model"] == rows["n_features"]
    for (center, s), part in groups(rows[half], "center", "sparsity"):
        edge = upper_edge_exponent(s)
        yield _line("critical p", "n", f"d = n/2, s = {s:g}", critical(part, "target_frequency"), edge, center)
    for (center, s), part in groups(rows[half], "center", "sparsity"):
        points = sharpness(part, "target_frequency")
        yield _line("width of its transition", "n", f"d = n/2, s = {s:g}", points, NONE, center)
    for (center, s), part in groups(rows[~half], "center", "sparsity"):
        points = critical(part, "d_model", falling=False)
        yield _line("critical d", "n", f"p = 1/n, s = {s:g}", points, CRITICAL_DIMENSION_EXPONENT, center)
    n = rows["n_features"].max()
    for (center,), part in groups(rows[half & (rows["n_features"] == n)], "center"):
        points = critical(part, "target_frequency", "sparsity")
        yield _line("critical p", "s", f"n = {n:,}, d = n/2", points, _edge(points.x, n, n // 2, points.x), center)


def _edge(x: Array, n: float, d: npt.ArrayLike, s: npt.ArrayLike) -> float:
    """Return the slope of the log of the band's upper edge over log x, at the same points as those measured."""
    upper = np.broadcast_to(band(n, d, s, epsilon=0.0, zeta=0.0).upper, x.shape)
    return round(slope(np.log(x), np.log(upper), np.ones(len(x))).value, 9) + 0.0  # 0.0 turns -0.0 into 0.0


def of_learnability(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the critical p over d, at the n with the most d."""
    n = int(str(rows.groupby("n_features")["d_model"].nunique().idxmax()))
    for (center, s), part in groups(rows[rows["n_features"] == n], "center", "sparsity"):
        points = critical(part, "target_frequency", "d_model")
        yield _line("critical p", "d", f"n = {n:,}, s = {s:g}", points, _edge(points.x, n, points.x, s), center)


def of_width(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the required width over 1/p and, with p at the band's centre, over n."""
    known = provable.widths(rows)
    over_n, over_p = provable.width_slices(known)
    for (center, s), part in groups(over_p, "center", "sparsity"):
        points = provable.width_points(part, 1 / part["target_frequency"])
        n = part["n_features"].iloc[0]
        yield _line("required width", "1/p", f"n = {n}, d = n/2, s = {s:g}", points, s, center)
    for (center, s), part in groups(over_n, "center", "sparsity"):
        points = provable.width_points(part, part["n_features"])
        along = slope(np.log(part["n_features"]), np.log(part["target_frequency"]), np.ones(len(part))).value
        setting = f"d = n/2, s = {s:g}, p ~ n^{along:.2f}"
        yield _line("required width", "n", setting, points, 1 - s * along, center)


def of_steps(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield the steps to nine tenths of the best recovery per doubling of n."""
    for (center, s), part in groups(rows, "center", "sparsity"):
        n, steps = provable.steps_needed(part)
        setting = f"d = n/2, s = {s:g}, steps per doubling"
        large = slope(np.log2(n[n >= LARGE]), steps[n >= LARGE])
        yield Line("steps to recovery", "n", setting, slope(np.log2(n), steps), large, 0.0, bool(center), len(n))


def of_cooccurrence(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield the exponent of the critical rho_2 over n."""
    for (center, s), part in groups(rows, "center", "sparsity"):
        n, rho = provable.critical_cooccurrence(part)
        found, large = (slope(np.log(n[n >= least]), np.log(rho[n >= least])) for least in (0, LARGE))
        yield Line("critical rho_2", "n", f"d = n/2, s = {s:g}", found, large, -0.5, bool(center), len(n))


SOURCES: dict[str, Callable[[pd.DataFrame], Iterator[Line]]] = {
    "scaling": of_scaling,
    "learnability": of_learnability,
    "width": of_width,
    "steps": of_steps,
    "cooccurrence": of_cooccurrence,
}


def exponents(results: Path) -> list[dict[str, Any]]:
    """Return a line per exponent that the largest presets with rows in `results` tell of."""
    found: list[dict[str, Any]] = []
    for name, lines in SOURCES.items():
        folders = (run_folder(results, name, preset) for preset in reversed(PRESETS))
        folder = next((each for each in folders if (each / ROWS_FILE).is_file()), None)
        if folder is None:
            continue
        rows = read_rows(folder)
        rows = rows[rows["status"] == "ok"]
        where = {"experiment": name, "preset": folder.name, "rows": f"{name}/{folder.name}/{ROWS_FILE}"}
        found += [_as_dict(each) | where for each in lines(rows) if math.isfinite(each.measured.value)]
    return found


def _as_dict(line: Line) -> dict[str, Any]:
    told = {"quantity": line.quantity, "over": line.over, "setting": line.setting, "centred": line.centred}
    for name, effect in (("measured", line.measured), ("large", line.large)):
        told |= {name: effect.value, f"{name}_low": effect.low, f"{name}_high": effect.high}
    return told | {"theorem": line.theorem, "n_points": line.n_points}


def table(lines: Sequence[dict[str, Any]], root: str = "") -> str:
    """Return the Markdown table of the lines; links are relative to `root`, the folder of the results."""
    head = (
        f"| exponent of | over | at | measured (95 % interval) | n >= {LARGE:,} alone | theorem | rows |\n"
        "|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(_markdown(each, root) for each in lines)])


def _markdown(line: dict[str, Any], root: str) -> str:
    setting = line["setting"] + (", centred" if line["centred"] else "")
    theorem = f"{line['theorem']:.3g}" if math.isfinite(line["theorem"]) else ""
    rows = f"[{line['n_points']} points]({root}{line['rows']}), {line['preset']}"
    values = (_effect(line, name) for name in ("measured", "large"))
    return f"| {line['quantity']} | {line['over']} | {setting} | {' | '.join(values)} | {theorem} | {rows} |"


def _effect(line: dict[str, Any], name: str) -> str:
    value, low, high = (line[name + end] for end in ("", "_low", "_high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})" if math.isfinite(value) else ""
