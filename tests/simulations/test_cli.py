"""The command line as a stranger meets it: JSON on stdout, one line on stderr and exit code 2 for bad input."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_helper import refusal

from simulations.algorithms.base import discover
from simulations.cli import commands, main
from simulations.cli.flags import flag
from simulations.data.model import Model
from simulations.experiments import EXPERIMENTS, PRESETS, Experiment
from simulations.experiments.base import Point
from simulations.runs.columns import results, row_columns, setting_fields
from simulations.runs.storage import read_manifest, read_rows

CELL = ["cell", "--n-features", "20", "--d-model", "10", "--n-samples", "300", "--n-neurons", "40", "--device", "cpu"]
# What costs time is small; the rest of a point of an experiment, which its figure reads, stays.
TINY = {
    "n_neurons": 64, "n_samples": 300, "n_steps": 3, "batch_size": 16, "n_probes": 8, "n_restarts": 2,
    "n_evaluations": 2,
}  # fmt: skip


def shrunk(experiment: Experiment) -> Callable[[], list[Point]]:
    """Return the first and the last point of each arm, made small."""
    found: dict[str, list[Point]] = {}
    for point in experiment.grids["quick"]():
        small = {name: TINY.get(name, value) for name, value in point.items()}
        if point.get("algorithm") != "dictionary-learning":  # of scikit-learn, which need not be there
            found[point["arm"]] = [*found.get(point["arm"], [])[:1], small]
    distinct = {repr(each | {"arm": ""}): each for points in found.values() for each in points}
    return lambda: list(distinct.values())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink every experiment, in place and in order."""
    for name, real in EXPERIMENTS.items():
        small = replace(real, grids=dict.fromkeys(PRESETS, shrunk(real)))
        monkeypatch.setitem(EXPERIMENTS, name, small)  # type: ignore[arg-type]


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main([*words, "--json"]) == 0

    def refuse(text: str) -> None:
        raise AssertionError(f"not strict JSON: {text}")

    found: dict[str, object] = json.loads(capsys.readouterr().out, parse_constant=refuse)
    return found


def test_cell_prints_the_answer_first(capsys: pytest.CaptureFixture[str]) -> None:
    row = run_json(capsys, *CELL)
    assert row.keys() <= set(row_columns())
    assert {name for name, column in results().items() if column.needed} <= row.keys()
    assert list(row)[:2] == ["status", "feature_recovery_rate"]
    assert row["status"] == "ok"
    assert row["step_size"] == "inf"
    assert row["device"] == "cpu"
    assert "k" not in row
    assert main(CELL) == 0
    lines = capsys.readouterr().out.splitlines()
    heading = lines.index("settings that were used:")
    assert [line.split()[0] for line in lines[:2]] == ["status", "feature_recovery_rate"]
    assert {line.split()[0] for line in lines[heading + 1 :]} == row.keys() & {*setting_fields(), "algorithm",
                                                                              "instrument"}  # fmt: skip


def test_every_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cell", "--help"])
    text = capsys.readouterr().out
    assert all(flag(name) in text for name in setting_fields())
    assert all(name in text for name in discover())


def test_a_setting_that_is_not_the_cells_own_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--algorithm", "topk", "--gain", "5"], "gain is no setting of algorithm=topk"),
        (["--k", "3"], "k is no setting of algorithm=modified-ba"),
        (["--target-recovery", "0.5"], "target_recovery is no setting of"),
        (["--set", "k=3"], "k is no setting of algorithm=modified-ba"),
        (["--set", "nonsense=3"], "nonsense is no setting of"),
        (["--set", "k"], "should be --set name=value"),
        (["--set", "seed=1", "--seed", "2"], "seed is given twice"),
    ):
        assert said in refusal(capsys, *CELL, *words)


def test_settings_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    row = run_json(capsys, *CELL, "--set", "seed=3", "--set", "support-law=zipf")
    assert (row["seed"], row["support_law"]) == (3, "zipf")


