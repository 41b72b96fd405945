"""Effects that bear on GBA and its rivals, measured in rows of trained autoencoders."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.verdicts import UNKNOWN, Effect, above, below, mean, pairs
from simulations.experiments.trained import TOY_BEST, TOY_DEFAULT, TOY_KNOB, TOY_METHODS, TOY_SEARCH

RECOVERED, RECOVERED_080 = "feature_recovery_rate", "feature_recovery_rate_080"


def toy_method(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of a method of the toy table."""
    chosen = pd.Series(True, index=rows.index)
    for setting, value in TOY_METHODS[name].items():
        chosen &= rows[setting] == value
    if name == "GBA":  # its frequencies are the defaults
        chosen &= (rows["high_target_frequency"] == 0.5) & (rows["low_target_frequency"] == 0.001)
    return rows[chosen]


def toy_settings(name: str, chosen: dict[str, float]) -> dict[str, float]:
    """Return settings of the search with the knob written out, as rows have it."""
    knob, values = TOY_KNOB[TOY_METHODS[name]["algorithm"]]
    return {key: value for key, value in chosen.items() if key != "knob"} | {knob: values[int(chosen["knob"])]}


def search_best(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the settings of the search (first seed) with the largest recovery at 0.8 plus at 0.9; first of equals."""
    method = toy_method(rows, name)
    first = method[method["seed"] == method["seed"].min()]
    score = (first[RECOVERED] + first[RECOVERED_080]).to_numpy()
    row = first.iloc[int(np.argmax(score))]
    knob, values = TOY_KNOB[TOY_METHODS[name]["algorithm"]]
    found = {key: row[key].item() for key in TOY_SEARCH if key != "knob"}
    return found | {"knob": values.index(row[knob])}


def toy_recovery(rows: pd.DataFrame, name: str, column: str) -> pd.Series:
    """Return recovery by fresh seed at the best settings of a method; at the default ones where no best is known."""
    method = toy_method(rows, name)
    for setting, value in toy_settings(name, TOY_BEST.get(name, TOY_DEFAULT)).items():
        method = method[method[setting] == value]
    fresh = method[method["seed"] > rows["seed"].min()]
    recovery: pd.Series = fresh.set_index("seed")[column].sort_index()
    return recovery


def _toy_difference(rows: pd.DataFrame, left: str, right: tuple[str, ...], column: str) -> Effect:
    """Return `left` minus the method of `right` that is best on average, paired by seed."""
    ours = toy_recovery(rows, left, column)
    others = [each for each in (toy_recovery(rows, name, column) for name in right) if len(each) == len(ours)]
    if ours.empty or not others:
        return UNKNOWN
    best = max(others, key=lambda each: float(each.mean()))
    return pairs(ours.tolist(), best.tolist())


def frequency_free(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return GBA minus BA at the true frequency, recovery at 0.8."""
    effect = _toy_difference(rows, "GBA", ("BA",), RECOVERED_080)
    return effect, above(effect, -0.05)


def wrong_frequencies(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return GBA minus the better of GBA with too high and with too low frequencies, recovery at 0.9."""
    wrong = ("GBA, frequencies too high", "GBA, frequencies too low")
    effect = _toy_difference(rows, "GBA", wrong, RECOVERED)
    return effect, above(effect, 0.25)


def gba_over_topk(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return GBA minus the best TopK, recovery at 0.9."""
    effect = _toy_difference(rows, "GBA", ("TopK 20", "TopK 30", "TopK 50"), RECOVERED)
    return effect, above(effect, 0.0)


def _frontier_gap(rows: pd.DataFrame, other: str) -> Effect:
    """Return log10 FVU of GBA's points minus that of `other` at the same L0, by interpolation in logarithms.

    Only points within the range of the other method count; mean and interval over points and seeds.
    """
    ablated = (rows["algorithm"] == "gba") & ((rows["n_groups"] != 10) | (rows["low_target_frequency"] != 0.001))
    gaps: list[float] = []
    for _, part in rows[~ablated].groupby("seed"):
        ours, theirs = part[part["algorithm"] == "gba"], part[part["algorithm"] == other].sort_values("l0")
        x, y = (np.log10(theirs[name].to_numpy()) for name in ("l0", "fraction_variance_unexplained"))
        own_x, own_y = (np.log10(ours[name].to_numpy()) for name in ("l0", "fraction_variance_unexplained"))
        within = (own_x >= x.min()) & (own_x <= x.max()) if len(x) else np.zeros(len(own_x), dtype=bool)
        gaps += (own_y[within] - np.interp(own_x[within], x, y)).tolist() if within.any() else []
    return mean(gaps)


def gba_over_ba(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the gap between GBA and BA on the frontier."""
    effect = _frontier_gap(rows, "ba")
    return effect, below(effect, 0.0)


def topk_frontier(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the gap between GBA and TopK on the frontier."""
    effect = _frontier_gap(rows, "topk")
    return effect, below(effect, 0.05)


def consistency(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return the consistency of GBA minus that of TopK, paired by seed."""
    table = rows.pivot_table(index="seed", columns="algorithm", values="consistency")
    if not {"gba", "topk"} <= set(table.columns):
        return UNKNOWN, above(UNKNOWN, 0.0)
    both = table[["gba", "topk"]].dropna()
    effect = pairs(both["gba"].tolist(), both["topk"].tolist())
    return effect, above(effect, 0.0)


def tuning_free(rows: pd.DataFrame) -> tuple[Effect, str]:
    """Return GBA's mean recovery over initial biases and a decade of rates, the best such decade, over its best."""
    gba = rows[(rows["algorithm"] == "gba") & (rows["initial_scale"] == 0.01)]
    table = gba.pivot_table(index="initial_bias", columns="learning_rate", values=RECOVERED)
    if table.shape[0] < 2 or table.shape[1] < 2:
        return UNKNOWN, above(UNKNOWN, 0.9)
    rates = np.array(table.columns)
    windows = [table.loc[:, (rates >= rate) & (rates <= 10.001 * rate)] for rate in rates if 9.99 * rate <= rates.max()]
    window = max(windows, key=lambda each: float(each.to_numpy().mean()))
    effect = mean(window.to_numpy().ravel() / max(float(table.to_numpy().max()), 1e-9))
    return effect, above(effect, 0.9)
