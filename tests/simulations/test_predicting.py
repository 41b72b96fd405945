"""The commands that only calculate: what they print, what they refuse, and that they load no torch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from command_helper import refusal

from simulations.cli import main
from theory.closed_forms import cap_probability
from theory.plan import plan
from theory.recovery_prediction import Success, predict

SMALL = ["--n-features", "64", "--d-model", "48", "--n-samples", "6400", "--n-steps", "2"]
RATES = ("predicted_recovery_rate", "learnable_fraction", "success_probability")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main([*words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_predict_prints_what_the_theory_says(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*SMALL, "--n-neurons", "512", "--center", "--target-recovery", "0.5", "--target-frequency", "0.01"]
    found = printed(capsys, "predict", *words)
    expected = predict(64, 48, 3, 0.01, 6400, 2, 512, center=True, target_recovery=0.5)
    assert {name: found[name] for name in expected._fields} == pytest.approx(expected._asdict(), rel=1e-12)
    assert all(0 < float(str(found[name])) <= 1 for name in RATES)
    assert str(found["note"]).startswith("all for T = 2, tau = 0.9, N/n = 100")
    assert "rough" not in str(found["note"])
    assert (found["center"], found["n_neurons"], found["threshold"], found["sparsity"]) == (True, 512, 0.9, 3)
    assert not {"seed", "n_probes", "support_law", "device"} & found.keys()


def test_predict_writes_what_is_no_number_as_text_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--n-features", "64", "--d-model", "32", "--sparsity", "8", "--n-samples", "640", "--target-frequency"]
    found = printed(capsys, "predict", *words, "0.004")
    assert (found["required_width"], found["critical_frequency"]) == ("inf", "nan")
    note = str(found["note"])
    assert "unreachable: no width reaches a recovery rate of 0.95" in note
    assert "no critical frequency" in note
    assert "rough" in note  # p N s / n = 0.004 * 640 * 8 / 64 = 0.32


def test_lines_have_the_answer_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["predicted_recovery_rate", "learnable_fraction"]
    assert "settings that were used:" in lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--support-law", "zipf"], "support_law is given, but the theory is of the canonical model"),
        (["--noise", "0.1"], "noise is given"),
        (["--seed", "1"], "seed is given"),
        (["--normalize"], "normalize is given"),
        (["--sparsity", "300"], "sparsity=300, but should be in [1, n_features=256]"),
        (["--n-features", "9999", "--sparsity", "5000"], "sparsity=5000, but should be at most 4,096"),
        (["--target-recovery", "1"], "target_recovery=1.0"),
        (["--sparsty", "3"], "did you mean --sparsity"),
    ],
)
def test_what_the_theory_does_not_know_is_refusal(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refusal(capsys, "predict", *words)


def test_plan_prints_a_setting_that_reaches_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "plan", "--n-features", "64", "--d-model", "48", "--sparsity", "3",
                    "--target-recovery", "0.8")  # fmt: skip
    expected = plan(64, 48, 3, 0.8)
    assert {name: found[name] for name in expected._fields} == pytest.approx(expected._asdict(), rel=1e-12)
    assert float(str(found["predicted_recovery_rate"])) >= 0.8
    assert (found["center"], found["target_recovery"]) == (True, 0.8)
    assert f"T = {expected.n_steps}, tau = 0.9, N/n = 100" in str(found["note"])


def test_what_chance_recovers_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--n-features", "64", "--d-model", "8", "--n-samples", "640", "--n-steps", "1", "--n-neurons"]
    chance = 1 - (1 - float(cap_probability(8, 0.9))) ** 5_000
    found = printed(capsys, "predict", *words, "5000")
    assert f"chance: neurons that learn nothing recover {chance:.2g}" in str(found["note"])
    assert "chance" not in str(printed(capsys, "predict", *words, "4")["note"])


def test_no_plan_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    never = Success(np.array([-np.inf]), np.ones(1))
    monkeypatch.setattr("theory.plan.success_by_step", lambda *sizes, **rest: [never] * 6)
    told = refusal(capsys, "plan", "--n-features", "64", "--d-model", "8", "--sparsity", "8")
    assert "no plan: target_recovery=0.95 is predicted at no width" in told
    assert "target_recovery=1.0" in refusal(capsys, "plan", "--target-recovery", "1")


def test_theory_needs_no_torch() -> None:
    code = f"""import sys
