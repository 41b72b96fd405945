"""Real activations without transformers: rows from arrays, cells that name them, probes, targets, estimates."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from simulations.algorithms.base import Fitted
from simulations.cli import main
from simulations.data.activations import names
from simulations.data.activations.collect import HELD_OUT, NEIGHBOURS, import_arrays
from simulations.data.activations.estimates import GPU, SHAPES, estimate, lines
from simulations.data.activations.shards import Shards
from simulations.data.activations.source import ActivationSource
from simulations.data.activations.texts import documents
from simulations.evidence.reproduce import _not_installed
from simulations.experiments.real import DATA
from simulations.measures.look import Look
from simulations.measures.probing import accuracy
from simulations.measures.targets import targets
from simulations.runs.cell import Cell, run_cell
from simulations.runs.columns import flat
from simulations.runs.rows import checked

N, D = 23_000, 6
SMALL = {"instrument": "real", "n_neurons": 24, "n_steps": 12, "batch_size": 64, "n_evaluations": 1, "device": "cpu"}


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv(names.PLACES, "")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def X():
    """Rows that float16 holds exactly, each with its number in it."""
    rng = np.random.default_rng(0)
    rows = rng.integers(-8, 8, (N, D)) / 4.0
    rows[:, 0], rows[:, 1] = np.arange(N) // 1_000, np.arange(N) % 1_000
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def folder(X, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "x"
    import_arrays([X[:5_000], X[5_000:]], path, name="mine", chunk=4_096)
    return path


def number(rows):
    return (1_000 * rows[:, 0] + rows[:, 1]).round().astype(int)


def test_every_row_is_trained_on_once_an_epoch_or_held_out(X, folder):
    source = ActivationSource(folder, seed=1)
    held = number(source.held_out())
    size = 1_000
    steps = source.n_samples // size
    first, second = (
        number(np.concatenate([source.batch(k, size) for k in range(start, start + steps)])) for start in (0, steps)
    )
    assert len(set(first)) == len(first) == steps * size
    assert not set(first) & set(held)
    assert not np.array_equal(first, second)  # another order
    assert sorted(number(source.rows()).tolist() + held.tolist()) == list(range(N))
    np.testing.assert_array_equal(source.rows(), X[number(source.rows())])
    other = number(ActivationSource(folder, seed=2).batch(0, size))
    assert not np.array_equal(np.sort(other), np.sort(first[:size])) or not np.array_equal(other, first[:size])
    np.testing.assert_array_equal(number(ActivationSource(folder, seed=1).batch(0, size)), first[:size])


def test_neighbours_are_held_out_together(folder):
    held = np.sort(number(ActivationSource(folder).held_out()))
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)
    # Shards of 4,096 rows have 4 stretches, the one of the first 904 rows left over has 1: of 24 in all the 10th, 20th.
    assert [len(each) for each in runs] == [NEIGHBOURS, NEIGHBOURS]
    assert HELD_OUT == 10


def test_a_second_import_adds_nothing_and_an_interrupted_one_is_gone_on_with(X, folder, tmp_path):
    whole = Shards(folder)
    assert import_arrays([X[:5_000], X[5_000:]], folder, name="mine", chunk=4_096) == str(whole.name)

    class Broken:
        shape = (N, D)

        def __len__(self):
            return N - 5_000

        def __getitem__(self, index):
            if index.start > 8_000:
                raise KeyboardInterrupt
            return X[5_000:][index]

    with pytest.raises(KeyboardInterrupt):
        import_arrays([X[:5_000], Broken()], tmp_path / "cut", name="mine", chunk=4_096)
    assert import_arrays([X[:5_000], X[5_000:]], tmp_path / "cut", name="mine", chunk=4_096) == str(whole.name)
    for each in folder.iterdir():
        assert (tmp_path / "cut" / each.name).read_bytes() == each.read_bytes()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([np.ones((30, 2)), np.ones((30, 3))], r"^arrays of dimensions \[2, 3\], but should have one$"),
        ([np.full((30, 2), 1e6)], r"^rows 0 to 30 do not fit float16$"),
        ([np.full((30, 2), np.nan)], r"^rows 0 to 30 do not fit float16$"),
        ([np.ones((9, 2))], r"^too few data: one stretch in 10 is held out, and there are fewer$"),
    ],
)
def test_arrays_that_cannot_be_kept_are_refused(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        import_arrays(arrays, tmp_path / "x", name="mine")


# --- cells


def test_a_cell_of_real_data_is_named_by_them_wherever_they_lie(folder, tmp_path):
    cell = Cell(algorithm="l1-untied", activations=str(folder), **SMALL)
    name = names.finished(folder)
    assert (cell.activations, cell.d_model, cell.n_samples) == (name, D, Shards(folder).train)
    assert str(folder) not in cell.key()
    assert Cell(algorithm="l1-untied", activations=name, **SMALL).key() == cell.key()
    settings = cell.settings()
    assert not {"n_features", "sparsity", "noise", "support_law"} & set(settings)
    row = run_cell(cell)
    typed, key = checked(flat(row))
    assert key == cell.key()
    assert typed["status"] == "ok"
    assert typed["n_held_out"] == 2 * NEIGHBOURS
    assert not [column for column in typed if "recovery" in column or "downstream" in column or "probing" in column]
    texts = {column: str(value) for column, value in typed.items()}
    assert checked(texts)[1] == key  # read back where the data are not
    assert cell.replace(activations=DATA).d_model == 384


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_features": 4}, "^n_features is no setting of instrument=real$"),
        ({"activations": None}, "^activations=.*but should be a folder that `sae-recovery activations` wrote"),
        ({"activations": "nowhere"}, "^activations='nowhere', but should be a folder that `sae-recovery activations`"),
        ({"d_model": 7}, "^d_model=7, but activations=.* have 384$"),
        ({"n_samples": 7}, "^n_samples=7, but activations=.* have 136812$"),
        ({"algorithm": "topk"}, "^k has no default on data of unknown sparsity; give k$"),
        ({"algorithm": "modified-ba"}, "^instrument='real' needs an algorithm that is trained on batches, not 'mod"),
    ],
)
def test_cells_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        if changes.get("algorithm") == "modified-ba":
            Cell(algorithm="modified-ba", instrument="real", activations=DATA)
        Cell(**({"algorithm": "gba", "activations": DATA} | SMALL | changes))


def test_absent_data_are_told_before_any_work_and_leave_the_experiment_out(capsys):
    cell = Cell(algorithm="gba", activations=DATA, **SMALL)
    assert _not_installed([cell]).startswith(f"activations {DATA} are not here")
    assert main(["sweep", "real_frontier", "--out", "x"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "are not here (looked in out/activations, activations)" in said


def test_data_are_looked_for_in_the_usual_places(folder, tmp_path, monkeypatch):
    name = names.finished(folder)
    with pytest.raises(ValueError, match="are not here"):
        names.locate(name)
    (tmp_path / "activations").mkdir()
    (tmp_path / "activations" / "mine").symlink_to(folder)
    assert names.locate(name).samefile(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv(names.PLACES, str(folder))
    assert names.locate(name) == folder


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"format": names.FORMAT})])
def test_a_folder_that_holds_something_else_is_refused_in_one_line(tmp_path, text):
    (tmp_path / names.MANIFEST).write_text(text)
    with pytest.raises(ValueError, match=r"^[^\n]*(is not JSON|holds no activations|is not complete)[^\n]*$"):
        Shards(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["activations"],
        ["activations", "--model", "x", "--array", "y.npy"],
        ["activations", "--array", "nowhere.npy"],
        ["activations", "--model", "x", "--text", "nowhere"],
        ["activations", "--model", "x", "--hook", "head"],
        ["activations", "--check", "nowhere"],
        ["pages", "--activations", "nowhere"],
        ["pages", "--activations", DATA, "--neurons", "3,x"],
        ["real", "--activations", "nowhere"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, capsys):
    assert main(words) == 2
    out = capsys.readouterr()
    assert (out.out, out.err.count("\n")) == ("", 1)


# --- measures


def test_a_probe_finds_the_neuron_that_knows_and_judges_it_on_other_rows():
    rng = np.random.default_rng(0)
    labels, truth = rng.random(2_000) < 0.1, rng.random(2_000) < 0.1
    Z, others = rng.random((2_000, 5)), rng.random((2_000, 5))
    # Chance: the balanced accuracy of a guess on 200 and 1,800 rows has standard deviation below 0.5/sqrt(200)/sqrt(2).
    assert abs(accuracy(Z, labels, others, truth, 1) - 0.5) < 5 * 0.5 / np.sqrt(2 * 200)
    Z[:, 3], others[:, 3] = labels, truth
    assert accuracy(Z, labels, others, truth, 1) == 1
    assert accuracy(-Z, labels, -others, truth, 1) == 1
    # Two that know half each: one of them is right on all others and half of those with the label.
    half = rng.random(2_000) < 0.5
    Z[:, 3], Z[:, 4], others[:, 3], others[:, 4] = labels & half, labels & ~half, truth & half, truth & ~half
    one = max((truth & half).sum(), (truth & ~half).sum()) / truth.sum()
    assert accuracy(Z, labels, others, truth, 1) in [(1 + one) / 2, (1 + (1 - one)) / 2]
    assert accuracy(Z, labels, others, truth, 5) > 0.99


def test_targets_are_met_group_by_group():
    target, frequency = np.repeat([0.5, 0.01], 5), np.arange(10) / 10
    found = targets(Look(Fitted(np.eye(10), target_frequency=target, activation_frequency=frequency), None))
    assert found == {"target_profile": "0.5:0.1:0.2:0.3 0.01:0.6:0.7:0.8"}


def test_texts_come_in_the_same_order_and_the_library_is_one_of_them(tmp_path):
    for name in ("b.txt", "a/c.md", "a.bin"):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert list(documents(tmp_path / "texts")) == [("a/c.md", "a/c.md"), ("b.txt", "b.txt")]
    assert list(documents(["x", "y"])) == [("text 0", "x"), ("text 1", "y")]
    library = list(itertools.islice(documents("python-library"), 12))
    assert len({name for name, _ in library}) == 12
    assert library[:3] == list(itertools.islice(documents("python-library"), 3))
    assert any(name.startswith("topic: ") for name, _ in library)
    assert all(text.strip() and len(text) <= 8_000 for _, text in library)


# --- estimates


def test_estimates_follow_from_sizes():
    gpt2 = next(each for each in SHAPES if each.d_model == 768)
    found = estimate(gpt2, 10**6, 1_024, trained=10**6, batch_size=512)
    assert found.disk == 10**6 * (2 * 768 + 20)
    assert found.training == pytest.approx(12 * 1e6 * 768 * 1_024)
    assert found.hours(GPU)[0] == pytest.approx(2 * 1.24e8 * 1e6 / GPU.operations / 3_600)
    twice = estimate(gpt2, 2 * 10**6, 2_048, trained=10**6, batch_size=512)
    assert twice.training == 2 * found.training
    assert twice.collecting == 2 * found.collecting
    table = lines().splitlines()
    assert len(table) == len(SHAPES) + 2
    assert {row.count("|") for row in table} == {8}


def test_the_estimated_disk_is_that_of_a_folder(folder):
    """Without tokens: 2 d bytes a row, and headers and manifest."""
    size = sum(each.stat().st_size for each in folder.iterdir())
    assert 2 * D * N <= size <= 2 * D * N + 6 * 1_000 + 8_000


def test_committed_rows_say_nothing_of_true_features():
    from pathlib import Path

    from simulations.measures.base import result_columns

    for path in (Path(__file__).parents[2] / "results").glob("real_*/*/rows.csv"):
        table = pd.read_csv(path)
        filled = [name for name in result_columns() if name in table and table[name].notna().any()]
        assert not [name for name in filled if "recover" in name or "feature" in name]
        assert (table["activations"] == DATA).all()
