"""What kind of picture rows call for: a phase diagram, curves, or a dot per seed, read off which settings vary.

A setting that follows from others of its arm (a width of 8 n, say) is no axis.  Nothing is registered: the rows of any
experiment have a picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from simulations.evidence.report.methods import compared, is_comparison, varied
from simulations.evidence.report.wording import COMPARED, symbol
from simulations.evidence.scorecard.trained import L0, UNEXPLAINED
from simulations.runs.columns import setting_columns

Kind = Literal["heat", "curves", "dots"]
# The first of these that most rows have is drawn; a width is the answer where it is the question.
VALUES = (
    "feature_recovery_rate", "learnable_fraction", "predicted_recovery_rate", "consistency",
    "fraction_variance_unexplained",
)  # fmt: skip
BESIDES = ("chance_recovery_rate", "l0", *COMPARED)  # read by pictures as well
QUESTIONS = {"width": "log10_required_width", "consistency": "consistency"}
ALONE = ("seed", "device", "arm", "algorithm", "instrument", "options", "dtype")  # never an axis
# Which of two settings that tell the same is left out: those that usually follow from the others come first.
FOLLOWS = ("n_samples", "n_neurons", "n_steps", "batch_size", "target_frequency")
KEPT = ("d_model", "sparsity", "n_features")
FEW = 3  # values that make an axis
FULL = 0.5  # of the places of a grid that have a cell
LAWS = ("support_law", "coefficient_law", "dictionary_law")


def varies(column: pd.Series) -> bool:
    """Return whether a column has several values, blanks aside."""
    return len(column.dropna().unique()) > 1


class Shape(NamedTuple):
    """What is drawn: kind, value, axes and facets; `table` has the rows with `x`, `y`, `value`, `panel`, `series`."""

    kind: Kind
    value: str
    x: str
    y: str
    table: pd.DataFrame


def shapes_of(experiment: str, rows: pd.DataFrame) -> list[Shape]:
    """Return how the good rows of an experiment are drawn, arms with the same axes together; [] without a number."""
    value = _value(experiment, rows) if len(rows) else ""
    if not value:
        return []
    kept = {*setting_columns(), *VALUES, *QUESTIONS.values(), *BESIDES}
    table = rows.loc[rows[value].notna(), [each for each in rows if each in kept]]
    if is_comparison(table):
        found = [*_compared(value, compared(table)), *_knobs(value, varied(table))]
        return found or [_dots(value, table.assign(series=table["arm"]))]
    table, parameters = with_parameters(table)
    known = [*(each for each in setting_columns() if each in table and each not in ALONE), *parameters]
    names = [
        each for each in known if varies(table[each]) and not any(one.startswith(f"{each}:") for one in parameters)
    ]
    axes = {arm: tuple(_axes(part, names)) for arm, part in table.groupby("arm", sort=False)}
    sizes = table.groupby("arm", sort=False).size()
    kinds = {arm: _kind(each, table[table["arm"] == arm]) for arm, each in axes.items()}
    kind = max(("heat", "curves", "dots"), key=lambda each: sum(sizes[arm] for arm in kinds if kinds[arm] == each))
    if kind == "dots":
        return [_dots(value, table.assign(series=table["arm"]))]
    drawn = [arm for arm in kinds if kinds[arm] == kind]
    if kind == "curves":
        names = list(dict.fromkeys(name for arm in drawn for name in axes[arm]))
        return [_curves(value, table[table["arm"].isin(drawn)], names)]
    together = dict.fromkeys(axes[arm] for arm in drawn)
    return [
        _heat(value, table[table["arm"].isin([arm for arm in drawn if axes[arm] == names])], names)
        for names in together
    ]


def _compared(value: str, table: pd.DataFrame) -> list[Shape]:
    return [_dots(value, table)] if len(table) else []


def _knobs(value: str, table: pd.DataFrame) -> list[Shape]:
    """Return reconstruction against sparsity, where each method has its own knob, and the value along each knob."""
    shapes = []
    placed = table.assign(x=table["at"], value=table[value], panel=table["knob"].str.replace("_", " "))
    if (
        {L0, UNEXPLAINED} <= set(table)
        and varies(placed["knob"])
        and placed.groupby("series")["knob"].nunique().max() == 1
    ):
        both = placed[(placed[L0] > 0) & (placed[UNEXPLAINED] > 0)]
        means = both.groupby("arm")[L0].transform("mean")
        shapes.append(Shape("curves", UNEXPLAINED, L0, "", both.assign(x=means, value=both[UNEXPLAINED], panel="")))
    for knob, part in placed.groupby("knob", sort=False):
        if part.groupby("series")["at"].nunique().max() > 1:
            shapes.append(Shape("curves", value, str(knob), "", part))
    return [each for each in shapes if len(each.table)]


def _value(experiment: str, rows: pd.DataFrame) -> str:
    wanted = [QUESTIONS.get(experiment, ""), *VALUES]
    known = {name: int(rows[name].notna().sum()) for name in wanted if name and name in rows}
    if known.get(wanted[0]):
        return wanted[0]
    return max(known, key=lambda name: known[name]) if any(known.values()) else ""


def _axes(part: pd.DataFrame, known: Sequence[str]) -> list[str]:
    """Return those of the settings that vary in an arm, without those that follow from the others."""
    names = [each for each in known if varies(part[each])]
    order = {**{name: k for k, name in enumerate(FOLLOWS)}, **{name: 100 + k for k, name in enumerate(KEPT)}}
    for name in sorted(names, key=lambda each: order.get(each, 50)):
        others = [each for each in names if each != name]
        if others and len(part.drop_duplicates(others)) == len(part.drop_duplicates([*others, name])):
            names = others
    return names


def _kind(axes: Sequence[str], part: pd.DataFrame) -> Kind:
    """Return a diagram where two settings make a grid that is more full than empty, curves where one is long enough."""
    numeric = [name for name in axes if pd.api.types.is_numeric_dtype(part[name]) and name != "center"]
    if len(numeric) > 1:
        x, y = _pair(numeric, part)
        cells = len(part.drop_duplicates([x, y]))
        if cells >= FEW * FEW and cells >= FULL * part[x].nunique() * part[y].nunique():
            return "heat"
    return "curves" if any(part[name].nunique() >= FEW for name in numeric) else "dots"


def _pair(numeric: Sequence[str], part: pd.DataFrame) -> tuple[str, str]:
    """Return the axes of a diagram: p or the learning rate across, then what has the most values."""
    x = max(numeric, key=lambda name: (name in ("target_frequency", "learning_rate"), part[name].nunique()))
    rest = [name for name in numeric if name != x]
    return x, max(rest, key=lambda name: (part[name].nunique(), name == "d_model"))


def with_parameters(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with the parameters of laws that vary as columns "LAW:1", "LAW:2", ..., and their names.

    Only of a law that is the same throughout, with as many parameters.
    """
    found: dict[str, pd.Series] = {}
    for law in (each for each in LAWS if each in table and varies(table[each])):
        parts = [str(each).split(":") for each in table[law]]
        if len({(each[0], len(each)) for each in parts}) == 1:
            columns = {f"{law}:{k}": [each[k] for each in parts] for k in range(1, len(parts[0]))}
            numbers = {
                name: pd.to_numeric(pd.Series(each, table.index), errors="coerce") for name, each in columns.items()
            }
            found |= {name: each for name, each in numbers.items() if each.notna().all()}
    return (table.assign(**found) if found else table), list(found)


