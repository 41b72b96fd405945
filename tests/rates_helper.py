"""One-sided form of statistics_helper: a rate of false alarms that has to stay below a bound."""

from __future__ import annotations

from scipy import stats
from statistics_helper import ALPHA


def assert_rate_at_most(alarms: int, trials: int, bound: float, what: str) -> None:
    """Assert that `alarms` of `trials` independent draws agree with a probability of at most `bound`, exactly.

    Fails with probability below 1e-6 where the bound holds.  With bound 0.05: 200 trials fail at 28 alarms, and catch
    a rate of 0.2 with probability 0.99; 400 fail at 45, and catch 0.15 with 0.99; 4,000 fail at 270, and catch 0.08
    with 0.999.
    """
    assert 0 <= alarms <= trials and trials > 0, f"{what}: {alarms} of {trials}"
    tail = float(stats.binom.sf(alarms - 1, trials, bound))
    assert tail >= ALPHA, f"{what}: {alarms} of {trials}, but should be at most {bound:.0%}, tail {tail:.1e}"