def test_a_cell_runs_any_instrument(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*CELL[:-4], "--device", "cpu", "--instrument", "learnability", "--n-probes", "8", "--n-steps", "1"]
    row = run_json(capsys, *words)
    assert 0 <= float(str(row["learnable_fraction"])) <= 1
    assert "feature_recovery_rate" not in row


def test_a_cell_that_does_not_fit_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "GiB of memory are free" in refusal(capsys, "cell", "--n-samples", "1000000000000")


def test_flags_reach_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--step-size", "0.5", "--activation", "jumprelu", "--center", "--coefficient-law", "exponential"]
    row = run_json(capsys, *CELL, *words, "--bias-policy", "tracking", "--seed", "3")
    assert row["step_size"] == 0.5
    assert row["center"] is True
    assert (row["activation"], row["coefficient_law"], row["bias_policy"], row["seed"]) == (
        "jumprelu", "exponential", "tracking", 3,
    )  # fmt: skip


def test_conditions_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--n-features", "4096", "--d-model", "256", "--sparsity", "4", "--target-frequency", "0.002"]
    found = run_json(capsys, "conditions", *words, "--n-neurons", "100000", "--epsilon", "0", "--zeta", "0")
    bounds = {name: each["bound"] for name, each in found.items() if isinstance(each, dict) and "bound" in each}
    # n = 2^12: n^(-(1+1/4)/2) = 2^-7.5, n^(-2/4) = 2^-6, d/n = 2^-4, n p^-4 = 4096 / 1.6e-11.
    assert bounds["frequency_lower"] == pytest.approx(2**-12)
    assert bounds["frequency_upper_sparsity"] == pytest.approx(2**-7.5)
    assert bounds["frequency_upper_concentration"] == pytest.approx(2**-6)
    assert bounds["frequency_upper_dimension"] == pytest.approx(2**-4)
    assert bounds["width"] == pytest.approx(4096 / 1.6e-11)
    assert found["width"]["holds"] is False  # type: ignore[index]
    assert found["frequency_lower"]["margin"] == pytest.approx(math.log(0.002 * 4096) / math.log(4096))  # type: ignore[index]
    assert found["band"] == {"lower": pytest.approx(2**-12), "upper": pytest.approx(2**-7.5), "empty": False}
    assert found["all_hold"] is False


BAD_CELLS = {
    "sparsity=0": ["--sparsity", "0"],
    "sparsity=21, but should be in [1, n_features=20]": ["--sparsity", "21"],
    "target_frequency=0.0": ["--target-frequency", "0"],
    "target_frequency=0.6": ["--target-frequency", "0.6"],
    "target_frequency='nan'": ["--target-frequency", "nan"],
    "target_frequency=inf": ["--target-frequency", "inf"],
    "n_features='2.5'": ["--n-features", "2.5"],
    "d_model=0": ["--d-model", "0"],
    "n_samples=-3": ["--n-samples", "-3"],
    "n_neurons='many'": ["--n-neurons", "many"],
    "did you mean 'jumprelu'": ["--activation", "jump"],
    "did you mean 'modified-ba'": ["--algorithm", "modifed-ba"],
    "did you mean 'tracking'": ["--bias-policy", "trackin"],
    "uniform": ["--support-law", "unifrom"],
    "orthogonal": ["--dictionary-law", "orthogonal"],
    "zipf": ["--support-law", "zipf:nan"],
    "step_size=-1.0": ["--step-size", "-1"],
    "did you mean --sparsity": ["--sparsty", "3"],
    "evaluation='factored', but noise": ["--noise", "1", "--evaluation", "factored"],
    "k=41, but should be in [1, n_neurons=40]": ["--algorithm", "topk", "--k", "41"],
    "n_groups=41, but should be in [1, n_neurons=40]": ["--algorithm", "gba", "--n-groups", "41"],
    "learning_rate=0.0, but should be in (0, ": ["--algorithm", "gba", "--learning-rate", "0"],
    "low_target_frequency=0.4, but should be at most": [
        "--algorithm",
        "gba",
        "--low-target-frequency",
        "0.4",
        "--high-target-frequency",
        "0.3",
    ],
    "high_target_frequency=1.0, but should be in (0, 1)": ["--algorithm", "gba", "--high-target-frequency", "1"],
    "did you mean 'quantile'": ["--algorithm", "gba", "--controller", "quantil"],
    "did you mean 'width'": ["--instrument", "widht"],
    "has none": ["--checkpoint", "a.safetensors"],
    "--seed has no value": ["--seed=--"],
}