def _label(part: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return for each row what its facet is called; a setting that it does not have is not named."""
    columns = [part[name].tolist() for name in names]
    words = [[_word(name, each) for name, each in zip(names, row, strict=True)] for row in zip(*columns, strict=True)]
    told = [", ".join(each for each in row if each) for row in words] if names else [""] * len(part)
    return pd.Series(told, index=part.index, dtype=object)


def _word(name: str, value: Any) -> str:
    if name == "center":
        return "centred" if value else "not centred"
    if name == "arm":
        return str(value)
    if value is None or value == "" or value != value:
        return ""
    shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
    return f"{symbol(name)} = {shown}"


def _dots(value: str, table: pd.DataFrame) -> Shape:
    """Return a line an arm; what comes before a colon in the names of arms is a panel."""
    told = [re.split(r": ", str(name), maxsplit=1) for name in table["series"]]
    many = len({each[0] for each in told if len(each) > 1}) > 0
    panel = [each[0] if many and len(each) > 1 else "" for each in told]
    series = [each[-1] if many else ": ".join(each) for each in told]
    return Shape("dots", value, "", "", table.assign(value=table[value], panel=panel, series=series))


def _curves(value: str, table: pd.DataFrame, names: Sequence[str]) -> Shape:
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(table[name]) and name != "center"]
    x = max(numeric, key=lambda name: (table[name].notna().all(), name == "target_frequency", table[name].nunique()))
    table = table[table[x].notna()]  # an arm without the setting has no place
    others = [name for name in names if name != x and varies(table[name])]
    series = _label(table, [*(["arm"] if varies(table["arm"]) else []), *others])
    placed = table.assign(x=table[x].astype(float), value=table[value], panel="", series=series)
    return Shape("curves", value, x, "", placed)


def _heat(value: str, table: pd.DataFrame, names: Sequence[str]) -> Shape:
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(table[name]) and name != "center"]
    x, y = _pair(numeric, table)
    table = table[table[x].notna() & table[y].notna()]
    others = [name for name in names if name not in (x, y) and varies(table[name])]
    panel = _label(table, [*(["arm"] if varies(table["arm"]) else []), *others])
    across, up = (table[name].astype(float) for name in (x, y))
    return Shape("heat", value, x, y, table.assign(x=across, y=up, value=table[value], panel=panel, series=""))
