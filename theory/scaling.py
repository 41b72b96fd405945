"""The theorem's exponents (Theorem 6.1, arXiv 2506.14002v1)."""

from __future__ import annotations

from theory.checks import at_least


def upper_edge_exponent(sparsity: float) -> float:
    """Return the exponent of n in the band's upper edge without its term in d: -max((1 + 1/s)/2, 2/s) at eps = 0.

    The edge is min(n^(-(1 + 1/s)/2), n^(-2/s)): at eps = 0 the smaller one has the larger size of exponent.
    """
    s = float(at_least("sparsity", sparsity, 1))
    return -max((1 + 1 / s) / 2, 2 / s)


LOWER_EDGE_EXPONENT = -1.0  # p above 1/n
CRITICAL_DIMENSION_EXPONENT = 0.5  # the change at d = sqrt(n)
WIDTH_EXPONENT_IN_N = 1.0  # M above n p^(-s)


def width_exponent_in_frequency(sparsity: float) -> float:
    """Return the exponent of p in the width condition at eps = 0: -s."""
    return -float(at_least("sparsity", sparsity, 1))
