"""The limit n -> infinity at d = delta n, N = nu n, after any number of steps: one neuron, by state evolution.

It starts at its feature; canonical model.  What a rival does is a function of a Gaussian history, the same for all of
them, and the cosine with the feature is a number.  PREDICTION.md, section 6.  Quadrature nodes only: no randomness.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from theory.checks import FloatArray, cosine, count, one_frequency, one_number, ratio, switch
from theory.closed_forms import bias_to_frequency, frequency_to_bias
from theory.prediction_drive import MOST_ACTIVE, Neuron, Population, driven_again, period, shared_drive, spacing
from theory.prediction_nodes import spread

N_NODES = 16_384  # ours: rivals; with four times as many the cosine moves by some 1e-4
HIGHEST, LOWEST, HALVINGS = -0.1, -6.0, 16  # ours: biases among which a critical one is looked for
TINY = 1e-12  # keeps the products of directions positive


class _Sizes(NamedTuple):
    """The ratios d/n and N/n, s, whether data are centred, and the matrix (L, L) by which shells act on each other."""

    delta: float
    nu: float
    s: int
    center: bool
    meets: FloatArray


def limit_trajectory(
    d_per_feature: float,
    sparsity: int,
    target_frequency: float,
    samples_per_feature: float,
    n_steps: int,
    *,
    center: bool = True,
    occurrence: float = 0.0,
    shells: int = 0,
) -> FloatArray:
    """Return the cosine with its feature after 0 .. T steps from it, (T + 1,): delta > 0, s >= 2, p, nu > 0, T >= 0.

    delta and nu are in [1e-12, 1e12], s is at most 4096.
    `occurrence`: by how many standard deviations, 1 / sqrt(nu s), the feature is in more samples than the average one.
    `shells`: how far from the feature those that met it in samples, or met those, fire by themselves: 0 for
    nu >> sqrt(n), T for n -> infinity at fixed nu.  Implements: PREDICTION.md, section 6 (ours).
    Raises ValueError for arguments out of range.
    """
    delta = one_number("d_per_feature", ratio("d_per_feature", d_per_feature))
    nu = one_number("samples_per_feature", ratio("samples_per_feature", samples_per_feature))
    s, steps = count("sparsity", sparsity, 2, MOST_ACTIVE), count("n_steps", n_steps, 0)
    bias = float(frequency_to_bias(one_frequency("target_frequency", target_frequency)))
    number = max(1 + one_number("occurrence", occurrence) / math.sqrt(nu * s), 0.0)
    sizes = _Sizes(delta, nu, s, switch("center", center), _meetings(s, nu, count("shells", shells, 0), number))
    return _cosines(sizes, bias, steps)


def limit_critical_frequency(
    d_per_feature: float,
    sparsity: int,
    samples_per_feature: float,
    n_steps: int,
    *,
    center: bool = True,
    threshold: float = 0.9,
    occurrence: float = 0.0,
    shells: int = 0,
) -> float:
    """Return the p above which the cosine after T steps is below the threshold, NaN where that is at none or at all.

    Arguments and errors as in `limit_trajectory`.  With `occurrence` at the quartiles -0.674 and 0.674 of a feature's
    luck it is the p at which a quarter and three quarters are kept: the width of the transition at n -> infinity.
    """
    tau = cosine("threshold", threshold)
    sizes = (d_per_feature, sparsity)

    def kept(bias: float) -> bool:
        rest = (samples_per_feature, n_steps)
        path = limit_trajectory(
            *sizes, float(bias_to_frequency(bias)), *rest, center=center, occurrence=occurrence, shells=shells
        )
        return bool(path[-1] > tau)

    high, low = HIGHEST, LOWEST
    if kept(high) or not kept(low):
        return math.nan
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) else (low, middle)
    return float(bias_to_frequency((low + high) / 2))


def _meetings(s: int, nu: float, shells: int, number: float) -> FloatArray:
    """Return what the amplitudes on the feature, on those that met it, on those that met them ... give each other.

    A feature is in nu s samples with nu s (s-1) others, all of them different as n -> infinity: a shell gives the
    energy (s-1) / (nu s) to the next, and gets as much.  A feature in `number` times as many samples meets as many
    more, each as often: that is the energy, of which the amplitude is the root.  Without shells those that met it give
    to the feature, all of whose samples fire, and keep nothing.
    """
    hop = math.sqrt((s - 1) / (nu * s))
    size = max(shells, 1) + 1
    matrix = np.eye(size) + hop * (np.eye(size, k=1) + np.eye(size, k=-1))
    matrix[0, 0] = number
    matrix[0, 1] *= math.sqrt(number)
    matrix[1, 0] = matrix[0, 1]
    if not shells:
        matrix[1, 1] = 0
    return matrix


def _cosines(sizes: _Sizes, bias: float, n_steps: int) -> FloatArray:
    """Follow w = sum_l x_l e_l + sum_j kappa_j xi_j, xi Gaussian in d dimensions with the products n C_jr.

    Implements: c_t = E psi(h (u_t + S)) - mean + luck;  C_tr = E c_t c_r;  Q_tr = E g_t g_r = <w_t, w_r>;
    chi_tr = E dc_t / dg_r = Q^-1 E c_t g_r;  w_(t+1) = (2 h delta (meets x_t) + sum_r chi_tr w_r + xi_t) / length;
    u_(t+1) = g_(t+1) + delta sum_j kappa_j c_j.
    """
    delta, h, size = sizes.delta, 1 / math.sqrt(sizes.s), len(sizes.meets)
    fresh, luck = _white(n_steps)
    x, kappa = np.zeros((n_steps + 1, size)), np.zeros((n_steps + 1, n_steps))
    x[0, 0] = 1
    c, u, before = np.zeros((n_steps, N_NODES)), np.zeros((n_steps, N_NODES)), (np.ones(N_NODES), np.ones(N_NODES))
    for t in range(n_steps):
        across = kappa[: t + 1, :t] @ c[:t]
        products = x[: t + 1] @ x[: t + 1].T + delta / N_NODES * across @ across.T + TINY * np.eye(t + 1)
        g = np.linalg.cholesky(products) @ fresh[: t + 1]
        u[t] = g[t] + delta * kappa[t, :t] @ c[:t]
        mean, square, rise = _drive(u[t], sizes, bias)
        given = mean
        if t:  # as in `Sampling`
            less, more = np.minimum(square, before[1]), np.maximum(square, before[1])
            shared = _shared(u[t - 1 : t + 1], bias) * np.sqrt(less / more)
            luck[t] = shared * luck[t - 1] + np.sqrt(1 - shared * shared) * luck[t]
            memory = delta * float(across[t] @ c[t - 1]) / float(c[t - 1] @ c[t - 1])
            given = mean + memory * _fed(sizes, bias, mean, before[0], rise, u[t] - u[t - 1])
        before = (mean, square)
        given = given - (given.mean() if sizes.center else 0.0)
        chi = np.linalg.solve(products, g @ given / N_NODES)
        c[t] = given + np.sqrt(square / (sizes.nu * sizes.s)) * luck[t]
        x[t + 1] = 2 * h * delta * sizes.meets @ x[t] + chi @ x[: t + 1]
        kappa[t + 1] = chi @ kappa[: t + 1]
        kappa[t + 1, t] += 1
        energy = delta * float(np.mean((kappa[t + 1, : t + 1] @ c[: t + 1]) ** 2))
        length = math.sqrt(float(x[t + 1] @ x[t + 1]) + energy)
        x[t + 1] /= length
        kappa[t + 1] /= length
    return x[:, 0]


def _white(n_steps: int) -> tuple[FloatArray, FloatArray]:
    """Return (T + 1, K) coordinates of the history and (T, K) of luck: exactly white, as Stein's lemma wants them."""
    level = np.floor(spread(1, N_NODES, 2 * n_steps + 1, 0)[:, :, 0] * N_NODES) + 0.5  # each coordinate is even
    normal = ndtri(level / N_NODES)
    normal -= normal.mean(axis=1, keepdims=True)
    normal = np.linalg.solve(np.linalg.cholesky(normal @ normal.T / N_NODES), normal)
    return normal[: n_steps + 1], normal[n_steps + 1 :]


