"""Noisy rows with a known true effect, for each claim: seeds differ much more than cells within a seed.

A rule that took cells for replicates would be sure of the seeds' luck.  Each world draws rows of `seeds` with the true
effect given, of the size that the claim's test returns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from theory.conditions import band
from theory.scaling import upper_edge_exponent

Rng = np.random.Generator
World = Callable[[Rng, float, Sequence[int]], pd.DataFrame]
BASE: dict[str, Any] = {
    "n_features": 128, "d_model": 64, "sparsity": 3, "n_samples": 12_800, "n_neurons": 1_024, "n_steps": 8,
    "center": True, "target_frequency": 0.01, "n_probes": 128, "chance_recovery_rate": 0.0, "status": "ok",
    "algorithm": "modified-ba", "instrument": "simulation", "arm": "",
}  # fmt: skip
BETWEEN, WITHIN = 0.05, 0.01  # standard deviations


def frame(rows: Iterator[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([BASE | {"n_samples": 100 * row.get("n_features", 128)} | row for row in rows])


def inside_band(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    edges = band(128, 64, 3, epsilon=0.0, zeta=0.0)
    p = np.geomspace(float(edges.lower) * 1.01, float(edges.upper) * 0.99, 12)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            rate = effect + BETWEEN * rng.standard_normal()
            for each in p:
                told = rate + WITHIN * rng.standard_normal()
                yield {"seed": seed, "target_frequency": each, "learnable_fraction": told, "arm": "both"}
            yield {"seed": seed, "target_frequency": 0.4, "learnable_fraction": 0.0, "arm": "both"}

    return frame(rows())


def constant_steps(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            slope = effect + BETWEEN * rng.standard_normal()
            for k in range(8):
                reached = 8 + math.floor(slope * k + rng.random())  # rounded at random: no bias
                history = " ".join(["0.1"] * reached + ["1"] * (40 - reached))
                yield {"seed": seed, "arm": "probes", "n_features": 64 * 2**k, "recovery_per_step": history}

    return frame(rows())


def fallen(p: np.ndarray, critical: float) -> np.ndarray:
    return 1 / (1 + (p / critical) ** 3)


def upper_edge(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Two sparsities, both with the same excess over their exponents: the least of two is taken."""
    p = np.geomspace(2e-4, 0.4, 10)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for s in (3, 5):
                slope = effect + upper_edge_exponent(s) + BETWEEN * rng.standard_normal()
                for n in (64, 256, 1_024):
                    critical = 0.05 * (n / 64) ** slope * math.exp(WITHIN * rng.standard_normal())
                    for each, rate in zip(p, fallen(p, critical), strict=True):
                        yield {"seed": seed, "n_features": n, "d_model": n // 2, "sparsity": s, "arm": "over p",
                               "target_frequency": each, "learnable_fraction": rate}  # fmt: skip

    return frame(rows())


