"""Rare events: the cosine of a random direction, and the width at which a rare success becomes a certain one.

A neuron that starts uniformly on the sphere learns feature i with a probability P_i that may be 1e-15 or 1e-300.
Everything here works with logarithms (natural unless a name says otherwise), so that no such number underflows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, gammaln

from theory.checks import FloatArray, at_least, open_share, real, require

SMALLEST_TAIL = 1e-280  # below it the incomplete beta function loses digits, then underflows
SERIES_TERMS = 12
NEWTON_STEPS = 4


def cosine_log_density(cosine: npt.ArrayLike, d_model: npt.ArrayLike) -> FloatArray:
    """Return log f_d(c) of c = <w, vhat> in [-1, 1] for w uniform on the unit sphere in d >= 2 dimensions.

    Implements: f_d(c) = Gamma(d/2) / (sqrt(pi) Gamma((d-1)/2)) (1-c^2)^((d-3)/2); inf at c = 1 for d = 2, as it is.
    Raises ValueError when an argument is out of its range.
    """
    c, d = np.broadcast_arrays(_cosine(cosine), at_least("d_model", d_model, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(d == 3, 0.0, (d - 3) / 2 * np.log((1 - c) * (1 + c)))
    return np.asarray(_log_constant(d) + power)[()]


def log_tail(cosine: npt.ArrayLike, d_model: npt.ArrayLike) -> FloatArray:
    """Return log P(<w, vhat> > c), c in [-1, 1], d >= 2; -inf at c = 1, and finite however small the probability.

    Implements: I_{1-c^2}((d-1)/2, 1/2) / 2 for c >= 0.  Where that underflows, with a = (d-1)/2 and x = 1 - c^2, the
    asymptotic series x^a exp(log_constant) / (2 a c) (1 - x / (2 (a+1) c^2) + 3 x^2 / (4 (a+1) (a+2) c^4) - ...), by
    parts; terms are below (1 / 600)^k k! there.  Raises ValueError when an argument is out of its range.
    """
    c, d = np.broadcast_arrays(_cosine(cosine), at_least("d_model", d_model, 2))
    x = (1 - c) * (1 + c)
    half = betainc((d - 1) / 2, 0.5, x) / 2
    with np.errstate(divide="ignore"):
        direct = np.where(c >= 0, np.log(half), np.log1p(-half))
        tiny = (c > 0) & (half < SMALLEST_TAIL)
        return np.asarray(np.where(tiny, _log_far_tail(np.where(tiny, c, 1.0), d), direct))[()]


def _log_far_tail(c: FloatArray, d: FloatArray) -> FloatArray:
    a, x = (d - 1) / 2, (1 - c) * (1 + c)
    term = np.ones_like(x)
    total = np.ones_like(x)
    for k in range(1, SERIES_TERMS):
        term = -term * (2 * k - 1) / 2 * x / ((a + k) * c**2)
        total += term
    return np.asarray(_log_constant(d) + a * np.log(x) - np.log(2 * a * c) + np.log(total))


def cosine_of_tail(log_probability: npt.ArrayLike, d_model: npt.ArrayLike) -> FloatArray:
    """Return the cosine c whose tail has that log probability (at least log 1e-300), the inverse of `log_tail`.

    The beta quantile is polished by Newton steps on the log tail.  Raises ValueError when out of range.
    """
    log_p, d = np.broadcast_arrays(real("log_probability", log_probability), at_least("d_model", d_model, 2))
    require("log_probability", log_p, (log_p <= 0) & (log_p >= -300.001 * math.log(10)), "in [log 1e-300, 0]")
    # The upper half of the sphere is solved, the lower one mirrored.
    upper = log_p <= -math.log(2)
    with np.errstate(divide="ignore"):
        log_half = np.where(upper, log_p, np.log(-np.expm1(log_p)))
    half = np.exp(log_half)
    c = np.sqrt(1 - betaincinv((d - 1) / 2, 0.5, np.minimum(2 * half, 1.0)))
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            slope = -np.exp(cosine_log_density(c, d) - log_tail(c, d))
            moved = c - (log_tail(c, d) - log_half) / slope
            c = np.where(np.isfinite(moved) & (moved > 0) & (moved < 1), moved, c)
    return np.asarray(np.where(upper, c, -c))[()]


def learned_probability(log_probability: npt.ArrayLike, log_width: npt.ArrayLike) -> FloatArray:
    """Return 1 - (1-P_i)^M (..., n), the chance that one of M neurons learns feature i, for log P_i (n,) and log M.

    Exact also for P = 1e-300 at M = 1e299; log P = -inf is never.
    Raises ValueError unless every log P_i is at most 0 and there is at least one.
    """
    rate = _log_rate(log_probability)
    log_m = np.asarray(log_width, dtype=np.float64)
    with np.errstate(over="ignore"):
        exponent = np.where(np.isneginf(rate), -np.inf, log_m[..., None] + rate)
        return np.asarray(-np.expm1(-np.exp(exponent)) + 0.0)  # never is 0.0, not -0.0


def recovery_curve(
    log_probability: npt.ArrayLike, log_width: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> FloatArray:
    """Return FRR(M) = mean_i [1 - (1-P_i)^M] in [0, 1] at each log M; `weights` (n,) are shares, equal unless given.

    Implements: DESIGN section 7.2 (ours).  Raises ValueError as `learned_probability` does, and for other weights.
    """
    share = _shares(log_probability, weights)
    return np.asarray(np.minimum(learned_probability(log_probability, log_width) @ share, 1.0))[()]


def log_required_width(
    log_probability: npt.ArrayLike, target_recovery: float, weights: npt.ArrayLike | None = None
) -> float:
    """Return log M >= 0 at which `recovery_curve` is `target_recovery` in (0, 1): M real, and inf where no M is.

    For equal P_i it is log( log(1 - target) / log(1 - P) ), closed; otherwise the root of the curve, which lies
    between those of the likeliest and of the rarest feature that is needed.  Raises ValueError as `recovery_curve`.
    """
    target = open_share("target_recovery", target_recovery)
    rate, share = _log_rate(log_probability), _shares(log_probability, weights)
    rate, share = rate[share > 0], share[share > 0]
    reached = float(share[rate > -np.inf].sum())
    if reached <= target:
        return math.inf

    def excess(log_m: float) -> float:
        return float(recovery_curve(log_probability, log_m, weights)) - target

    if excess(0.0) >= 0:
        return 0.0
    # At the upper end every feature that is ever learned misses with probability exp(-e^40) = 0.
    low, high = 0.0, 40.0 - float(rate[rate > -np.inf].min())
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return high


def _shares(log_probability: npt.ArrayLike, weights: npt.ArrayLike | None) -> FloatArray:
    size = np.size(log_probability)
    if weights is None:
        return np.full(size, 1 / size)
    share = np.asarray(weights, dtype=np.float64)
    if share.shape != (size,) or not (share >= 0).all() or abs(share.sum() - 1) > 1e-6:
        raise ValueError(f"weights of shape {share.shape} and sum {share.sum()}, but should be shares of {size}")
    return share


def log_required_probability(log_width: npt.ArrayLike, target_recovery: float) -> FloatArray:
    """Return log P at which a width M >= 1 recovers a share `target_recovery` of equal features.

    Implements: P = 1 - (1 - target)^(1/M), the closed inverse of the recovery curve in P.
    Raises ValueError unless the target is in (0, 1) and every log M at least 0.
    """
    log_m = at_least("log_width", log_width, 0)
    rate = np.log(-np.log1p(-open_share("target_recovery", target_recovery))) - log_m
    # log(1 - exp(-r)) for r = exp(rate): log r - r/2 + r^2/24 to the last digit below r = 1e-4.
    r = np.exp(rate)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(r < 1e-4, rate - r / 2 + r**2 / 24, np.log(-np.expm1(-r))))[()]


def _log_rate(log_probability: npt.ArrayLike) -> FloatArray:
    """Return log(-log(1 - P)), the log rate at which a width collects successes; -inf at P = 0, inf at P = 1."""
    log_p = np.atleast_1d(np.asarray(log_probability, dtype=np.float64))
    if log_p.ndim != 1 or not log_p.size or not (log_p <= 0).all():
        raise ValueError(f"log_probability of shape {log_p.shape}, but should be (n,), every entry at most 0")
    p = np.exp(log_p)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(p < 1e-8, log_p + p / 2, np.log(-np.log1p(-p))))


def _log_constant(d: FloatArray) -> FloatArray:
    return np.asarray(gammaln(d / 2) - gammaln((d - 1) / 2) - math.log(math.pi) / 2)


def _cosine(value: npt.ArrayLike) -> FloatArray:
    c = real("cosine", value)
    require("cosine", c, np.abs(c) <= 1, "in [-1, 1]")
    return c