def _drive(u: FloatArray, sizes: _Sizes, bias: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return E psi, E psi^2 and the rise of P(y > -b) with u, over the company of each rival, (K,)."""
    s, h = sizes.s, 1 / math.sqrt(sizes.s)
    population = Population(u[None], np.ones(u.size), spacing(s), period(s))
    shift = np.array([s * h * u.mean() if sizes.center else 0.0])
    shrink = population.shrink(s - 1)
    centre = population.grid() + (s - 1) * (1 - shrink) * population.mean[:, None]
    drive = population.rest(s - 1).drive(centre / shrink, Neuron(bias, h * shrink, shift))
    rise = np.gradient(drive.share, population.cell, axis=1)
    mean, square, rise = (each[0] for each in population.at_rivals(drive.mean, drive.square, rise))
    return mean, np.maximum(square, TINY), rise


def _fed(
    sizes: _Sizes, bias: float, mean: FloatArray, before: FloatArray, rise: FloatArray, moved: FloatArray
) -> FloatArray:
    """Return what samples that fired have added, (K,), per memory of the rivals' own c: as `Sampling.fed`."""
    h, others = 1 / math.sqrt(sizes.s), sizes.s - 1
    spread = np.full((1, 1), h * math.sqrt(others) * moved.std())
    again = driven_again(mean[None], before[None], rise[None] / h, h * moved[None], spread, bias)[0]
    return np.asarray(others * h / (sizes.nu * sizes.s) * again)


def _shared(u: FloatArray, bias: float) -> FloatArray:
    """Return how equal the luck of two steps (2, K) is where no projection grows: as equal as the firings behind it."""
    apart = u - u.mean(axis=1, keepdims=True)
    return shared_drive(apart[0] @ apart[1] / np.linalg.norm(apart, axis=1).prod(), bias)
