"""Noisy rows with a known true effect for the claims on the size of codes and on front-runners, as scorecard_worlds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from scorecard_worlds import BETWEEN, WITHIN, Rng, World, frame

SLOPE = "coefficient_slope"


def l1_shrinks(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """L1 at its least penalty, of orthogonal features, has a slope of 1 + effect, others less; GBA has 2."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for arm, less in (("l1-untied, penalty 0.1", 0.3), ("l1-untied, penalty 0.3", 0.4),
                              ("orthogonal: l1-untied, penalty 0.1", 0.0)):  # fmt: skip
                yield {"seed": seed, "arm": arm, SLOPE: 1 + effect + luck - less}
            yield {"seed": seed, "arm": "gba, high_target_frequency 0.2", SLOPE: 2.0}

    return frame(rows())


def beside_gba(column: str) -> World:
    """A column of L1 over log L0, and GBA's `effect` less at L0 of its own, of which the last is out of reach."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                level, gap = 0.3 + 0.2 * rng.standard_normal(), effect + BETWEEN * rng.standard_normal()

                def line(l0: float, level: float = level) -> float:
                    return level + 0.1 * math.log(l0)

                for l0 in (2.0, 4.0, 8.0, 16.0):
                    yield {"seed": seed, "arm": f"l1-untied, penalty {1 / l0:g}", "l0": l0, column: line(l0)}
                    ours = line(1.1 * l0) - gap + WITHIN * rng.standard_normal() + 9.0 * (l0 == 16)
                    yield {"seed": seed, "arm": f"gba, high_target_frequency {l0 / 40:g}", "l0": 1.1 * l0, column: ours}
                yield {"seed": seed, "arm": "orthogonal: l1-untied, penalty 0.1", "l0": 6.0, column: 7.0}
                yield {"seed": seed, "arm": "topk, k 8", "l0": 8.0, column: 0.5}

        return frame(rows())

    return world


def keeps_size(methods: Sequence[str], world_of: str = "") -> World:
    """The codes of the last arm are 1 + effect times the truth, those of the others 1; another world's are far off."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            arms = [f"{method}, k {k}" for method in methods for k in (4, 8)]
            other = "" if world_of else "orthogonal: "
            for seed in seeds:
                for arm in arms:
                    more = effect + 0.3 * BETWEEN * rng.standard_normal() if arm == arms[-1] else 0.0
                    yield {"seed": seed, "arm": world_of + arm, SLOPE: 1 + more}
                    yield {"seed": seed, "arm": other + arm, SLOPE: 0.2}
                yield {"seed": seed, "arm": f"{world_of}l1-untied, penalty 0.1", SLOPE: 0.5}

        return frame(rows())

    return world


def front_runner(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """At the largest p the front-runner wins `effect` of the neurons that end on a feature, 0.2 more at another p."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for p, more, ended in ((0.01, 0.2, 0.9), (0.1, 0.0, 0.3)):
                share = effect + luck + more + WITHIN * rng.standard_normal()
                yield {"seed": seed, "arm": f"p = {p}", "instrument": "trajectories", "target_frequency": p,
                       "kept_fraction": 0.1, "changed_fraction": ended - 0.1, "mixed_fraction": 1 - ended,
                       "kept_by_projection": share * ended, "kept_after_one_step": ended}  # fmt: skip

    return frame(rows())
