"""The report: what it says follows from rows by another route, it is one file, and it breaks nothing."""

from __future__ import annotations

import base64
import csv
import doctest
import gzip
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import report_helper as helper
from hypothesis import given
from hypothesis import strategies as st
from report_helper import Page
from scipy import stats

from figures import phase
from simulations.cli import main
from simulations.data.model import Model
from simulations.evidence import docs, reproduce
from simulations.evidence.report import cards, charts, dictionary, page, paper, phases, svg
from simulations.evidence.report.answer import question_of
from simulations.evidence.report.dots import arm_effect
from simulations.evidence.report.methods import compared, varied
from simulations.evidence.report.page import write, write_quietly
from simulations.evidence.report.paths import path_shapes
from simulations.evidence.report.shape import VALUES, shapes_of
from simulations.evidence.report.snippets import mentions
from simulations.evidence.scorecard.claims import CLAIMS
from simulations.evidence.scorecard.effects import Effect, over_seeds
from simulations.evidence.scorecard.verdicts import CONFLICTS, SUPPORTED, above, below, equal
from simulations.experiments import EXPERIMENTS, Experiment
from simulations.runs.columns import cell_of
from simulations.runs.storage import ROWS_FILE, read_rows
from theory.identifiability import compare

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return helper.runs(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def text(runs: Path) -> str:
    found = write(runs, runs / "out", ["sae-recovery", "report"])
    assert found["bytes"] == Path(found["report"]).stat().st_size
    return Path(found["report"]).read_text()


@pytest.fixture(scope="module")
def parsed(text: str) -> Page:
    return Page(text)


# One file that stands alone


def test_the_page_is_well_formed_and_needs_nothing_else(text: str, parsed: Page) -> None:
    assert text.startswith("<!DOCTYPE html>")
    told = [each for _, each in parsed.elements]
    names = [each["id"] for each in told if "id" in each]
    assert len(names) == len(set(names))
    assert all(not each.get("src", "").startswith(("http", "//", "file")) for each in told)
    assert not parsed.of("iframe") and "@import" not in text and "url(http" not in text
    fetched = {each.get("href", "") for name in ("link", "image", "use") for each in parsed.of(name)}
    assert fetched <= {"data:,"}
    policy = next(each["content"] for each in parsed.of("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    inside = [each["href"][1:] for each in parsed.of("a") if each.get("href", "").startswith("#")]
    assert set(inside) <= set(names)


def test_links_to_rows_lead_to_the_files(runs: Path, parsed: Page) -> None:
    places = [each["href"] for each in parsed.of("a") if each.get("href", "").endswith(ROWS_FILE)]
    assert len(places) == 3
    assert all((runs / "out" / each).is_file() for each in places)


def test_whatever_is_seen_is_also_said(parsed: Page) -> None:
    for told in parsed.of("svg"):
        assert told.get("aria-hidden") == "true" or told.get("aria-label"), told
    assert all(each.get("alt") for each in parsed.of("img"))
    assert parsed.of("html")[0]["lang"] == "en"
    labelled = [each for each in parsed.of("section") if "aria-labelledby" in each]
    assert len(labelled) == len(parsed.of("section"))


def test_text_from_rows_never_becomes_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    helper.resonance(tmp_path, evil)
    rows = tmp_path / "resonance" / "quick" / ROWS_FILE
    head, *lines = rows.read_text().splitlines(keepends=True)  # arms of two names, so that pictures name them
    rows.write_text(head + "".join(each.replace("centred", evil) for each in lines[:12]) + "".join(lines[12:]))
    write(tmp_path, tmp_path / "out", ["sae-recovery", evil])
    made = (tmp_path / "out" / "report.html").read_text()
    assert evil not in made and "&lt;script&gt;alert(1)" in made
    assert not [told for told in Page(made).text_of("text").splitlines() if told == "alert(1)"]


# The rows in it, and the marks of its pictures


def unpacked(parsed_or_text: str, name: str) -> bytes:
    found = re.search(rf'<script type="text/plain" data-rows="{name}">([^<]+)</script>', parsed_or_text)
    assert found
    return gzip.decompress(base64.b64decode(found[1]))


def test_rows_come_back_as_they_are(runs: Path, text: str) -> None:
    for name in ("resonance/quick", "toy/standard", "toy/quick"):
        assert unpacked(text, name) == (runs / name / ROWS_FILE).read_bytes()


def test_each_mark_leads_to_rows_that_have_what_it_says(text: str) -> None:
    table = list(csv.DictReader(io.StringIO(unpacked(text, "resonance/quick").decode())))
    section = text[text.index('id="exp-resonance"') :]
    marks = re.findall(r'<rect class="hit" data-r="([\d ]+)"[^>]*><title>([^<]+)</title>', section)
    assert len(marks) == 12
    for numbers, title in marks:
        rows = [table[int(each)] for each in numbers.split()]
        assert len(rows) == 2 and {row["status"] for row in rows} == {"ok"}
        mean = (
            sum(helper.recovery_at(float(r["target_frequency"]), int(r["d_model"]), int(r["seed"])) for r in rows) / 2
        )
        assert f"d = {rows[0]['d_model']}: {mean:.4g} (2 seeds)" in title
        assert title.startswith(f"p = {float(rows[0]['target_frequency']):g}, ")
        assert ("by chance" in title) == (rows[0]["d_model"] == "4")


def test_a_torn_file_is_packed_as_it_was_read(tmp_path: Path) -> None:
    folder = helper.resonance(tmp_path)
    data = (folder / ROWS_FILE).read_bytes()
    (folder / ROWS_FILE).write_bytes(data + data.splitlines(keepends=True)[1] + b"torn")
    write(tmp_path, tmp_path / "out", [])
    lines = unpacked((tmp_path / "out" / "report.html").read_text(), "resonance/quick").splitlines()
    assert len(lines) == 26 and not lines[-1].endswith(b"torn")


def test_what_does_not_fit_is_left_out_and_named(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = len((runs / "out" / "report.html").read_bytes())
    monkeypatch.setattr(page, "LIMIT", whole - 1_500)
    found = write(runs, tmp_path, [])
    assert found["left_out"] and found["bytes"] < whole - 1_500
    assert all(
        f"{each}" in (tmp_path / "report.html").read_text().split("Left out for size:")[1] for each in found["left_out"]
    )
    assert "toy/standard" not in found["left_out"] or "toy/quick" in found["left_out"]


# What it says first


def headline(parsed: Page) -> str:
    return next(data for name, data in parsed.texts if name == "p" and "GBA recovers" in data)


def test_the_headline_is_what_the_fresh_seeds_say(parsed: Page) -> None:
    values = np.array([helper.RECOVERY["gba"] + each for each in helper.SHIFTS[1:]])
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    said = headline(parsed)
    assert said.startswith("Yes: on mixed-sparsity data (n = 128)")
    assert (
        f"{100 * values.mean():.1f} % of the features (95 % interval {100 * low:.1f} to {100 * high:.1f}, 5 seeds)"
        in said
    )


def test_rivals_are_compared_by_seed_and_simultaneously(parsed: Page) -> None:
    said = next(data for name, data in parsed.texts if name == "p" and "at the best of one search" in data)
    assert "recovers more than topk;" in said
    assert "cannot be told from ba and l1-untied" in said
    label = next(
        told["aria-label"] for told in parsed.of("svg") if "minus that of the rival" in told.get("aria-label", "")
    )
    for k, name in enumerate(helper.RECOVERY):
        if name == "gba":
            continue
        theirs = [helper.RECOVERY[name] + helper.SHIFTS[1 + (seed + k) % 5] for seed in range(1, 6)]
        ours = [helper.RECOVERY["gba"] + helper.SHIFTS[1 + seed % 5] for seed in range(1, 6)]
        apart = np.array(ours) - np.array(theirs)
        low, high = stats.t.interval(1 - 0.05 / 3, 4, apart.mean(), stats.sem(apart))  # three rivals, by Bonferroni
        told = re.search(rf"{name} (\S+), (\S+) to (\S+), 5 seeds", label)
        assert told and [float(each) for each in told.groups()] == pytest.approx([apart.mean(), low, high], abs=5e-5)


def test_few_seeds_and_smoke_tests_decide_nothing(tmp_path: Path) -> None:
    helper.toy(tmp_path, "quick", (1,))
    write(tmp_path, tmp_path, [])
    said = Page((tmp_path / "report.html").read_text())
    assert headline(said).startswith("Not decided yet:") and "1 seed" in headline(said)
    assert "Smoke tests only" in said.text_of("p")


def test_rows_without_gba_are_no_answer(tmp_path: Path) -> None:
    helper.resonance(tmp_path)
    write(tmp_path, tmp_path, [])
    assert "Not measured" in (tmp_path / "report.html").read_text()


def test_each_claim_bears_on_a_question() -> None:
    told = {claim.name: question_of({"statement": claim.statement}) for claim in CLAIMS}
    assert told["frequencies_too_high"] == told["upper_edge"] == "When?"
    assert told["gba_over_topk_toy"] == told["gba_over_ba"] == "Against whom?"
    assert told["frequency_free"] == told["tuning_free"] == "Does it recover?"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: each.name)
def test_a_rule_says_what_it_asks_for(claim: Any) -> None:
    """A rule in words ends the measured quantity with a colon, then asks: above, below or within."""
    assert cards.wanted(claim.rule) is not None


@given(st.floats(-3, 3), st.floats(0.01, 2), st.sampled_from(["above 0.5", "below -0.25", "within 0.5 of 1/2"]))
def test_the_zone_of_a_card_is_the_rule_of_its_verdict(value: float, half: float, words: str) -> None:
    effect = Effect(value, value - half, value + half, 5)
    asked = cards.wanted(f"a quantity: {words}")
    assert asked is not None
    rules = {"above 0.5": above(effect, 0.5), "below -0.25": below(effect, -0.25)}
    verdict = rules.get(words, equal(effect, 0.5, 0.5))
    assert (verdict == SUPPORTED) == (effect.low > asked.low and effect.high < asked.high)
    assert (verdict == CONFLICTS) == (effect.high < asked.low or effect.low > asked.high)


def test_cards_tell_every_preset(parsed: Page) -> None:
    names = [each["id"] for each in parsed.of("article")]
    assert {f"claim-{claim.name}" for claim in CLAIMS if claim.experiment in ("toy", "resonance")} == set(names)
    assert "quick: " in " ".join(data.strip() for name, data in parsed.texts)


# Pictures


def test_chance_is_hatched_as_in_the_figures() -> None:
    assert (phases.CHANCE_SHARE, phases.CHANCE_FLOOR) == (phase.CHANCE_SHARE, phase.CHANCE_FLOOR)


@given(
    st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.booleans(), st.lists(st.floats(1e-7, 1e7), min_size=2, max_size=8)
)
def test_scales_keep_the_order_and_stay_inside(low: float, ratio: float, log: bool, values: list[float]) -> None:
    made = svg.scale([low, low * ratio], 10, 200, log=log)
    places = [made(each) for each in sorted(values)]
    assert places == sorted(places) and all(10 <= each <= 200 for each in places)
    ticks = made.ticks()
    assert all(made.low - 1e-9 * abs(made.low) <= each <= made.high * (1 + 1e-9) for each in ticks)
    assert ticks == sorted(ticks) and len(ticks) <= 14
    assert 10 < made(low) < made(low * ratio) < 200  # room at both ends


def test_colours_run_from_dark_to_bright() -> None:
    bright = [sum(int(svg.heat(k / 50)[i : i + 2], 16) for i in (1, 3, 5)) for k in range(51)]
    assert bright == sorted(bright)
    assert (svg.heat(-1), svg.heat(0), svg.heat(1), svg.heat(2)) == (
        svg.HEAT[0],
        svg.HEAT[0],
        svg.HEAT[-1],
        svg.HEAT[-1],
    )


def test_what_varies_decides_the_picture(runs: Path) -> None:
    heat = shapes_of("resonance", read_rows(runs / "resonance" / "quick").query("status == 'ok'"))
    assert [(each.kind, each.x, each.y) for each in heat] == [("heat", "target_frequency", "d_model")]
    dots = shapes_of("toy", read_rows(runs / "toy" / "standard"))
    assert [each.kind for each in dots] == ["dots"] and set(dots[0].table["seed"]) == {1, 2, 3, 4, 5}
    assert set(dots[0].table["series"]) == set(helper.RECOVERY)
    one = read_rows(runs / "resonance" / "quick").query("status == 'ok' and d_model == 64")
    assert [(each.kind, each.x) for each in shapes_of("resonance", one)] == [("curves", "target_frequency")]
    assert shapes_of("resonance", one.assign(feature_recovery_rate=math.nan)) == []


def test_a_width_that_follows_is_no_axis(runs: Path) -> None:
    rows = read_rows(runs / "resonance" / "quick").query("status == 'ok'")
    wide = rows.assign(n_neurons=8 * rows["d_model"], n_samples=100 * rows["d_model"])
    assert [(each.x, each.y) for each in shapes_of("resonance", wide)] == [("target_frequency", "d_model")]


def test_knobs_are_read_off_the_arms() -> None:
    arms = ["gba, high_target_frequency 0.02", "topk, k 4", "gba, trial 3", "provable", "ours: l1, at 3x"]
    found = varied(pd.DataFrame({"arm": arms, "seed": 1}))
    told = found[["series", "knob", "at"]].to_numpy().tolist()
    assert told == [["gba", "high_target_frequency", 0.02], ["topk", "k", 4]]


def test_paths_of_neurons_are_curves_over_the_steps() -> None:
    """Of two neurons of kind 0 and one of kind 2, by hand; a row without paths is left out."""
    text = "0:3:0:0.2:0.1 0:3:1:0.9:0.3 0:8:0:0.4:0.3 0:8:1:0.7:0.1 2:5:0:0.5:0.6 2:5:1:0.4:0.5"
    rows = pd.DataFrame({"arm": "p = 1/n", "seed": [4, 5], "neuron_trajectories": [text, None]}, index=[7, 8])
    (shape,) = path_shapes(rows)
    assert (shape.kind, shape.value, shape.x) == ("curves", "cosine at p = 1/n", "step")
    told = {(series, x): value for series, x, value in shape.table[["series", "x", "value"]].to_numpy()}
    assert told == pytest.approx({
        ("keeps the nearest feature", 0): 0.3, ("keeps the nearest feature", 1): 0.8,
        ("keeps the nearest feature: its rival", 0): 0.2, ("keeps the nearest feature: its rival", 1): 0.2,
        ("stays mixed", 0): 0.5, ("stays mixed", 1): 0.4,
        ("stays mixed: its rival", 0): 0.6, ("stays mixed: its rival", 1): 0.5,
    })  # fmt: skip
    assert set(shape.table.index) == {7} and set(shape.table["seed"]) == {4}
    assert path_shapes(rows.iloc[1:]) == [] == path_shapes(rows.drop(columns="neuron_trajectories"))


def test_a_search_without_fresh_seeds_says_nothing(runs: Path) -> None:
    rows = read_rows(runs / "toy" / "standard")
    assert len(compared(rows[rows["seed"] == 0])) == 0
    assert set(compared(rows)["arm"].str[-1]) == {"1"}


# The rows that the report draws: of each experiment the last of quick, standard.
LARGEST = {place.parts[-3]: place for place in sorted((ROOT / "results").glob("*/*/rows.csv"))}


@pytest.mark.parametrize("place", LARGEST.values(), ids=list(LARGEST))
def test_every_experiment_has_a_picture(place: Path) -> None:
    rows = pd.read_csv(place).copy()
    rows = rows[rows["status"] == "ok"]
    shapes = [*path_shapes(rows), *shapes_of(place.parts[-3], rows)]
    assert shapes or not any(rows[name].notna().any() for name in VALUES if name in rows)
    for shape in shapes:
        made = "".join(charts.drawn(shape)["panels"])
        Page(made + charts.thumbnail([shape], "thumbnail"))
        assert "nan" not in made and made.count('class="hit"') > 0


def test_an_interval_is_that_of_the_scorecard() -> None:
    part = pd.DataFrame({"seed": [1, 1, 2, 3], "value": [0.2, 0.4, 0.5, 0.7]})
    found = over_seeds(pd.Series([0.3, 0.5, 0.7], index=[1, 2, 3]))
    assert arm_effect(part, "value") == pytest.approx(found, rel=1e-12)


def test_doctests() -> None:
    for module in (cards, docs):
        found = doctest.testmod(module)
        assert found.attempted > 0 and not found.failed


# Snippets, deviations


def test_snippets_make_the_cells_again(runs: Path) -> None:
    names = ("resonance", "toy", "time_to_recovery", "basins", "learnability")
    places = [runs / "toy" / "standard", *(ROOT / "results" / each / "quick" for each in names)]
    checked = 0
    for place in (each for each in places if (each / ROWS_FILE).is_file()):
        rows = pd.read_csv(place / ROWS_FILE, dtype=str)
        told = mentions(rows[rows["status"] == "ok"])
        for row in rows[rows["status"] == "ok"].iloc[:: 1 + len(rows) // 12].to_dict("records"):
            kept = told[f"{row['algorithm']}|{row['instrument']}"]
            given_ = {name: row[name] for name in (*kept, "algorithm", "instrument", "arm") if row[name] == row[name]}
            whole = cell_of({name: value for name, value in row.items() if value == value})
            assert cell_of(given_).key() == whole.key()
            checked += 1
        assert max(map(len, told.values())) < 25
    assert checked > 10


def test_code_from_elsewhere_is_not_run(tmp_path: Path) -> None:
    rows = pd.DataFrame({"algorithm": [f"{tmp_path}/bomb.py:train"], "instrument": ["simulation"], "arm": [""]})
    (tmp_path / "bomb.py").write_text("raise SystemExit('run')")
    assert mentions(rows) == {}


def test_the_paper_s_table_names_experiments(runs: Path) -> None:
    assert set(paper.PAPER) <= set(EXPERIMENTS)
    said = " ".join(paper.deviations(page.collect(runs, ["resonance"])["resonance"][-1]))
    sizes = [point["d_model"] for point in EXPERIMENTS["resonance"].points("paper")]
    assert f"d up to 64 here, {max(sizes):,} in the paper preset" in said


# The commands


def test_the_command(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--rows", str(runs), "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == str(tmp_path / "report.html")
    assert (told["experiments"], told["runs"], told["rows"], told["left_out"]) == (2, 3, 57, [])
    assert told["bytes"] < 5_000_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "nowhere"], "no folder"),
        (["--rows", "."], "no rows of any experiment"),
        (["--features", "V.npy"], "belongs to --dictionary"),
        (["--n-features", "8"], "belongs to --dictionary"),
        (["--dictionary", "W.npy", "--features", "V.npy", "--n-features", "8"], "the features are those of V.npy"),
        (["--dictionary", "nowhere.npy", "--n-features", "8"], "nowhere.npy"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not list(tmp_path.rglob("*.html"))


def test_a_report_breaks_nothing(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no\nroom")

    monkeypatch.setattr(page, "sections", fail)
    assert write_quietly(runs, tmp_path, []) == ""
    assert capsys.readouterr().err == "no report: no room\n"


def one_cell(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Put an experiment of one small cell in the place of `resonance`."""
    point = {"n_features": 16, "d_model": 8, "n_samples": 100, "n_neurons": 32, "n_steps": 2, "arm": "centred"}
    small = Experiment("resonance", "small", 10, {"quick": lambda: [point | {"center": True}]})
    monkeypatch.setitem(EXPERIMENTS, "resonance", small)  # type: ignore[arg-type]
    return small


def test_a_sweep_ends_with_its_own_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    helper.toy(tmp_path)
    one_cell(monkeypatch)
    assert main(["sweep", "resonance", "--out", str(tmp_path), "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == str(tmp_path / "resonance" / "quick" / "report.html")
    said = Page(Path(told["report"]).read_text())
    assert [each["id"] for each in said.of("details") if "id" in each] == ["exp-resonance"]


def test_reproducing_ends_with_the_report_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = one_cell(monkeypatch)
    monkeypatch.setattr(reproduce, "EXPERIMENTS", {"resonance": small})
    monkeypatch.setattr(reproduce, "draw_figures", lambda *_: reproduce.Drawn([], []))
    helper.toy(tmp_path)
    told = reproduce.reproduce("quick", tmp_path, 1, 0, "cpu", ["sae-recovery", "reproduce"])
    assert told["report"] == str(tmp_path / "report.html")
    said = Page((tmp_path / "report.html").read_text())
    assert [each["id"] for each in said.of("details") if "id" in each] == ["exp-resonance", "exp-toy"]


def test_rows_that_cannot_be_read_hide_no_other_experiment(tmp_path: Path) -> None:
    helper.toy(tmp_path)
    (helper.resonance(tmp_path) / ROWS_FILE).write_text("status,nonsense\nok,1\n")
    write(tmp_path, tmp_path, [])
    said = Page((tmp_path / "report.html").read_text())
    assert "cannot be read" in said.text_of("p") and headline(said).startswith("Yes")


# A dictionary of one's own


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Return W (M, d) and V (n, d): 3 is split over three neurons, 4 over two, 5 and 7 are lost, others hold one."""
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.standard_normal((24, 24)))[0][:12]
    rows = [V[k] for k in range(12) if k not in (5, 7)] + [
        2 * V[3],
        0.5 * V[3],
        3 * V[4],
        0.8 * V[5] + 0.6 * V[0],
        np.zeros(24),
    ]
    return rng.permutation(np.array(rows)), V


def test_lost_and_split_features(planted: tuple[np.ndarray, np.ndarray]) -> None:
    W, V = planted
    best = compare(W, V)
    gone = dictionary.lost(best, None)
    assert [each["feature"] for each in gone] == [7, 5]
    assert float(gone[1]["cosine"]) == pytest.approx(0.8, abs=5e-5)  # four digits are shown
    assert [(each["feature"], each["count"]) for each in dictionary.split(W, V, None)] == [(3, 3), (4, 2)]


def test_sorted_cosines_put_matches_on_the_diagonal(planted: tuple[np.ndarray, np.ndarray]) -> None:
    W, V = planted
    cosines = dictionary.sorted_cosines(W, V, compare(W, V))
    assert cosines.shape == (15, 12)
    matches = [int(each) for each in np.argmax(cosines, axis=1)[:14]]
    assert matches == sorted(matches) or cosines[-1].max() == -1  # the neuron without a direction stands anywhere
    # The same numbers in another order, by another route.
    norms = np.linalg.norm(W, axis=1)
    plain = W[norms > 0] / norms[norms > 0, None] @ V.T
    kept = cosines[cosines.max(axis=1) > -1]
    assert np.sort(kept.ravel()) == pytest.approx(np.sort(plain.ravel()), abs=1e-12)  # sums of 24 products of order 1


def test_a_large_picture_keeps_the_largest_cosines(
    planted: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    W, V = planted
    whole = dictionary.sorted_cosines(W, V, compare(W, V))
    monkeypatch.setattr(dictionary, "PIXELS", 5)
    monkeypatch.setattr(dictionary, "BLOCK", 3)
    small = dictionary.sorted_cosines(W, V, compare(W, V))
    assert small.shape == (5, 5) and small.max() == whole.max()
    assert set(small.ravel()) <= set(whole.ravel())


def test_the_page_of_a_dictionary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Model(n_features=24, d_model=16, sparsity=2, support_law="zipf:1", seed=3)
    V = model.fixed(10).sample.features
    np.save(tmp_path / "W.npy", np.concatenate([V[:18], V[:2]]))
    flags = ["--n-features", "24", "--d-model", "16", "--sparsity", "2", "--support-law", "zipf:1", "--seed", "3"]
    words = ["report", "--dictionary", str(tmp_path / "W.npy"), "--out", str(tmp_path), "--json"]
    assert main([*words, *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    best = compare(np.load(tmp_path / "W.npy"), V).best_cosine_per_feature
    assert (told["lost"], told["feature_recovery_rate"]) == ((best <= 0.9).sum(), np.mean(best > 0.9))
    said = Page((tmp_path / "dictionary.html").read_text())
    crosses = [each for each in said.of("path") if each.get("class") == "lost"]
    assert len(crosses) == told["lost"] >= 1
    np.save(tmp_path / "V.npy", V)
    assert main([*words, "--features", str(tmp_path / "V.npy")]) == 0
    assert "How frequent the features are is not known" in (tmp_path / "dictionary.html").read_text()


def test_frequencies_are_those_of_the_model() -> None:
    model = Model(n_features=10, d_model=8, sparsity=3, support_law="zipf:1", seed=1)
    found = dictionary.frequencies(model)
    assert found.sum() == pytest.approx(3, abs=1e-12)  # each row has three features
    H = model.sample(dictionary.SAMPLES).H
    assert found == pytest.approx(np.asarray((H != 0).mean(axis=0)).ravel(), abs=1e-12)


# Colours, also of verdicts that no row of a test has


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour of sRGB, as WCAG 2.2 has it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("theme", ["light", "dark", "dark by choice"])
def test_every_colour_of_text_is_readable_on_every_ground(theme: str) -> None:
    style = (Path(page.__file__).parent / "templates" / "style.css").read_text()
    blocks = re.findall(r":root[^{]*\{([^{}]*--paper[^{}]*)\}", style)
    assert len(blocks) == 3
    told = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", blocks[["light", "dark", "dark by choice"].index(theme)]))
    text = ("ink", "muted", "accent", "vermillion", "green", "sky", "amber")
    for ground in ("paper", "surface"):
        for name in text:
            low, high = sorted(luminance(told[each]) for each in (name, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (name, ground)
    assert blocks[1].split() == blocks[2].replace("color-scheme: dark;", "").split()
