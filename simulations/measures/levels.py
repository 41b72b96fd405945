"""Recovery by how strongly a feature occurs: the cut-off levels h_i of Definition 5.2 (H2), arXiv 2506.14002v1."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.measures.base import POSITIVE, Column, measure
from simulations.measures.look import TAU, Look
from simulations.measures.recovery import PROFILE_BINS
from theory.hypotheses import cut_off_levels, effective_sparsities


@measure(
    level_profile=Column(
        "effective sparsity 1/h_i^2:recovery rate, by groups of features, strongest first", *POSITIVE, kind="series"
    )
)
def levels(look: Look) -> dict[str, Any]:
    """Return "1/h_i^2:recovery rate" of groups of features of about equal h_i; nothing where all weights are equal.

    PROFILE_BINS groups of equal size; features that do not occur are left out.
    """
    if look.truth is None:
        return {}
    support, values, features = look.truth
    used = values[values > 0]
    if not used.size or np.ptp(used) <= 1e-9 * used.max():
        return {}
    effective = effective_sparsities(cut_off_levels(support, values, len(features)))
    recovered = look.comparison.best_cosine_per_feature > TAU
    known = np.flatnonzero(np.isfinite(effective))
    order = known[np.argsort(effective[known], kind="stable")]
    groups = np.array_split(order, min(PROFILE_BINS, len(order)))
    return {"level_profile": " ".join(f"{effective[g].mean():.4g}:{recovered[g].mean():.4g}" for g in groups)}
