"""The critical p simulated at settings drawn beforehand, to be laid beside what it predicts.

CRITICAL is what `theory.prediction.critical_frequency` answered, when rows were laid around it, at settings of a
sequence at which the share kept passes 1/4 and 3/4: `python -m simulations.experiments.critical_check` prints what it
says now, and a test asks again for one of them.  The theory was made while it was seen how it does at those before
FIRST, and was final before these were simulated.
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
FIRST = 25  # of the sequence
SMALL, TIMES = 1 / 8, 2  # d/n below which a share takes long to fall, so that a p needs as many times the datasets

CRITICAL: Mapping[Asked, float] = {
    (4_096, 294, 4, 409_600, 10, True): 0.00473,
    (4_096, 54, 3, 204_800, 6, False): 0.00126,
    (1_024, 447, 8, 51_200, 12, True): 0.0239,
    (1_024, 134, 5, 204_800, 7, False): 0.00361,
    (1_024, 385, 8, 102_400, 9, False): 0.00142,
    (1_024, 115, 6, 102_400, 5, True): 0.0149,
    (1_024, 331, 3, 204_800, 7, True): 0.00944,
    (4_096, 156, 8, 819_200, 3, False): 0.00802,
    (4_096, 3_692, 6, 409_600, 8, True): 0.051,
    (4_096, 683, 4, 409_600, 4, False): 0.011,
    (1_024, 85, 3, 51_200, 10, False): 0.00154,
    (1_024, 818, 8, 204_800, 6, True): 0.0673,
    (1_024, 245, 5, 204_800, 12, False): 0.0031,
    (1_024, 73, 4, 102_400, 8, True): 0.00434,
    (1_024, 704, 8, 102_400, 4, False): 0.00214,
    (1_024, 211, 6, 51_200, 10, True): 0.0125,
    (1_024, 63, 5, 51_200, 5, False): 0.00236,
    (4_096, 1_961, 3, 819_200, 11, True): 0.00503,
    (4_096, 363, 8, 409_600, 7, False): 0.00381,
    (1_024, 54, 6, 102_400, 3, True): 0.0301,
}


def setting(number: int) -> Asked:
    """Return a setting of the sequence, spread evenly over all sizes."""
    place = evenly(number, 6)
    n, ratio, s = choice(SIZES, place[0]), choice(RATIOS, place[1]), choice(SPARSITIES, place[2])
    d = round(SMALLEST * (n / SMALLEST) ** place[3])
    return n, d, s, ratio * n, choice(STEPS, place[4]), place[5] < 0.5


def ask(n_settings: int) -> dict[Asked, float]:
    """Return the critical p, to three digits, of the first settings from FIRST on that have a whole transition."""
    from theory.prediction import critical_frequency

    told: dict[Asked, float] = {}
    number = FIRST
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
