"""Noisy rows of the provable algorithm with a known true effect, for the claims about it: as in scorecard_worlds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scorecard_worlds import BETWEEN, WITHIN, Rng, World, fallen, frame

from simulations.experiments.cooccurrence import SPARSITY
from simulations.experiments.width_check import HELD, INSIDE, SHARE
from theory.conditions import band
from theory.cooccurrence import cluster_cooccurrence
from theory.scaling import upper_edge_exponent


def inside_band_simulated(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Recovery that is `effect` more than 0.95 of the features that hold neurons; far less at a smaller n."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for n, d, held in ((256, 16, 0.4), (1_024, 32, 0.5), (1_024, 128, 0.8)):
                same = {"seed": seed, "n_features": n, "d_model": d}
                told = held + BETWEEN * rng.standard_normal()
                rate = SHARE * told + effect + luck + WITHIN * rng.standard_normal() - (n < 1_024)
                yield same | {"arm": HELD, "instrument": "learnability", "learnable_fraction": told}
                yield same | {"arm": INSIDE, "feature_recovery_rate": rate}

    return frame(rows())


OVER_D = ((1_024, 5, 6), (1_024, 8, 24), (4_096, 5, 24))  # n, s and steps


def _over_d(rng: Rng, seeds: Sequence[int], critical: Any, early: float = 0.0) -> pd.DataFrame:
    """Rows of the slices over d, whose critical p is critical(n, s, d, luck) with the luck of the seed.

    After 6 steps it rises with d faster, by the exponent `early`.
    """
    p = np.geomspace(1e-4, 0.4, 12)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for n, s, n_steps in OVER_D:
                for d in (32, 64, 128, 256, 512, 1_024):
                    at = critical(n, s, d, luck) * math.exp(WITHIN * rng.standard_normal())
                    at *= (d / 256) ** early if n_steps == 6 else 1.0
                    for each, rate in zip(p, fallen(p, at), strict=True):
                        yield {"seed": seed, "arm": f"over d, {n_steps} steps", "n_features": n, "sparsity": s,
                               "d_model": d, "n_steps": n_steps, "target_frequency": each,
                               "learnable_fraction": rate}  # fmt: skip

    return frame(rows())


def dimension(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """An upper edge that rises as d^effect at the largest n; faster at others and after fewer steps: none counts."""
    more = {n: 0.5 * (n < max(OVER_D)[0]) for n, _, _ in OVER_D}
    return _over_d(rng, seeds, lambda n, s, d, luck: 0.005 * (d / 256) ** (effect + luck + more[n]), early=0.5)


def edge_over_d(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """An upper edge n^effect times that of the theorem, at every d, n and s."""

    def critical(n: int, s: int, d: int, luck: float) -> float:
        return float(band(n, d, s, epsilon=0.0, zeta=0.0).upper) * n ** (effect + luck)

    return _over_d(rng, seeds, critical)


def _after_many_steps(rng: Rng, seeds: Sequence[int], rate: Any) -> pd.DataFrame:
    """Rows over d at p around its critical p: the learnable fraction is rate(n, s, d, p, luck) with the seed's luck."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for n, s, d in itertools.product((1_024, 16_384), (5, 8), (8, 16, 32, 64, 128, 256, 512, 1_024)):
                p, told = rate(n, s, d, luck)
                for each, share in zip(p, told, strict=True):
                    yield {"seed": seed, "arm": "over d, 24 steps", "n_features": n, "sparsity": s, "d_model": d,
                           "n_steps": 24, "target_frequency": each, "learnable_fraction": share}  # fmt: skip

    return frame(rows())


