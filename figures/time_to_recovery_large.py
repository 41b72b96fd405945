"""What recovery costs at n = 512, drawn as that at n = 128."""

from __future__ import annotations

from figures.time_to_recovery import plot as plot