def lower_edge(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Recovery that sets in `effect` decades below 1/n; at d = 4 chance recovers everything, which should not count."""
    p = np.geomspace(1e-4, 0.3, 14)

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for d in (64, 128):
                start = 10 ** -(effect + BETWEEN * rng.standard_normal()) / 128
                rates = 0.9 * (1 - fallen(p, start)) * fallen(p, 0.2)
                for each, rate in zip(p, rates, strict=True):
                    yield {"seed": seed, "d_model": d, "target_frequency": each, "feature_recovery_rate": rate}
            for each in p:
                yield {"seed": seed, "d_model": 4, "target_frequency": each, "feature_recovery_rate": 1.0,
                       "chance_recovery_rate": 1.0}  # fmt: skip

    return frame(rows())


def width(arm: str) -> World:
    """A width the effect's decades below n p^(-s) in each cell of a slice, which has the growth of that bound."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                luck = BETWEEN * rng.standard_normal()
                for s, n, p in CELLS[arm]:
                    value = math.log10(n) - s * math.log10(p) - effect - luck + WITHIN * rng.standard_normal()
                    # At fixed p the cells over p are part of the slice.
                    where = "over p" if arm == "over n, fixed p" and n == 128 else arm
                    yield {"seed": seed, "arm": where, "sparsity": s, "n_features": n, "target_frequency": p,
                           **required(value)}  # fmt: skip

        return frame(rows())

    return world


def required(log10_width: float) -> dict[str, Any]:
    name = "log10_required_width"
    return {name: log10_width, f"{name}_low": log10_width - 0.1, f"{name}_high": log10_width + 0.1}


CELLS = {
    "over p": [(s, 128, p) for s in (3, 5) for p in (0.001, 0.003, 0.01, 0.03)],
    "over n": [(3, n, n**-0.8) for n in (128, 256, 512, 1_024)],
    "over n, fixed p": [(3, n, 0.003) for n in (128, 256, 512, 1_024)],
}


def activations(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """The gap between ReLU and JumpReLU is the effect at each of four p: the greatest of four is taken."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for p in (0.001, 0.003, 0.01, 0.03):
                common = 0.2 * rng.standard_normal()
                for name, gap in (("relu", effect), ("smooth-relu", 0.0), ("jumprelu", 0.0)):
                    rate = 0.6 + common + gap + WITHIN * rng.standard_normal() * (name == "relu")
                    yield {"seed": seed, "target_frequency": p, "activation": name, "feature_recovery_rate": rate}

    return frame(rows())


def toy(left: str, right: str) -> World:
    """A search at seed 0 of trials as good as each other; the luckiest, the defaults and a sweep at fresh seeds too."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            trained = {"algorithm": "gba", "center": math.nan}
            for seed in (0, *(1 + each for each in seeds)):
                luck = 0.2 * rng.standard_normal()
                for name, gain in ((left, effect), (right, 0.0)):
                    gain += BETWEEN * rng.standard_normal() * (name == left)
                    for trial in range(6):
                        score = 0.5 + luck + gain + (seed == 0) * (trial == 2)
                        if seed == 0 or trial in (0, 2):
                            yield trained | {"seed": seed, "arm": f"{name}, trial {trial}", "k": 3.0 + trial,
                                             "feature_recovery_rate": score,
                                             "feature_recovery_rate_080": score}  # fmt: skip

        return frame(rows())

    return world


def _steps(seed: int, form: str, knob: str, highest: float, width: float, down: bool) -> Iterator[dict[str, Any]]:
    """Recovery 1 over `width` decades of a knob from where it starts, and 0 farther."""
    own = {"gba-arrived": 0.5, "gba-own-start": 0.5}
    for share in (0.0, width, width + 0.01, width + 1):
        at = highest * 10 ** (-share if down else share)
        rate = {"feature_recovery_rate": float(share <= width), "feature_recovery_rate_080": 1.0}
        settings = {"high_target_frequency": own.get(form.split(" ")[0], math.nan), "low_target_frequency": 0.001}
        yield {"seed": seed, "arm": f"{form}, {knob} {at:g}", "algorithm": form, "center": math.nan} | settings | {
            knob: at} | rate  # fmt: skip


def ranges(
    kind: str = "", forms: Sequence[str] = ("",), widths: Sequence[int] = (128, 256), *, own: bool = False
) -> World:
    """Tied TopK's K works over half a decade, untied over less; HTF over `effect` more, LTF over more still.

    Over width: `kind` ("K" or "HTF") widens by `effect` decades where the width doubles.  Of several forms the first
    has the effect, the others one more.  With `own` the effect is that of GBA started at its targets alone.
    """

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            yield {"seed": 0, "arm": "topk, trial 0", "algorithm": "topk"}
            for seed in (1 + each for each in seeds):
                luck = BETWEEN * rng.standard_normal()
                more = effect + luck
                if own:
                    yield from _steps(seed, "gba-own-start", "high_target_frequency", 0.5, 0.5 + more, True)
                    yield {"seed": seed, "arm": "gba-own-start, trial 0", "high_target_frequency": 0.5,
                           "feature_recovery_rate": 1.0, "feature_recovery_rate_080": 1.0}  # fmt: skip
                for form, width in itertools.product(forms, widths):
                    doubled = math.log2(width / widths[0]) * more
                    k = 0.5 + (doubled if kind == "K" else 0.0)
                    htf = 0.5 + (doubled if kind == "HTF" else more + (form != forms[0]))
                    at = f"at {width}{form and ' '}{form}"
                    yield from _steps(seed, f"topk {at}", "k", 1.0, k, False)
                    yield from _steps(seed, f"topk-untied {at}", "k", 1.0, k / 2, False)
                    yield from _steps(seed, f"gba-arrived {at}", "high_target_frequency", 0.5, htf, True)
                    if not form:
                        yield from _steps(seed, f"gba-arrived {at}", "low_target_frequency", 0.002, htf + 0.4, False)

        return frame(rows())

    return world


def defaults(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """Recovery `effect` of the defaults at a larger size in one of three worlds, and less elsewhere."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            for world in ("toy", "canonical", "Zipf"):
                rate = effect + 0.02 * rng.standard_normal() + (world != "Zipf")
                yield {"seed": seed, "arm": f"{world}, default, larger", "feature_recovery_rate": rate}
                yield {"seed": seed, "arm": f"{world}, default", "feature_recovery_rate": 0.1}

    return frame(rows())


def adaptation(ours: str, theirs: str) -> World:
    """Recovery `effect` larger with control than without, on two worlds; arms at other gains lie elsewhere."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                luck = BETWEEN * rng.standard_normal()
                for name in ("toy", "Zipf"):
                    level = 0.5 + 0.1 * rng.standard_normal()
                    for arm, gain, more in ((ours, 0.01, effect + luck), (theirs, 1e-6, 0.0), (theirs, 0.1, 3.0)):
                        rate = level + more + 0.1 * WITHIN * rng.standard_normal()
                        yield {"seed": seed, "arm": f"{name}, {arm}", "gain": gain, "feature_recovery_rate": rate}

        return frame(rows())

    return world


def frontier(other: str) -> World:
    """FVU = 1 / L0 of the other method; that of GBA 10^effect times as large; trials of the search lie elsewhere."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in seeds:
                gap = effect + BETWEEN * rng.standard_normal()
                for l0 in (2.0, 4.0, 8.0, 16.0):
                    noise = WITHIN * rng.standard_normal()
                    yield {"seed": seed, "arm": f"{other}, k {l0:g}", "l0": l0, "fraction_variance_unexplained": 1 / l0}
                    yield {"seed": seed, "arm": f"gba, HTF {l0 / 40:g}", "l0": 1.1 * l0,
                           "fraction_variance_unexplained": 10 ** (gap + noise) / (1.1 * l0)}  # fmt: skip
                for name in ("gba", other):
                    yield {"seed": seed, "arm": f"{name}, trial 1", "l0": 4.0, "fraction_variance_unexplained": 1.0}

        return frame(rows())

    return world


def consistency(column: str, rival: str, ours: str = "gba") -> World:
    """GBA, or another, and a rival, each at the best of its search."""

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in (0, *(1 + each for each in seeds)):
                luck = 0.2 * rng.standard_normal()
                yield {
                    "seed": seed,
                    "arm": f"{ours}, trial 4",
                    column: 0.4 + luck + effect + BETWEEN * rng.standard_normal(),
                }
                yield {"seed": seed, "arm": f"{rival}, trial 2", column: 0.4 + luck}

        return frame(rows())

    return world


def tuning(rival: str = "") -> World:
    """Recovery `effect` of the winner's over the worst knob; with a rival, `effect` more than the half that it keeps.

    Other knobs do less harm, the more of them the less a mean would tell.
    """

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed in (0, *(1 + each for each in seeds)):
                best = 0.7 + BETWEEN * rng.standard_normal()
                luck = BETWEEN * rng.standard_normal()
                for name, kept in (("gba", effect + 0.5 * bool(rival)), (rival, 0.5)) if rival else (("gba", effect),):
                    for trial in range(1, 6) if seed == 0 else (1,):
                        rate = best if trial == 1 else 0.1
                        yield {"seed": seed, "arm": f"{name}, trial {trial}", "feature_recovery_rate": rate,
                               "feature_recovery_rate_080": rate}  # fmt: skip
                    idle = (("k", 2, 0.25), ("gain", 3, 0.4)) if name == "gba" else (("k", 2, 0.35),)
                    for choice, n_values, more in (("learning_rate", 4, 0.0), *idle) if seed else ():
                        for value in range(n_values):
                            told = best * (kept + more + luck * (name == "gba") + WITHIN * rng.standard_normal())
                            yield {"seed": seed, "arm": f"{name}, {choice} {value}", "feature_recovery_rate": told,
                                   "feature_recovery_rate_080": told}  # fmt: skip

        return frame(rows())

    return world


def identifiability(rng: Rng, effect: float, seeds: Sequence[int], worse: float = -0.5) -> pd.DataFrame:
    """The effect's share of the features is lost where they always meet, at 10^worse times the variance unexplained."""

    def rows() -> Iterator[dict[str, Any]]:
        for seed in seeds:
            luck, lost = 0.2 * rng.standard_normal(), effect + BETWEEN * rng.standard_normal()
            tenfold = worse + 0.1 * rng.standard_normal()
            for q, share in ((0, 0.0), (0.5, 0.5), (1, 1.0)):
                yield {"seed": seed, "arm": "dictionary learning", "algorithm": "dictionary-learning",
                       "support_law": f"clusters:4:{q}", "feature_recovery_rate": 0.8 + luck - share * lost,
                       "fraction_variance_unexplained": 10 ** (share * tenfold - 1)}  # fmt: skip

    return frame(rows())


def resonance(control: str, late: Sequence[int] = ()) -> World:
    """Both ends of p keep the share `effect` of the best recovery, at two n with two d each; at d < sqrt(n) all of it.

    At the lowest p it is that of the longer training.  At the dimensions `late` control has not arrived there, and all
    is kept.
    """

    def world(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
        def rows() -> Iterator[dict[str, Any]]:
            for seed, (n, d) in itertools.product(seeds, ((128, 8), (128, 16), (128, 64), (256, 32), (256, 128))):
                kept = 1.0 if d == 8 else effect + BETWEEN * rng.standard_normal()
                low = 0.1 / n
                for p, times in ((low, 1), (low, 4), (0.004, 1), (0.02, 1), (0.1, 1), (0.5, 1)):
                    early = p == low and (times == 1 or d in late)
                    share = 1.0 if p not in (low, 0.1, 0.5) or early else kept
                    rate = 0.8 * share + WITHIN * rng.standard_normal()
                    fires = controlled(control, p, 3.0 if early else 0.8, times)
                    yield fires | {"seed": seed, "n_features": n, "d_model": d, "feature_recovery_rate": rate}

        return frame(rows())

    return world


def controlled(control: str, p: float, ratio: float, times: int = 1) -> dict[str, Any]:
    """Return what rows of trained BA say of control whose median neuron fires `ratio` p."""
    profile = f"{p:g}:{p * ratio / 2:g}:{p * ratio:g}:{2 * p * ratio:g}"
    return {"arm": control + ", longer" * (times > 1), "algorithm": "ba", "target_frequency": p,
            "n_steps": 800 * times, "steps_to_target": 300.0, "target_profile": profile}  # fmt: skip


def resonance_widens(rng: Rng, effect: float, seeds: Sequence[int]) -> pd.DataFrame:
    """A range of p that widens as (d / sqrt(n))^effect, at two n and at one; below sqrt(n) it is wider by a decade.

    At p below 1e-5 control has not arrived, and all is recovered.
    """
    p, slices = np.geomspace(1e-6, 0.4, 14), (("one-sided", 128), ("one-sided", 512), ("two-sided", 128))

    def rows() -> Iterator[dict[str, Any]]:
        for seed, (control, n) in itertools.product(seeds, slices):
            luck = BETWEEN * rng.standard_normal()
            for d in (32, 128) if n == 128 else (10, 32, 128):
                half = 0.5 * (math.log(100) + (effect + luck) * math.log(d / n**0.5) + 2.3 * (d < n**0.5))
                # Flanks of two in log p, at whose middle a half is met: between neighbours a line is exact.
                rates = 0.9 * np.clip(0.5 + (half - np.abs(np.log(p / 0.001))) / 2, 0, 1)
                for each, rate in zip(p, rates, strict=True):
                    late = each < 1e-5
                    yield controlled(control, each, 3.0 if late else 0.8) | {
                        "seed": seed, "n_features": n, "d_model": d, "feature_recovery_rate": 0.9 if late else rate,
                    }  # fmt: skip

    return frame(rows())
