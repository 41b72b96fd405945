"""How wide is the range of a knob that works: of TopK's K, and of GBA's frequencies, at each width.

Arms are "METHOD at WIDTH, KNOB VALUE"; what else differs from the method's own form follows the width ("topk at 256
with equal h, k 9").  A setting works where recovery at 0.9 is WORKS of the best that any setting of these methods
reaches at that width and seed: where fewer features can be recovered, less is asked of all alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.effects import over_seeds, paired, slope_over_seeds
from simulations.evidence.scorecard.reading import arm, arms, named, where
from simulations.evidence.scorecard.trained import RECOVERED, finding_of, search_seed, winner
from simulations.evidence.scorecard.verdicts import Finding, above, equal, remarks
from theory.transitions import stretch_above

WORKS = 0.9
HTF, LTF = "high_target_frequency", "low_target_frequency"
SHORT = {HTF: "HTF", LTF: "LTF", "k": "K"}
START = f"{HTF} 0.5"  # the arm whose LTF is that of the defaults
METHODS = {  # method and knob, as the remarks call them
    "HTF": ("gba-arrived", HTF), "LTF": ("gba-arrived", LTF), "K": ("topk", "k"), "K untied": ("topk-untied", "k"),
}  # fmt: skip
NO_FEWER = ("k", 1)  # an end that cuts nothing off
FREQUENCIES, OF_K = ("HTF", "LTF"), ("K", "K untied")
SEVERAL = 256  # the width at which the forms are varied


def swept(rows: pd.DataFrame, width: int, form: str = "") -> dict[str, pd.DataFrame]:
    """Return the fresh rows of each knob at a width, of methods in another form where one is told ("with equal h")."""
    found, names = {}, set(named(rows))
    for name, (method, knob) in METHODS.items():
        start = f"{method} at {width}{form and ' '}{form}, "
        if any(each.startswith(start + knob) for each in names):
            cells = arms(rows, start + knob)
            cells = pd.concat([cells, arm(rows, start + START)]) if knob == LTF else cells
            found[name] = cells[cells["seed"] != search_seed(rows)]
    if not set(found) & set(FREQUENCIES) or not set(found) & set(OF_K):
        raise ValueError(f"no rows of both GBA and TopK at {width} {form}".rstrip())
    return found


def bar(cells: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return by seed the recovery from which a setting works: WORKS of the best of all the cells."""
    best: pd.Series = WORKS * pd.concat(cells.values()).groupby("seed")[RECOVERED].max()
    return best


def decades(cells: pd.DataFrame, knob: str, enough: pd.Series) -> pd.Series:
    """Return by seed over how many decades of a knob the rows work."""
    found = {s: stretch_above(part[knob], part[RECOVERED], enough[s]).decades for s, part in cells.groupby("seed")}
    return pd.Series(found, dtype=float)


def table(rows: pd.DataFrame, width: int, form: str = "") -> pd.DataFrame:
    """Return how many decades of each knob work at a width: a row a seed, a column a knob."""
    cells = swept(rows, width, form)
    enough = bar(cells)
    return pd.DataFrame({name: decades(part, METHODS[name][1], enough) for name, part in cells.items()})


def gap(found: pd.DataFrame) -> pd.Series:
    """Return by seed the decades of GBA's narrower range minus those of TopK's wider one."""
    ours, theirs = (found[[name for name in names if name in found]] for names in (FREQUENCIES, OF_K))
    difference: pd.Series = ours.min(axis=1) - theirs.max(axis=1)
    return difference


def widths(rows: pd.DataFrame) -> list[int]:
    """Return at which widths ranges of K are in the rows."""
    told = named(rows).str.extract(r"^topk at (\d+), k ")[0].dropna()
    if told.empty:
        raise ValueError("no rows of arms 'topk at WIDTH, k ...'")
    return sorted(set(told.astype(int)))


