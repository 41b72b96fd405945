"""The figures: every module of this folder with plot(rows) -> Figure, under the name of its experiment."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.figure import Figure

import figures
from figures.style import footer


def _discover() -> dict[str, Callable[[pd.DataFrame], Figure]]:
    names = [each.name for each in pkgutil.iter_modules(figures.__path__) if each.name != "registry"]
    modules = {name: importlib.import_module(f"figures.{name}") for name in names}
    return {name: each.plot for name, each in modules.items() if hasattr(each, "plot")}


FIGURES: Mapping[str, Callable[[pd.DataFrame], Figure]] = _discover()


def draw(name: str, rows: pd.DataFrame, preset: str = "") -> Figure:
    """Return the figure of that name drawn from the rows of its experiment, with their origin below it.

    `preset` is by default that of rows.attrs.  Raises ValueError for an unknown name, suggesting the nearest, and for
    rows that the figure cannot show.
    """
    if name not in FIGURES:
        near = difflib.get_close_matches(name, FIGURES, n=1, cutoff=0.4)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"figure={name!r}, but should be one of {', '.join(FIGURES)}{hint}")
    figure = FIGURES[name](rows)
    footer(figure, origin(rows, preset or str(rows.attrs.get("preset", ""))))
    return figure


def origin(rows: pd.DataFrame, preset: str = "") -> str:
    """Return "standard preset, 3 seeds, version 0.1.0" as far as it is known."""
    trained = "algorithm" in rows.columns and (rows["algorithm"] != "modified-ba").any()
    smoke = " (a smoke test: trained methods are under-trained)" if preset == "quick" and trained else ""
    parts = [f"{preset} preset{smoke}"] if preset else []
    seeds = sorted({int(float(each)) for each in rows["seed"]}) if "seed" in rows.columns else []
    parts += [f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"] if seeds else []
    versions = sorted({str(each) for each in rows["version"].dropna()} - {""}) if "version" in rows.columns else []
    return ", ".join([*parts, *(["version " + " and ".join(versions)] if versions else [])])
