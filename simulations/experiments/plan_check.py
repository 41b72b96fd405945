"""How often a plan made by theory alone holds what it promises: each is carried out on drawn data.

PLANS is what `theory.plan` answers, kept here because asking takes a second each: `python -m
simulations.experiments.plan_check` prints it anew, and a test asks again for one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulations.experiments.base import Experiment, Point

Asked = tuple[int, int, int, float]  # n, d, s, wanted recovery rate
Planned = tuple[float, int, int, int]  # p, T, N, M
SIZES = ((64, 48, 3), (128, 64, 3), (128, 96, 4), (128, 128, 5), (256, 128, 3), (256, 128, 4), (256, 192, 5),
         (64, 64, 4), (128, 128, 4), (256, 256, 5))  # fmt: skip
TARGETS = (0.8, 0.9)
WIDEST = 200_000  # neurons, beyond which a plan is not carried out
COUNTS = {"quick": 3, "standard": 20, "paper": 20}  # plans

PLANS: Mapping[Asked, Planned] = {
    (64, 48, 3, 0.8): (0.00333, 2, 6400, 1907),
    (128, 64, 3, 0.8): (0.00333, 4, 12800, 3268),
    (128, 96, 4, 0.8): (0.0025, 4, 12800, 2434),
    (128, 128, 5, 0.8): (0.002, 5, 12800, 2449),
    (256, 128, 3, 0.8): (0.00333, 3, 25600, 4043),
    (256, 128, 4, 0.8): (0.0025, 4, 25600, 3163),
    (256, 192, 5, 0.8): (0.002, 4, 25600, 3315),
    (64, 64, 4, 0.8): (0.0025, 3, 6400, 1540),
    (128, 128, 4, 0.8): (0.0025, 3, 12800, 2601),
    (256, 256, 5, 0.8): (0.002, 4, 25600, 2920),
    (64, 48, 3, 0.9): (0.00833, 3, 6400, 4035),
    (128, 64, 3, 0.9): (0.00333, 4, 12800, 9323),
    (128, 96, 4, 0.9): (0.0025, 4, 12800, 5882),
    (128, 128, 5, 0.9): (0.002, 5, 12800, 5651),
    (256, 128, 3, 0.9): (0.00333, 3, 25600, 7315),
    (256, 128, 4, 0.9): (0.0025, 4, 25600, 5934),
    (256, 192, 5, 0.9): (0.002, 4, 25600, 6324),
    (64, 64, 4, 0.9): (0.0025, 3, 6400, 3275),
    (128, 128, 4, 0.9): (0.0025, 3, 12800, 5461),
    (256, 256, 5, 0.9): (0.002, 3, 25600, 7441),
}


def ask() -> dict[Asked, Planned]:
    """Return the plans of the theory for all sizes and targets that have one, and that is not too wide."""
    from theory.plan import plan

    found: dict[Asked, Planned] = {}
    for target in TARGETS:
        for sizes in SIZES:
            try:
                made = plan(*sizes, target)
            except ValueError:  # no setting reaches the target
                continue
            if made.n_neurons <= WIDEST:
                planned = (float(f"{made.target_frequency:.3g}"), made.n_steps, made.n_samples, made.n_neurons)
                found[(*sizes, target)] = planned
    return found


def as_settings(planned: Planned) -> Point:
    """Return a plan as settings of a cell."""
    return dict(zip(("target_frequency", "n_steps", "n_samples", "n_neurons"), planned, strict=True))


def _points(n_plans: int, n_seeds: int) -> list[Point]:
    points: list[Point] = []
    for (n, d, s, target), planned in list(PLANS.items())[:n_plans]:
        sizes: Point = {"n_features": n, "d_model": d, "sparsity": s, "center": True, "arm": f"target {target:g}"}
        points += [sizes | as_settings(planned) | {"seed": seed} for seed in range(n_seeds)]
    return points


EXPERIMENT = Experiment(
    "plan_check",
    "A plan made by theory alone (p, T, N and M for a target) recovers at least its target when it is carried out",
    order=103,
    grids={
        "quick": lambda: _points(COUNTS["quick"], 2),
        "standard": lambda: _points(COUNTS["standard"], 5),
        "paper": lambda: _points(COUNTS["paper"], 20),
    },
)


if __name__ == "__main__":
    for asked, planned in ask().items():
        print(f"    {asked}: {planned},")
