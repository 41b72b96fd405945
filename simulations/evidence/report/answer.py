"""The first screen: does GBA recover, when, and against whom?  Sentences made from rows and verdicts, none typed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from simulations.evidence.report.methods import compared
from simulations.evidence.report.runs import Run
from simulations.evidence.report.strips import Strip, strips
from simulations.evidence.report.wording import seeds
from simulations.evidence.scorecard.effects import Effect, over_seeds, paired
from simulations.evidence.scorecard.report import Line
from simulations.evidence.scorecard.trained import RECOVERED
from simulations.evidence.scorecard.verdicts import MIN_SEEDS, NOT_TESTED, UNDECIDED

PLAIN = re.compile(r"gba(, defaults?)?", re.IGNORECASE)  # GBA as it is meant to be used
OWN = re.compile(r"gba\b", re.IGNORECASE)
WORLDS = ("toy", "time_to_recovery", "consistency", "frontier", "sensitivity")  # the first is the paper's own data
QUESTIONS = ("Does it recover?", "When?", "Against whom?")
FULL, HALF = 0.9, 0.5  # ours: "yes" from nine features in ten on, "no" below one in two, by the whole interval
SHOWN = (3, 5, 3)  # claims under each question


class World(NamedTuple):
    """What GBA recovers of the data of one experiment, at a cosine of 0.9, and the difference to each rival."""

    name: str
    data: str
    smoke: bool
    recovered: Effect
    rivals: Mapping[str, Effect]


def worlds(runs: Mapping[str, Sequence[Run]]) -> list[World]:
    """Return what GBA recovers in each experiment of its own that has rows."""
    names = [name for name in WORLDS if name in runs]
    found = [_world(runs[name][-1]) for name in names if len(runs[name][-1].good)]
    return [each for each in found if each is not None]


def _world(run: Run) -> World | None:
    rows = compared(run.good)
    methods = {str(name): part for name, part in rows.groupby("series", sort=False)}
    name = next((each for each in methods if PLAIN.fullmatch(each)), "")
    if not name or methods[name][RECOVERED].isna().all():
        return None
    ours = methods[name]
    others = [each for each in methods if not OWN.match(each)] if run.experiment == WORLDS[0] else []
    rivals = {
        each: paired(_recovered_by_seed(ours), _recovered_by_seed(methods[each]), max(1, len(others)))
        for each in others
    }
    return World(run.experiment, _data(ours), run.smoke, over_seeds(_recovered_by_seed(ours)), rivals)


def _recovered_by_seed(rows: pd.DataFrame) -> pd.Series:
    means: pd.Series = rows.groupby("seed")[RECOVERED].mean()
    return means


def _data(rows: pd.DataFrame) -> str:
    law = str(rows["support_law"].iloc[0]).split(":")[0]
    kind = {"mixed": "mixed-sparsity", "zipf": "Zipf"}.get(law, law)
    return f"{kind} data (n = {int(rows['n_features'].iloc[0]):,})"


def percent(effect: Effect) -> str:
    """Return an effect on a rate in per cent, with its interval and seeds."""
    if math.isnan(effect.value):
        return "no number"
    told = "no interval"
    if not math.isnan(effect.low):
        told = f"95 % interval {100 * max(0.0, effect.low):.1f} to {100 * min(1.0, effect.high):.1f}"
    return f"{100 * effect.value:.1f} % of the features ({told}, {seeds(effect.n_seeds)})"


def verdict(world: World) -> str:
    """Return yes, in part, no, or not decided, of how much GBA recovers of a world's features."""
    effect = world.recovered
    if world.smoke or effect.n_seeds < MIN_SEEDS or math.isnan(effect.low):
        return "Not decided"
    if effect.low >= FULL:
        return "Yes"
    return "No" if effect.high < HALF else "In part"


def question_of(line: Line) -> str:
    """Return which of the three questions a claim bears on, by what it says."""
    text = line["statement"]
    if "GBA" not in text or " when " in text:
        return QUESTIONS[1]
    rival = " than " in text or "frontier" in text
    return QUESTIONS[2] if rival else QUESTIONS[0]


