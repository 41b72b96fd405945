"""A setting that the theory predicts to recover what is wanted, found without simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from theory.checks import open_share
from theory.prediction import model_of
from theory.recovery_prediction import Success, one_by_one, success, success_by_step

SAMPLES_PER_FEATURE = 100  # ours: the ratio N/n at which the prediction was compared with simulations
LONGEST = 5  # ours: steps; later ones cost and erode
FIRINGS = (1.0, 2.5)  # ours: samples of each feature that fire at the start, p N s / n; with fewer luck is not Gaussian
WIDTH_MARGIN = 2.0  # ours: the width is this many times the predicted one; PREDICTION.md says how often it held
WIDEST = 10**12  # ours: neurons; a wider setting is no plan, and the theory is not calculated for it


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
    both: Callable[..., tuple[Any, Any]] = one_by_one,
) -> Plan:
    """Return a cheap setting (cost N s M T) that is predicted to recover `target_recovery` in (0, 1) of the features.

    N = 100 n; of a few p and T the cheapest is taken, and the width is doubled for safety.
    Other arguments as in `predict`.  Raises ValueError for arguments out of range, and when no setting
    that was looked at reaches the target with WIDEST neurons.
    """
    target = open_share("target_recovery", target_recovery)
    n_features, d_model, sparsity, *_ = model_of(n_features, d_model, sparsity, 1, LONGEST, center)
    n_samples = SAMPLES_PER_FEATURE * n_features
    frequencies = [firings / (SAMPLES_PER_FEATURE * sparsity) for firings in FIRINGS]
    candidates: list[tuple[int, int, float]] = []  # M T (cost), T, p
    longest: dict[float, Success] = {}
    rest: dict[str, Any] = {"center": center, "threshold": threshold}
    known = both(*(
        partial(success_by_step, n_features, d_model, sparsity, p, n_samples, LONGEST, **rest) for p in frequencies
    ))  # fmt: skip
    for p, laws in zip(frequencies, known, strict=True):
        longest[p] = laws[-1]
        for step, law in enumerate(laws[1:], start=1):
            width = WIDTH_MARGIN * law.width(target)
            if width <= WIDEST:
                candidates.append((math.ceil(width) * step, step, p))
    for cost, step, p in sorted(candidates):
        # What `predict` says of it: at a shorter T the starts that matter are others.
        sizes = (n_features, d_model, sparsity, p, n_samples, step)
        law = longest[p] if step == LONGEST else success(*sizes, **rest)
        rate = float(law.recovery_rate(cost // step))
        if rate >= target:
            return Plan(p, step, n_samples, cost // step, rate)
    raise ValueError(
        f"no plan: target_recovery={target} is predicted at no width up to {WIDEST:,} for n_features={n_features}, "
        f"d_model={d_model}, sparsity={sparsity}, center={center}, p of {frequencies}, up to {LONGEST} steps; "
        "lower the target"
    )
