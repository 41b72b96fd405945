"""What theory predicts of the settings in figures: looked up in predicted.csv, and calculated where it is not there.

The table only saves time, up to a second a number: `python -m simulations.evidence.predicted_table` writes it anew, and
a test calculates some of it again.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from theory.prediction import critical_frequency, learnable_by_step
from theory.recovery_prediction import Success, success
from theory.transition_floor import transition_floor
from theory.transitions import crossing

TABLE = Path(__file__).with_name("predicted.csv")
EDGE_FREQUENCIES = tuple(float(each) for each in np.geomspace(3e-4, 0.1, 6))  # at which recovery is asked for its edge
N_SETS = 16  # of instances, that a share is asked of
DIGITS = 5  # of a number in the table
asked: dict[str, str] = {}  # all that was looked up or calculated in this process
writes = False  # whether the table is being written: then nothing is left out for its time


@cache
def table() -> dict[str, str]:
    if not TABLE.is_file():
        return {}
    with TABLE.open(newline="") as lines:
        return dict(csv.reader(lines))


def _known(key: str, calculate: Callable[[], list[float]]) -> list[float]:
    """Return the numbers of a key: of the table, or calculated once."""
    if key not in asked:
        asked[key] = table().get(key) or " ".join(f"{each:.{DIGITS}g}" for each in calculate())
    return [float(each) for each in asked[key].split()]


def critical(n: int, d: int, s: int, n_samples: int, n_steps: int, center: bool) -> float:
    """Return the critical p (half of the features kept, tau = 0.9) of `theory.prediction.critical_frequency`."""
    key = f"critical {n} {d} {s} {n_samples} {n_steps} {center}"
    return _known(key, lambda: [critical_frequency(n, d, s, n_samples, n_steps, center=center)])[0]


def critical_by_step(
    n: int, d: int, s: int, p: tuple[float, ...], n_samples: int, n_steps: int, center: bool, tau: float
) -> list[float]:
    """Return the critical p after 0 .. T steps at a threshold, read off shares at frequencies p; NaN where none is."""

    def calculate() -> list[float]:
        sizes = (n_samples, n_steps)
        shares = [learnable_by_step(n, d, s, each, *sizes, center=center, threshold=tau, n_sets=N_SETS) for each in p]
        return [crossing(p, column) for column in np.stack(shares).T]

    ends = f"{p[0]:g} {p[-1]:g} {len(p)}"
    return _known(f"by step {n} {d} {s} {ends} {n_samples} {n_steps} {center} {tau:g}", calculate)


def floor(d_per_feature: float, s: int, samples_per_feature: float, n_steps: int, center: bool) -> float:
    """Return the width in log p that the transition keeps as n -> infinity: only as far as it is tabled.

    It takes seconds: only `python -m simulations.evidence.predicted_table` calculates it.
    """
    key = f"floor {d_per_feature:g} {s} {samples_per_feature:g} {n_steps} {center}"
    if key not in table() and not writes:
        return float("nan")
    return _known(key, lambda: [transition_floor(d_per_feature, s, samples_per_feature, n_steps, center=center)])[0]


@cache
def _success(n: int, d: int, s: int, p: float, n_samples: int, n_steps: int, center: bool) -> Success:
    return success(n, d, s, p, n_samples, n_steps, center=center)


def recovery(n: int, d: int, s: int, p: float, n_samples: int, n_steps: int, center: bool, n_neurons: int) -> float:
    """Return the predicted recovery rate of M neurons."""
    key = f"recovery {n} {d} {s} {p:g} {n_samples} {n_steps} {center} {n_neurons}"
    sizes = (n, d, s, p, n_samples, n_steps, center)
    return _known(key, lambda: [float(_success(*sizes).recovery_rate(n_neurons))])[0]


def width(n: int, d: int, s: int, p: float, n_samples: int, n_steps: int, center: bool, target: float) -> float:
    """Return the predicted width for a target recovery rate, inf where none is."""
    key = f"width {n} {d} {s} {p:g} {n_samples} {n_steps} {center} {target:g}"
    return _known(key, lambda: [_success(n, d, s, p, n_samples, n_steps, center).width(target)])[0]


def edge(n: int, d: int, s: int, n_samples: int, n_steps: int, center: bool, n_neurons: int) -> float:
    """Return the p above which predicted recovery is below a half, NaN where none is: only as far as it is tabled.

    It takes several seconds: only `python -m simulations.evidence.predicted_table` calculates it.
    """
    key = f"edge {n} {d} {s} {n_samples} {n_steps} {center} {n_neurons}"
    if key not in table() and not writes:
        return float("nan")

    def calculate() -> list[float]:
        rates = [
            float(success(n, d, s, p, n_samples, n_steps, center=center).recovery_rate(n_neurons))
            for p in EDGE_FREQUENCIES
        ]
        first = int(np.argmax(rates))  # below the best p recovery may fall again
        return [crossing(EDGE_FREQUENCIES[first:], rates[first:])]

    return _known(key, calculate)[0]
