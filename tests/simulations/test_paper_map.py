"""The map of the paper's places: every claim and every experiment has one, and what is named exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulations.evidence import paper_map
from simulations.evidence.paper_map import OWN, PLACES, Place, bearing, check, experiments_of, table
from simulations.evidence.presets import rows_of
from simulations.evidence.scorecard.claims import CLAIMS, Claim
from simulations.experiments import EXPERIMENTS
from simulations.experiments.real import SIZES

ROOT = Path(__file__).parents[2]


def lines(**more: Any) -> list[dict[str, Any]]:
    told = {"verdict": "supported", "where": "n = 128, T = 5, centred"} | more
    return [{"statement": c.statement, "source": c.source, "experiment": c.experiment} | told for c in CLAIMS]


def test_every_claim_and_every_experiment_is_in_the_table() -> None:
    check()
    said = table(lines())
    assert [claim.name for claim in CLAIMS if f"{claim.statement}: **supported**" not in said] == []
    assert [name for name in EXPERIMENTS if f"`{name}`" not in said] == []
    assert len({line.count(" | ") for line in said.splitlines() if line.startswith("| ")}) == 1


def test_every_figure_that_the_paper_has_is_there() -> None:
    names = " ".join(place.name for place in PLACES)
    for k in [*range(1, 10), 12, 13, 14, 15, 16]:
        assert f"v1 Fig. {k}" in names
    assert "v1 Figs. 10 and 11" in names and "ICLR Fig. 1" in names and "ICLR table" in names
    assert len({place.name for place in PLACES}) == len(PLACES)


def test_a_figure_of_one_digit_is_not_one_of_two() -> None:
    (first,) = (place for place in PLACES if place.name == "v1 Fig. 5")
    assert bearing(first, lines()) and not bearing(first, [{"source": "Figure 15 (v1)"}])
    (theorem,) = (place for place in PLACES if place.name == "Theorem 6.1")
    assert theorem.names("Theorem 6.1, ours") and not theorem.names("Theorem 6.1 (width), Figure 15 (v1)")
    (band,) = (place for place in PLACES if place.name == "Theorem 6.1, band")
    assert experiments_of(band, lines())[-1] == "erosion"


def test_what_does_not_exist_or_has_no_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^no experiments: resonanze$"):
        check([*PLACES, Place("v1 Fig. 17", "", experiments=("resonanze",))])
    with pytest.raises(ValueError, match=r"^no experiments: toys$"):
        check(own={**OWN, "toys": "more"})
    without = [place for place in PLACES if place.name != "v1 Fig. 12"]
    with pytest.raises(ValueError, match=r"^experiments without a place in the paper, and not ours: activations$"):
        check(without)
    with pytest.raises(ValueError, match=r"^experiments with a place in the paper or claims, and ours alone: toy$"):
        check(own={**OWN, "toy": "more"})
    with pytest.raises(ValueError, match=r"^v1 Fig. 17 has neither rows nor a word on why not$"):
        check([*PLACES, Place("v1 Fig. 17", "")])
    extra = Claim("new", "something", "Figure 99 (v1)", "toy", "a quantity: above 0", CLAIMS[0].test)
    monkeypatch.setattr(paper_map, "CLAIMS", (*CLAIMS, extra))
    with pytest.raises(ValueError, match=r"^claim new is from 'Figure 99 \(v1\)', which is no place here$"):
        check()


def test_centring_is_told_by_claim() -> None:
    said = paper_map.centring(lines())
    assert said.endswith("is judged on centred data.")
    some = lines()
    for line in some:
        if line["experiment"] == "balance":
            line["where"] = "centred and not centred"
        if line["experiment"] == "resonance_trained":
            line["where"] = "n = 128, steps = 800"
    said = paper_map.centring(some)
    assert all((line["statement"] in said) == (line["experiment"] == "balance") for line in some)
    assert said.endswith("a b_pre of their own.")


def test_what_is_said_of_the_low_target_is_what_the_rows_say() -> None:
    rows = rows_of(ROOT / "results", "toy")
    arms = ("gba-arrived, trial 0", "gba-arrived, low_target_frequency 0.06")
    default, higher = (rows[(rows["arm"] == arm) & (rows["seed"] > 0)].set_index("seed") for arm in arms)
    assert len(default) == len(higher) == 5
    assert (higher["fraction_variance_unexplained"] < default["fraction_variance_unexplained"]).all()
    assert (higher["l0"] > default["l0"]).all()


def test_the_tokens_of_a_run_are_those_that_readme_says() -> None:
    size = SIZES["standard"]
    assert f"{size['n_steps'] * size['batch_size']:,} of 136,812 tokens" in (ROOT / "README.md").read_text()