def _all(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[named(rows).str.contains(r" at \d+.*, ", regex=True) & (rows["seed"] != search_seed(rows))]


def _said(found: pd.DataFrame) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in found.mean().items())


def range_of_frequencies(rows: pd.DataFrame) -> Finding:
    """Return the decades of HTF or LTF that work, the fewer, minus those of K, the more, mean over widths.

    The remark tells at how many widths GBA's are more, by simultaneous intervals.
    """
    found = {width: table(rows, width) for width in widths(rows)}
    gaps = pd.DataFrame({width: gap(each) for width, each in found.items()})
    effect = over_seeds(gaps.mean(axis=1))
    wider = sum(over_seeds(gaps[width], len(found)).low > 0 for width in gaps)
    told = "; ".join(f"M = {width:,}: {_said(each)}" for width, each in found.items())
    cells = _all(rows)
    return finding_of(
        effect,
        above(effect, 0.0),
        where(cells),
        remarks(f"GBA's are more at {wider} of {len(found)} widths", f"decades at {told}", cut(rows)),
    )


def cut(rows: pd.DataFrame) -> str:
    """Return in words at which ends of its grid a knob still works, in how many runs of all widths: more may work."""
    ends: dict[str, list[bool]] = {}
    for width in widths(rows):
        cells = swept(rows, width)
        enough = bar(cells)
        for name, part in cells.items():
            knob = METHODS[name][1]
            for end in (part[knob].min(), part[knob].max()):
                if (knob, end) == NO_FEWER:
                    continue
                at = part[part[knob] == end].set_index("seed")[RECOVERED]
                ends.setdefault(f"{name} at {end:g}", []).extend(at >= enough[at.index])
    told = [f"{name} in {sum(each)} of {len(each)}" for name, each in ends.items() if any(each)]
    return f"works at the end of its grid: {', '.join(told)}" if told else ""


def from_targets(rows: pd.DataFrame) -> Finding:
    """Return the decades of HTF that work, each neuron started at its target, minus those of K at a width near it."""
    own = arms(rows, f"gba-own-start, {HTF} ")
    own = pd.concat([own, arm(rows, winner(arms(rows, "gba-own-start, trial "), "gba-own-start"))])
    own = own[own["seed"] != search_seed(rows)]
    enough, found = bar(swept(rows, SEVERAL)), table(rows, SEVERAL)
    ours = decades(own, HTF, enough)
    effect = paired(ours, found[[name for name in OF_K if name in found]].max(axis=1))
    note = f"decades: HTF {ours.mean():.2f}, {_said(found.drop(columns=list(FREQUENCIES), errors='ignore'))}"
    return finding_of(effect, above(effect, 0.0), where(own), note)


def in_form(rows: pd.DataFrame, form: str) -> Finding:
    """Return the decades of HTF minus those of K in another form of data and methods ("with equal h").

    The bar is TopK's or GBA's best in that form; the remark tells what each recovers at its best there.
    """
    cells, found = swept(rows, SEVERAL, form), table(rows, SEVERAL, form)
    effect = over_seeds(gap(found))
    best = {name: part.groupby("seed")[RECOVERED].max().mean() for name, part in cells.items()}
    note = f"decades: {_said(found)}; recovery at the best: " + ", ".join(
        f"{n} {value:.2f}" for n, value in best.items()
    )
    return finding_of(effect, above(effect, 0.0), where(pd.concat(cells.values())), note)


def over_width(rows: pd.DataFrame, name: str) -> Finding:
    """Return by how many decades a range that works widens where the width doubles."""
    found = pd.DataFrame({width: table(rows, width)[name] for width in widths(rows)})
    long = found.melt(ignore_index=False, var_name="width", value_name="decades").dropna()
    effect = slope_over_seeds(np.log2(long["width"].to_numpy(dtype=float)), long["decades"], long.index)
    told = ", ".join(f"{value:.2f} at M = {width:,}" for width, value in found.mean().items())
    return finding_of(effect, equal(effect, 0.0, 0.1), where(_all(rows)), told)
