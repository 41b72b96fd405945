"""Methods of a comparison: their names from the settings, and one look of each in all figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.lines import Line2D

from figures import rows as checks
from figures.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from simulations.base.settings import Settings

# What a method chooses for itself: may differ between methods, not within one unless a figure varies it.
OWN = (
    *("algorithm", "controller", "activation", "gain", "gain_ratio", "relaxation", "buffer_steps", "dead_frequency"),
    *("n_groups", "high_target_frequency", "low_target_frequency", "target_frequency", "k", "penalty", "penalty_kind"),
    *("bandwidth", "initial_bias", "initial_scale", "pre_bias", "bias_policy", "step_size"),
)
NUMBERS = frozenset(name for name, value in Settings().to_row().items() if type(value) in (int, float))


@dataclass(frozen=True)
class Look:
    """How a method is drawn: colour, marker and dashes."""

    colour: str
    marker: str
    dashes: Any = "-"

    def line(self, **changes: Any) -> dict[str, Any]:
        """Return the keywords of a line with markers."""
        size: dict[str, Any] = {"markersize": 4.0, "linewidth": 1.1}
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, **size, **changes}


# In the order of legends.  A controller that is not the paper's keeps its own colour or dashes.
LOOKS: dict[str, Look] = {
    "GBA": Look(BLUE, "o"),
    "GBA quantile": Look(SKY, "D"),
    "GBA quantile-below": Look(SKY, "d", (0, (4, 1.5))),
    "BA": Look(GREEN, "s"),
    "BA quantile": Look(GREEN, "h", (0, (4, 1.5))),
    "BA quantile-below": Look(GREEN, "H", (0, (1.5, 1))),
    "TopK": Look(VERMILLION, "^"),
    "BatchTopK": Look(ORANGE, "v"),
    "L1": Look(PURPLE, "X"),
    "JumpReLU": Look("0.5", "P"),
    "dictionary learning": Look(BLACK, "<", (0, (4, 1.5))),
    "provable": Look(BLACK, "*"),
}
ALGORITHMS = {
    **{"gba": "GBA", "ba": "BA", "topk": "TopK", "batchtopk": "BatchTopK", "l1": "L1", "jumprelu": "JumpReLU"},
    **{"dictionary-learning": "dictionary learning", "modified-ba": "provable"},
}
CONTROLLED = ("gba", "ba")


def name_of(algorithm: str, controller: str) -> str:
    """Return the name of a method, a key of LOOKS; raises ValueError for an algorithm or a controller without one."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm={algorithm}, but should be one of {', '.join(ALGORITHMS)}")
    extra = f" {controller}" if algorithm in CONTROLLED and controller != "paper" else ""
    if (name := ALGORITHMS[algorithm] + extra) not in LOOKS:
        raise ValueError(f"controller={controller}, but should be paper, quantile or quantile-below")
    return name


def prepare(
    rows: pd.DataFrame, *, free: Sequence[str] = (), results: Sequence[str] = (), series: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a copy of the rows with a column `method`, numeric settings, and numeric `results` of finished rows.

    The results of rows that are not ok are nan; columns in `series` stay text.  Raises ValueError as rows.prepare does,
    where the rows differ in other settings than OWN and `free`.
    """
    table = checks.prepare(rows, free=(*OWN, *free), results=(*results, *series))
    if missing := [name for name in OWN if name not in table.columns]:
        raise ValueError(f"rows without {', '.join(missing)}")
    for name in (*OWN, *free):
        if name in NUMBERS:
            table[name] = _numbers(table[name], name)
    table["seed"] = _numbers(table["seed"], "seed").astype(int) if "seed" in table else 0
    pairs = zip(table["algorithm"], table["controller"], strict=True)
    table["method"] = [name_of(*each) for each in pairs]
    ok = table["status"] == "ok"
    for name in results:
        table[name] = pd.to_numeric(table[name], errors="coerce").where(ok)
    return table


def one_setting(table: pd.DataFrame, by: str, *, but: Sequence[str] = (), also: Sequence[str] = ()) -> None:
    """Raise ValueError when rows that share `by` differ in centring, in `also`, or in OWN without `but`."""
    for value, part in table.groupby(by, sort=False):
        for name in (*OWN, "center", *also):
            if name not in but and len(part[name].unique()) > 1:
                shown = ", ".join(str(each) for each in part[name].unique()[:4])
                raise ValueError(f"{name}={shown}, but should have one value for {value} in this figure")


def _numbers(column: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        raise ValueError(f"{name}={column[numbers.isna()].iloc[0]}, but should be a number")
    return numbers


def in_order(names: Iterable[str]) -> list[str]:
    """Return the distinct names in the order of LOOKS."""
    found = set(names)
    return [name for name in LOOKS if name in found]


def with_range(low: float, high: float, frequencies: npt.NDArray[np.float64]) -> str:
    """Return the name of GBA with target frequencies from `low` to `high`, for features of those frequencies.

    A range that misses all of them is said to be too high or too low; without frequencies none is.
    """
    if frequencies.size and low > frequencies.max():
        return "GBA, frequencies too high"
    if frequencies.size and high < frequencies.min():
        return "GBA, frequencies too low"
    return "GBA"


def handles(table: pd.DataFrame) -> list[Line2D]:
    """Return a legend handle a method of the rows, which says how many of its runs are unfinished."""
    found = []
    for name in in_order(table["method"]):
        status = table.loc[table["method"] == name, "status"]
        found.append(Line2D([], [], label=name + failures(status), **LOOKS[name].line()))
    return found


def failures(status: pd.Series) -> str:
    """Return " (1 of 3 failed)", or nothing where all runs are ok."""
    failed = int((status != "ok").sum())
    return f" ({failed} of {len(status)} failed)" if failed else ""
