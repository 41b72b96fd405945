"""What numbers, axes and arms are called in pictures, and the marks that lead from a picture to its rows."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from simulations.evidence.report.svg import tag

WIDTH = 340.0  # of a panel, at which its letters have their own size
NAMES = {
    "feature_recovery_rate": "recovery rate (cosine > 0.9)",
    "feature_recovery_rate_080": "recovery rate (cosine > 0.8)",
    "learnable_fraction": "learnable fraction",
    "predicted_recovery_rate": "predicted recovery rate",
    "log10_required_width": "log10 of the required width",
    "consistency": "consistency (share above 0.9)",
    "l0": "active neurons a sample",
    "fraction_variance_unexplained": "variance unexplained",
    "samples_to_recovery_090": "samples to recovery 0.9",
    "target_frequency": "target frequency p",
    "d_model": "dimension d",
    "sparsity": "sparsity s",
    "n_features": "features n",
    "n_neurons": "width M",
    "n_samples": "samples N",
    "n_steps": "steps T",
}
RATES = (*(name for name in NAMES if "rate" in name), "learnable_fraction", "consistency")  # from 0 to 1
# What methods are compared by, besides what their shape draws.
COMPARED = (
    "feature_recovery_rate", "feature_recovery_rate_080", "fraction_variance_unexplained", "samples_to_recovery_090",
)  # fmt: skip
SYMBOLS = {"sparsity": "s", "d_model": "d", "n_features": "n", "n_neurons": "M", "n_samples": "N", "n_steps": "T"}
SYMBOLS |= {"target_frequency": "p"}


def called(name: str) -> str:
    """Return what a column is called beside an axis."""
    law, _, number = name.partition(":")
    return f"parameter {number} of the {law.replace('_', ' ')}" if number else NAMES.get(name, name.replace("_", " "))


def symbol(name: str) -> str:
    """Return what a setting is called before its value."""
    _, _, number = name.partition(":")
    return f"parameter {number}" if number else SYMBOLS.get(name, called(name))


def cut(words: str, letters: int) -> str:
    """Return words that are no longer than there is room for."""
    return words if len(words) <= letters else words[: letters - 3].rstrip(" ,") + "..."


def seeds(count: int) -> str:
    """Return a number of seeds in words."""
    return f"{count} seed{'s' * (count != 1)}"


def kind_of(arm: str) -> str:
    """Return "own" for an arm of the paper's method or of our own code, "other" for the rest."""
    words = arm.lower().replace(",", " ").split()
    return "own" if words and (words[0].startswith("gba") or words[-1] == "ours") else "other"


def mark(kind: str, rows: Iterable[Any], title: str, **attributes: Any) -> str:
    """Return a mark that leads to its rows, by their numbers in the file, and says what it shows."""
    told = " ".join(str(each) for each in rows)
    return tag(kind, tag("title", escape(title, quote=False)), class_="hit", data_r=told, **attributes)
