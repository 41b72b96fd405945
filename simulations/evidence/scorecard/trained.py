"""Effects that bear on GBA and its rivals, measured in rows of trained autoencoders.

Arms are "METHOD, trial K" (of the shared search; trial 0 is the default) and "METHOD, KNOB VALUE" (one knob varied).
The search ran at one seed, which has the most arms and is not judged.  A rival of two forms, tied and as its authors
train it, counts at the better of both: that has more trials than GBA.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulations.evidence.scorecard.effects import Effect, over_seeds, paired
from simulations.evidence.scorecard.reading import arm, arms, named, where
from simulations.evidence.scorecard.verdicts import SUPPORTED, Finding, above, below, remarks, too_few

RECOVERED, RECOVERED_080 = "feature_recovery_rate", "feature_recovery_rate_080"
L0, UNEXPLAINED = "l0", "fraction_variance_unexplained"
TOPK = ("topk", "topk-untied")
NO_GAIN = 1e-4  # with less, biases do not move


def search_seed(rows: pd.DataFrame) -> int:
    """Return the seed of the search: that with the most trials, the first of equals."""
    n_trials = named(rows).str.contains(", trial ", regex=False).groupby(rows["seed"]).sum()
    return int(n_trials.index[int(np.argmax(n_trials))])


def winner(rows: pd.DataFrame, *methods: str) -> str:
    """Return the arm of some methods with the largest recovery at 0.8 plus at 0.9 at the seed of the search."""
    searched = _of(rows, methods)
    searched = searched[searched["seed"] == search_seed(rows)]
    scores = (searched[RECOVERED] + searched[RECOVERED_080]).to_numpy()
    return str(searched["arm"].iloc[int(np.nanargmax(scores))])


def _of(rows: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some methods; raises ValueError where there are none, or no arms at all."""
    starts = tuple(f"{method}, " for method in methods)
    if len(starts) == 1:
        return arms(rows, *starts)
    found = rows[named(rows).str.startswith(starts)]
    if found.empty:
        raise ValueError("no rows of arms " + " or ".join(f"{each!r}..." for each in starts))
    return found


