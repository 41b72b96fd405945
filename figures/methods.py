"""Methods of a comparison: an arm is named after its method, and a method has one look in all figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from figures.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, YELLOW


@dataclass(frozen=True)
class Look:
    """How a method is called and drawn: colour, marker and dashes."""

    label: str
    colour: str
    marker: str
    dashes: Any = "-"

    def line(self, **changes: Any) -> dict[str, Any]:
        """Return the keywords of a line with markers."""
        size: dict[str, Any] = {"markersize": 4.0, "linewidth": 1.1}
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, **size, **changes}


# In the order of legends, by the first word of an arm.  A controller that is not the paper's keeps its own dashes.
LOOKS: dict[str, Look] = {
    "gba": Look("GBA", BLUE, "o"),
    "gba-quantile": Look("GBA quantile", SKY, "D"),
    "gba-below": Look("GBA quantile-below", SKY, "d", (0, (4, 1.5))),
    "gba-arrived": Look("GBA (gain 0.1)", BLUE, "D"),
    "gba-own-start": Look("GBA (from targets)", BLUE, "X", (0, (1.5, 1))),
    "gba-high": Look("GBA, frequencies too high", BLUE, "^", (0, (4, 1.5))),
    "gba-low": Look("GBA, frequencies too low", BLUE, "v", (0, (4, 1.5))),
    "ba": Look("BA", GREEN, "s"),
    "topk": Look("TopK, tied", VERMILLION, "^"),
    "topk-untied": Look("TopK", VERMILLION, ">", (0, (4, 1.5))),
    "batchtopk": Look("BatchTopK, tied", ORANGE, "v"),
    "batchtopk-untied": Look("BatchTopK", ORANGE, ">", (0, (4, 1.5))),
    "matryoshka": Look("Matryoshka", SKY, "h", (0, (4, 1.5))),
    "l1": Look("L1, tied", PURPLE, "X"),
    "l1-untied": Look("L1", PURPLE, "<", (0, (4, 1.5))),
    "jumprelu": Look("JumpReLU, tied", "0.5", "P"),
    "jumprelu-untied": Look("JumpReLU", "0.5", "p", (0, (4, 1.5))),
    "gated": Look("Gated", YELLOW, "D"),
    "dictionary-learning": Look("dictionary learning", BLACK, "<", (0, (4, 1.5))),
    "spams": Look("SPAMS", BLACK, ">", (0, (1.5, 1))),
    "provable": Look("provable", BLACK, "*"),
    "provable-planned": Look("provable, as planned", BLACK, "P"),
}
# Of other methods, a user's own, in the order of the rows.
OTHERS = tuple(Look("", colour, marker, (0, (1.5, 1))) for colour in (YELLOW, "0.25", BLUE) for marker in "p>hH8")


def method_of(arm: str) -> str:
    """Return the method of an arm: its first word (before a space or comma) if that is known, else the whole arm."""
    first = arm.replace(",", " ").split(" ")[0].lower()
    return first if first in LOOKS else arm


def looks(arms: Iterable[str]) -> dict[str, Look]:
    """Return the look of each method among the arms, in the order of LOOKS, the unknown ones last."""
    met = dict.fromkeys(method_of(arm) for arm in arms)
    found = {name: LOOKS[name] for name in LOOKS if name in met}
    for k, name in enumerate(name for name in met if name not in LOOKS):
        found[name] = replace(OTHERS[k % len(OTHERS)], label=name)
    return found


def with_method(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Look]]:
    """Return the table with the method of each arm in a column `method`, and the looks of the methods."""
    return table.assign(method=[method_of(str(arm)) for arm in table["arm"]]), looks(map(str, table["arm"]))


def handles(table: pd.DataFrame, met: dict[str, Look]) -> list[Line2D]:
    """Return a legend handle a method of the rows, which says how many of its runs are unfinished."""
    return [
        Line2D([], [], label=look.label + failures(table.loc[table["method"] == name, "status"]), **look.line())
        for name, look in met.items()
    ]


def failures(status: pd.Series) -> str:
    """Return " (1 of 3 failed)", or nothing where all runs are ok."""
    failed = int((status != "ok").sum())
    return f" ({failed} of {len(status)} failed)" if failed else ""
