"""Figures to files, the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from figures.style import styled

RESOLUTION = 200  # dots per inch of the PNG
# None drops what matplotlib would write: its version, and the time.
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}


@styled
def save(figure: Figure, folder: Path | str, name: str) -> list[Path]:
    """Write NAME.png and NAME.pdf into a folder, made if need be, and return their paths.

    Raises OSError when the folder cannot be written.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind, metadata in METADATA.items():
        path = place / f"{name}.{kind}"
        figure.savefig(path, dpi=RESOLUTION, metadata=metadata)
        paths.append(path)
    return paths
