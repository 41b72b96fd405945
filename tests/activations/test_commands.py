"""Two commands from a folder of text and a model to rows, figures and pages of neurons."""

from __future__ import annotations

import json
import re

import pytest
from activations_helper import TEXTS

from simulations.cli import main
from simulations.data.activations.shards import Shards
from simulations.evidence.neurons import pages
from simulations.evidence.neurons.look import look, spread

TINY = ["--set", "n_neurons=32", "--set", "n_steps=20", "--set", "batch_size=64"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for k, each in enumerate(TEXTS):
        (folder / f"{k:02d}.txt").write_text(each)
    return folder


@pytest.fixture
def run(capsys):
    def of(*words):
        code = main(list(words))
        out = capsys.readouterr()
        return code, out.out, out.err

    return of


def test_from_text_to_pages_in_two_commands(gpt2, texts, tmp_path, run, monkeypatch):
    monkeypatch.setenv("SAE_RECOVERY_ACTIVATIONS", "")
    words = ["--model", str(gpt2), "--layer", "1", "--text", str(texts), "--tokens", "2000", "--context", "24"]
    code, out, err = run("activations", *words, "--out", str(tmp_path / "x"), "--json", "--device", "cpu")
    assert code == 0, err
    told = json.loads(out)
    assert re.fullmatch(r"tiny-gpt2\.residual1\.d16\.n\d+\.[0-9a-f]{12}", told["activations"])
    code, out, err = run(
        "real", "--activations", str(tmp_path / "x"), "--preset", "quick", "--out", str(tmp_path / "out"), *TINY,
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert code == 0, err
    done = json.loads(out)
    assert set(done["rows"]) == {"real_frontier", "real_consistency", "real_sensitivity", "real_frequencies"}
    rows = (tmp_path / "out" / "real_frontier" / "quick" / "rows.csv").read_text()
    assert told["activations"] in rows
    assert str(tmp_path) not in rows  # an identity, no path
    assert sum(each.endswith(".png") for each in done["figures"]) == 4
    page = (tmp_path / "out" / "neurons.html").read_text()
    check_page(page)
    assert f"{told['activations']}</code>" in page


def check_page(page):
    assert "&lt;b&gt;" in page  # of the texts
    assert "<b>9" not in page
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import|<script", page)  # no network
    assert page.count("<article") == page.count("<svg") >= 4
    assert "<mark style=" in page
    assert "recover" not in page.lower()
    assert "There is no ground truth" in page


def test_pages_show_where_neurons_fire_most(gpt2, texts, tmp_path, run):
    from simulations.algorithms.base import algorithm_class
    from simulations.data.activations.source import ActivationSource

    words = ["--model", str(gpt2), "--text", str(texts), "--tokens", "2000", "--context", "24", "--device", "cpu"]
    assert run("activations", *words, "--out", str(tmp_path / "x"))[0] == 0
    source, shards = ActivationSource(tmp_path / "x", center=True), Shards(tmp_path / "x")
    kind = algorithm_class("gba")(n_neurons=16, n_steps=30, batch_size=64, n_groups=2, n_evaluations=1)
    fitted = kind.fit(source)
    z = fitted.encode(source.held_out())
    for neuron in look(shards, fitted, fitted):
        own = z[:, neuron.number]
        assert neuron.frequency == pytest.approx((own != 0).mean(), abs=1e-12)
        # Codes of other batches differ by float32 rounding.
        assert neuron.contexts[0].top == pytest.approx(own.max(), rel=1e-5)
        assert neuron.largest == neuron.contexts[0].top >= neuron.contexts[-1].top
        assert sum(neuron.counts) == (own > 0).sum()
        assert neuron.twin == (neuron.number, pytest.approx(1, abs=1e-5))  # of the same dictionary: itself
        assert neuron.number not in [number for number, _ in neuron.neighbours]
        for each in neuron.contexts:
            assert max(value for _, _, value in each.spans) == each.top
    assert spread(z.astype(bool).mean(axis=0), 3)[0] == int(z.astype(bool).mean(axis=0).argmax())
    assert pages.histogram(neuron).count("<rect") == sum(each > 0 for each in neuron.counts)


def test_arrays_from_elsewhere_go_the_same_way_without_a_model(tmp_path, run, monkeypatch):
    import numpy as np

    monkeypatch.setenv("SAE_RECOVERY_ACTIVATIONS", "")
    np.save(tmp_path / "X.npy", np.random.default_rng(0).standard_normal((12_000, 8)).astype(np.float32))
    code, out, err = run("activations", "--array", str(tmp_path / "X.npy"), "--out", str(tmp_path / "x"), "--json")
    assert code == 0, err
    assert json.loads(out)["rows_held_out"] == 1_200  # one row in ten
    code, _, err = run("pages", "--activations", str(tmp_path / "x"), "--out", str(tmp_path / "page.html"), *TINY)
    assert (code, err.count("\n")) == (2, 1)
    assert "have no text, so that there is nothing to show" in err
