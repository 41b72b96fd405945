"""Results that hold several numbers: "1 2 3", points such as "0.1:1:0.2 0.3:0.5:0.4", or lists of either."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]


def points(text: Any, name: str, width: int = 1) -> Array:
    """Return the points (k, width) of one result; none for an empty one.  Raises ValueError naming the column."""
    if isinstance(text, (list, tuple, np.ndarray)):
        words = [np.atleast_1d(each).tolist() for each in text]
    else:
        words = [] if pd.isna(text) else [word.split(":") for word in str(text).split()]
    try:
        parsed = [[float(each) for each in word] for word in words if word != ["nan"]]
    except (TypeError, ValueError):
        raise ValueError(f"{name} should hold numbers separated by spaces") from None
    if any(len(each) != width or not np.isfinite(each).all() for each in parsed):
        raise ValueError(f"{name} should hold points of {width} finite numbers, separated by spaces")
    return np.array(parsed, dtype=float).reshape(-1, width)


def average(table: pd.DataFrame, name: str, width: int = 1) -> Array:
    """Return the mean over the finished rows of the points (k, width) of a column; (0, width) where there is none.

    Raises ValueError when two rows have different numbers of points.
    """
    found = [points(text, name, width) for text in table.loc[table["status"] == "ok", name]]
    found = [each for each in found if len(each)]
    if len({len(each) for each in found}) > 1:
        raise ValueError(f"{name} has {' or '.join(sorted({str(len(each)) for each in found}))} points in one mean")
    return np.mean(found, axis=0) if found else np.empty((0, width))
