"""Ours against theirs: the same recipe by our code and by SAELens', on the same data and budget, paired by seed.

An arm is "WORLD: METHOD SIDE"; on the data of `toy`, trained as there, "toy: topk, K = VALUE SIDE".  Side `ours` is
our own code with its defaults, its author's recipe; `SAELens` its code with the same recipe as far as it can be set
(units of x, start, coefficient, threshold and bandwidth, memory of Adam); `norm-0.1` the latter of TopK with the
decoder norm that SAELens starts from; `defaults` its code as it comes: that norm, its threshold and bandwidth, and x
of mean norm sqrt(d), where a coefficient is ours times sqrt(d) (L1) or d (L0).
`free`, of TopK on the toy: ours with decoder norms as free as there, which is what sets the two apart at K = 14.
On identical weights codes, losses and gradients are equal, and 30 steps of L1 and of JumpReLU end in equal weights
(tests/saelens/test_identical.py), as 30 of TopK, BatchTopK, Matryoshka and Gated do in the code that their authors name
(test_dictionary_learning.py).  What is left between `ours` and `SAELens`: other starts, and there, for these four, a
decoder of free norms, by which K are chosen, gradients clipped at norm 1, and two other losses of dead latents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from simulations.experiments.base import Experiment, Point

SIDES = ("ours", "SAELens", "norm-0.1", "defaults", "free")
L1, L0, GATED = 0.12, 0.01, 1.0  # coefficients where the mean norm of x is 1
# The six worlds; K is about the number of active features.
WORLDS: dict[str, Point] = {
    "canonical": {},
    "zipf": {"support_law": "zipf:1", "sparsity": 6, "k": 6},
    "mixed": {"support_law": "mixed:3:9", "k": 6},
    "bernoulli": {"support_law": "bernoulli"},
    "noise": {"noise": 0.1},
    "rademacher": {"dictionary_law": "rademacher"},
}
SIZES: dict[str, Point] = {
    "quick": {"n_features": 24, "d_model": 12, "n_neurons": 72, "batch_size": 64, "n_steps": 200},
    "standard": {"n_features": 64, "d_model": 24, "n_neurons": 192, "batch_size": 128, "n_steps": 900},
    "paper": {"n_features": 1_024, "d_model": 256, "n_neurons": 4_096, "batch_size": 1_024, "n_steps": 10_000},
}
RATES = {"quick": 5e-3, "standard": 4e-3, "paper": 1e-3}
SHARED: Point = {"schedule": "linear", "sparsity": 3}
WITH_K = ("topk", "batchtopk", "matryoshka")
# TopK over K on the data of `toy`, at the width and rate of its range of K.
TOY: Point = {
    "n_features": 128, "d_model": 42, "support_law": "mixed", "n_neurons": 256, "batch_size": 64, "n_steps": 4_000,
    "learning_rate": 0.0025,
}  # fmt: skip
TOY_KS = (3, 9, 14, 24)
PLAIN: Point = {"normalize_activations": "none"}


def _methods(d_model: int) -> dict[str, dict[str, Point]]:
    """Return the settings of each side of each method."""
    root = math.sqrt(d_model)
    same = PLAIN | {"decoder_init_norm": 1.0}
    published: Point = {"jumprelu_init_threshold": 0.001, "jumprelu_bandwidth": 0.001, "beta1": 0.0}

    def kind(ours: str, theirs: str, own: Point, same: Point, defaults: Point) -> dict[str, Point]:
        theirs = f"saelens:{theirs}"
        return {
            "ours": {"algorithm": ours} | own,
            "SAELens": {"algorithm": theirs} | same,
            "defaults": {"algorithm": theirs} | defaults,
        }

    return {
        "topk": kind("topk-untied", "topk", {}, same, {}) | {"norm-0.1": {"algorithm": "saelens:topk"} | PLAIN},
        "batchtopk": kind("batchtopk-untied", "batchtopk", {}, same, {}),
        "matryoshka": kind("matryoshka", "matryoshka", {}, same, {}),
        "l1": kind("l1-untied", "standard", {"penalty": L1, "penalty_warm_up": 0.0}, PLAIN | {"l1_coefficient": L1},
                   {"l1_coefficient": L1 * root}),
        "jumprelu": kind("jumprelu-untied", "jumprelu", {"penalty": L0, "penalty_warm_up": 0.0},
                         PLAIN | published | {"l0_coefficient": L0}, {"l0_coefficient": L0 * d_model}),
        "gated": kind("gated", "gated", {"penalty": GATED}, PLAIN | {"beta1": 0.0, "l1_coefficient": GATED},
                      {"l1_coefficient": GATED * root}),
    }  # fmt: skip


def _points(preset: str, worlds: tuple[str, ...], seeds: int) -> Iterator[Point]:
    """Yield every side of every method on every world; their defaults in the first world only."""
    size = SIZES[preset] | {"learning_rate": RATES[preset]}
    for seed in range(seeds):
        for world in worlds:
            own = {"k": 3} | WORLDS[world]
            k = {"k": own.pop("k")}
            for method, sides in _methods(size["d_model"]).items():
                for side, settings in sides.items():
                    if side == "defaults" and world != worlds[0]:
                        continue
                    point = SHARED | size | own | settings | (k if method in WITH_K else {})
                    yield point | {"arm": f"{world}: {method} {side}", "seed": seed}


def _toy() -> Iterator[Point]:
    """Yield TopK by both codes over K; latents are dead after about as many samples as in the winner of `toy`."""
    sides = _methods(TOY["d_model"])["topk"]
    for seed in range(5):
        for k in TOY_KS:
            ours = sides["ours"] | {"dead_samples": 58 * 64}
            theirs = sides["SAELens"] | {"dead_feature_window": 58}
            for side, settings in ("ours", ours), ("SAELens", theirs), ("free", ours | {"decoder_norm": "free"}):
                point = SHARED | TOY | settings | {"k": k, "seed": seed}
                yield point | {"arm": f"toy: topk, K = {k} {side}"}


EXPERIMENT = Experiment(
    "implementations",
    "Ours: our autoencoders recover what SAELens' own code recovers with the same recipe, data and budget",
    order=175,
    grids={
        "quick": lambda: list(_points("quick", ("canonical",), 1)),
        "standard": lambda: [*_points("standard", tuple(WORLDS), 5), *_toy()],
        "paper": lambda: list(_points("paper", tuple(WORLDS), 5)),
    },
    smoke=True,
)
