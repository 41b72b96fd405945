"""Exponents by hand, and against the band itself."""

from __future__ import annotations

import numpy as np
import pytest

from theory.conditions import band
from theory.scaling import LOWER_EDGE_EXPONENT, upper_edge_exponent, width_exponent_in_frequency


@pytest.mark.parametrize(("sparsity", "exponent"), [(3, -2 / 3), (4, -0.625), (5, -0.6), (8, -0.5625), (2, -1)])
def test_upper_edge_by_hand(sparsity: float, exponent: float) -> None:
    assert upper_edge_exponent(sparsity) == pytest.approx(exponent)


@pytest.mark.parametrize("sparsity", [2, 3, 4, 5, 8, 20])
def test_exponents_are_those_of_the_band(sparsity: int) -> None:
    n = np.array([1e4, 1e8])
    edges = band(n, n, sparsity, epsilon=0.0, zeta=0.0)  # d = n: its term does not bind
    slopes = [float(np.diff(np.log(each))[0] / np.diff(np.log(n))[0]) for each in (edges.upper, edges.lower)]
    assert slopes == pytest.approx([upper_edge_exponent(sparsity), LOWER_EDGE_EXPONENT])


def test_width_exponent() -> None:
    assert width_exponent_in_frequency(3) == -3
    with pytest.raises(ValueError, match="sparsity=0"):
        width_exponent_in_frequency(0)
