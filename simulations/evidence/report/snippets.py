"""Which settings a runnable snippet of a row has to name: those that the defaults do not give anyway."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from simulations.runs.cell import Cell
from simulations.runs.columns import cell_of, setting_columns
from simulations.runs.rows import foreign

NEVER = ("device",)  # a snippet runs wherever it is
ALWAYS = ("n_features", "d_model", "sparsity", "seed")


def mentions(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Return by "ALGORITHM|INSTRUMENT" the settings that the snippets of such rows name: enough for each of them.

    A row that is no cell of this version (an algorithm that is gone) has none, nor has one of an algorithm from
    elsewhere, whose code a report must not run: their snippets name every setting.
    """
    rows = rows[[each for each in setting_columns() if each in rows]]
    found: dict[str, list[str]] = {}
    for name, part in rows.groupby([rows["algorithm"], rows["instrument"]], sort=False):
        varying = [each for each in part.columns if len(part[each].unique()) > 1]
        names: dict[str, None] = {}
        if foreign({"algorithm": name[0]}):
            continue
        try:
            for row in part.drop_duplicates("arm").to_dict("records"):
                whole = cell_of({str(key): value for key, value in row.items() if value == value})
                if not names or not _enough(whole, list(names)):
                    names |= dict.fromkeys(_needed(whole, varying))
        except (ValueError, LookupError, ImportError):
            continue
        found["|".join(map(str, name))] = list(names)
    return found


def _needed(whole: Cell, varying: Sequence[str]) -> list[str]:
    """Return the settings of a cell to name: what varies, and what neither the others nor the defaults give."""
    given = {name: value for name, value in whole.settings().items() if name not in ("algorithm", "instrument")}
    usual = Cell(algorithm=whole.algorithm, instrument=whole.instrument)
    known = usual.settings()
    names = [each for each in given if each in (*ALWAYS, *varying) or given[each] != known.get(each)]
    derived = [each for each in names if each not in (*ALWAYS, *varying) and _follows(whole, names, each)]
    kept = [each for each in names if each not in derived and each not in NEVER]
    if _made(whole, kept).key() != whole.key():  # two that follow from each other: name all
        kept = [each for each in names if each not in NEVER]
    return kept


def _enough(whole: Cell, names: Sequence[str]) -> bool:
    """Return whether a cell is given by those of its settings that are named."""
    try:
        return _made(whole, [each for each in names if each in whole.names]).key() == whole.key()
    except ValueError:
        return False


def _made(whole: Cell, names: Sequence[str]) -> Cell:
    told = whole.settings()
    return Cell(algorithm=whole.algorithm, instrument=whole.instrument, **{name: told[name] for name in names})


def _follows(whole: Cell, names: Sequence[str], name: str) -> bool:
    """Return whether a setting is what the other ones named give anyway."""
    return _enough(whole, [each for each in names if each != name])
