"""Pictures of rows: heat maps and curves of any table, and the figures of the experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["curve", "figure", "heatmap"]


def heatmap(
    df: pd.DataFrame,
    x: str,
    y: str,
    value: str = "feature_recovery_rate",
    theory: bool = True,
    panel: str | Sequence[str] | None = None,
) -> Figure:
    """Return the heat map of a column over the columns x and y of any table, mean over its other columns.

    `panel` names a column with a panel for each of its values; `theory` draws the conditions of Theorem 6.1 over
    target_frequency and d_model, sparsity or n_features.  Raises ValueError for a missing column or no rows.
    """
    from figures import heatmap as painter

    return painter.heatmap(df, x, y, value, theory, panel)


def curve(df: pd.DataFrame, x: str, y: str = "feature_recovery_rate", by: str | None = None) -> Figure:
    """Return `y` over the column x of any table, a line for each value of the column `by`, ranges as bands.

    Raises ValueError for a missing column, or where no row has finished.
    """
    from figures import curves

    return curves.curve(df, x, y, by)


def figure(name: str, rows: pd.DataFrame | str | Path) -> Figure:
    """Return the figure of an experiment from its rows: a table, or the folder or file that holds them.

    Raises ValueError for an unknown name, suggesting the nearest, and for rows that the figure cannot show.
    """
    from figures.registry import draw

    if isinstance(rows, (str, Path)):
        from simulations.runs.storage import read_rows

        return draw(name, read_rows(rows))
    from sae_recovery.rows import untyped

    return draw(name, untyped(rows))
