"""Effects that bear on features that are rarer or weaker than others, measured in rows of the provable algorithm."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED, Array, groups
from simulations.evidence.scorecard.edges import at_best_frequency
from simulations.evidence.scorecard.effects import Effect, least, paired, slope_over_seeds
from simulations.evidence.scorecard.reading import arm, where
from simulations.evidence.scorecard.verdicts import Finding, above, remarks, too_few
from theory.transitions import crossing

MUCH = 0.15  # frequency or strength over the greatest, up to which a feature is much rarer or weaker
EVEN = 0.5  # from which it is not


def _points(text: object) -> Array:
    return np.array([[float(number) for number in point.split(":")] for point in str(text).split()])


def rarest(text: object) -> tuple[float, float]:
    """Return the least frequency over the greatest, and the recovery of the rarest quarter, of a frequency profile."""
    points = _points(text)
    return float(points[0, 0] / points[-1, 0]), float(points[: max(1, len(points) // 4), 1].mean())


def weakest(text: object) -> tuple[float, float]:
    """Return the least level over the greatest, and the recovery of the weakest quarter, of a level profile."""
    points = _points(text)
    return math.sqrt(points[0, 0] / points[-1, 0]), float(points[-max(1, len(points) // 4) :, 1].mean())


def balance(rows: pd.DataFrame) -> Finding:
    """Return how much recovery the rarest quarter loses when far rarer than the most frequent, each at its best p."""
    cut = arm(rows, "occurrence")
    return _lost([rarest(each) for each in cut["frequency_profile"]], cut)


def balance_of_strength(rows: pd.DataFrame) -> Finding:
    """Return how much recovery the weakest quarter loses when far weaker than the strongest, each at its best p.

    Where all weights are equal there is no profile: all features are as strong.
    """
    cut = arm(rows, "strength")
    told = [str(each) for each in cut["level_profile"].fillna("")]
    points = [weakest(text) if text else (1.0, rate) for text, rate in zip(told, cut[RECOVERED], strict=True)]
    return _lost(points, cut, even=0.9, much=0.3)


def _lost(points: list[tuple[float, float]], rows: pd.DataFrame, even: float = EVEN, much: float = MUCH) -> Finding:
    read = rows.assign(relative=[each[0] for each in points], recovered=[each[1] for each in points])
    usual, rare = (read[chosen] for chosen in (read["relative"] > even, read["relative"] <= much))
    effect = paired(at_best_frequency(usual, "recovered"), at_best_frequency(rare, "recovered"))
    verdict = above(effect, 0.25)
    return Finding(effect, verdict, too_few(effect, verdict), where(rows))


def critical_levels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return s, M, seed and the effective sparsity 1/h_i^2 at which half of the features are recovered."""
    found = []
    for (s, m), part in groups(rows, "sparsity", "n_neurons"):
        for seed, text in zip(part["seed"], part["level_profile"], strict=True):
            points = _points(text)
            found.append((s, m, seed, crossing(points[:, 0], points[:, 1])))
    table = pd.DataFrame(found, columns=["sparsity", "n_neurons", "seed", "level"])
    known: pd.DataFrame = table[np.isfinite(table["level"])]
    return known


def _slope(table: pd.DataFrame, over: str, within: str) -> Effect:
    """Return the slope of the log of the critical 1/h_i^2 over the log of a column, least over those `within`."""
    parts = [part for _, part in table.groupby(within)]
    return least(
        slope_over_seeds(np.log(part[over]), np.log(part["level"]), part["seed"], comparisons=len(parts))
        for part in parts
    )


def cutoff_and_width(rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the critical 1/h_i^2 over log M, least over s."""
    table = critical_levels(rows)
    effect = _slope(table, "n_neurons", within="sparsity")
    verdict = above(effect, 0.0)
    return Finding(effect, verdict, remarks(_known(table, rows), too_few(effect, verdict)), where(rows))


def _known(table: pd.DataFrame, rows: pd.DataFrame) -> str:
    return f"{len(table)} of {len(rows)} draws cross a half" if len(table) < len(rows) else ""


def cutoff_and_sparsity(rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the critical 1/h_i^2 over log s, least over M."""
    table = critical_levels(rows)
    effect = _slope(table, "sparsity", within="n_neurons")
    verdict = above(effect, 0.0)
    return Finding(effect, verdict, remarks(_known(table, rows), too_few(effect, verdict)), where(rows))
