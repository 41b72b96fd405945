"""The packages that come with sae_recovery, told apart from other packages of the same name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

MARKS = {"theory": "identifiability.py", "simulations": "measures/score.py", "figures": "style.py"}


def check_ours() -> None:
    """Raise ImportError where theory, simulations or figures is missing, or is somebody else's package."""
    for name, mark in MARKS.items():
        places = _places(name)
        if places and any((each / mark).is_file() for each in places):
            continue
        if not places:
            raise ImportError(f"sae_recovery comes with a package {name!r}, which is missing here: install it anew")
        raise ImportError(
            f"sae_recovery comes with a package {name!r}, but Python finds another one first, at {places[0]}: rename "
            "that one, or take its folder off sys.path"
        )


def _places(name: str) -> list[Path]:
    """Return where Python finds a package of that name: its folders, or its file where it is a module."""
    module = sys.modules.get(name)
    if module is not None and getattr(module, "__file__", None) and not hasattr(module, "__path__"):
        return [Path(str(module.__file__))]
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module in sys.modules without a spec
        return [Path(str(getattr(module, "__file__", "an unknown place")))]
    if spec is None:
        return []
    folders = [Path(each) for each in spec.submodule_search_locations or ()]
    return folders or [Path(str(spec.origin))]