def kink(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """An upper edge that goes as d up to n^(effect more than the theorem's exponent), and is level beyond."""

    def rate(n: int, s: int, d: int, luck: float) -> tuple[Any, Any]:
        at = 100 * (n / 4_096) ** (1 + upper_edge_exponent(s) + effect + luck)
        critical = 1e-4 * min(d, at) * math.exp(2 * WITHIN * rng.standard_normal())
        p = 1e-4 * min(d, at) * np.array([0.25, 0.5, 1.1, 2.0])
        return p, fallen(p, critical)

    return _after_many_steps(rng, seeds, rate)


def closing(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """At most half hold neurons below d = 10 s (n/4,096)^effect, whatever p is."""

    def rate(n: int, s: int, d: int, luck: float) -> tuple[Any, Any]:
        least = 10 * s * (n / 4_096) ** (effect + luck) * math.exp(WITHIN * rng.standard_normal())
        p = np.array([0.5, 1.25, 3.2]) / n
        return p, (1 - fallen(np.array([d]), least)) * (1, 0.9, 0.8)

    return _after_many_steps(rng, seeds, rate)


def widening(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """A range of p that widens as d^effect, for two sparsities."""
    p = np.geomspace(1e-6, 0.4, 40)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for s in (3, 5):
                luck = BETWEEN * rng.standard_normal()
                for d in (16, 32, 64, 128):
                    half = 0.5 * (math.log(30) + (effect + luck) * math.log(d / 16))
                    rates = 0.9 * (1 - fallen(p, 0.001 * math.exp(-half))) * fallen(p, 0.001 * math.exp(half))
                    for each, rate in zip(p, rates / rates.max() * 0.9, strict=True):
                        yield {"seed": seed, "sparsity": s, "d_model": d, "target_frequency": each,
                               "feature_recovery_rate": rate}  # fmt: skip

    return frame(rows())


def lower_edge_needed(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Recovery that sets in at p ~ N^effect."""
    p = np.geomspace(1e-7, 0.1, 25)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for center in (False, True):
                for ratio in (25, 100, 400):
                    start = 1e-3 * (ratio / 100) ** (effect + luck) * math.exp(WITHIN * rng.standard_normal())
                    for each, rate in zip(p, 0.9 * (1 - fallen(p, start)), strict=True):
                        yield {"seed": seed, "center": center, "n_samples": 128 * ratio, "target_frequency": each,
                               "feature_recovery_rate": rate}  # fmt: skip

    return frame(rows())


def below_three(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Recovery at s = 2 that is the effect, at a best p of its own."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for s, best in ((2, 0.01), (3, 0.003)):
                for p in (0.001, 0.003, 0.01, 0.03):
                    rate = effect + luck + WITHIN * rng.standard_normal() - 0.3 * (p != best)
                    yield {"seed": seed, "sparsity": s, "target_frequency": p, "feature_recovery_rate": rate}

    return frame(rows())


NOISE = 0.1  # times 1/sqrt(n), of the largest rho_2 of a sample


def _clusters(rng: Rng, seeds: Sequence[int], sizes: Sequence[tuple[int, int]], critical: Any) -> pd.DataFrame:
    """Rows of clusters (n, size), in which half is lost at rho = critical(n, size, luck) with the luck of the seed.

    The largest rho_2 of the sample is NOISE / sqrt(n) more than the law's.
    """

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for n, size in sizes:
                at = critical(n, size, luck) * math.exp(2 * WITHIN * rng.standard_normal())
                none = cluster_cooccurrence(n, SPARSITY, size, 0)
                for q in np.linspace(0, 1, 25):
                    rho = cluster_cooccurrence(n, SPARSITY, size, q)
                    rate = 0.8 / (1 + ((rho - none) / (at - none)) ** 3) if at > none else 0.0
                    yield {"seed": seed, "n_features": n, "sparsity": SPARSITY, "feature_recovery_rate": rate,
                           "support_law": f"clusters:{size}:{q:.5f}",
                           "measured_cooccurrence": rho + NOISE / math.sqrt(n)}  # fmt: skip

    return frame(rows())


def many_partners_realised(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Half is lost where the largest rho_2 of the sample is 2^effect / sqrt(n), for clusters of n/32."""
    sizes = ((128, 4), (256, 8), (512, 16))
    return _clusters(rng, seeds, sizes, lambda n, size, luck: (2 ** (effect + 4 * luck) - NOISE) / math.sqrt(n))


def many_partners(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Half is lost at rho = 2^effect / sqrt(n), for clusters of n/8; the number is exact there and twice as large."""
    # Two octaves of luck would leave what a cluster can do: sizes are chosen so that 2.2 octaves above are within it.
    sizes = ((128, 4), (256, 8), (512, 16))
    return _clusters(rng, seeds, sizes, lambda n, size, luck: 2 ** (effect + 4 * luck) / math.sqrt(n))


def one_partner(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    return _clusters(rng, seeds, ((128, 2), (256, 2), (512, 2)), lambda n, _, luck: 0.2 * (n / 256) ** (effect + luck))


def over_partners(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Half is lost at rho ~ m^(effect - 1/2)."""
    sizes = ((512, 2), (512, 4), (512, 8), (512, 16))
    return _clusters(rng, seeds, sizes, lambda _, size, luck: 0.3 * (size - 1) ** (effect + luck - 0.5))


def _two_levels(arm: str, column: str, low: tuple[tuple[float, float], ...]) -> World:
    """Recovery of the last group that is 0.8, and the effect less where it is far below the others."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                luck = 0.2 * rng.standard_normal()
                for law, (level, lost) in enumerate(low):
                    gone = lost * (effect + BETWEEN * rng.standard_normal())
                    for p, worse in ((0.01, 0.0), (0.03, 0.2)):
                        poor = 0.8 + luck - gone - worse + WITHIN * rng.standard_normal()
                        text = f"{level}:{poor}:0.01 " + "0.01:1:0.01 " * 3
                        if column == "level_profile":
                            text = "3:1 " * 3 + f"{3 / level**2:.5g}:{poor}" if level < 1 else ""
                        yield {"seed": seed, "arm": arm, column: text.strip(), "target_frequency": p,
                               "feature_recovery_rate": poor, "support_law": f"law:{law}"}  # fmt: skip

        return frame(rows())

    return world


balance = _two_levels("occurrence", "frequency_profile", ((0.01, 0.0), (0.001, 1.0)))
balance_of_strength = _two_levels("strength", "level_profile", ((1.0, 0.0), (0.2, 1.0)))


def _levels(rng: Rng, seeds: Sequence[int], critical: Any) -> pd.DataFrame:
    """Rows of graded features, half of them recovered at 1/h^2 = critical(s, M, luck) with the luck of the seed."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for s in (3, 5, 8):
                for m in (128, 512, 2_048):
                    at = critical(s, m, luck) * math.exp(WITHIN * rng.standard_normal())
                    x = at * np.geomspace(0.1, 10, 12) * math.exp(0.1 * rng.standard_normal())
                    text = " ".join(f"{a}:{b}" for a, b in zip(x, fallen(x, at), strict=True))
                    yield {"seed": seed, "sparsity": s, "n_neurons": m, "level_profile": text}

    return frame(rows())


def cutoff_and_width(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    return _levels(rng, seeds, lambda s, m, luck: 3.0 * (m / 512) ** (effect + luck))


def cutoff_and_sparsity(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    return _levels(rng, seeds, lambda s, m, luck: 3.0 * (s / 3) ** (effect + luck))
