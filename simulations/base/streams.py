"""Named random streams: the only source of random generators in the project."""

from __future__ import annotations

import hashlib
import json
import operator

import numpy as np

STREAMS: dict[str, str] = {
    "features": "the dictionary V",
    "coefficients": "supports and weights of H",
    "init": "starting directions of the neurons",
    "batches": "the order in which mini-batches visit the samples",
    "noise": "additive noise on X",
    "search": "the trials of a search of settings",
}


def stream(name: str, root_seed: int, **components: bool | int | float | str) -> np.random.Generator:
    """Return the generator of a named stream, seeded by sha256 of the JSON of (name, sorted components, root seed).

    `name` is one of STREAMS, `root_seed` an integer, and `components` whatever the draws depend on besides: equal
    arguments give equal draws and any difference gives an unrelated stream, which adding to a seed does not promise.
    Raises ValueError for an unknown name or a non-finite component.
    """
    if name not in STREAMS:
        raise ValueError(f"name={name!r}, but should be one of {', '.join(STREAMS)}")
    identity = [name, components, operator.index(root_seed)]
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
