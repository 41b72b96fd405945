"""Recovery simulated at settings that played no part in the theory, to be laid beside what it predicts of them."""

from __future__ import annotations

from simulations.experiments.base import Experiment, Point, by_centring, choice, evenly

SHARES = (0.25, 0.375, 0.5, 0.75, 1.0)  # d/n
RATIOS = (50, 100, 200)  # N/n
FIRINGS = (0.5, 12.0)  # p N s/n, firings of a feature's samples at the start: the theory's range and beyond
LARGEST_AT_64 = 256  # features, up to which the widest is 64 n


def _setting(number: int, sizes: tuple[int, ...], steps: tuple[int, int]) -> Point:
    """Return a setting without width, of a sequence spread evenly over all sizes."""
    place = evenly(number, 7)
    n, ratio = choice(sizes, place[0]), choice(RATIOS, place[1])
    s = choice((3, 4, 5, 6, 8), place[2])
    firings = FIRINGS[0] * (FIRINGS[1] / FIRINGS[0]) ** place[3]
    return {
        "n_features": n,
        "d_model": round(n * choice(SHARES, place[4])),
        "sparsity": s,
        "n_samples": ratio * n,
        "center": place[6] < 0.5,
        "n_steps": choice(tuple(range(steps[0], steps[1] + 1)), place[5]),
        "target_frequency": float(f"{firings / (ratio * s):.3g}"),
    }


def _points(n_settings: int, n_seeds: int, sizes: tuple[int, ...], steps: tuple[int, int]) -> list[Point]:
    points = [
        _setting(number, sizes, steps) | {"n_neurons": width, "seed": seed}
        for number in range(n_settings)
        for width in _widths(_setting(number, sizes, steps)["n_features"])
        for seed in range(n_seeds)
    ]
    return by_centring(points)


def _widths(n: int) -> list[int]:
    return [n // 4, n, 4 * n, 16 * n] + ([64 * n] if n <= LARGEST_AT_64 else [])


EXPERIMENT = Experiment(
    "predict_check",
    "Theory alone predicts the recovery rate at any width, at settings that played no part in it",
    order=102,
    grids={
        "quick": lambda: _points(4, 2, (64,), (2, 4)),
        "standard": lambda: _points(40, 5, (64, 128, 256, 512), (2, 10)),
        "paper": lambda: _points(80, 10, (256, 512, 1_024, 2_048), (2, 12)),
    },
)
