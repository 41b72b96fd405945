"""The frontier at n = 1,024, drawn as that at n = 128."""

from __future__ import annotations

from figures.frontier import plot as plot
