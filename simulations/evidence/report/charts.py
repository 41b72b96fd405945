"""The pictures of rows, by what their shape calls for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulations.evidence.report.curves import curves, curves_thumbnail
from simulations.evidence.report.dots import comparisons, dots_thumbnail
from simulations.evidence.report.phases import legend, phase, phase_thumbnail
from simulations.evidence.report.shape import Shape
from simulations.evidence.report.svg import picture

THUMBNAIL = (120.0, 72.0)
SMALL = {"heat": phase_thumbnail, "curves": curves_thumbnail, "dots": dots_thumbnail}


def drawn(shape: Shape) -> dict[str, Any]:
    """Return the panels of a shape, how many more there are, and the legend of its colours."""
    if shape.kind == "heat":
        panels, more = phase(shape)
        return {"kind": "heat", "panels": panels, "more": more, "legend": legend(shape)}
    if shape.kind == "curves":
        panel, more = curves(shape)
        return {"kind": "curves", "panels": [panel], "more": more, "legend": ""}
    return {"kind": "dots", "panels": comparisons(shape), "more": 0, "legend": ""}


def thumbnail(shapes: Sequence[Shape], label: str) -> str:
    """Return a small picture of an experiment, without letters; "" without a shape."""
    if not shapes:
        return ""
    return picture(*THUMBNAIL, SMALL[shapes[0].kind](shapes[0], *THUMBNAIL), label, class_="thumb")
