"""A trained autoencoder in the format of another library: SAELens, a folder of cfg.json and sae_weights.safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save

from simulations import __version__
from simulations.algorithms.autoencoders.checkpoint import Trained, read
from simulations.base.checks import one_of
from simulations.runs.storage import StorageError, check_writable, replace

FORMATS = ("saelens",)
CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
READS = "6.0.0"  # the layout of SAELens 6


def export(checkpoint: Path, form: str, out: Path, replica: int = 0) -> dict[str, Any]:
    """Write a replica of a checkpoint to the folder `out` in `form`; return what was written.

    Exact for JumpReLU and ReLU gates and for TopK.  The autoencoder takes x = input_scale (X - input_mean), both of
    which are in the metadata of the configuration.  Raises ValueError for an unknown form, an algorithm that has no
    equal there, or a folder that holds such an export already.
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
    """Return the configuration and the tensors that SAELens loads.

    Tied weights become W_enc = W^T and W_dec = a W.  A ReLU gate has b_enc = b; a JumpReLU gate, which passes u where
    u > -b, has b_enc = 0 and threshold = -b.  Raises ValueError for batchtopk: its floor depends on the batch.
    """
    settings = trained.cells[replica]
    if settings.algorithm == "batchtopk":
        raise ValueError("algorithm='batchtopk' has no exact equal in SAELens: its threshold depends on the batch")
    W, a, b, b_pre = (each[replica].float() for each in trained.parameters)
    tensors = {"W_enc": W.T, "W_dec": a[:, None] * W, "b_enc": b, "b_dec": b_pre}
    architecture = "topk" if settings.algorithm == "topk" else "standard"
    if settings.activation == "jumprelu":
        architecture = "jumprelu"
        tensors |= {"b_enc": b.new_zeros(len(b)), "threshold": -b}
    config = {
        "architecture": architecture,
        "d_in": settings.d_model,
        "d_sae": settings.n_neurons,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": READS,
            "made_by": f"sae-recovery {__version__}",
            "input_scale": trained.input_scale[replica],
            "input_mean": trained.input_mean[replica].tolist(),
            "algorithm": settings.algorithm,
            "seed": settings.seed,
        },
    }
    if architecture == "topk":
        config |= {"k": settings.k, "rescale_acts_by_decoder_norm": False}
    return config, {name: each.contiguous() for name, each in tensors.items()}