def answer(lines: Sequence[Line], runs: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Return the first screen: the headline, and for each question a sentence and its claims, decided ones first."""
    known = worlds(runs)
    of = {question: [line for line in lines if question_of(line) == question] for question in QUESTIONS}
    sentences = (_does(known), _when(of[QUESTIONS[1]]), _against(known))
    drawn = (_recovered(known), "", _differences(known))
    counts = {line["verdict"]: sum(each["verdict"] == line["verdict"] for each in lines) for line in lines}
    parts = [
        {
            "question": question,
            "sentence": sentence,
            "picture": picture,
            "lines": of[question][:most],
            "more": len(of[question][most:]),
        }
        for question, sentence, picture, most in zip(QUESTIONS, sentences, drawn, SHOWN, strict=True)
    ]
    return {"headline": _headline(known), "parts": parts, "counts": counts, "smoke": _smoke(runs)}


def _headline(known: Sequence[World]) -> str:
    if not known:
        return "Not measured: these rows hold no run of GBA."
    first = known[0]
    head = verdict(first)
    start = {"Not decided": "Not decided yet"}.get(head, head)
    return f"{start}: on {first.data} GBA recovers {percent(first.recovered)}."


def _does(known: Sequence[World]) -> str:
    if not known:
        return "These rows hold no run of GBA."
    few = [each for each in known if each.recovered.n_seeds < MIN_SEEDS]
    note = f" {len(few)} of {len(known)} have fewer than {MIN_SEEDS} seeds." if few else ""
    return f"Share of the true features that hold a neuron, cosine above 0.9, on the data of each experiment.{note}"


def _recovered(known: Sequence[World]) -> str:
    lines = [
        Strip(f"{each.data}: {each.name}{', smoke test' * each.smoke}", each.recovered, each.smoke) for each in known
    ]
    return strips(lines[:4], "recovery of GBA, 95 % intervals over seeds", rate=True)


def _differences(known: Sequence[World]) -> str:
    first = next((each for each in known if each.rivals), None)
    if first is None:
        return ""
    lines = [Strip(arm, effect, first.smoke) for arm, effect in first.rivals.items()]
    return strips(lines, "recovery of GBA minus that of the rival")


def _when(lines: Sequence[Line]) -> str:
    if not lines:
        return "No claim on its conditions is judged by these rows."
    decided = [line for line in lines if line["verdict"] not in (UNDECIDED, NOT_TESTED)]
    return (
        f"Of {len(lines)} claims on frequencies, width, dimension and data, {len(decided)} are decided by these rows."
    )


def _against(known: Sequence[World]) -> str:
    first = next((each for each in known if each.rivals), None)
    return _compared(first) if first else "No rows that compare GBA with a rival on the paper's data."


def _compared(world: World) -> str:
    if world.smoke or world.recovered.n_seeds < MIN_SEEDS:
        return f"Too few seeds to compare on {world.data}: {world.recovered.n_seeds}, {MIN_SEEDS} needed."
    groups: dict[str, list[str]] = {"recovers more than": [], "cannot be told from": [], "recovers less than": []}
    for arm, effect in world.rivals.items():
        if math.isfinite(effect.low):
            kinds = list(groups)
            groups[kinds[0] if effect.low > 0 else kinds[2] if effect.high < 0 else kinds[1]].append(arm)
    parts = [f"{kind} {_listed(arms)}" for kind, arms in groups.items() if arms]
    many = f"paired by seed; the intervals hold for all {len(world.rivals)} at once, so they are wider than a verdict's"
    return f"On {world.data}, as implemented here and each at the best of one search, GBA {'; '.join(parts)} ({many})."


def _listed(arms: Sequence[str]) -> str:
    return arms[0] if len(arms) == 1 else f"{', '.join(arms[:-1])} and {arms[-1]}"


def _smoke(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Return the experiments that have rows of a smoke test only."""
    return [name for name, each in runs.items() if each[-1].smoke]
