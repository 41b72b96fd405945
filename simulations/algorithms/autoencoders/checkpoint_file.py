"""A checkpoint's file opened: its tensors, and what it tells of them, checked for types and sense."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulations.algorithms.autoencoders.network import Tensors
from simulations.base.files import StorageError

FORMAT = "sae-recovery checkpoint 2"
TOLD = {"cells": list, "data": list, "input_scale": list, "step": int, "steps": list, "seconds": list, "samples": list}


def opened(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and what is told of them, of the types they should have; raises StorageError."""
    from safetensors import SafetensorError, safe_open

    if path.exists() and not path.is_file():  # of a pipe there would be no end
        raise StorageError(f"{path} cannot be read: it is no regular file")
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("sae-recovery", "{}"))
            if not isinstance(told, Mapping) or told.get("format") != FORMAT:
                raise StorageError(f"{path} is not a checkpoint of sae-recovery, or one of another version")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if wrong := _wrong(told):
        raise StorageError(f"{path} is broken: {wrong}")
    return tensors, dict(told)


def _wrong(told: Mapping[str, Any]) -> str:
    """Return what is wrong with what a checkpoint tells of itself, or nothing."""
    for name, kind in TOLD.items():
        if not isinstance(told.get(name), kind) or isinstance(told[name], bool):
            return f"{name} should be {kind.__name__}, not {str(told.get(name))[:80]!r}"
    if not (told["cells"] and len(told["cells"]) == len(told["data"]) == len(told["input_scale"])):
        return "cells, data and input_scale should be equally many"
    if not all(isinstance(each, dict) for each in [*told["cells"], *told["data"]]):
        return "cells and data should hold settings by name"
    if not all(_real(each) and each > 0 for each in told["input_scale"]):
        return f"input_scale={str(told['input_scale'])[:80]}, but should be finite and above 0"
    steps, samples = told["steps"], told["samples"]
    if not len(steps) == len(samples) == len(told["seconds"]):
        return "steps, samples and seconds should be equally many"
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in [*steps, *samples]):
        return "steps and samples should be integers of at least 0"
    if not all(_real(each) and each >= 0 for each in told["seconds"]):
        return "seconds should be numbers of at least 0"
    if sorted(set(steps)) != steps or not (steps[-1:] or [0])[0] <= told["step"]:
        return f"steps should rise, and end at most at step={told['step']}"
    return ""


def _real(value: object) -> bool:
    """Return whether it is a number that a float can be; comparing does not convert an integer of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
