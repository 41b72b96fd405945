"""The printed figures of the gallery, small: 900 pixels wide with 24 colours, where there are any."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from simulations.evidence.report.runs import Run

PIXELS, COLOURS = 900, 24


def printed(run: Run) -> str:
    """Return the figure beside the rows, or that of the gallery, as the text of an address; "" where there is none."""
    name = f"{run.experiment}.png"
    places = (run.folder / name, run.folder.parents[1] / "gallery" / name)
    path = next((each for each in places if each.is_file()), None)
    return shrunk(path) if path else ""


def shrunk(path: Path) -> str:
    """Return a picture as the text of an address, no larger than PIXELS in width; "" for one that cannot be read."""
    from PIL import Image, UnidentifiedImageError  # comes with matplotlib

    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return ""
    if small.width > PIXELS:
        height = round(small.height * PIXELS / small.width)
        small = small.resize((PIXELS, height), Image.Resampling.LANCZOS)
    return address(small.quantize(COLOURS, dither=Image.Dither.NONE))


def address(image: Any) -> str:
    """Return a picture of Pillow as the text of an address."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=9)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
