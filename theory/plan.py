"""A setting that the theory predicts to recover what is wanted, found without simulation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from theory.checks import at_least, require
from theory.recovery_prediction import success, success_by_step

SAMPLES_PER_FEATURE = 100  # ours: the ratio N/n at which the prediction was compared with simulations
LONGEST = 6  # ours: steps; later ones cost and erode
LIKELIEST, N_FREQUENCIES = 0.03, 4  # ours: the target frequencies that are looked at
N_FINE = 2  # ours: of the roughly cheapest, how many are predicted finely
WIDTH_MARGIN = 2.0  # ours: the width is this many times the predicted one; PREDICTION.md says how often it held


class Plan(NamedTuple):
    """A recommended setting, and the recovery rate that the theory predicts for it."""

    target_frequency: float
    n_steps: int
    n_samples: int
    n_neurons: int
    predicted_recovery_rate: float


def plan(
    n_features: int,
    d_model: int,
    sparsity: int,
    target_recovery: float = 0.95,
    *,
    center: bool = True,
    threshold: float = 0.9,
) -> Plan:
    """Return a cheap setting (cost N s M T) that is predicted to recover `target_recovery` in (0, 1) of the features.

    N = 100 n; p and T are searched roughly, the best two predicted finely, and the width is doubled for safety.
    Other arguments as in `predicted_recovery_rate`.  Raises ValueError for arguments out of range, and when no setting
    that was looked at reaches the target.
    """
    target = float(at_least("target_recovery", target_recovery, 0))
    require("target_recovery", np.asarray(target), 0 < target < 1, "in (0, 1)")
    n_samples = SAMPLES_PER_FEATURE * int(at_least("n_features", n_features, 2))
    sizes = (n_features, d_model, sparsity)

    def costs(frequency: float) -> list[tuple[float, float, int]]:
        """Return log (width T) at p after 1 .. T steps, roughly, with p and T, where it is finite."""
        found = success_by_step(*sizes, frequency, n_samples, LONGEST, center=center, threshold=threshold, rough=True)
        widths = [(each.width(target), step) for step, each in enumerate(found) if step]
        return [(math.log(width * step), frequency, step) for width, step in widths if math.isfinite(width)]

    # Rarer than that, fewer than one sample of each feature fires at the start: luck is no longer Gaussian.
    rarest = n_features / (n_samples * sparsity)
    rough = [each for p in np.geomspace(rarest, LIKELIEST, N_FREQUENCIES) for each in costs(float(p))]
    plans: list[Plan] = []
    for _, frequency, n_steps in sorted(rough)[:N_FINE]:
        found = success(*sizes, frequency, n_samples, n_steps, center=center, threshold=threshold)
        width = WIDTH_MARGIN * found.width(target)
        if math.isfinite(width):
            rate = float(found.recovery_rate(math.ceil(width)))
            plans.append(Plan(frequency, n_steps, n_samples, math.ceil(width), rate))
    if plans:
        return min(plans, key=lambda each: each.n_neurons * each.n_steps)
    raise ValueError(
        f"no plan: target_recovery={target} is predicted at no width for n_features={n_features}, d_model={d_model}, "
        f"sparsity={sparsity}, center={center}, p in [{rarest}, {LIKELIEST}], up to {LONGEST} steps; lower the target"
    )
