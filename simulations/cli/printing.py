"""What a command returns, on stdout: one JSON object, or aligned lines."""

from __future__ import annotations

import json
import math
from typing import Any

Shown = dict[str, Any]


def show(result: Shown, as_json: bool) -> None:
    """Print a result; in lines a dict within it is a paragraph of its own, after the rest."""
    if as_json:
        print(json.dumps(_plain(_flat(result)), allow_nan=False, default=str))
        return
    _lines({name: value for name, value in result.items() if not _is_part(name, value)})
    for name, value in result.items():
        if _is_part(name, value):
            print(f"\n{name.strip()}:")
            _lines(value)


def part(name: str) -> str:
    """Return the key of a part of a result: a paragraph in lines, merged into the whole in JSON."""
    return f"{name} "


def _is_part(name: str, value: Any) -> bool:
    return name.endswith(" ") and isinstance(value, dict)


def _flat(result: Shown) -> Shown:
    whole: Shown = {}
    for name, value in result.items():
        whole |= value if _is_part(name, value) else {name: value}
    return whole


def _lines(result: Shown) -> None:
    width = max(map(len, result), default=0)
    for key, value in result.items():
        if isinstance(value, dict):
            value = "  ".join(f"{name} {_short(each)}" for name, each in value.items())
        elif isinstance(value, list):
            value = ("\n" + " " * (width + 2)).join(map(str, value))
        print(f"{key:<{width}}  {_short(value)}")


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return `value` with what strict JSON cannot hold (inf, nan) as text."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
