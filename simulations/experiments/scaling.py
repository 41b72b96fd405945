"""How the transitions of learnability move with n, s and d: finite-size scaling without any width."""

from __future__ import annotations

from simulations.experiments.base import Experiment, Point, grid, product

ALONG_D = 3  # sparsity of the cuts along d
FEWEST = 4  # dimensions


def _cuts(sizes: tuple[int, ...], sparsities: tuple[int, ...], n_frequencies: int, n_probes: int) -> list[Point]:
    """Return the cuts along p at d = n/2, and those along d below n/2 at s = 3, p = 1/n."""
    same = {"instrument": "learnability", "n_probes": n_probes, "n_steps": 6, "center": (False, True)}
    frequencies = grid(1e-3, 0.3, n_frequencies)
    points = [
        *product(arm="over p", **same, n_features=sizes, sparsity=sparsities, halvings=1, target_frequency=frequencies),
        *product(arm="over d", **same, n_features=sizes, sparsity=ALONG_D, halvings=tuple(range(2, 9))),
    ]
    found = []
    for point in points:
        n = point["n_features"]
        d = round(n * 0.5 ** point.pop("halvings"))
        if d >= FEWEST:
            found.append({"target_frequency": float(f"{1 / n:.3g}")} | point | {"d_model": d, "n_samples": 100 * n})
    return found


LARGE = (64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384)
SEEDS = (0, 1, 2, 3, 4)
# The largest p looked at, above the transition at every n: where a single seed on a coarse grid showed it.
TOP = {(3, True): 0.07, (5, True): 0.12, (8, True): 0.16, (3, False): 0.03, (5, False): 0.03, (8, False): 0.015}
SHARP = 4_096  # features, from which transitions are so narrow that fewer p, closer together, tell more
DIMENSIONS = (16, 24, 32, 48, 64)  # around the critical d, the same at every n


def _windows(sizes: tuple[int, ...]) -> list[Point]:
    """Return five seeds of the cuts along p, around the transition, and of those along d."""
    points = []
    for n in sizes:
        same = {"instrument": "learnability", "n_probes": 64, "n_steps": 6, "n_features": n, "n_samples": 100 * n}
        for (s, center), top in TOP.items():
            p = grid(top / 9, top / 1.5, 7) if n >= SHARP else grid(top / 20, top, 9)
            cut = {"arm": "over p", "sparsity": s, "center": center, "d_model": n // 2}
            points += product(**same, **cut, target_frequency=p, seed=SEEDS)
        cut = {"arm": "over d", "sparsity": ALONG_D, "target_frequency": float(f"{1 / n:.3g}")}
        points += product(**same, **cut, center=(False, True), d_model=DIMENSIONS, seed=SEEDS)
    return points


EXPERIMENT = Experiment(
    "scaling",
    "The theorem gives exponents to the edges of its band: do the transitions of learnability move with n like that?",
    order=110,
    grids={
        "quick": lambda: _cuts((64, 128, 256, 512, 1_024), (3, 5), 10, 100),
        "standard": lambda: _windows((128, 256, 512, 1_024, 4_096)),
        "paper": lambda: _cuts(LARGE, (3, 4, 5, 8), 30, 1_000),
    },
)
