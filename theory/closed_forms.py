"""Closed forms: the bias that gives a frequency, and what random directions recover by chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtr, ndtri

from theory.checks import FloatArray, at_least, frequency, real, require


def frequency_to_bias(target_frequency: npt.ArrayLike) -> FloatArray:
    """Return the bias b <= 0 at which a N(0,1) pre-activation passes -b with probability p in (0, 0.5].

    Implements: b = -norm.isf(p), single bias of Modified Bias Adaptation, arXiv 2506.14002v1.
    Raises ValueError when a frequency is out of its range.
    """
    # ndtri(p) = -isf(p) without a subtraction; the zero added turns -0.0 into 0.0.
    return np.asarray(ndtri(frequency("target_frequency", target_frequency)) + 0.0)[()]


def bias_to_frequency(bias: npt.ArrayLike) -> FloatArray:
    """Return p = P(N(0,1) > -b) for a bias b <= 0, the inverse of `frequency_to_bias`.

    The result is in [0, 0.5], and 0 only where p is below the smallest float (b < -38).
    Raises ValueError unless every bias is finite and <= 0.
    """
    b = real("bias", bias)
    require("bias", b, b <= 0, "at most 0")
    return np.asarray(ndtr(b))[()]


def cap_probability(d_model: npt.ArrayLike, threshold: npt.ArrayLike) -> FloatArray:
    """Return the chance that a uniformly random direction in d >= 1 dimensions has cosine above tau in [0, 1).

    Implements: A_d(tau) = I_{1-tau^2}((d-1)/2, 1/2) / 2, the share of the sphere in a spherical cap (1/2 at d = 1).
    Raises ValueError when an argument is out of its range.
    """
    tau = real("threshold", threshold)
    require("threshold", tau, (tau >= 0) & (tau < 1), "in [0, 1)")
    d, tau = np.broadcast_arrays(at_least("d_model", d_model, 1), tau)
    # (1-tau)(1+tau) keeps the digits that 1-tau^2 loses near 1; at d = 1 the beta law is a point mass at 0.
    cap = betainc(np.where(d > 1, (d - 1) / 2, 1.0), 0.5, (1 - tau) * (1 + tau)) / 2
    return np.asarray(np.where(d > 1, cap, 0.5))[()]


def chance_recovery_rate(d_model: npt.ArrayLike, n_neurons: npt.ArrayLike, threshold: npt.ArrayLike) -> FloatArray:
    """Return the share of features that M >= 1 independent random directions recover by chance, in [0, 1].

    Implements: 1 - (1 - A_d(tau))^M, with A_d of `cap_probability`; exact for tiny A_d.
    Raises ValueError when an argument is out of its range.
    """
    m = at_least("n_neurons", n_neurons, 1)
    return np.asarray(-np.expm1(m * np.log1p(-cap_probability(d_model, threshold))))[()]


def tied_output_scale(sparsity: npt.ArrayLike, d_model: npt.ArrayLike) -> FloatArray:
    """Return the scale a of least error E |x - a sum_i <v_i, x> v_i|^2, x the sum of s random unit vectors v_i.

    What overlap alone leaves of tied codes, with every support and direction right, in (0, 1] (ours): E 1^T G^2 1 over
    E 1^T G^3 1 with G the Gram matrix of the v_i, that is (1 + c) / (1 + 3 c + c (s - 2) / d), c = (s - 1) / d.
    Raises ValueError when an argument is below 1.
    """
    s, d = at_least("sparsity", sparsity, 1), at_least("d_model", d_model, 1)
    c = (s - 1) / d
    return np.asarray((1 + c) / (1 + 3 * c + c * (s - 2) / d))[()]
