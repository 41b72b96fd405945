"""The command line as a stranger meets it: JSON on stdout, one line on stderr and exit code 2 for bad input."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from simulations.base.columns import ROW_COLUMNS
from simulations.base.settings import Settings
from simulations.cli import flag, main
from simulations.experiments import EXPERIMENTS, PRESETS, Experiment

CELL = ["cell", "--n-features", "20", "--d-model", "10", "--n-samples", "300", "--n-neurons", "40", "--device", "cpu"]
# Tiny axes of every experiment, completed as the real ones are where that derives settings.
ONE_CELL = {"n_features": (20,), "d_model": (10,), "n_samples": (300,), "n_neurons": (40,), "target_frequency": (0.05,)}
PLAIN = {
    "resonance": {"d_model": (5, 10), "target_frequency": (0.05, 0.2)},
    "sparsity": {"target_frequency": (0.05, 0.2)},
    "dimension": {},
    "steps": {},
    "activations": {"activation": ("relu", "jumprelu"), "target_frequency": (0.05, 0.2)},
    "cooccurrence": {"support_law": ("planted:0.1", "planted:1")},
    "balance": {"support_law": ("two-level:0.2:1", "two-level:0.2:8")},
}
FEW = {"n_features": (16,), "d_model": (8,), "n_neurons": (40,), "n_steps": (10,), "batch_size": (32,)}
DERIVED = {
    "scaling": {
        "samples_per_feature": (20,), "n_probes": (8,), "n_steps": (1,), "n_features": (16, 32), "sparsity": (3,),
        "center": (True,), "d_over_n": (0.5, 0.25), "at_one_over_n": (False, True), "first": (0.05,),
        "target_frequency": (0.05, 0.2),
    },
    "toy": {
        "method": ("GBA", "TopK 20"), "replica": (0,), "n_neurons": (40,), "n_steps": (10,), "learning_rate": (1e-3,),
        "knob": (0,),
    },
    "resonance_trained": FEW | {
        "support_law": ("uniform", "two-level:0.2:8"), "d_model": (4, 8), "target_frequency": (0.05, 0.2),
    },
    "frontier": FEW | {"sparsity": (2,), "learning_rate": (1e-3,)},
    "consistency": FEW | {"sparsity": (2,), "learning_rate": (1e-3,)},
    "sensitivity": FEW | {"value": (0, 1), "learning_rate": (1e-3, 3e-3)},
    "time_to_recovery": FEW | {"classical_steps": (1,), "provable_samples": (2_000,)},
    "learnability": {
        "n_probes": (8,), "samples_per_feature": (20,), "base": (32,), "n_features": (16, 32), "sparsity": (3,),
        "n_steps": (1,), "d_per_n": (0.25, 0.5), "center": (True,), "target_frequency": (0.01, 0.1),
    },
    "width": {
        "n_probes": (8,), "samples_per_feature": (20,), "n_steps": (1,), "slices": ((32, (3,), 3, 0.01),),
        "n_features": (16, 32), "sparsity": (3,), "target_frequency": (0, 0.01, 0.03), "n_neurons": (64, 128),
    },
    "width_check": {"n_probes": (8,), "n_steps": (1,)},
}  # fmt: skip


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink every experiment, in place and in order."""
    for name, real in EXPERIMENTS.items():
        if name in PLAIN:
            small = Experiment(name, "a tiny grid", dict.fromkeys(PRESETS, ONE_CELL | PLAIN[name]))
        else:
            axes = {key: values[:2] for key, values in real.grids["quick"].items()} | DERIVED[name]
            small = replace(real, grids=dict.fromkeys(PRESETS, axes))
        monkeypatch.setitem(EXPERIMENTS, name, small)  # type: ignore[arg-type]


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main([*words, "--json"]) == 0

    def refuse(text: str) -> None:
        raise AssertionError(f"not strict JSON: {text}")

    found: dict[str, object] = json.loads(capsys.readouterr().out, parse_constant=refuse)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the one line that a refused command prints; stdout stays empty and the code is 2."""
    try:
        code = main(list(words))
    except SystemExit as leave:
        code = int(str(leave.code))
    printed = capsys.readouterr()
    assert code == 2, printed.err
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return printed.err


def test_cell_prints_every_setting_and_result(capsys: pytest.CaptureFixture[str]) -> None:
    row = run_json(capsys, *CELL)
    assert list(row) == list(ROW_COLUMNS)
    assert row["status"] == "ok"
    assert row["step_size"] == "inf"
    assert row["device"] == "cpu"


def test_every_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cell", "--help"])
    text = capsys.readouterr().out
    assert all(flag(each.name) in text for each in fields(Settings))


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
    "learning_rate=0.0, but should be in (0, inf)": ["--algorithm", "gba", "--learning-rate", "0"],
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
    "use sae-recovery width": ["--instrument", "width"],
    "has none": ["--checkpoint", "a.safetensors"],
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
    refusal(capsys)


def test_sweep_then_figure(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = run_json(capsys, "sweep", "resonance", "--out", str(tmp_path), "--n-jobs", "2", "--device", "cpu")
    rows = Path(str(found["rows"]))
    assert rows == tmp_path / "resonance" / "quick" / "rows.csv"
    assert (found["n_cells"], found["n_ok"], found["n_failed"]) == (4, 4, 0)
    before = rows.read_bytes()
    assert "--resume" in refusal(capsys, "sweep", "resonance", "--out", str(tmp_path))
    assert "other settings" in refusal(capsys, "sweep", "resonance", "--out", str(tmp_path), "--resume", "--seed", "1")
    assert rows.read_bytes() == before
    drawn = run_json(capsys, "figure", "resonance", "--rows", str(rows), "--out", str(tmp_path / "pictures"))
    assert all(Path(each).stat().st_size > 1_000 for each in drawn["figures"])  # type: ignore[attr-defined]
    rows.write_text(rows.read_text() + "torn,li")
    run_json(capsys, "figure", "resonance", "--rows", str(rows.parent), "--out", str(tmp_path / "pictures"))
    rows.write_text("a,b\n1,2\n")
    refusal(capsys, "figure", "resonance", "--rows", str(rows), "--out", str(tmp_path / "pictures"))
    refusal(capsys, "sweep", "resonance", "--out", str(tmp_path), "--resume")
    assert rows.read_text() == "a,b\n1,2\n"


def test_reproduce_ends_with_the_pictures(tiny: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["reproduce", "--preset", "quick", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    printed = capsys.readouterr()
    pictures = json.loads(printed.out)["figures"]
    assert all(Path(each).is_file() for each in pictures)
    assert len(pictures) == 2 * len(EXPERIMENTS)
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


def test_probes_refuse_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert "target_recovery=1.5, but should be in (0, 1)" in refusal(capsys, "width", "--target-recovery", "1.5")
    assert "n_probes=0" in refusal(capsys, "learnability", "--n-probes", "0")
    assert "unrecognized" in refusal(capsys, "learnability", "--algorithm", "gba")


def test_scorecard_without_rows_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = run_json(capsys, "scorecard", "--rows", str(tmp_path), "--out", str(tmp_path / "out"))
    assert list(found["verdicts"]) == ["not tested yet"]  # type: ignore[call-overload]
    assert (tmp_path / "out" / "scorecard.md").is_file()


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


def test_benchmark_reports_a_ratio(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--n-features", "64", "--d-model", "32", "--n-samples", "2000", "--n-neurons", "512", "--device", "cpu"]
    found = run_json(capsys, "benchmark", *words, "--repeats", "1", "--out", str(tmp_path))
    seconds = [found["seconds_dense"], found["seconds_factored"]]
    assert found["ratio"] == pytest.approx(seconds[0] / seconds[1])  # type: ignore[operator]
    # Sums of 2,000 float64 terms of either sign: 2000 * 2.2e-16 relative, with room for cancellation.
    assert found["relative_difference_float64"] < 1e-11  # type: ignore[operator]
    assert json.loads((tmp_path / "benchmark" / "cpu" / "manifest.json").read_text())["result"] == found
