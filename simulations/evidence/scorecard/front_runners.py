"""Claims on which feature wins a neuron, measured in rows of its paths (Figure 16, arXiv 2506.14002v1)."""

from __future__ import annotations

from functools import partial

import pandas as pd

from simulations.evidence.scorecard.claim import OURS, Claim
from simulations.evidence.scorecard.effects import least, over_seeds
from simulations.evidence.scorecard.reading import where
from simulations.evidence.scorecard.verdicts import Finding, above, remarks, too_few


def front_runner(rows: pd.DataFrame, threshold: float) -> Finding:
    """Return how many of the neurons that end on a feature end on the front-runner of their start, least over p.

    The front-runner is the feature of the largest projection; in words, how many end on the nearest in angle, and on
    the front-runner after the first step.
    """
    ended = rows["kept_fraction"] + rows["changed_fraction"]
    names = {"kept_by_projection": "", "kept_fraction": "nearest in angle", "kept_after_one_step": "after one step"}
    shares = rows[["target_frequency", "seed"]].assign(**{name: rows[name] / ended for name in names})
    parts = [part.set_index("seed") for _, part in shares.groupby("target_frequency")]
    effect = least(over_seeds(part["kept_by_projection"], len(parts)) for part in parts)
    verdict, told = above(effect, threshold), shares.groupby("target_frequency")[list(names)].mean()
    note = "; ".join(f"{what} {told[name].min():.2f} to {told[name].max():.2f}" for name, what in names.items() if what)
    return Finding(effect, verdict, remarks(note, too_few(effect, verdict)), where(rows))


FRONT_RUNNERS: tuple[Claim, ...] = tuple(
    Claim(
        f"front_runner{end}",
        f"Of neurons that end on a feature {told} on that of their largest projection at the start",
        source,
        "trajectories",
        "of neurons that end within cosine 0.9 of a feature the share whose largest <w, v_i> at the start was with "
        f"it, least over p: above {least:g}; seeds drawn after the rule was written",
        partial(front_runner, threshold=least),
    )
    for end, told, least, source in (
        ("", "most end", 0.5, "Figure 16 (v1), as a picture"),
        ("_always", "nearly all end", 0.9, OURS),
    )
)
