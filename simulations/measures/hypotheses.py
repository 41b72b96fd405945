"""The hypotheses of the theorem, measured on the (H, V) that was drawn (Definition 5.2; DESIGN: section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.measures.base import POSITIVE, Column, measure
from simulations.measures.look import Look
from theory.hypotheses import measure_hypotheses

MOST_FEATURES = 8_192  # more take minutes for their n^2 cosines


@measure(
    measured_cooccurrence=Column("rho_2 = max |D_i n D_j| / |D_i| of the drawn H (H3)"),
    measured_incoherence=Column("max |cos(v_i, v_j)| of the drawn V (V1)"),
    measured_cut_off_level=Column("least cut-off level h_i over features (H2, share 1/log n)", *POSITIVE),
    measured_effective_sparsity=Column("mean of 1/h_i^2 over features that occur", *POSITIVE),
    measured_sparsity=Column("mean number of active features a sample (H1)", *POSITIVE),
)
def hypotheses(look: Look) -> dict[str, Any]:
    """Return what the drawn data have of the theorem's hypotheses; nothing without ground truth."""
    if look.truth is None or len(look.truth.features) > MOST_FEATURES:
        return {}
    found = measure_hypotheses(*look.truth)
    levels, effective = found.cut_off_level, found.effective_sparsity
    return {
        "measured_cooccurrence": found.co_occurrence,
        "measured_incoherence": found.incoherence,
        "measured_cut_off_level": float(np.nanmin(levels)) if np.isfinite(levels).any() else None,
        "measured_effective_sparsity": float(np.nanmean(effective)) if np.isfinite(effective).any() else None,
        "measured_sparsity": found.mean_row_sparsity,
    }
