"""Claims on how large codes are beside the true coefficients: L1 makes them smaller; do GBA and the others?

Each rule was written before what it judges was looked at, but for the search's seed of the frontier's world, which is
not judged.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from simulations.evidence.scorecard import rivals
from simulations.evidence.scorecard.claim import OURS, Claim
from simulations.evidence.scorecard.effects import UNKNOWN, Effect, farthest, greatest, over_seeds, paired
from simulations.evidence.scorecard.reading import arms, named, where
from simulations.evidence.scorecard.trained import L0, varied
from simulations.evidence.scorecard.verdicts import Finding, above, below, both, equal, remarks, too_few
from theory.closed_forms import tied_output_scale

SLOPE, GAIN, BIAS = "coefficient_slope", "rescaling_gain", "relative_reconstruction_bias"
APART = "orthogonal: "  # of the arms of the world without overlap
SAME, MENDED = 0.1, 0.1  # of the truth; of the unexplained variance
L1, GBA = "l1-untied", "gba"
RIVALS = ("topk-untied", "batchtopk-untied", "jumprelu-untied", "gated")
LABELS = rivals.LABELS | {"gated": "Gated"}


def slopes(rows: pd.DataFrame, *starts: str) -> dict[str, Effect]:
    """Return by arm the slope of codes over true coefficients, of arms that start so; intervals are simultaneous."""
    names = named(rows)
    cells = rows[names.str.startswith(starts)]
    if cells.empty:
        raise ValueError("no rows of arms " + " or ".join(f"{each!r}..." for each in starts))
    parts = dict(list(cells.groupby("arm", sort=False)))
    return {
        str(arm): over_seeds(part.set_index("seed")[SLOPE].astype(float), len(parts)) for arm, part in parts.items()
    }


def _told(found: dict[str, Effect]) -> str:
    """Return "L1 0.55 to 0.77, orthogonal 0.64 to 0.91": the least and greatest of the arms of a method in a world."""
    values: dict[str, list[float]] = {}
    for arm, each in found.items():
        method = LABELS.get(name := arm.removeprefix(APART).partition(", ")[0], name)
        values.setdefault(f"{method}{', orthogonal' * arm.startswith(APART)}", []).append(each.value)
    ends = {name: [f"{each:.2f}" for each in (min(known), max(known))] for name, known in values.items()}
    return "; ".join(f"{name} {' to '.join(dict.fromkeys(each))}" for name, each in ends.items())


def _fewest(found: dict[str, Effect], verdict: str) -> str:
    return too_few(min(found.values(), key=lambda each: each.n_seeds, default=UNKNOWN), verdict)


def l1_shrinks(rows: pd.DataFrame) -> Finding:
    """Return the slope of L1 less 1, greatest over its penalties in both worlds."""
    starts = (f"{L1}, ", f"{APART}{L1}, ")
    found = slopes(rows, *starts)
    effect = greatest(each.minus(1.0) for each in found.values())
    cells = rows[named(rows).str.startswith(starts)]
    verdict = below(effect, 0.0)
    return Finding(effect, verdict, remarks(_told(found), _fewest(found, verdict)), where(cells))


def beside_gba(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return by seed a column of L1 at the L0 of GBA, and GBA's, means over GBA's points within L1's range of L0.

    Between L1's points over log L0.
    """
    found: dict[int, tuple[float, float]] = {}
    theirs = dict(list(varied(rows, L1).groupby("seed")))
    for seed, ours in varied(rows, GBA).groupby("seed"):
        line = theirs.get(seed, pd.DataFrame({L0: [], column: []}))
        line, ours = (each[(each[L0] > 0) & each[column].notna()].sort_values(L0) for each in (line, ours))
        x, at = np.log(line[L0].to_numpy(dtype=float)), np.log(ours[L0].to_numpy(dtype=float))
        within = (at >= x.min(initial=np.inf)) & (at <= x.max(initial=-np.inf))
        if within.any():
            other = np.interp(at[within], x, line[column].to_numpy(dtype=float))
            found[int(str(seed))] = float(other.mean()), float(ours[column].to_numpy(dtype=float)[within].mean())
    return pd.DataFrame.from_dict(found, orient="index", columns=[L1, GBA], dtype=float)


