"""Paths of neurons among the features as curves: mean cosines over steps, of those that win, change and stay mixed."""

from __future__ import annotations

import pandas as pd

from figures.series import points
from simulations.evidence.report.shape import Shape

PATHS = "neuron_trajectories"
KINDS = ("keeps the nearest feature", "changes to a rival", "stays mixed")  # by number, as the instrument says them
WITH = ("", ": its rival")  # of the cosines of a point: with the feature nearest to the start, with another


def path_shapes(rows: pd.DataFrame) -> list[Shape]:
    """Return curves over the steps for each arm of rows that have paths: a line a kind and feature, a dot a seed."""
    if PATHS not in rows:
        return []
    told = rows[rows[PATHS].notna()]
    return [
        Shape("curves", f"cosine at {arm}", "step", "", table)
        for arm, part in told.groupby("arm", sort=False)
        if len(table := _table(part))
    ]


def _table(part: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each row of the file, kind, feature and step: the mean over the neurons that it tells of."""
    found = []
    for index, seed, text in zip(part.index, part["seed"], part[PATHS], strict=True):
        each = pd.DataFrame(points(text, PATHS, 5), columns=["kind", "neuron", "x", "nearest", "rival"])
        for kind, own in each.groupby("kind"):
            for words, column in zip(WITH, ("nearest", "rival"), strict=True):
                means = own.groupby("x")[column].mean()
                found += [(index, seed, KINDS[int(float(str(kind)))] + words, x, value) for x, value in means.items()]
    return pd.DataFrame(found, columns=["row", "seed", "series", "x", "value"]).set_index("row").assign(panel="")
