"""What the experiments on real activations share: the data of the committed rows, sizes, and the methods.

The data are all-MiniLM-L6-v2's, an encoder of six blocks, after block 3, on Python's own documentation and library
(`make activations` collects them).  A seed is a start and an order of the tokens: of the model and the text there is
one.  Each rival is trained in the form of its authors, all of them on as many tokens; runs are short, so that GBA's
biases move at ten times the paper's gain, and as often as in a run of a thousand steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulations.experiments.base import Point

DATA = "all-MiniLM-L6-v2.residual3.d384.n136812.d93e29e14562"
ON_DATA: dict[str, Any] = {"instrument": "real", "activations": DATA, "center": True, "schedule": "linear"}
# The paper has 66k neurons on Qwen2.5-1.5B; give its activations by --set activations=FOLDER.
SIZES: Mapping[str, dict[str, Any]] = {
    "quick": ON_DATA | {"n_neurons": 256, "n_steps": 60, "batch_size": 128, "n_evaluations": 1},
    "standard": ON_DATA | {"n_neurons": 1_024, "n_steps": 300, "batch_size": 256, "n_evaluations": 1},
    "paper": ON_DATA | {"n_neurons": 65_536, "n_steps": 50_000, "batch_size": 4_096, "n_evaluations": 1},
}
SEEDS = {"quick": 1, "standard": 5, "paper": 5}
OURS: dict[str, Any] = {"learning_rate": 0.01, "pre_bias": "zero", "gain": 0.1, "buffer_steps": 15}
THEIRS: dict[str, Any] = {"learning_rate": 0.003}
METHODS: dict[str, dict[str, Any]] = {
    "gba": {"algorithm": "gba"} | OURS,
    "ba": {"algorithm": "ba", "target_frequency": 0.03} | OURS,
    "topk": {"algorithm": "topk-untied", "k": 32} | THEIRS,
    "batchtopk": {"algorithm": "batchtopk-untied", "k": 32} | THEIRS,
    "l1": {"algorithm": "l1-untied", "penalty": 0.15} | THEIRS,
    "jumprelu": {"algorithm": "jumprelu-untied", "penalty": 0.003} | THEIRS,
}


def on_real(arms: Mapping[str, dict[str, Any]], preset: str, **same: Any) -> list[Point]:
    """Return the points of every arm, seeds outermost."""
    size = SIZES[preset] | same
    return [size | own | {"arm": arm, "seed": seed} for seed in range(SEEDS[preset]) for arm, own in arms.items()]
