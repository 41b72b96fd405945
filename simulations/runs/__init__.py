"""Cells, rows on disk, and grids of cells."""
