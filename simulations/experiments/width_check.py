"""Recovery predicted from probes beside recovery simulated outright, at the same settings and seeds.

And, inside the theorem's band, recovery by as many neurons as theory asks for 95 % of the features that hold one,
beside the share that do.  WIDTHS keeps those numbers, because asking takes a second each: `python -m
simulations.experiments.width_check` prints them anew, and a test asks again for one of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Experiment, Point, product

STANDARD: dict[str, Any] = {
    "n_features": 128, "d_model": 64, "n_samples": 6_400, "target_frequency": 0.003,
    "n_neurons": (512, 2_048, 8_192, 32_768),
}  # fmt: skip

INSIDE, HELD = "inside the band", "inside the band, held"  # arms: recovery, and the share that holds a neuron
WITHIN: dict[str, Any] = {"sparsity": 3, "n_steps": 6}
SAMPLES, SHARE = 50, 0.95  # a feature; of the features that hold a neuron
# The width for SHARE of the features that hold a neuron, by n, d, p and whether the data are centred.
WIDTHS: Mapping[tuple[int, int, float, bool], int] = {
    (256, 16, 0.0068, True): 223, (256, 16, 0.0068, False): 91,
    (256, 16, 0.0142, True): 1_038, (256, 16, 0.0142, False): 2_929,
    (256, 32, 0.0068, True): 515, (256, 32, 0.0068, False): 242,
    (256, 32, 0.0142, True): 335, (256, 32, 0.0142, False): 224,
    (1_024, 32, 0.00195, True): 8_637, (1_024, 32, 0.00195, False): 10_775,
    (1_024, 32, 0.00492, True): 7_553, (1_024, 32, 0.00492, False): 3_661,
    (1_024, 128, 0.00195, True): 12_223, (1_024, 128, 0.00195, False): 10_457,
    (1_024, 128, 0.00492, True): 18_151, (1_024, 128, 0.00492, False): 26_340,
}  # fmt: skip


def ask(n_features: int, d_model: int, p: float, center: bool) -> int:
    """Return the width that theory asks for SHARE of the features that it has hold a neuron."""
    from theory.prediction import learnable_fraction
    from theory.recovery_prediction import success

    sizes = (n_features, d_model, WITHIN["sparsity"], p, SAMPLES * n_features, WITHIN["n_steps"])
    held = float(learnable_fraction(*sizes, center=center))
    return math.ceil(success(*sizes, center=center).width(SHARE * held))


def _inside(**axes: Any) -> list[Point]:
    """Return points inside the band: recovery at the width of WIDTHS, and the share of features that hold a neuron."""
    points: list[Point] = []
    for (n, d, p, center), width in WIDTHS.items():
        same = axes | WITHIN | {"n_features": n, "d_model": d, "n_samples": SAMPLES * n, "target_frequency": p}
        points += product(arm=INSIDE, n_neurons=width, center=center, **same)
        points += product(arm=HELD, instrument="learnability", n_probes=256, center=center, **same)
    return points


def _pairs(n_probes: int, **axes: Any) -> list[Point]:
    probes = product(arm="probes", instrument="width", n_probes=n_probes, **axes)
    return probes + product(arm="simulation", **axes)


EXPERIMENT = Experiment(
    "width_check",
    "Recovery predicted from probes agrees with direct simulation, and intervals cover as often as they claim, or more",
    order=100,
    grids={
        "quick": lambda: _pairs(
            64, seed=(0, 1), n_features=64, d_model=48, n_samples=3_200, target_frequency=(0.003, 0.01),
            n_neurons=(512, 2_048, 8_192),
        ),
        "standard": lambda: [
            *_pairs(192, seed=tuple(range(5)), center=False, **STANDARD),
            *_pairs(192, seed=tuple(range(20)), center=True, **STANDARD),
            *_inside(seed=tuple(range(5))),
        ],
        "paper": lambda: _pairs(
            512, seed=tuple(range(20)), n_features=(256, 1_024), d_model=(128, 512), n_samples=50_000,
            center=(False, True), sparsity=(3, 5), target_frequency=(0.0003, 0.001, 0.003, 0.01),
            n_neurons=(512, 2_048, 8_192, 32_768),
        ),
    },
)  # fmt: skip


if __name__ == "__main__":
    for asked in WIDTHS:
        print(f"    {asked}: {ask(*asked):_},")
