"""SynthSAEBench (arXiv 2602.14687): every method along its knob of sparsity, on the benchmark's world and measures.

The laws are those of SynthSAEBench-16k (simulations/data/laws/synthsaebench.py), drawn by our own code: 16,384 features
in 768 dimensions, 34 active, at `paper`; 1,024 in 96, 7 active, at `standard`.  Width n/4, as its authors recommend, so
that three features in four have no neuron.  Published for 16k at width 4,096, 2e8 samples, Adam 3e-4, batches of 1,024
(SAELens' documentation of the benchmark; mean of 5 seeds; F1, MCC, uniqueness, variance explained):
    L0 = 25  BatchTopK   0.732, 0.757, 0.984, 0.792     L0 = 20  BatchTopK   0.818, 0.753, 0.976, 0.789
             Matryoshka  0.879, 0.793, 0.999, 0.779              Matryoshka  0.860, 0.746, 0.987, 0.770
             L1          0.556, 0.604, 0.898, 0.765              L1          0.578, 0.583, 0.853, 0.750
             JumpReLU    0.732, 0.753, 0.989, 0.795              JumpReLU    0.824, 0.743, 0.978, 0.791
Other worlds, sizes and budgets than ours: 390 times the samples of `standard`, 10 times those of `paper`; `longer` has
four times the samples of `standard`.  Rivals are ours in their authors' form, at a rate of 0.003 that falls linearly
(0.001 and 0.01 did no better for TopK at one seed); GBA and BA at their defaults but for the knob.  `paper` runs on
one GPU, cells of a method as replicas where they can:
    sae-recovery sweep synthsaebench --preset paper --device cuda --out out
about 0.5 GB a cell; on one core of the CPU features are moved apart in 15 minutes a seed, and 2e7 rows drawn in 25
minutes a batch of replicas (estimates, from 0.6 s for a sixteenth of a step and 74 us a row).
"""

from __future__ import annotations

from typing import Any

from simulations.experiments.base import Experiment, Point

LAW = "synthsaebench"
RATE: dict[str, Any] = {"learning_rate": 3e-3, "schedule": "linear"}
UNTIED = {name: {"algorithm": name} | RATE for name in
          ("topk-untied", "batchtopk-untied", "matryoshka", "jumprelu-untied", "l1-untied")}  # fmt: skip
# The knobs of each method, from sparse to dense; K in units of the paper's preset is five times as large.
KNOBS: tuple[tuple[str, dict[str, Any], str, tuple[Any, ...]], ...] = (
    ("gba", {"algorithm": "gba"}, "high_target_frequency", (0.05, 0.5)),
    ("gba", {"algorithm": "gba"}, "low_target_frequency", (0.004, 0.016)),
    ("ba", {"algorithm": "ba"}, "target_frequency", (0.003, 0.01, 0.03)),
    *((name, UNTIED[name], "k", (3, 5, 8)) for name in ("topk-untied", "batchtopk-untied", "matryoshka")),
    ("jumprelu-untied", UNTIED["jumprelu-untied"], "penalty", (0.02, 0.01, 0.005)),
    ("l1-untied", UNTIED["l1-untied"], "penalty", (0.6, 0.3, 0.1)),
)
SIZES: dict[str, dict[str, Any]] = {
    "quick": {"n_features": 256, "d_model": 24, "n_neurons": 64, "n_steps": 60, "batch_size": 128},
    "standard": {"n_features": 1_024, "d_model": 96, "n_neurons": 256, "n_steps": 1_000, "batch_size": 512},
    "paper": {"n_features": 16_384, "d_model": 768, "n_neurons": 4_096, "n_steps": 20_000, "batch_size": 1_024},
}


WORLD: dict[str, Any] = {
    "support_law": LAW, "coefficient_law": LAW, "dictionary_law": "orthogonalized", "n_evaluations": 4,
}  # fmt: skip
LONGER: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba"},
    "matryoshka": UNTIED["matryoshka"] | {"k": 5},
}


def _longer(preset: str, seeds: int) -> list[Point]:
    """Return GBA at its defaults and Matryoshka, trained four times as long."""
    size = SIZES[preset] | {"n_steps": 4 * SIZES[preset]["n_steps"]}
    return [
        WORLD | size | own | {"arm": f"{name}, longer", "seed": seed}
        for seed in range(seeds)
        for name, own in LONGER.items()
    ]


def _points(preset: str, seeds: int, values: slice = slice(None), scale: int = 1) -> list[Point]:
    """Return every method along its knobs, seeds outermost: cells of a seed share their draws; K is `scale` times."""
    return [
        {knob: value * scale if knob == "k" else value}
        | WORLD | SIZES[preset] | own | {"arm": f"{name}, {knob} {value}", "seed": seed}
        for seed in range(seeds)
        for name, own, knob, steps in KNOBS
        for value in steps[values]
    ]  # fmt: skip


EXPERIMENT = Experiment(
    "synthsaebench",
    "Ours: how far GBA and BA get on SynthSAEBench's correlated, hierarchical world, beside its own methods",
    order=178,
    grids={
        "quick": lambda: _points("quick", 1, slice(1, 2)),
        "standard": lambda: _points("standard", 5) + _longer("standard", 5),
        "paper": lambda: _points("paper", 5, scale=5),
    },
    smoke=True,
)
