"""The limit n -> infinity at d = delta n, N = nu n, after one step of a neuron that starts at its feature: closed.

Canonical model, centred, fixed s, p; T = 1 only.  In this limit no single rival matters: the cosine of the
neuron with its feature is a number.  PREDICTION.md, section 6.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from theory.checks import FloatArray, at_least, frequency, ratio, real, require
from theory.closed_forms import frequency_to_bias
from theory.prediction_drive import gaussian_drive, shared_drive


def drive_product(correlation: npt.ArrayLike, bias: float) -> FloatArray:
    """Return Gamma(r) = E psi(y; b) psi(y'; b) for standard normal y, y' of correlation r in [-1, 1], b <= 0.

    Implements: the kernel of the limit, E psi^2 times `shared_drive`.  Raises ValueError when out of range.
    """
    r = real("correlation", correlation)
    require("correlation", r, np.abs(r) <= 1, "in [-1, 1]")
    return np.asarray(shared_drive(np.atleast_1d(r), bias).reshape(r.shape) * drive_square(bias))[()]


def drive_square(bias: float) -> float:
    """Return Gamma(1) = E psi(y; b)^2 for standard normal y, closed.

    Implements: E (2y + b)^2 1(y > -b) = (4 + b^2) Q(-b) + 4 b phi(b) - 4 b phi(b) = (4 + b^2) Phi(b).
    """
    b = float(real("bias", bias))
    tail = math.erfc(-b / math.sqrt(2)) / 2
    # E y^2 1(y > -b) = Q - b phi and E y 1(y > -b) = phi: 4 (Q - b phi) + 4 b phi + b^2 Q.
    return (4 + b * b) * tail


def first_step_cosine(
    d_per_feature: npt.ArrayLike,
    sparsity: npt.ArrayLike,
    target_frequency: npt.ArrayLike,
    samples_per_feature: npt.ArrayLike,
) -> FloatArray:
    """Return the cosine with its feature, after one step from it, as n -> infinity: delta > 0, s >= 1, p, nu > 0.

    delta and nu are in [1e-12, 1e12].
    Implements: tan^2 theta_1 = {s delta [Gamma(1/s) - Gamma(0) + Gamma(1)/(nu s)] + 4 delta^2 (s-1)/(s nu)} /
    (2 delta + K_1)^2, K_1 = E y psi(y), Gamma(r) = E psi psi' at correlation r (ours), T = 1.
    For centred data: the mean of c, whose square is Gamma(0), is subtracted.
    Raises ValueError for arguments out of range.
    """
    delta, s, p, nu = np.broadcast_arrays(
        ratio("d_per_feature", d_per_feature),
        at_least("sparsity", sparsity, 1),
        frequency("target_frequency", target_frequency),
        ratio("samples_per_feature", samples_per_feature),
    )
    cosine = np.empty(delta.shape)
    for place in np.ndindex(delta.shape):
        cosine[place] = _one_cosine(*(float(each[place]) for each in (delta, s, p, nu)))
    return np.asarray(cosine)[()]


def _one_cosine(delta: float, s: float, p: float, nu: float) -> float:
    bias = float(frequency_to_bias(p))
    related, unrelated = drive_product([1 / s, 0.0], bias)
    spread = s * delta * (related - unrelated + drive_square(bias) / (nu * s)) + 4 * delta**2 * (s - 1) / (s * nu)
    # K_1 = E y psi(y) = 2 E y^2 1 + b E y 1 = 2 Q - 2 b phi + b phi.
    density = math.exp(-bias * bias / 2) / math.sqrt(2 * math.pi)
    along = 2 * delta + 2 * p - bias * density
    return 1 / math.sqrt(1 + spread / along**2)


def mean_drive(bias: float) -> float:
    """Return E psi(y; b) for standard normal y: Gamma(0) is its square."""
    return float(gaussian_drive(0.0, 1.0, bias))
