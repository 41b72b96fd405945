"""The name of collected activations, which is their identity, and where the folder of that name lies."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from simulations.base.files import StorageError

FORMAT = "sae-recovery activations 1"
MANIFEST = "manifest.json"
PLACES = "SAE_RECOVERY_ACTIVATIONS"  # environment: folders to look in, which worker processes inherit
USUAL_PLACES = ("out/activations", "activations")
HOOKS = ("residual", "mlp", "array")
PATTERN = re.compile(
    r"(?P<model>[\w.+-]+)\.(?P<hook>residual|mlp|array)(?P<layer>\d+)\.d(?P<d_model>\d+)\.n(?P<n_rows>\d+)\."
    r"(?P<digest>[0-9a-f]{12})"
)


class Name(NamedTuple):
    """What a name says: `n_rows` is the number of rows that are trained on; the digest is of all that decides them."""

    model: str
    hook: str
    layer: int
    d_model: int
    n_rows: int
    digest: str

    def __str__(self) -> str:
        return f"{self.model}.{self.hook}{self.layer}.d{self.d_model}.n{self.n_rows}.{self.digest}"


def parse(text: str) -> Name:
    """Return the parts of a name; raises ValueError for another text.

    >>> parse("gpt2.residual5.d768.n1000.0123456789ab").layer
    5
    """
    match = PATTERN.fullmatch(text)
    if match is None:
        wanted = "a folder that `sae-recovery activations` wrote, or the name it printed"
        raise ValueError(f"activations={text!r}, but should be {wanted}")
    told = match.groupdict()
    layer, d_model, n_rows = (int(told[each]) for each in ("layer", "d_model", "n_rows"))
    return Name(told["model"], told["hook"], layer, d_model, n_rows, told["digest"])


def slug(model: str) -> str:
    """Return the last part of a model's name or folder, as a name may hold it."""
    return re.sub(r"[^\w.+-]", "-", Path(model).name) or "model"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what FOLDER/manifest.json says; raises StorageError, one line, where it is none of activations."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise StorageError(f"{path} is not JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise StorageError(f"{folder} holds no activations that sae-recovery collected")
    return found


def finished(folder: Path) -> str:
    """Return the name of the activations in a folder; raises StorageError where they are not complete."""
    told = read_manifest(folder)
    if not told.get("name"):
        raise StorageError(f"{folder} is not complete: give `sae-recovery activations` the same command again")
    parse(told["name"])
    return str(told["name"])


def resolve(text: str) -> str:
    """Return the name of activations from their name or folder, which is looked in from now on.

    Raises ValueError for a text that is neither, and for a folder without complete activations.
    """
    if PATTERN.fullmatch(text):
        return text
    folder = Path(text).expanduser()
    if not folder.is_dir():
        parse(text)
    name = finished(folder)
    known = os.environ.get(PLACES, "").split(os.pathsep)
    if str(folder.resolve()) not in known:
        os.environ[PLACES] = os.pathsep.join([str(folder.resolve()), *filter(None, known)])
    return name


def locate(name: str) -> Path:
    """Return the folder of the activations of that name; raises StorageError saying where was looked."""
    places = [*filter(None, os.environ.get(PLACES, "").split(os.pathsep)), *USUAL_PLACES]
    for place in map(Path, places):
        inside = sorted(place.iterdir()) if place.is_dir() else []
        for folder in (place, *inside):
            if (folder / MANIFEST).is_file() and json.loads((folder / MANIFEST).read_bytes()).get("name") == name:
                return folder
    where = ", ".join(places)
    raise StorageError(f"activations {name} are not here (looked in {where}): collect them, or set {PLACES}")
