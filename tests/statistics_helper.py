"""The one way this project asserts a random quantity: fail only where the tail is below ALPHA, and say by how much.

With a fixed seed a test is deterministic.  SAE_TEST_SEED=1, 2, ... reruns all statistical tests on other draws.
"""

from __future__ import annotations

import hashlib
import math
import os

from scipy import stats

ALPHA = 1e-6  # false alarm of one assertion, over all its comparisons


def seed_of(what: str) -> int:
    """Return the seed of a test named `what`, which SAE_TEST_SEED changes for all tests at once."""
    text = f"{os.environ.get('SAE_TEST_SEED', '0')}:{what}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def assert_z(value: float, expectation: float, standard_error: float, what: str, *, comparisons: int = 1) -> None:
    """Assert that a nearly normal estimate agrees with its expectation, two-sided.

    `comparisons` is how many such assertions are made together (Bonferroni).  An error of 10 standard errors is missed
    with probability below 1e-6 (|z| > 4.9 fails, and the estimate errs by 4.8 the other way), 12 with 1e6 comparisons.
    """
    assert math.isfinite(value), f"{what}: value {value}"
    assert math.isfinite(standard_error) and standard_error > 0, f"{what}: standard error {standard_error}"
    z = (value - expectation) / standard_error
    tail = min(1.0, comparisons * 2 * float(stats.norm.sf(abs(z))))
    assert tail >= ALPHA, f"{what}: value {value:.6g}, expectation {expectation:.6g}, z {z:.2f}, tail {tail:.1e}"


def assert_binomial(successes: int, trials: int, probability: float, what: str, *, comparisons: int = 1) -> None:
    """Assert that `successes` of `trials` independent draws agree with their probability, two-sided and exact."""
    assert 0 <= successes <= trials and trials > 0, f"{what}: {successes} of {trials}"
    law = stats.binom(trials, probability)
    tail = min(1.0, comparisons * 2 * float(min(law.cdf(successes), law.sf(successes - 1))))
    expected = trials * probability
    assert tail >= ALPHA, f"{what}: value {successes} of {trials}, expectation {expected:.6g}, tail {tail:.1e}"
