"""A trained autoencoder in the format of another library: SAELens, a folder of cfg.json and sae_weights.safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save

from simulations import __version__
from simulations.algorithms.autoencoders.checkpoint import Trained, read
from simulations.base.checks import one_of
from simulations.base.files import StorageError, check_writable, replace

FORMATS = ("saelens",)
CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
READS = "6.0.0"  # the layout of SAELens 6


def export(checkpoint: Path, form: str, out: Path, replica: int = 0) -> dict[str, Any]:
    """Write a replica of a checkpoint to the folder `out` in `form`; return what was written.

    It takes raw X and reconstructs raw X.  Exact for JumpReLU and ReLU gates, TopK and Gated; BatchTopK becomes a
    JumpReLU with its inference threshold.  Raises ValueError for an unknown form, an algorithm that has no equal there,
    or a folder that holds such an export already.
    """
    one_of("format", form, FORMATS)
    trained = read(checkpoint)
    if not 0 <= replica < len(trained.cells):
        raise ValueError(f"replica={replica}, but should be in [0, {len(trained.cells) - 1}]")
    config, tensors = saelens(trained, replica)
    if any((out / name).exists() for name in (CONFIG, WEIGHTS)):
        raise StorageError(f"{out} holds an autoencoder already; choose another --out")
    check_writable(out)
    replace(out / WEIGHTS, save(tensors))
    replace(out / CONFIG, (json.dumps(config, indent=2, allow_nan=False) + "\n").encode())
    return {"format": form, "architecture": config["architecture"], "files": [str(out / CONFIG), str(out / WEIGHTS)]}


def saelens(trained: Trained, replica: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration and the tensors that SAELens loads, for raw X.

    With x = scale (X - mean), u = (x - b_pre) W_enc = (X - b_dec) scale W_enc for b_dec = mean + b_pre / scale, and
    X = mean + f(x) / scale: so W_enc takes the scale, W_dec loses it, and the codes are the same.
    """
    settings, scale = trained.cells[replica], trained.input_scale[replica]
    threshold = None if trained.threshold is None else float(trained.threshold[replica])
    architecture, parts, more = trained.network().export(trained.parameters, replica, threshold)
    parts |= {
        "W_enc": parts["W_enc"] * scale,
        "W_dec": parts["W_dec"] / scale,
        "b_dec": trained.input_mean[replica] + parts["b_dec"] / scale,
    }
    config = {
        "architecture": architecture,
        "d_in": parts["W_dec"].shape[1],
        "d_sae": settings.n_neurons,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": READS,
            "made_by": f"sae-recovery {__version__}",
            "algorithm": settings.name,
            "seed": trained.data[replica].get("seed"),
        },
    }
    return config | more, {name: each.float().contiguous() for name, each in parts.items()}
