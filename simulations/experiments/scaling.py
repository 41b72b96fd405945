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

EXPERIMENT = Experiment(
    "scaling",
    "The theorem gives exponents to the edges of its band: do the transitions of learnability move with n like that?",
    order=110,
    grids={
        "quick": lambda: _cuts((64, 128, 256, 512, 1_024), (3, 5), 10, 100),
        "standard": lambda: _cuts(LARGE, (3, 5, 8), 16, 200),
        "paper": lambda: _cuts(LARGE, (3, 4, 5, 8), 30, 1_000),
    },
)
