"""The laws of the statistical model by kind, and the check of a text that names one."""

from __future__ import annotations

from typing import Any

from simulations.base.checks import one_of
from simulations.data.laws.registry import Registry, Sizes
from simulations.data.laws.synthsaebench import COEFFICIENTS, DICTIONARIES, SUPPORTS

REGISTRIES: dict[str, Registry[Any]] = {each.kind: each for each in (SUPPORTS, COEFFICIENTS, DICTIONARIES)}


def check_law(
    kind: str, text: str, *, n_features: int | None = None, d_model: int | None = None, sparsity: int | None = None
) -> None:
    """Raise ValueError unless `text` names a law of this kind that can be drawn at the given sizes; draws nothing.

    `kind` is "support", "coefficient" or "dictionary"; a size that is None is not checked.
    """
    one_of("kind", kind, REGISTRIES)
    REGISTRIES[kind].parse(text).check(Sizes(n_features, d_model, sparsity))


def canonical(kind: str, text: str) -> str:
    """Return the text with every parameter written out, equal for equal laws: `zipf` is `zipf:1.0`."""
    return REGISTRIES[kind].parse(text).text
