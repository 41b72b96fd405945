"""Noisy rows with a known true effect for the claims of scorecard/wanted.py, as scorecard_worlds has for the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from scorecard_worlds import BETWEEN, WITHIN, Rng, World, frame

TARGETS = (0.5, 0.02, 0.001)


def profile(*ratios: float) -> str:
    """Return the firing frequencies of the neurons of each target, the medians these ratios of it."""
    return " ".join(
        f"{target:g}:{target * ratio / 2:g}:{target * ratio:.8g}:{2 * target * ratio:g}"
        for target, ratio in zip(TARGETS, ratios, strict=True)
    )


def targets_kept(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Neurons of the middle target fire `effect` times as often as they should, others less; the search is worse."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in (0, *(1 + each for each in seeds)):
            ratio = effect + BETWEEN * rng.standard_normal() if seed else 9.0
            yield {"seed": seed, "arm": "gba-arrived, trial 0", "target_profile": profile(0.01, ratio, 0.3)}
            yield {"seed": seed, "arm": "gba, trial 0", "target_profile": profile(7.0, 7.0, 7.0)}
        yield {"seed": 0, "arm": "gba, trial 1"}  # the search, which has the most trials

    return frame(rows())


def lost_at_worst(method: str, knob: str) -> World:
    """The worst of three values of a knob loses `effect` of the winner's recovery, the others less."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in (0, *(1 + each for each in seeds)):
                best, lost = 0.7 + 0.2 * rng.standard_normal(), effect + BETWEEN * rng.standard_normal()
                for trial in (0, 1) if seed == 0 else (1,):
                    rate = best - 0.5 * (trial == 0)
                    yield {"seed": seed, "arm": f"{method}, trial {trial}", knob: 4.0, "feature_recovery_rate": rate,
                           "feature_recovery_rate_080": rate}  # fmt: skip
                for value, more in ((2.0, -0.3), (8.0, 0.0), (30.0, -0.2)) if seed else ():
                    rate = best - lost - more + WITHIN * rng.standard_normal()
                    yield {"seed": seed, "arm": f"{method}, {knob} {value:g}", knob: value,
                           "feature_recovery_rate": rate}  # fmt: skip

        return frame(rows())

    return world


def ratio_of_arms(left: str, right: str, column: str, steady: bool = True) -> World:
    """At one arm a column is 10^effect times what it is at another; control has arrived at both if `steady`."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            ratio = 1.2 if steady else 1.8
            for seed in (0, *(1 + each for each in seeds)):
                level, more = 0.2 * rng.standard_normal(), effect + 0.4 * BETWEEN * rng.standard_normal()
                for name, log in ((left, level + more), (right, level)):
                    yield {"seed": seed, "arm": name, column: 10**log, "feature_recovery_rate": 0.9,
                           "target_profile": profile(0.1, 0.9, ratio)}  # fmt: skip
                yield from ({"seed": 0, "arm": f"gba, trial {trial}", column: 1.0} for trial in range(3) if seed == 0)

        return frame(rows())

    return world


def drift(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """TopK recovers `effect` more up to a common shift, b_pre learned; with b_pre frozen, and in another world, 1."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck = BETWEEN * rng.standard_normal()
            for name, lost in (("GBA", 0.0), ("TopK", effect + luck), ("L1", -0.5)):
                for value in ("zero", "learned"):
                    shift = 1.0 if value == "zero" else lost + WITHIN * rng.standard_normal()
                    rate = 0.5 + 0.2 * rng.standard_normal()
                    yield {"seed": seed, "arm": f"canonical, {name}", "pre_bias": value, "feature_recovery_rate": rate,
                           "recovery_up_to_shift": rate + shift}  # fmt: skip
            yield {"seed": seed, "arm": "toy, TopK", "pre_bias": "learned", "feature_recovery_rate": 0.0,
                   "recovery_up_to_shift": 1.0}  # fmt: skip

    return frame(rows())


def learned_pre_bias(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """GBA with b_pre learned recovers `effect` more in one of three worlds; TopK loses everything."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for name, gap in (("toy", 0.0), ("canonical", effect), ("Zipf", 0.0)):
                rate, luck = 0.6 + 0.2 * rng.standard_normal(), 0.3 * BETWEEN * rng.standard_normal()
                for value, more in (("zero", 0.0), ("mean", 0.3), ("learned", gap + luck * (gap != 0))):
                    yield {"seed": seed, "arm": f"{name}, GBA", "pre_bias": value, "feature_recovery_rate": rate + more}
                    yield {"seed": seed, "arm": f"{name}, TopK", "pre_bias": value, "feature_recovery_rate": 0.0}

    return frame(rows())


def over_dimension(center: bool) -> World:
    """Recovery rises by `effect` per unit of ln d at the largest n; at a smaller n it falls, by chance it is 1."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                slope = effect + BETWEEN * rng.standard_normal()
                for n, rises in ((128, -1.0), (256, slope)):
                    for d in (4, 16, 64, 256):
                        rate = 0.3 + rises * math.log(d / 16) + WITHIN * rng.standard_normal()
                        told = {"seed": seed, "n_features": n, "d_model": d, "n_samples": 50 * n}
                        chance = {"chance_recovery_rate": float(d == 4)}
                        yield told | chance | {"center": center, "feature_recovery_rate": rate if d > 4 else 1.0}
                        yield told | chance | {"center": not center, "feature_recovery_rate": 0.5}

        return frame(rows())

    return world


def stands(rng: Rng, effect: float, seeds: Sequence[int], canonical: float = 0.95) -> pd.DataFrame:
    """GBA loses `effect` in one of three broken worlds, half as much in the others; more with 6 active features."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            lost = effect + BETWEEN * rng.standard_normal()
            worlds = {"canonical": 0.0, "noise": lost / 2, "Zipf": lost, "clusters": lost / 2, "6 active features": 2.0}
            for name, less in worlds.items():
                rate = canonical - less + WITHIN * rng.standard_normal()
                yield {"seed": seed, "arm": f"GBA: {name}", "algorithm": "gba", "feature_recovery_rate": rate}
                yield {"seed": seed, "arm": f"TopK, K = s: {name}", "algorithm": "topk", "feature_recovery_rate": -less}

    return frame(rows())
