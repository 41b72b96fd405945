"""How often the neurons of each target frequency fire, group by group; blank where nothing has a target."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.measures.base import POSITIVE, Column, measure
from simulations.measures.look import Look


@measure(
    target_profile=Column(
        "target:lower quartile:median:upper quartile of the frequencies of its neurons", *POSITIVE, kind="series"
    ),
)
def targets(look: Look) -> dict[str, Any]:
    """Return the quartiles of the firing frequencies of the neurons of each target, highest target first."""
    target, frequency = look.fitted.target_frequency, look.frequency
    if target is None or frequency is None:
        return {}
    points = []
    for each in np.unique(target)[::-1]:
        low, middle, high = np.quantile(frequency[target == each], (0.25, 0.5, 0.75))
        points.append(f"{each:.4g}:{low:.4g}:{middle:.4g}:{high:.4g}")
    return {"target_profile": " ".join(points)}
