"""The commands that only calculate: what the theory predicts of a setting, and a setting that reaches a target."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NoReturn

from simulations.algorithms.kinds.modified_ba import ModifiedBA
from simulations.base.settings import derive, from_flat
from simulations.base.side_by_side import side_by_side
from simulations.cli.flags import Parser, add_setting, described, flag, settings_of
from simulations.cli.printing import part
from simulations.data.model import Model
from simulations.instruments.width import Width

LEAVES = (Model, ModifiedBA, Width)  # what has the settings below; a cell would load every other algorithm as well
PROBLEM = ("n_features", "d_model", "sparsity")
LEARNT = ("target_frequency", "n_samples", "n_steps", "n_neurons", "center", "target_recovery")
THRESHOLD = 0.9  # tau of every measured recovery rate
MOST, MOST_STEPS = 10**12, 1_000  # what the tables of the theory reach, and what does not take hours
NEGLIGIBLE = 0.01  # a recovery rate by chance that is not worth a word
FEWEST = 0.5  # firings of a feature's samples at the start, p N s / n, below which the theory is rough


class _Refused(argparse.Action):
    """A flag of `width` that the theory does not use: giving it raises ValueError."""

    def __call__(self, *_: object) -> NoReturn:
        known = ", ".join(PROBLEM + LEARNT)
        raise ValueError(f"{self.dest} is given, but the theory is of the canonical model: {known}")


def add_predict(parser: Parser) -> None:
    """Add the flags of `width`: those that the theory uses, and without help the others, which are refused."""
    _add(parser, PROBLEM + LEARNT, refused=lambda: sorted(settings_of("width") - set(PROBLEM + LEARNT)))


def _add(parser: Parser, names: Sequence[str], refused: Callable[[], Sequence[str]] = tuple) -> None:
    """Add the flags of settings, and when something is asked for that loads every algorithm, help and refused ones."""
    own = {each.name: each for kind in LEAVES for each in fields(kind)}
    flags = {name: add_setting(parser, own[name]) for name in names}

    def complete() -> None:
        from simulations.runs.columns import setting_fields

        for name, action in flags.items():
            action.help = described(setting_fields()[name])
        for name in refused():
            parser.add_argument(flag(name), nargs="?", action=_Refused, help=argparse.SUPPRESS)

    parser.complete = complete


def _values(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Return the settings as given, or their defaults; raises ValueError as a cell does."""
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    model, algorithm, instrument = (from_flat(kind, given) for kind in LEAVES)
    whose = {each.name: leaf for leaf in (model, algorithm, instrument) for each in fields(leaf)}
    return {name: derive(whose[name], name, algorithm) for name in names}


def predict(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the theory predicts of the setting; raises ValueError for what it does not know."""
    from theory.recovery_prediction import predict as predicted

    values = _values(args, PROBLEM + LEARNT)
    _check_reach(values)
    found = predicted(**values, threshold=THRESHOLD, both=side_by_side)
    told = {name: float(value) for name, value in found._asdict().items()}
    return told | {"note": _note(values, told)} | {part("settings that were used"): values | {"threshold": THRESHOLD}}


def _check_reach(values: dict[str, Any]) -> None:
    """Raise ValueError for a setting beyond what the theory is calculated for."""
    for name, value in values.items():
        most = MOST_STEPS if name == "n_steps" else MOST
        if isinstance(value, int) and value > most:
            raise ValueError(f"{name}={value}, but the theory is calculated up to {most:,}")


def _note(values: dict[str, Any], told: dict[str, float]) -> str:
    """Return what every number holds for, and where the theory is rough or has no number."""
    per_feature = values["n_samples"] / values["n_features"]
    notes = [_holds_for(values["n_steps"], per_feature), *_chance(values["d_model"], values["n_neurons"])]
    if values["target_frequency"] * per_feature * values["sparsity"] < FEWEST:
        notes.append("rough: fewer than one sample of two features fires at the start (p N s / n < 1/2)")
    if math.isinf(told["required_width"]):
        notes.append(f"unreachable: no width reaches a recovery rate of {values['target_recovery']:g}")
    if math.isnan(told["critical_frequency"]):
        notes.append("no critical frequency: half of the features are kept at no p, or at every p looked at")
    return "; ".join(notes)


def _holds_for(n_steps: int, per_feature: float) -> str:
    return f"all for T = {n_steps}, tau = {THRESHOLD:g}, N/n = {per_feature:.4g}"


def _chance(d_model: int, n_neurons: int) -> list[str]:
    """Return the recovery rate of neurons that learn nothing, where it is more than a hundredth."""
    from theory.closed_forms import cap_probability

    rate = -math.expm1(n_neurons * math.log1p(-float(cap_probability(d_model, THRESHOLD))))
    return [f"chance: neurons that learn nothing recover {rate:.2g}"] if rate > NEGLIGIBLE else []


def add_plan(parser: Parser) -> None:
    """Add the flags of plan: the problem and the target."""
    _add(parser, (*PROBLEM, "target_recovery"))
    text = "subtract the mean of the data (default True)"
    parser.add_argument("--center", action=argparse.BooleanOptionalAction, default=True, help=text)


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """Return a setting that is predicted to reach the target; raises ValueError where none does."""
    from theory.plan import plan as planned

    values = _values(args, (*PROBLEM, "target_recovery")) | {"center": args.center}
    _check_reach(values)
    found = planned(**values, threshold=THRESHOLD, both=side_by_side)
    per_feature = found.n_samples / values["n_features"]
    notes = [_holds_for(found.n_steps, per_feature), *_chance(values["d_model"], found.n_neurons)]
    note = "; ".join([*notes, "fixed bias, uniform start"])
    return found._asdict() | {"note": note, part("settings that were used"): values | {"threshold": THRESHOLD}}