@pytest.mark.parametrize(("said", "words"), BAD_CELLS.items(), ids=BAD_CELLS)
def test_bad_cells_are_refused(said: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refusal(capsys, *CELL, *words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no CUDA GPU" in refusal(capsys, *CELL, "--device", "cuda")
    assert "no CUDA GPU" in refusal(capsys, "sweep", "resonance", "--device", "cuda", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--sparsity", "0"], ["--target-frequency", "nan"], ["--epsilon", "-1"],
                                   ["--n-features", "x"], ["--zeta", "2"], ["--n-neurons", "0"]])  # fmt: skip
def test_bad_conditions_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refusal(capsys, "conditions", *words)


def test_unknown_words_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    assert "did you mean 'resonance'" in refusal(capsys, "sweep", "resonence", *out)
    assert "did you mean 'quick'" in refusal(capsys, "sweep", "resonance", "--preset", "quik", *out)
    assert "did you mean 'steps'" in refusal(capsys, "figure", "step", *out)
    assert "n_jobs=0" in refusal(capsys, "sweep", "resonance", "--n-jobs", "0", *out)
    refusal(capsys, "swep")
    said = refusal(capsys, "sweep", "resonance", "--preset", "nope", *out)
    assert "quick, standard, paper" in said
    assert "did you mean" not in said
    assert "did you mean 'algorithms'" in refusal(capsys, "list", "algorithm")
    assert "i/k" in refusal(capsys, "sweep", "resonance", "--shard", "3/2", *out)
    assert "did you mean 'loky'" in refusal(capsys, "sweep", "resonance", "--backend", "loki", *out)
    assert list(tmp_path.iterdir()) == []


def test_nothing_asked_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr()
    assert all(name in printed.out for name in commands.COMMANDS)
    assert printed.err == ""


def test_help_loads_next_to_nothing() -> None:
    code = "import sys; from simulations.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'scipy', 'pandas', 'numpy', 'numba') if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "[]"


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found: Any = run_json(capsys, "list")
    assert found["experiments"].keys() == EXPERIMENTS.keys()
    assert discover().keys() <= found["algorithms"].keys()
    assert found["columns"].keys() == {*setting_fields(), *results()}
    assert {"simulation", "learnability", "width"} <= found["instruments"].keys()
    assert any(name.startswith("support_law zipf") for name in found["laws"])
    assert all(text for kind in found.values() for text in kind.values())
    assert main(["list", "laws"]) == 0
    assert "zipf" in capsys.readouterr().out


def test_sweep_then_figure(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = run_json(capsys, "sweep", "resonance", "--out", str(tmp_path), "--n-jobs", "2", "--device", "cpu")
    rows = Path(str(found["rows"]))
    assert rows == tmp_path / "resonance" / "quick" / "rows.csv"
    assert (found["n_cells"], found["n_ok"], found["n_failed"]) == (4, 4, 0)
    before = rows.read_bytes()
    assert "--resume" in refusal(capsys, "sweep", "resonance", "--out", str(tmp_path))
    said = refusal(capsys, "sweep", "resonance", "--out", str(tmp_path), "--resume", "--seed", "1")
    assert "4 of 4 cells that the grid does not have" in said
    assert rows.read_bytes() == before
    pictures = ["--out", str(tmp_path / "pictures")]
    said = refusal(capsys, "figure", "toy", "--rows", str(rows), *pictures)
    assert "rows of another experiment: of resonance, not of toy" in said
    rows.write_text("a,b\n1,2\n")
    refusal(capsys, "figure", "resonance", "--rows", str(rows), *pictures)
    refusal(capsys, "sweep", "resonance", "--out", str(tmp_path), "--resume")
    assert rows.read_text() == "a,b\n1,2\n"


def test_a_figure_is_drawn_from_rows(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = run_json(capsys, "sweep", "resonance", "--out", str(tmp_path), "--device", "cpu")
    pictures = ["--out", str(tmp_path / "pictures")]
    drawn = run_json(capsys, "figure", "resonance", "--rows", str(found["rows"]), *pictures)
    assert all(Path(each).stat().st_size > 1_000 for each in drawn["figures"])  # type: ignore[attr-defined]


SWEEP = ["sweep", "resonance", "--device", "cpu"]


def test_settings_of_a_sweep_are_replaced(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [*SWEEP, "--set", "n_features=20", "--set", "seed=0,1,2", "--set", "d_model=8", "--out", str(tmp_path)]
    folder = Path(str(run_json(capsys, *words)["rows"])).parent
    table, manifest = read_rows(folder), read_manifest(folder)
    assert set(table["n_features"]) == {20}
    assert sorted(table["seed"].unique()) == [0, 1, 2]
    assert manifest["overrides"] == {"n_features": [20], "seed": [0, 1, 2], "d_model": [8]}
    assert set(manifest["arms"]) == set(table["arm"])
    for said, *more in (
        ("nonsense is no setting of any cell", "nonsense=1"),
        ("did you mean 'n_features'", "n_featurs=1"),
        ("k is no setting of any cell", "k=1"),
        ("n_features='many'", "n_features=many"),
        ("algorithm cannot be set", "algorithm=topk"),
        ("seed is set twice", "seed=1", "seed=2"),
        ("name=value", "seed"),
        ("name=value", "seed=1,,2"),
    ):
        sets = [word for each in more for word in ("--set", each)]
        assert said in refusal(capsys, *SWEEP, *sets, "--out", str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_an_algorithm_takes_the_place_of_all(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["sweep", "consistency", "--device", "cpu", "--algorithm", "topk", "--set", "k=3", "--out", str(tmp_path)]
    folder = Path(str(run_json(capsys, *words)["rows"])).parent
    table = read_rows(folder)
    assert set(table["algorithm"]) == set(table["arm"]) == {"topk"}
    assert set(table["k"]) == {3}
    assert not table["gain"].notna().any()
    assert read_manifest(folder)["overrides"] == {"algorithm": ["topk"], "k": [3]}
    said = refusal(capsys, *SWEEP, "--algorithm", "topk", "--out", str(tmp_path))
    assert "the experiment has no trained cells" in said
    assert "did you mean 'topk'" in refusal(capsys, *words[:-4], "--algorithm", "topkk", "--out", str(tmp_path))


MINE = """
import numpy as np

def train(batches, *, d_model, n_neurons, n_steps, seed, depth=2):
    next(iter(batches))
    return np.random.default_rng(seed).standard_normal((n_neurons, d_model)), {"loss": depth / 2}
"""


def test_a_function_of_ones_own_takes_their_place(
    tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    mine = ["--algorithm", f"{tmp_path / 'mine.py'}:train"]
    small = ["--n-features", "20", "--d-model", "10", "--n-neurons", "40", "--n-steps", "2", "--device", "cpu"]
    row = run_json(capsys, "cell", *mine, *small, "--set", "depth=4")
    assert (row["options"], row["extra"]) == ("depth=4", "loss=2.0")
    assert "did you mean 'depth'" in refusal(capsys, "cell", *mine, *small, "--set", "dept=4")
    assert "gain is no setting of" in refusal(capsys, "cell", *mine, *small, "--gain", "1")
    words = ["sweep", "consistency", *mine, "--set", "depth=1,3", "--out", str(tmp_path / "out"), "--device", "cpu"]
    path = Path(str(run_json(capsys, *words, "--n-jobs", "2")["rows"]))
    table, before = read_rows(path), path.read_bytes()
    assert table["status"].tolist() == ["ok", "ok"]
    assert table["options"].tolist() == ["depth=1", "depth=3"]
    assert table["extra"].tolist() == ["loss=0.5", "loss=1.5"]
    run_json(capsys, *words, "--resume")
    assert path.read_bytes() == before


def test_shards_are_merged(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    whole = run_json(capsys, *SWEEP, "--out", str(tmp_path / "whole"))
    for i in (2, 1):
        run_json(capsys, *SWEEP, "--out", str(tmp_path), "--shard", f"{i}/2")
    shards = [str(tmp_path / f"shard-{i}-of-2") for i in (1, 2)]
    assert "missing: 2" in refusal(capsys, "merge", shards[0], "--out", str(tmp_path / "merged"))
    merged = run_json(capsys, "merge", *shards, "--out", str(tmp_path / "merged"))
    tables = [read_rows(Path(path)) for path in (str(whole["rows"]), merged["rows"][0])]  # type: ignore[index]
    assert tables[0].drop(columns="seconds").equals(tables[1].drop(columns="seconds"))


@pytest.mark.parametrize("words", [["sweep", "resonance"], ["reproduce"], ["conditions"]])
def test_an_interruption_says_how_to_go_on(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    command = commands.COMMANDS[words[0]]
    monkeypatch.setitem(commands.COMMANDS, words[0], command._replace(run=interrupt))  # type: ignore[arg-type]
    assert main(words) == 130
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    wanted = {"sweep": "go on with --resume", "reproduce": "give the same command again", "conditions": "interrupted"}
    assert wanted[words[0]] in said


def test_reproduce_ends_with_the_pictures(
    tiny: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = {name: each for name, each in EXPERIMENTS.items() if name in ("resonance", "learnability", "consistency")}
    for module in ("simulations.evidence.reproduce", "simulations.experiments"):  # one of each kind
        monkeypatch.setattr(f"{module}.EXPERIMENTS", kept)
    words = ["reproduce", "--preset", "quick", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    printed = capsys.readouterr()
    pictures = json.loads(printed.out)["figures"]
    assert all(Path(each).is_file() for each in pictures)
    assert len(pictures) == 2 * len(kept)
    assert str(tmp_path / "resonance" / "quick" / "resonance.png") in printed.err
    first = (tmp_path / "resonance" / "quick" / "rows.csv").read_bytes()
    assert main(words) == 0  # finished cells are kept
    assert (tmp_path / "resonance" / "quick" / "rows.csv").read_bytes() == first


def test_out_must_be_a_folder(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refusal(capsys, "sweep", "resonance", "--out", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"
    refusal(capsys, "figure", "resonance", "--rows", str(tmp_path / "nothing"), "--out", str(tmp_path))


SMALL = ["--n-features", "32", "--d-model", "16", "--n-samples", "800", "--n-steps", "2", "--device", "cpu"]


def test_learnability_has_an_interval(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "learnability", *SMALL, "--n-probes", "8")
    low, value, high = (found[f"learnable_fraction{end}"] for end in ("_low", "", "_high"))
    assert 0 <= low <= value <= high <= 1  # type: ignore[operator]
    assert found["instrument"] == "learnability"


def test_width_tells_every_number_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "width", *SMALL, "--n-probes", "8", "--n-neurons", "200")
    for name in ("success_probability", "predicted_recovery_rate", "required_width", "log10_required_width"):
        low, value, high = (float(str(found[f"{name}{end}"])) for end in ("_low", "", "_high"))
        assert low <= value <= high, name
    assert 0 < float(str(found["predicted_recovery_rate_high"])) <= 1


def test_width_of_a_small_world_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Curves of a share of nearly 0 were squared to infinity, and 0 times that said where more probes should go."""
    words = ("--n-features", "16", "--d-model", "8", "--n-samples", "200", "--n-probes", "8", "--device", "cpu")
    found = run_json(capsys, "width", *words)
    assert found["status"] == "ok"
    assert 0 <= float(str(found["success_probability_low"])) <= float(str(found["success_probability_high"])) <= 1


def test_probes_refuse_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert "target_recovery=1.5, but should be in (0, 1)" in refusal(capsys, "width", "--target-recovery", "1.5")
    assert "n_probes=0" in refusal(capsys, "learnability", "--n-probes", "0")
    assert "unrecognized" in refusal(capsys, "learnability", "--algorithm", "gba")


def test_widths_that_are_unreachable_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["width", *SMALL, "--n-probes", "8", "--target-recovery", "0.999", "--target-frequency", "0.4"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert ("inf" in said.split("settings")[0]) == ("note " in said)
    assert "unreachable" in said


def test_scorecard_without_rows_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no folder" in refusal(capsys, "scorecard", "--rows", str(tmp_path / "nothing"), "--out", str(tmp_path))
    said = refusal(capsys, "scorecard", "--rows", str(tmp_path), "--out", str(tmp_path / "out"))
    assert "no rows of any experiment" in said
    assert not (tmp_path / "out").exists()


def test_checkpoint_and_export(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, folder = tmp_path / "a.safetensors", tmp_path / "sae"
    words = ["--algorithm", "gba", "--n-steps", "20", "--batch-size", "32", "--n-features", "20", "--d-model", "10"]
    words += ["--n-neurons", "40", "--device", "cpu", "--checkpoint", str(file)]
    first = run_json(capsys, "cell", *words)
    again = run_json(capsys, "cell", *words)
    assert first["feature_recovery_rate"] == again["feature_recovery_rate"]
    assert "holds another run" in refusal(capsys, "cell", *words, "--seed", "1")
    export = ["export", "--checkpoint", str(file), "--format", "saelens", "--out", str(folder)]
    assert len(run_json(capsys, *export)["files"]) == 2  # type: ignore[arg-type]
    assert "choose another --out" in refusal(capsys, *export)
    assert "did you mean 'saelens'" in refusal(capsys, *export[:-3], "saelen", "--out", str(tmp_path / "b"))


def test_a_dictionary_of_ones_own_is_scored(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = ["--n-features", "20", "--d-model", "10", "--seed", "3"]
    features = Model(n_features=20, d_model=10, seed=3).sample(10).V
    np.save(tmp_path / "W.npy", features[:15])
    np.save(tmp_path / "V.npy", features)
    ours = run_json(capsys, "score", "--dictionary", str(tmp_path / "W.npy"), *model)
    assert ours["feature_recovery_rate"] == pytest.approx(0.75)
    theirs = ["--dictionary", str(tmp_path / "W.npy"), "--features", str(tmp_path / "V.npy")]
    assert run_json(capsys, "score", *theirs)["feature_recovery_rate"] == 0.75
    assert "seed is given, but" in refusal(capsys, "score", *theirs, "--seed", "3")
    refusal(capsys, "score", "--dictionary", str(tmp_path / "nothing.npy"), *model)


def test_benchmark_reports_a_ratio(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--n-features", "64", "--d-model", "32", "--n-samples", "2000", "--n-neurons", "512", "--device", "cpu"]
    found = run_json(capsys, "benchmark", *words, "--repeats", "1", "--out", str(tmp_path))
    seconds = [found["seconds_dense"], found["seconds_factored"]]
    assert found["ratio"] == pytest.approx(seconds[0] / seconds[1])  # type: ignore[operator]
    # Sums of 2,000 float64 terms of either sign: 2000 * 2.2e-16 relative, with room for cancellation.
    assert found["relative_difference_float64"] < 1e-11  # type: ignore[operator]
    assert json.loads((tmp_path / "benchmark" / "cpu" / "manifest.json").read_text())["result"] == found