def more_than_gba(rows: pd.DataFrame, column: str, threshold: float | None = None) -> Finding:
    """Return a column of L1 minus GBA's at equal L0: above a threshold, or, without one, below 0."""
    table = beside_gba(rows, column)
    effect = paired(table[L1], table[GBA])
    verdict = below(effect, 0.0) if threshold is None else above(effect, threshold)
    note = f"L1 {table[L1].mean():.2f}, GBA {table[GBA].mean():.2f}" if len(table) else ""
    return Finding(
        effect, verdict, remarks(note, _others(rows, column), too_few(effect, verdict)), where(varied(rows, GBA))
    )


def _others(rows: pd.DataFrame, column: str) -> str:
    """Return a column of the other methods in the same world, mean over their arms and seeds."""
    names = named(rows)
    cells = rows[~names.str.startswith((APART, f"{L1}, ", f"{GBA}, "))]
    means = cells[column].groupby(names[cells.index].str.partition(", ")[0], sort=False).mean()
    return ", ".join(f"{LABELS.get(str(name), name)} {value:.2f}" for name, value in means.items())


def keeps_size(rows: pd.DataFrame, methods: tuple[str, ...], world: str = "") -> Finding:
    """Return the slope of some methods less 1, the farthest from 0 of their arms in a world."""
    starts = tuple(f"{world}{method}, " for method in methods)
    found = slopes(rows, *starts)
    less = [each.minus(1.0) for each in found.values()]
    effect, verdict = farthest(less, 0.0), both(*(equal(each, 0.0, SAME) for each in less))
    cells = pd.concat([arms(rows, each) for each in starts if named(rows).str.startswith(each).any()])
    tied = _of_overlap(cells) if GBA in methods and not world else ""
    return Finding(effect, verdict, remarks(_told(found), _whole(cells), tied, _fewest(found, verdict)), where(cells))


def _whole(cells: pd.DataFrame) -> str:
    """Return how large reconstructions are as a whole, beside those of least error."""
    bias = cells[BIAS].astype(float).mean() if BIAS in cells else np.nan
    return "" if np.isnan(bias) else f"reconstructions as a whole are {bias:.2f} times as large as fits best"


def _of_overlap(cells: pd.DataFrame) -> str:
    """Return what overlap alone leaves of tied codes."""
    least = tied_output_scale(cells["sparsity"].iloc[0], cells["d_model"].iloc[0])
    return f"overlap alone leaves tied codes {least:.2f} of it, every support and direction right"


SLOPES = (
    "slope of what neurons give a feature over its true coefficient, where it is active and they fire, mean over "
    "recovered features"
)
SETTINGS = "settings of the frontier's winners, fresh seeds"
SUMMARIES = "Public summaries (L1 shrinks)"

SHRINKAGE: tuple[Claim, ...] = (
    Claim(
        "l1_shrinks",
        "L1 makes codes smaller than the truth",
        SUMMARIES,
        "shrinkage",
        f"{SLOPES}, less 1, greatest over penalties, features overlapping and orthogonal, {SETTINGS}: below 0",
        l1_shrinks,
    ),
    Claim(
        "l1_shrinks_beside_gba",
        "At equal sparsity L1's codes are smaller than GBA's",
        SUMMARIES,
        "shrinkage",
        f"{SLOPES}, of L1 minus that of GBA at equal L0 (between L1's points over log L0), mean over GBA's points, by "
        f"seed, {SETTINGS}: below 0",
        partial(more_than_gba, column=SLOPE),
    ),
    Claim(
        "l1_can_be_mended",
        "One factor per neuron would mend L1's codes, more than GBA's: the shrinkage is the penalty's",
        OURS,
        "shrinkage",
        "share of the unexplained variance that the best factor per neuron removes, of L1 minus that of GBA at equal "
        f"L0, mean over GBA's points, by seed, {SETTINGS}: above {MENDED:g}",
        partial(more_than_gba, column=GAIN, threshold=MENDED),
    ),
    *(
        Claim(
            name,
            f"{whose} are as large as the truth{at}",
            OURS,
            "shrinkage",
            f"{SLOPES}, less 1, at each {what}, {SETTINGS}: within {SAME:g} of 0; the farthest is shown",
            partial(keeps_size, methods=methods, world=world),
        )
        for name, whose, at, what, methods, world in (
            ("gba_keeps_size", "GBA's codes", ", features overlapping", "HTF", (GBA,), ""),
            ("gba_keeps_size_apart", "GBA's codes", ", features orthogonal", "HTF", (GBA,), APART),
            (
                "rivals_keep_size",
                "Codes of TopK, BatchTopK, JumpReLU and Gated, which have an encoder of their own,",
                ", features overlapping",
                "K or penalty",
                RIVALS,
                "",
            ),
        )
    ),
)