def fresh(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of an arm, one per seed, without that of the search; raises ValueError where there are none."""
    chosen = arm(rows, name)
    chosen = chosen[chosen["seed"] != search_seed(rows)]
    if chosen.empty:
        raise ValueError(f"{name} has no fresh seeds")
    return chosen


def at_best(rows: pd.DataFrame, *methods: str) -> pd.DataFrame:
    """Return the fresh rows of the arm of some methods that won the search."""
    return fresh(rows, winner(rows, *methods))


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame, column: str) -> Effect:
    return paired(ours.set_index("seed")[column], theirs.set_index("seed")[column])


def finding_of(effect: Effect, verdict: str, told: str, note: str = "") -> Finding:
    """Return a finding with its remarks, and why it decides nothing where it does not."""
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), told)


def _best_against(rows: pd.DataFrame, rivals: Sequence[str], column: str, threshold: float) -> Finding:
    """Return GBA at its best minus some methods at theirs, and which arm that is."""
    ours, theirs = at_best(rows, "gba"), at_best(rows, *rivals)
    effect = _difference(ours, theirs, column)
    note = f"{ours[column].mean():.3f} against {theirs[column].mean():.3f} of {theirs['arm'].iloc[0]}"
    trials = [_of(rows[rows["seed"] == search_seed(rows)], names)["arm"].nunique() for names in (("gba",), rivals)]
    note += f", the best of {trials[0]} trials against the best of {trials[1]}" * (trials[0] != trials[1])
    told = where(pd.concat([ours, theirs]), 0.9 if column == RECOVERED else 0.8)
    return finding_of(effect, above(effect, threshold), told, note)


def frequency_free(rows: pd.DataFrame) -> Finding:
    """Return GBA minus BA, recovery at 0.8; the remark tells how often BA's neurons fire."""
    found = _best_against(rows, ("ba",), RECOVERED_080, -0.05)
    ba = at_best(rows, "ba")
    fired = fired_frequency(ba)
    wanted = ba["target_frequency"].mean() if "target_frequency" in ba else math.nan
    return found._replace(note=remarks(f"BA wants {wanted:.3g} and fires at {fired:.2g}", found.note))


def _again(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the fresh rows of a method where winners of another search were run again, at its seed too."""
    found = arms(rows, f"{method}, ")
    return found[found["seed"] != search_seed(rows)]


def frequency_free_zipf(rows: pd.DataFrame) -> Finding:
    """Return GBA minus BA, recovery at 0.9, where both winners of another experiment's search were run again."""
    ours, theirs = _again(rows, "gba"), _again(rows, "ba")
    effect = _difference(ours, theirs, RECOVERED)
    note = f"{ours[RECOVERED].mean():.3f} against {theirs[RECOVERED].mean():.3f}"
    return finding_of(effect, above(effect, -0.05), where(pd.concat([ours, theirs])), note)


def fired_frequency(rows: pd.DataFrame) -> float:
    """Return the mean frequency of the neurons of recovered features, from profiles "f:rate:frequency ...".

    A level counts as much as its rate; nan where nothing is known.
    """
    levels = [
        [float(part) for part in level.split(":")]
        for text in rows.get("frequency_profile", pd.Series(dtype=object)).dropna()
        for level in str(text).split()
    ]
    known = [(rate, fired) for _, rate, fired in levels if rate > 0]
    return sum(rate * fired for rate, fired in known) / sum(rate for rate, _ in known) if known else math.nan


def wrong_frequencies(rows: pd.DataFrame, wrong: str) -> Finding:
    """Return GBA minus itself with wrong frequencies, both with control that has arrived, recovery at 0.9."""
    ours, theirs = fresh(rows, "gba-arrived, trial 0"), fresh(rows, f"{wrong}, trial 0")
    effect = _difference(ours, theirs, RECOVERED)
    note = f"{ours[RECOVERED].mean():.3f} against {theirs[RECOVERED].mean():.3f}"
    return finding_of(effect, above(effect, 0.25), where(pd.concat([ours, theirs])), note)


def gba_over(rows: pd.DataFrame, rivals: Sequence[str]) -> Finding:
    """Return GBA minus a rival, recovery at 0.9, each at the best of its search."""
    return _best_against(rows, rivals, RECOVERED, 0.0)


def defaults_recover(rows: pd.DataFrame) -> Finding:
    """Return recovery at 0.9 of the defaults at sizes that they were not chosen at: the worst world of each seed."""
    found = rows[named(rows).str.endswith(", default, larger")]
    if found.empty:
        raise ValueError("no rows of arms '..., default, larger'")
    effect = over_seeds(found.groupby("seed")[RECOVERED].min())
    verdict, note = above(effect, 0.95), ", ".join(f"{world} {value:.3f}" for world, value in _by_world(found).items())
    spare = f"by {effect.low - 0.95:.1g} at the low end" if verdict == SUPPORTED else ""
    return finding_of(effect, verdict, where(found), remarks(spare, note))


def _by_world(rows: pd.DataFrame) -> pd.Series:
    """Return mean recovery at 0.9 by world, which an arm starts with."""
    means: pd.Series = rows.groupby(rows["arm"].str.partition(", ")[0], sort=False)[RECOVERED].mean()
    return means


def adaptation(rows: pd.DataFrame, ours: str, theirs: str) -> Finding:
    """Return recovery at 0.9 of an arm minus that of one whose biases stay where they start, mean over worlds."""
    still = rows["gain"] < NO_GAIN
    on = rows[named(rows).str.endswith(f", {ours}") & ~still]
    off = rows[named(rows).str.endswith(f", {theirs}") & still]
    if on.empty or off.empty:
        raise ValueError(f"no rows of arms '..., {ours}', or of '..., {theirs}' at a gain of nearly 0")
    left, right = (part.groupby("seed")[RECOVERED].mean() for part in (on, off))
    effect = paired(left, right)
    gaps = _by_world(on) - _by_world(off)
    note = remarks(
        f"{left.mean():.3f} against {right.mean():.3f}", ", ".join(f"{w} {gaps[w]:+.3f}" for w in gaps.index)
    )
    return finding_of(effect, above(effect, 0.0), where(pd.concat([on, off])), note)


def frontier_gap(rows: pd.DataFrame, other: str) -> pd.Series:
    """Return by seed the mean over GBA's points of log10 FVU minus that of another at equal L0, interpolated in logs.

    Only points within its range of L0 count; a seed without any drops out.
    """
    gaps = {seed: float(each.mean()) for seed, each in _gaps(rows, other).items() if each.size}
    return pd.Series(gaps, dtype=float)


def _gaps(rows: pd.DataFrame, other: str) -> dict[Any, npt.NDArray[np.float64]]:
    """Return by seed the gap at each of GBA's points that is within the other's range of L0."""
    ours, theirs = (dict(list(_points(rows, name).groupby("seed"))) for name in ("gba", other))
    gaps = {}
    for seed, part in ours.items():
        if seed not in theirs:
            continue
        (own_x, own_y), (x, y) = _logs(part), _logs(theirs[seed])
        within = (own_x >= x.min()) & (own_x <= x.max())
        gaps[seed] = own_y[within] - np.interp(own_x[within], x, y)
    return gaps


def varied(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the cells of a method in which one knob was varied: not those of the search, which differ in all."""
    found = arms(rows, f"{method}, ")
    return found[~found["arm"].str.startswith(f"{method}, trial ")]


def _points(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the points of a method along its knob that have a place on logarithmic axes."""
    found = varied(rows, method)
    return found[(found[L0] > 0) & (found[UNEXPLAINED] > 0)]


def _logs(points: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return log10 of L0, rising, and of FVU."""
    table = points.sort_values(L0)
    x, y = (np.log10(table[name].to_numpy(dtype=float)) for name in (L0, UNEXPLAINED))
    return x, y


def frontier(rows: pd.DataFrame, other: str, threshold: float) -> Finding:
    """Return the gap between GBA and another method on the frontier."""
    effect = over_seeds(frontier_gap(rows, other))
    note = "" if math.isnan(effect.value) else f"{10**effect.value:.2f} times its unexplained variance"
    counted, points = sum(each.size for each in _gaps(rows, other).values()), _points(rows, "gba")
    few = f"{counted} of GBA's {len(points)} points are within its range of L0" if 0 < counted < len(points) else ""
    return finding_of(effect, below(effect, threshold), where(points, None), remarks(note, few))


def consistency(rows: pd.DataFrame, column: str, left: str, right: str) -> Finding:
    """Return the consistency of a method minus that of another."""
    ours, theirs = _again(rows, left), _again(rows, right)
    effect = _difference(ours, theirs, column)
    note = f"{ours[column].mean():.3f} against {theirs[column].mean():.3f}"
    return finding_of(effect, above(effect, 0.0), where(ours), note)
