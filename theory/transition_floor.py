"""How wide the transition in p stays as n -> infinity at fixed N/n: what the luck of a feature leaves of it."""

from __future__ import annotations

import math

from scipy.special import ndtri

from theory.limit_recursion import limit_critical_frequency
from theory.transitions import LEVELS


def transition_floor(
    d_per_feature: float,
    sparsity: int,
    samples_per_feature: float,
    n_steps: int,
    *,
    center: bool = True,
    threshold: float = 0.9,
    shells: int = 0,
) -> float:
    """Return log(p at which 1/4 of the features are kept) - log(p at which 3/4 are) as n -> infinity; NaN if open.

    Implements: log p_c(z_3/4) - log p_c(z_1/4), z the quartiles of a normal law, p_c(z) the critical p of a feature
    that is in 1 + z / sqrt(nu s) times the usual number of samples (ours; PREDICTION.md, section 6).  All other luck
    of a feature vanishes as n grows.  Arguments and errors as in `limit_critical_frequency`.
    """
    sizes = (d_per_feature, sparsity, samples_per_feature, n_steps)
    high, low = (
        limit_critical_frequency(
            *sizes, center=center, threshold=threshold, shells=shells, occurrence=float(ndtri(1 - level))
        )
        for level in LEVELS
    )
    return math.log(high / low)
