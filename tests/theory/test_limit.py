"""The limit of many features after one step: against quadrature, Monte Carlo and the recursion at large n."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from statistics_helper import assert_z, seed_of

from theory.closed_forms import frequency_to_bias
from theory.limit import drive_product, drive_square, first_step_cosine, mean_drive
from theory.prediction import alignment_trajectory


def psi(y, b):
    return np.where(y > -b, 2 * y + b, 0.0)


@pytest.mark.parametrize("b", [0.0, -1.0, -3.0])
def test_moments_of_psi_are_the_integrals(b: float) -> None:
    square = integrate.quad(lambda y: (2 * y + b) ** 2 * stats.norm.pdf(y), -b, 12)[0]
    assert drive_square(b) == pytest.approx(square, rel=1e-7)
    assert drive_product(1.0, b) == pytest.approx(square, rel=1e-6)  # beyond 6 units 1e-8 of it is left out
    assert drive_product(0.0, b) == pytest.approx(mean_drive(b) ** 2, rel=1e-6)


def test_kernel_by_monte_carlo() -> None:
    rng, b, r = np.random.default_rng(seed_of("kernel")), -1.5, 0.4
    y, fresh = rng.standard_normal((2, 400_000))
    product = psi(y, b) * psi(r * y + math.sqrt(1 - r * r) * fresh, b)
    assert_z(product.mean() - float(drive_product(r, b)), 0.0, product.std() / math.sqrt(product.size), "kernel")


@pytest.mark.parametrize("s", [3, 5, 8])
def test_first_step_is_the_recursion_of_many_features(s: int) -> None:
    n = 10**6
    found = float(first_step_cosine(0.5, s, 0.02, 100))
    # The part across the feature is a tenth to an eighth; the nodes err by 1% of its square, 1e-4.
    assert alignment_trajectory(n, n // 2, s, 0.02, 100 * n, 1, center=True)[1] == pytest.approx(found, abs=2e-4)


@pytest.mark.parametrize(("s", "nu"), [(3, 100), (5, 20)])
def test_first_step_by_monte_carlo(s: int, nu: int) -> None:
    """One step of the algorithm from eight features of one drawn dataset, n = 3000."""
    n, delta, p = 3000, 0.5, 0.02
    rng, b, h = np.random.default_rng(seed_of(f"first step {s}")), float(frequency_to_bias(p)), 1 / math.sqrt(s)
    V = rng.standard_normal((n, int(delta * n)))
    supports = np.argpartition(rng.random((n * nu // 50, n)), s, axis=1)[:, :s]
    # Fifty blocks of supports from one: relabelled by random permutations, which keeps them uniform.
    supports = np.concatenate([rng.permutation(n)[supports] for _ in range(50)])
    mean = np.bincount(supports.ravel(), minlength=n) * h / len(supports)
    cosines = []
    for i in range(8):
        w = V[i] / np.linalg.norm(V[i])
        u = V @ w
        drive = psi(h * u[supports].sum(1) - mean @ u, b)
        c = np.bincount(supports.ravel(), np.repeat(drive, s), n) * h - drive.sum() * mean
        moved = c @ V
        cosines.append(moved @ w / np.linalg.norm(moved))
    found = float(first_step_cosine(delta, s, p, nu))
    # tan^2 is about 0.02 to 0.1, a sum over 3000 rivals and nu s samples: 5% of it, half of which is in the cosine.
    assert np.mean(cosines) == pytest.approx(found, abs=0.05 * (1 / found**2 - 1) + 3 * np.std(cosines) / math.sqrt(8))


def test_orderings_and_errors() -> None:
    grid = first_step_cosine([[0.1], [1.0]], 3, [0.001, 0.1], 100)
    assert grid.shape == (2, 2) and (grid < 1).all() and (grid > 0).all()
    assert first_step_cosine(0.5, 3, 0.02, 10) < first_step_cosine(0.5, 3, 0.02, 1000)
    with pytest.raises(ValueError, match="d_per_feature=0, but should be above 0"):
        first_step_cosine(0.0, 3, 0.02, 100)
    for delta, nu in ((1e-300, 1.0), (1e300, 1.0), (0.5, 1e-300)):  # squares of these are no numbers
        with pytest.raises(ValueError, match=r"per_feature=.*, but should be in \[1e-12, 1e12\]"):
            first_step_cosine(delta, 3, 0.02, nu)
    ends = first_step_cosine([[1e-12], [1e12]], [[[1]], [[1e9]]], 1e-300, [1e-12, 1.0, 1e12])
    assert ((ends >= 0) & (ends <= 1)).all()
    with pytest.raises(ValueError, match=r"correlation=2, but should be in \[-1, 1\]"):
        drive_product(2.0, -1.0)
