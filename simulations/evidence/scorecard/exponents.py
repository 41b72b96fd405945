"""How critical values move with n, s, d and p: measured exponents beside those of the theorem, from rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulations.evidence.presets import good_rows, largest
from simulations.evidence.scorecard import meeting, provable, widths
from simulations.evidence.scorecard.critical import Points, critical, groups, sharpness
from simulations.evidence.scorecard.effects import Effect, slope_over_seeds
from simulations.evidence.scorecard.kinks import curves, kinks, shape
from simulations.evidence.scorecard.over_d import BEYOND
from simulations.evidence.scorecard.reading import arm, named
from simulations.evidence.scorecard.verdicts import CONFLICTS
from simulations.experiments.learnability import LONG
from simulations.runs.storage import ROWS_FILE
from theory.conditions import band
from theory.scaling import CRITICAL_DIMENSION_EXPONENT, WIDTH_EXPONENT_IN_N, upper_edge_exponent

Array = npt.NDArray[np.float64]
LARGE = 1_024  # features, from which a second slope tells how far the first is one of small sizes
NONE = math.nan


class Line(NamedTuple):
    """An exponent: of what, over what, where, as measured (and for large n alone), and the theorem's.

    In words, what another expects.
    """

    quantity: str
    over: str
    setting: str
    measured: Effect
    large: Effect
    theorem: float
    centred: bool
    n_points: int
    expected: str = ""


def _line(what: str, over: str, setting: str, points: Points, theorem: float, centred: float) -> Line:
    large = points.exponent(LARGE) if over == "n" else Effect(NONE)
    return Line(what, over, setting, points.exponent(), large, theorem, bool(centred), len(points.x))


def of_scaling(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the critical p, its sharpness and the critical d over n, and of the critical p over s."""
    over_p, over_d = (arm(rows, name) for name in ("over p", "over d"))
    for (center, s), part in groups(over_p, "center", "sparsity"):
        edge = upper_edge_exponent(s)
        yield _line("critical p", "n", f"d = n/2, s = {s:g}", critical(part, "target_frequency"), edge, center)
    for (center, s), part in groups(over_p, "center", "sparsity"):
        points = sharpness(part, "target_frequency")
        yield _line("width of its transition", "n", f"d = n/2, s = {s:g}", points, NONE, center)
    for (center, s), part in groups(over_d, "center", "sparsity"):
        points = critical(part, "d_model", falling=False)
        # Theorem 6.1 allows p = 1/n at every d.
        line = _line("critical d", "n", f"p = 1/n, s = {s:g}", points, 0.0, center)
        yield line._replace(expected=f"the paper's picture of the upper edge: {CRITICAL_DIMENSION_EXPONENT:g}")
    n = int(over_p["n_features"].max())
    for (center,), part in groups(over_p[over_p["n_features"] == n], "center"):
        points = critical(part, "target_frequency", "sparsity")
        yield _line("critical p", "s", f"n = {n:,}, d = n/2", points, _edge(points.x, n, n // 2, points.x), center)


def _edge(x: Array, n: float, d: npt.ArrayLike, s: npt.ArrayLike) -> float:
    """Return the slope of the log of the band's upper edge over log x, at the same points as those measured."""
    if len(np.unique(x)) < 2:
        return NONE
    upper = np.broadcast_to(band(n, d, s, epsilon=0.0, zeta=0.0).upper, x.shape)
    return round(float(np.polyfit(np.log(x), np.log(upper), 1)[0]), 9) + 0.0  # 0.0 turns -0.0 into 0.0


def of_learnability(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the critical p over d, and of the d of its kink over n.

    Where d go down to those at which no p holds half (the slice of LONG steps) that of the d beyond; the kink where the
    curve has its shape, or may have it.
    """
    over_d = rows[named(rows).str.match("over d|both")]
    for (n_features, center, s, n_steps), part in groups(over_d, "n_features", "center", "sparsity", "n_steps"):
        n, setting = int(n_features), f"n = {n_features:,.0f}, s = {s:g}, T = {n_steps:g}"
        if (named(part) == f"over d, {LONG} steps").any():
            part, setting = part[part["d_model"] >= BEYOND * math.sqrt(n)], f"{setting}, d >= {BEYOND:g} sqrt(n)"
        points = critical(part, "target_frequency", "d_model")
        yield _line("critical p", "d", setting, points, _edge(points.x, n, points.x, s), center)
    every = curves(rows)
    for s, n_steps, points in kinks(every) if shape(every)[0] != CONFLICTS else ():
        setting = f"s = {s:g}, T = {n_steps:g}, slopes 1 and 0"
        yield _line("kink of the critical p over d", "n", setting, points, 1 + upper_edge_exponent(s), True)


def of_width(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the required width over 1/p and over n, with p at the band's centre and fixed."""
    over_p, over_n, fixed = (widths.known_widths(widths.slice_of(rows, name)) for name in widths.SLICES)
    for (center, s), part in groups(over_p, "center", "sparsity"):
        points = widths.width_points(part, 1 / part["target_frequency"])
        n = int(part["n_features"].iloc[0])
        yield _line("required width", "1/p", f"n = {n:,}, d = n/2, s = {s:g}", points, s, center)
    for (center, s), part in groups(over_n, "center", "sparsity"):
        if part["n_features"].nunique() < 2:
            continue
        points, theorem = widths.width_points(part, part["n_features"]), widths.sufficient_exponent(part, s)
        setting = f"d = n/2, s = {s:g}, p ~ n^{(1 - theorem) / s:.2f}"
        yield _line("required width", "n", setting, points, theorem, center)
    for (center, s), part in groups(fixed, "center", "sparsity"):
        if len(part["n_features"].unique()) > 1:
            points, p = widths.width_points(part, part["n_features"]), part["target_frequency"].iloc[0]
            yield _line("required width", "n", f"d = n/2, s = {s:g}, p = {p:g}", points, WIDTH_EXPONENT_IN_N, center)


def of_steps(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield the steps to nine tenths of the best recovery per doubling of n."""
    names = named(rows)
    for start, where in (("simulated", "d = n/2"), ("probes", "from the depth of n p^(-s), d = n/4")):
        for (center, s), part in groups(rows[names == start], "center", "sparsity"):
            n, steps, seeds = provable.steps_needed(part)
            found, large = (_slope(np.log2(n), steps, seeds, n >= least) for least in (0, LARGE))
            setting = f"{where}, s = {s:g}, steps per doubling"
            yield Line("steps to recovery", "n", setting, found, large, 0.0, bool(center), len(n))


def of_cooccurrence(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield exponents of the critical rho_2 of the law over the number of partners, and over n for as many of n."""
    table = meeting.critical_cooccurrence(rows)
    table = table[np.isfinite(table["rho"])].assign(partners=lambda each: each["size"] - 1)
    shares = table.assign(share=table["size"] / table["n_features"])
    cuts = [("partners", f"n = {n:,.0f}", part) for n, part in table.groupby("n_features")]
    cuts += [("n", "one partner each", table[table["size"] == meeting.PAIRS])]
    cuts += [("n", f"clusters of n/{1 / share:.3g}", part) for share, part in shares.groupby("share")]
    for over, setting, part in cuts:
        x = part["n_features" if over == "n" else "partners"].to_numpy(dtype=float)
        if len(np.unique(x)) > 1:
            y, seeds = np.log(part["rho"].to_numpy(dtype=float)), part["seed"]
            found, large = (_slope(np.log(x), y, seeds, part["n_features"].to_numpy() >= n) for n in (0, LARGE))
            # Definition 5.2 asks for less than 1/sqrt(n), however many partners there are.
            theorem, expected = (NONE, "ours: -0.5") if over == "partners" else (-0.5, "")
            theorem, expected = (NONE, "ours: 0") if setting.startswith("one") else (theorem, expected)
            where = f"d = n/2, {setting}"
            yield Line("critical rho_2 of the law", over, where, found, large, theorem, True, len(x), expected)


def _slope(x: Array, y: Array, seeds: npt.ArrayLike, kept: npt.NDArray[np.bool_]) -> Effect:
    return slope_over_seeds(x[kept], y[kept], np.asarray(seeds)[kept])


SOURCES: dict[str, Callable[[pd.DataFrame], Iterator[Line]]] = {
    "scaling": of_scaling,
    "learnability": of_learnability,
    "width": of_width,
    "steps": of_steps,
    "cooccurrence": of_cooccurrence,
}


def exponents(results: Path) -> list[dict[str, Any]]:
    """Return a line per exponent that the largest presets with rows in `results` tell of.

    An experiment whose rows cannot be read that way tells of none: its claims say why.
    """
    found: list[dict[str, Any]] = []
    for name, lines in SOURCES.items():
        folder = largest(results, name)
        if folder is None:
            continue
        where = {"experiment": name, "preset": folder.name, "rows": f"{name}/{folder.name}/{ROWS_FILE}"}
        try:
            told = [_as_dict(each) for each in lines(good_rows(folder)) if math.isfinite(each.measured.value)]
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue
        found += [each | where for each in told]
    return found


def _as_dict(line: Line) -> dict[str, Any]:
    told: dict[str, Any] = {
        "quantity": line.quantity,
        "over": line.over,
        "setting": line.setting,
        "centred": line.centred,
        "n_seeds": line.measured.n_seeds,
        "transient": transient(line),
    }
    for name, effect in (("measured", line.measured), ("large", line.large)):
        told |= {name: effect.value, f"{name}_low": effect.low, f"{name}_high": effect.high}
    return told | {"theorem": line.theorem, "expected": line.expected, "n_points": line.n_points}


def transient(line: Line) -> bool:
    """Return whether the exponent at large n is another: the intervals do not meet, so it is one of small sizes."""
    return line.large.low > line.measured.high or line.large.high < line.measured.low


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the Markdown table of the lines, with the links that they have."""
    head = (
        f"| exponent of | over | at | measured (95 % interval) | n >= {LARGE:,} alone | theorem | rows |\n"
        "|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_markdown, lines)])


def _markdown(line: Mapping[str, Any]) -> str:
    setting = line["setting"] + (", centred" if line["centred"] else "")
    theorem = f"{line['theorem']:.3g}" if math.isfinite(line["theorem"]) else ""
    theorem = ", ".join(each for each in (theorem, line["expected"]) if each)
    points = f"{line['n_points']} points"
    rows = f"[{points}]({line['rows']})" if line["rows"] else points
    seeds = f"{line['n_seeds']} seed{'s' * (line['n_seeds'] != 1)}"
    measured = _effect(line, "measured") + (", transient" if line["transient"] else "")
    values = f"{measured} | {_effect(line, 'large')} | {theorem}"
    return f"| {line['quantity']} | {line['over']} | {setting} | {values} | {rows}, {line['preset']}, {seeds} |"


def _effect(line: Mapping[str, Any], name: str) -> str:
    value, low, high = (line[name + end] for end in ("", "_low", "_high"))
    if not math.isfinite(value):
        return ""
    return f"{value:.2f} ({low:.2f} to {high:.2f})" if math.isfinite(low) else f"{value:.2f}"
