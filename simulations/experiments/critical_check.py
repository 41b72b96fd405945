"""The critical p simulated at settings drawn beforehand, to be laid beside what it predicts.

CRITICAL is what `theory.prediction.critical_frequency` answered, when rows were laid around it, at the first settings
of a sequence at which the share kept passes 1/4 and 3/4: `python -m simulations.experiments.critical_check` prints what
it says now (within 8 %, of more instances), and a test asks again for one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from simulations.experiments.base import Experiment, Point, by_centring, choice, evenly

Asked = tuple[int, int, int, int, int, bool]  # n, d, s, N, T, centred
SIZES = (1_024, 1_024, 1_024, 4_096)
SMALLEST = 32  # d, up to n
SPARSITIES, RATIOS = (3, 4, 5, 6, 8), (50, 100, 200)  # s, N/n
STEPS = tuple(range(3, 13))  # T
AROUND = (0.75, 1.0, 1.33)  # times the predicted critical p
PROBES = 128
SMALL, TIMES = 1 / 8, 4  # d/n below which a share takes long to fall, so that a p needs as many times the datasets

CRITICAL: Mapping[Asked, float] = {
    (1_024, 54, 4, 51_200, 3, True): 0.0215,
    (1_024, 520, 8, 51_200, 9, False): 0.00124,
    (1_024, 156, 6, 204_800, 5, True): 0.0196,
    (4_096, 1_284, 3, 409_600, 7, True): 0.0093,
    (4_096, 237, 8, 409_600, 3, False): 0.00792,
    (1_024, 385, 4, 204_800, 4, False): 0.01,
    (1_024, 115, 3, 204_800, 10, True): 0.00242,
    (1_024, 331, 5, 102_400, 12, True): 0.0133,
    (1_024, 99, 4, 51_200, 8, False): 0.00261,
    (1_024, 950, 8, 204_800, 4, True): 0.114,
    (1_024, 285, 6, 204_800, 10, False): 0.00282,
    (4_096, 126, 4, 409_600, 5, True): 0.00824,
    (4_096, 2_987, 3, 409_600, 11, False): 0.00348,
    (4_096, 552, 8, 204_800, 7, True): 0.0176,
    (1_024, 73, 5, 51_200, 3, False): 0.00666,
    (1_024, 703, 4, 204_800, 9, False): 0.00464,
    (1_024, 211, 3, 102_400, 5, True): 0.0112,
    (1_024, 605, 5, 51_200, 6, True): 0.0346,
    (1_024, 181, 3, 51_200, 12, False): 0.00173,
    (4_096, 1_587, 6, 819_200, 4, False): 0.00987,
}


def setting(number: int) -> Asked:
    """Return a setting of the sequence, spread evenly over all sizes."""
    place = evenly(number, 6)
    n, ratio, s = choice(SIZES, place[0]), choice(RATIOS, place[1]), choice(SPARSITIES, place[2])
    d = round(SMALLEST * (n / SMALLEST) ** place[3])
    return n, d, s, ratio * n, choice(STEPS, place[4]), place[5] < 0.5


def ask(n_settings: int) -> dict[Asked, float]:
    """Return the critical p, to three digits, of the first settings where theory has a whole transition."""
    from theory.prediction import critical_frequency

    told: dict[Asked, float] = {}
    number = 0
    while len(told) < n_settings:
        *sizes, center = setting(number)
        critical = [critical_frequency(*sizes, center=center, level=each) for each in (0.25, 0.5, 0.75)]
        if all(map(math.isfinite, critical)):
            told[setting(number)] = float(f"{critical[1]:.3g}")
        number += 1
    return told


def _points(critical: Mapping[Asked, float], n_seeds: int) -> list[Point]:
    points: list[Point] = []
    for (n, d, s, n_samples, n_steps, center), p in critical.items():
        sizes: Point = {"instrument": "learnability", "n_features": n, "d_model": d, "sparsity": s, "center": center}
        sizes |= {"n_samples": n_samples, "n_steps": n_steps, "n_probes": PROBES}
        for seed in range(n_seeds * (TIMES if d < SMALL * n else 1)):
            points += [sizes | {"target_frequency": float(f"{p * each:.3g}"), "seed": seed} for each in AROUND]
    return by_centring(points)


EXPERIMENT = Experiment(
    "critical_check",
    "Theory alone predicts the critical p of n >= 1,024, at settings drawn beforehand",
    order=105,
    grids={
        "quick": lambda: _points({(256, 128, 4, 25_600, 4, True): 0.0359, (256, 64, 3, 25_600, 6, False): 0.00367}, 2),
        "standard": lambda: _points(CRITICAL, 40),
        "paper": lambda: _points(CRITICAL, 100),
    },
)


if __name__ == "__main__":
    for asked, critical in ask(len(CRITICAL)).items():
        print(f"    {asked}: {critical},")
