"""How much tuning a method needs: what is left of its best recovery over the values of its knobs, in rows."""

from __future__ import annotations

import pandas as pd

from simulations.evidence.scorecard.effects import greatest, least, over_seeds, paired
from simulations.evidence.scorecard.reading import arms, where
from simulations.evidence.scorecard.trained import RECOVERED, at_best, finding_of, varied
from simulations.evidence.scorecard.verdicts import Finding, above, remarks

PAPER = ("n_groups", "high_target_frequency", "low_target_frequency")  # knobs that the paper varies (Figure 4, v1)


def shares_kept(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return recovery over that of the search's winner, mean over the values of each knob: seeds by knobs.

    The winner's own value of a knob is not among them.
    """
    best = at_best(rows, method).set_index("seed")[RECOVERED]
    cells = varied(rows, method)
    cells = cells[cells["seed"].isin(best.index[best > 0])]
    knob = cells["arm"].str.split(", ").str[1].str.split(" ").str[0]
    shares = cells[RECOVERED].clip(upper=1) / cells["seed"].map(best)
    table = cells.assign(knob=knob, share=shares)
    found: pd.DataFrame = table.pivot_table(index="seed", columns="knob", values="share")
    return found


def _told(shares: pd.DataFrame, best: pd.DataFrame) -> str:
    """Return in words the worst knob of a method, the mean over its knobs, and what its winner recovers."""
    means = shares.mean()
    rate = f"its winner recovers {best[RECOVERED].mean():.2f}"
    return f"worst {means.idxmin()} {means.min():.2f}, mean over knobs {means.mean():.2f}, {rate}"


def tuning_free(rows: pd.DataFrame) -> Finding:
    """Return the share of its best that GBA keeps over the values of its worst knob."""
    shares = shares_kept(rows, "gba")
    effect = least(over_seeds(shares[knob], shares.shape[1]) for knob in shares)
    told = where(arms(rows, "gba, "))
    note = remarks(_told(shares, at_best(rows, "gba")), _of_the_paper(shares))
    return finding_of(effect, above(effect, 0.9), told, note)


def _of_the_paper(shares: pd.DataFrame) -> str:
    """Return in words the worst of the knobs that the paper varies: what the others cost may be no fault of GBA's."""
    known = [knob for knob in PAPER if knob in shares]
    if not known:
        return ""
    worst, effect = shares[known].mean().idxmin(), least(over_seeds(shares[knob], len(known)) for knob in known)
    return f"of the paper's knobs (K, HTF, LTF) {worst} {effect.value:.2f} ({effect.low:.2f} to {effect.high:.2f})"


def less_tuning(rows: pd.DataFrame, rival: str) -> Finding:
    """Return the share of its best that GBA keeps over the values of its worst knob, minus that of a rival of its own.

    The difference of two leasts is the greatest over the rival's knobs of the least over GBA's of the differences,
    all of which have simultaneous intervals.
    """
    ours, theirs = (shares_kept(rows, name) for name in ("gba", rival))
    n_pairs = ours.shape[1] * theirs.shape[1]
    effect = greatest(least(paired(ours[own], theirs[other], n_pairs) for own in ours) for other in theirs)
    note = f"GBA: {_told(ours, at_best(rows, 'gba'))}; {rival}: {_told(theirs, at_best(rows, rival))}"
    return finding_of(effect, above(effect, 0.0), where(arms(rows, "gba, ")), note)