from simulations.cli import main
main(["predict", *{SMALL}])
main(["plan", "--n-features", "64", "--d-model", "48", "--target-recovery", "0.8"])
print(sorted({{"torch", "numba", "pandas", "matplotlib"}} & set(sys.modules)))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [["predict", *SMALL], ["plan", *SMALL[:4], "--target-recovery", "0.8"]])
def test_an_answer_loads_next_to_nothing(words: list[str]) -> None:
    """Half of a second of an answer would be start-up otherwise; help and refusals may load more."""
    code = f"""import sys
from simulations.cli import main
main({[*words, "--json"]})
print(*sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"torch", "numba", "pandas", "matplotlib", "joblib", "scipy.stats", "scipy.optimize", "scipy.sparse"}
    ours = {"simulations.runs.cell", "simulations.runs.columns", "simulations.measures.look", "simulations.experiments"}
    assert loaded & (heavy | ours) == set()
    assert {name for name in loaded if name.startswith("simulations.algorithms.kinds.")} == {
        "simulations.algorithms.kinds.modified_ba"
    }
    assert {name for name in loaded if name.startswith("simulations.cli.")} == {
        f"simulations.cli.{each}" for each in ("commands", "flags", "predicting", "printing")
    }


@pytest.mark.parametrize("before", ["", "import torch"])
def test_two_at_once(before: str) -> None:
    """Two processes, or one where torch has threads; what the second raises is raised here; dead, it is redone."""
    code = f"""import os
from functools import partial
{before}
from simulations.base.side_by_side import side_by_side
print(len(set(side_by_side(os.getpid, os.getpid))), *side_by_side(partial(pow, 2, 3), partial(pow, 2, 4)))
try:
    side_by_side(os.getpid, partial(int, "x"))
except ValueError as error:
    print(error)
mine = os.getpid()
def dies():
    return "redone" if os.getpid() == mine else os._exit(1)
print(*side_by_side(partial(pow, 2, 5), dies))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    alone = before or sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1
    assert done.stdout.splitlines() == [
        f"{1 if alone else 2} 8 16",
        "invalid literal for int() with base 10: 'x'",
        "32 redone",
    ]
    assert not done.stderr


def test_algorithms_have_one_order_whichever_was_loaded_first() -> None:
    code = "from simulations.algorithms.base import all_fields, discover; print(list(discover()), list(all_fields()))"
    first = "import simulations.algorithms.kinds.modified_ba\n"
    told = [
        subprocess.run([sys.executable, "-c", before + code], capture_output=True, text=True, check=True).stdout
        for before in ("", first)
    ]
    assert told[0] == told[1] != ""


def test_help_shows_the_flags_of_the_theory_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    text = capsys.readouterr().out
    assert "--target-recovery" in text and "--center" in text
    assert "--support-law" not in text and "--n-probes" not in text


def test_plans_of_the_experiment_are_those_of_the_theory() -> None:
    from simulations.experiments.plan_check import COUNTS, PLANS, WIDEST

    assert len(PLANS) >= max(COUNTS.values())
    (n, d, s, target), (p, n_steps, n_samples, n_neurons) = next(iter(PLANS.items()))
    found = plan(n, d, s, target)
    # p is kept to three digits; another processor may round a width up where this one rounds it down.
    assert found.target_frequency == pytest.approx(p, rel=2e-3)
    assert (found.n_steps, found.n_samples) == (n_steps, n_samples)
    assert found.n_neurons == pytest.approx(n_neurons, rel=0.01)
    assert all(0 < each[0] <= 0.5 and each[3] <= WIDEST and math.isfinite(each[3]) for each in PLANS.values())
