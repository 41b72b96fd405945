"""Write figures/predicted.csv anew: `python -m simulations.evidence.predicted_table [NAME ...]`.

It draws the figures of the committed rows that look up what theory says, then writes the sentences on its errors, and
keeps what they ask for; with names of figures only these, beside what the table has.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence

from figures import predicted
from figures.registry import FIGURES
from simulations.evidence.sections import prediction_lines
from simulations.runs.storage import read_rows

USERS = ("resonance", "learnability", "width", "scaling", "erosion", "predict_check", "critical_check", "plan_check")


def write(names: Sequence[str] = ()) -> None:
    """Write the table for the figures of these names; without names for all of USERS, and nothing else stays."""
    old = dict(predicted.table()) if names else {}
    predicted.table().clear()  # all is calculated again
    predicted.writes, results = True, predicted.TABLE.parent.parent / "results"
    for name in names or USERS:
        for rows in sorted((results / name).glob("*/rows.csv")):
            try:
                FIGURES[name](read_rows(rows))
            except (ValueError, KeyError) as error:  # rows of another version of the experiment
                print(f"{rows}: {error}", file=sys.stderr)
        _keep(old)
    if not names:
        prediction_lines(results)
        _keep(old)


def _keep(old: dict[str, str]) -> None:
    with predicted.TABLE.open("w", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(sorted((old | predicted.asked).items()))


if __name__ == "__main__":
    write(sys.argv[1:])
