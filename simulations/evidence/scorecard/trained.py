"""Effects that bear on GBA and its rivals, measured in rows of trained autoencoders, read by arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.effects import Effect, by_seed, over_seeds, paired
from simulations.evidence.scorecard.reading import arm, arms, where
from simulations.evidence.scorecard.verdicts import Finding, above, below, too_few

RECOVERED, RECOVERED_080 = "feature_recovery_rate", "feature_recovery_rate_080"
L0, UNEXPLAINED = "l0", "fraction_variance_unexplained"
# What the search of a method may change; anything else that differs within an arm is refused.
SEARCHED = ("n_neurons", "n_steps", "learning_rate", "initial_scale", "initial_bias", "penalty")
DECADE = 10.001  # of learning rates, rounding included


def search_best(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the settings of an arm with the largest recovery at 0.8 plus at 0.9 in its search, the first of equals.

    The search is the seed with the most settings; of equals the first.
    """
    names = _searched(rows)
    if not names:
        return {}
    searched = rows[rows["seed"] == _search_seed(rows, names)]
    row = searched.iloc[int(np.argmax(searched[RECOVERED] + searched[RECOVERED_080]))]
    return {name: row[name] for name in names if pd.notna(row[name])}


def _searched(rows: pd.DataFrame) -> list[str]:
    """Return the settings that the search of an arm changed."""
    return [name for name in SEARCHED if name in rows and len(rows[name].dropna().unique()) > 1]


def _search_seed(rows: pd.DataFrame, names: list[str]) -> Any:
    settings = rows.drop_duplicates(["seed", *names]).groupby("seed").size()
    return settings.index[int(np.argmax(settings))]


