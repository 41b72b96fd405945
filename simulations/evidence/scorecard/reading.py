"""Reading rows as they say themselves: by arm, and the settings that a judged statement has to be written with."""

from __future__ import annotations

import pandas as pd

from theory.checks import shown

PROVABLE = "modified-ba"


def named(rows: pd.DataFrame) -> pd.Series:
    """Return the arms of rows as text; raises ValueError where the rows say none."""
    if "arm" not in rows or rows["arm"].isna().all() or (rows["arm"] == "").all():
        raise ValueError("the rows say no arm (a column of rows written by this version): measure them again")
    return rows["arm"].fillna("").astype(str)


def arm(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of an arm of the experiment; raises ValueError when there are none."""
    names = named(rows)
    found = rows[names == name]
    if found.empty:
        raise ValueError(f"no rows of the arm {name!r}; there are {', '.join(sorted(set(names)))}")
    return found


def arms(rows: pd.DataFrame, start: str) -> pd.DataFrame:
    """Return the rows of the arms whose names start so; raises ValueError when there are none."""
    names = named(rows)
    found = rows[names.str.startswith(start)]
    if found.empty:
        raise ValueError(f"no rows of arms {start!r}...; there are {', '.join(sorted(set(names)))}")
    return found


def _range(values: pd.Series) -> str:
    known = pd.to_numeric(values, errors="coerce").dropna()
    if known.empty:
        return ""
    low, high = (f"{each:,.0f}" if each >= 10 else shown(round(each, 3)) for each in (known.min(), known.max()))
    return low if low == high else f"{low} to {high}"


def where(rows: pd.DataFrame, tau: float | None = 0.9) -> str:
    """Return T, tau, N/n, M/n and centring of the rows behind an effect, as far as they tell them."""
    provable = not rows.get("algorithm", pd.Series([PROVABLE])).ne(PROVABLE).any()
    n = rows["n_features"]
    told = {"n": _range(n)}
    if "n_steps" in rows:
        told["T" if provable else "steps"] = _range(rows["n_steps"])
    if tau is not None:
        told["tau"] = shown(tau)
    simulated = ~rows.get("instrument", pd.Series("", index=rows.index)).isin(("learnability", "width"))
    for name, column, used in (("N/n", "n_samples", rows), ("M/n", "n_neurons", rows[simulated])):
        if column in rows:
            told[name] = _range(used[column] / used["n_features"])
    text = ", ".join(f"{name} = {value}" for name, value in told.items() if value)
    if "center" in rows and provable:
        kinds = sorted({"centred" if each else "not centred" for each in rows["center"].dropna()})
        text = ", ".join(each for each in (text, " and ".join(kinds)) if each)
    return text
