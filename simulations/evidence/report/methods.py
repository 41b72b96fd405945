"""Rows that compare methods: arms are "METHOD, trial K" of a search, or "METHOD, KNOB VALUE" around its winner."""

from __future__ import annotations

import pandas as pd

from simulations.evidence.scorecard.trained import at_best

TRIAL = ", trial "
KNOB = r"^(?P<method>.+?), (?P<knob>[a-z_]+) (?P<at>-?\d[\d.e+-]*)$"


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that speak for each method, one a seed, with the method as `series`.

    Of a search that is its winner at fresh seeds, of a single trial all of them; an arm that belongs to no search and
    varies no knob speaks for itself.  A search without fresh seeds says nothing yet, nor does an arm with several rows
    of one seed.
    """
    names = rows["arm"].astype(str)
    searched = names.str.contains(TRIAL, regex=False)
    parts = [_winner(rows, names, str(method)) for method in names[searched].str.split(TRIAL).str[0].unique()]
    knobs = varied(rows)
    alone = rows[~searched & ~rows.index.isin(knobs.index)]
    parts += [part.assign(series=arm) for arm, part in alone.groupby("arm", sort=False) if part["seed"].is_unique]
    parts = [each for each in parts if len(each)]
    return pd.concat(parts) if parts else rows.head(0).assign(series="")


def _winner(rows: pd.DataFrame, names: pd.Series, method: str) -> pd.DataFrame:
    trials = rows[names.str.startswith(method + TRIAL)]
    if len(trials["arm"].unique()) > 1:
        try:
            trials = at_best(rows, method)
        except (LookupError, ValueError):
            trials = trials.head(0)
    return trials.assign(series=method) if trials["seed"].is_unique else trials.head(0).assign(series=method)


def varied(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of arms in which one knob was varied, with `series` (the method), `knob` and `at` (its value)."""
    told = rows["arm"].astype(str).str.extract(KNOB)
    is_knob = told["knob"].notna() & (told["knob"] != "trial")
    found = rows[is_knob]
    told = told[is_knob]
    return found.assign(series=told["method"], knob=told["knob"], at=pd.to_numeric(told["at"]))


def is_comparison(rows: pd.DataFrame) -> bool:
    """Return whether the arms of rows are those of a search, or of knobs around its winner."""
    names = rows["arm"].astype(str)
    return bool(names.str.contains(TRIAL, regex=False).any() or len(varied(rows)))