def at_best(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an arm at the best settings of its search, at fresh seeds: not that of the search.

    Without a search, one setting only, all seeds are fresh.  Raises ValueError where the winner has no fresh seeds, or
    two rows of one seed.
    """
    best = search_best(rows)
    chosen = rows
    for name, value in best.items():
        chosen = chosen[chosen[name] == value]
    if best:
        chosen = chosen[chosen["seed"] != _search_seed(rows, _searched(rows))]
    told = ", ".join(f"{name} {value:g}" for name, value in best.items())
    if chosen.empty:
        raise ValueError(f"the best setting of {rows['arm'].iloc[0]} ({told}) has no fresh seeds")
    if chosen["seed"].duplicated().any():
        raise ValueError(f"{rows['arm'].iloc[0]} has several rows of one seed at its best setting ({told})")
    return chosen


def _toy(rows: pd.DataFrame, left: str, right: str, column: str) -> tuple[Effect, str]:
    """Return one arm minus another, each at the best of its search, paired by fresh seed; and where."""
    ours, theirs = (at_best(arm(rows, name)) for name in (left, right))
    effect = paired(ours.set_index("seed")[column], theirs.set_index("seed")[column])
    return effect, where(pd.concat([ours, theirs]), 0.9 if column == RECOVERED else 0.8)


def _finding(effect: Effect, verdict: str, told: str, note: str = "") -> Finding:
    return Finding(effect, verdict, note or too_few(effect, verdict), told)


def frequency_free(rows: pd.DataFrame) -> Finding:
    """Return GBA minus BA at the true frequency, recovery at 0.8."""
    effect, told = _toy(rows, "GBA", "BA", RECOVERED_080)
    return _finding(effect, above(effect, -0.05), told)


def frequencies_too_high(rows: pd.DataFrame) -> Finding:
    """Return GBA minus GBA with too high frequencies, recovery at 0.9."""
    effect, told = _toy(rows, "GBA", "GBA, frequencies too high", RECOVERED)
    return _finding(effect, above(effect, 0.25), told)


def frequencies_too_low(rows: pd.DataFrame) -> Finding:
    """Return GBA minus GBA with too low frequencies, recovery at 0.9."""
    effect, told = _toy(rows, "GBA", "GBA, frequencies too low", RECOVERED)
    return _finding(effect, above(effect, 0.25), told)


def gba_over_topk(rows: pd.DataFrame) -> Finding:
    """Return GBA minus the TopK whose K is best at the seed of its search, recovery at 0.9."""
    rivals = arms(rows, "TopK")
    scores = {str(name): _searched_score(part) for name, part in rivals.groupby("arm")}
    effect, told = _toy(rows, "GBA", max(scores, key=lambda name: scores[name]), RECOVERED)
    return _finding(effect, above(effect, 0.0), told)


def _searched_score(part: pd.DataFrame) -> float:
    """Return the best recovery at 0.8 plus at 0.9 at the seed of the search, at all seeds without one."""
    names = _searched(part)
    searched = part[part["seed"] == _search_seed(part, names)] if names else part
    return float((searched[RECOVERED] + searched[RECOVERED_080]).max())


def frontier_gap(rows: pd.DataFrame, other: str) -> pd.Series:
    """Return by seed the mean over GBA's points of log10 FVU minus that of `other` at equal L0, interpolated in logs.

    Only points within the range of L0 of the other method count; a seed without any drops out.
    """
    ours, theirs = arms(rows, "gba HTF"), arms(rows, f"{other} ")
    gaps = {}
    for seed, part in ours.groupby("seed"):
        line = theirs[theirs["seed"] == seed].sort_values(L0)
        if line.empty:
            continue
        x, y = (np.log10(line[name].to_numpy(dtype=float)) for name in (L0, UNEXPLAINED))
        own_x, own_y = (np.log10(part[name].to_numpy(dtype=float)) for name in (L0, UNEXPLAINED))
        within = (own_x >= x.min()) & (own_x <= x.max())
        if within.any():
            gaps[seed] = float((own_y[within] - np.interp(own_x[within], x, y)).mean())
    return pd.Series(gaps, dtype=float)


def gba_over_ba(rows: pd.DataFrame) -> Finding:
    """Return the gap between GBA and BA on the frontier."""
    effect = over_seeds(frontier_gap(rows, "ba"))
    return _finding(effect, below(effect, 0.0), where(arms(rows, "gba HTF"), None))


def topk_frontier(rows: pd.DataFrame) -> Finding:
    """Return the gap between GBA and TopK on the frontier."""
    effect = over_seeds(frontier_gap(rows, "topk"))
    return _finding(effect, below(effect, 0.05), where(arms(rows, "gba HTF"), None))


def consistency(rows: pd.DataFrame) -> Finding:
    """Return the consistency of GBA minus that of TopK, paired by seed."""
    ours, theirs = arm(rows, "gba"), arm(rows, "topk")
    effect = paired(by_seed(ours, "consistency"), by_seed(theirs, "consistency"))
    return _finding(effect, above(effect, 0.0), where(ours))


def tuning_free(rows: pd.DataFrame) -> Finding:
    """Return GBA's mean recovery over initial biases and the best decade of rates, over that at its best setting.

    The best decade and the best setting are those of the other seeds (of the seed itself where it is alone), so that
    neither is chosen by the noise that it is judged with.
    """
    cut = pd.concat([arm(rows, "gba, initial bias"), rows[rows["arm"] == "gba, defaults"]])
    table = cut.pivot_table(index="seed", columns=["learning_rate", "initial_bias"], values=RECOVERED).dropna()
    rates, biases = (table.columns.get_level_values(name).unique() for name in ("learning_rate", "initial_bias"))
    if len(rates) < 2 or len(biases) < 2:
        raise ValueError("fewer than two learning rates or initial biases")
    starts = [rate for rate in rates if rate * 9.999 <= max(rates)] or [min(rates)]
    windows = [[each for each in table.columns if start <= each[0] <= DECADE * start] for start in starts]
    shares = {}
    for seed in table.index:
        others = (table.drop(index=seed) if len(table) > 1 else table).mean()
        window = max(windows, key=lambda each: float(others[each].mean()))
        own = table.loc[seed]
        best = float(own.to_numpy()[int(np.argmax(others.to_numpy()))])
        if best > 0:
            shares[seed] = float(own[window].mean()) / best
    effect = over_seeds(pd.Series(shares, dtype=float))
    return _finding(effect, above(effect, 0.9), where(cut))
