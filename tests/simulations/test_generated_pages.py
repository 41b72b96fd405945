"""The generated parts of a page: replaced between their marks, and nothing else is ever lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.evidence import prediction_page, readme, sections
from simulations.evidence.readme import marks, rewrite
from theory.transitions import transition_width

PAGE = """# Title
<!-- a comment of several words, no mark -->
<!-- one -->
old
lines
<!-- end -->
between <!-- one --> in a line is no mark
<!-- two -->
<!-- end -->
last"""


def test_parts_are_replaced_and_the_rest_is_kept() -> None:
    assert marks(PAGE) == ["one", "two"]
    made = rewrite(PAGE, {"one": "new", "two": lambda: "| a |\n| b |", "three": lambda: 1 / 0})  # type: ignore[dict-item, return-value]
    assert made == PAGE.replace("old\nlines\n", "new\n").replace("<!-- two -->\n", "<!-- two -->\n| a |\n| b |\n")
    assert rewrite(made, {"one": "new", "two": "| a |\n| b |"}) == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- one -->\nmuch text\n", "<!-- one --> has no <!-- end -->"),
        ("<!-- one -->\n<!-- two -->\n<!-- end -->\n", "<!-- one --> has no <!-- end --> before <!-- two -->"),
        ("text\n<!-- end -->\n", "<!-- end --> without a mark"),
        ("<!-- one -->\n<!-- end -->\n<!-- one -->\n<!-- end -->\n", "<!-- one --> occurs twice"),
        ("<!-- other -->\n<!-- end -->\n", "<!-- other --> is no part; there are one, two"),
    ],
)
def test_marks_that_do_not_match_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rewrite(text, {"one": "1", "two": "2"})


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="<\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=40)


@given(TEXT, TEXT, TEXT, TEXT)
def test_whatever_stands_outside_the_marks_stays(before: str, old: str, new: str, after: str) -> None:
    def page(part: str) -> str:
        return f"{before}\n<!-- one -->\n{part}\n<!-- end -->\n{after}"

    assert rewrite(page(old), {"one": new}) == page(new)


def test_nothing_is_written_where_a_page_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "parts", lambda *_: {"one": "new"})
    (tmp_path / "results").mkdir()
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "PREDICTION.md").write_text("no mark\n")
    (tmp_path / "README.md").write_text("<!-- one -->\nold\n<!-- end -->\n")
    (tmp_path / "results" / "README.md").write_text("<!-- one -->\nold\n")
    with pytest.raises(ValueError, match="has no <!-- end -->"):
        readme.main(tmp_path)
    assert "old" in (tmp_path / "README.md").read_text()
    (tmp_path / "results" / "README.md").write_text("<!-- one -->\nold\n<!-- end -->\nrest\n")
    readme.main(tmp_path)
    assert (tmp_path / "results" / "README.md").read_text() == "<!-- one -->\nnew\n<!-- end -->\nrest\n"


def test_the_page_of_results_has_every_part() -> None:
    text = (readme.ROOT / "results" / "README.md").read_text()
    elsewhere = {"findings", "foretold", "recovery-errors", "critical-errors", "small-d", "transition-widths"}
    elsewhere |= {"measured-widths"}
    assert set(marks(text)) == set(sections.parts(Path("results"), Path("results"))) - elsewhere


def test_findings_are_claims() -> None:
    lines = [
        {"claim": name, "statement": name, "verdict": "supported", "note": "3 seeds; the rest", "effect": 1.0,
         "effect_low": 0.5, "effect_high": 1.5, "n_seeds": 5, "experiment": "toy", "figure": "gallery/toy.png"}
        for name in sections.FINDINGS
    ]  # fmt: skip
    told = sections.findings(lines).splitlines()
    assert len(told) == 2 + len(sections.FINDINGS)
    assert told[2].endswith("**supported** (3 seeds); 1 (0.5 to 1.5, 5 seeds) | [toy](gallery/toy.png) |")


def test_a_bootstrap_over_seeds_has_every_sample_of_them() -> None:
    p = np.geomspace(0.001, 0.1, 7)
    middle = np.array([0.004, 0.006, 0.009, 0.02])
    shares = 1 / (1 + (p[:, None] / middle) ** np.array([2.0, 3.0, 1.5, 4.0]))
    drawn = [shares[:, some].mean(axis=1) for some in itertools.product(range(4), repeat=4)]  # equally likely
    widths = np.sort([transition_width(p, each) for each in drawn])
    low, high = widths[int(0.025 * 256)], widths[int(0.975 * 256)]  # the first with as many at or below it
    assert (
        prediction_page._width(p, shares) == f"{transition_width(p, shares.mean(axis=1)):.2f} [{low:.2f}, {high:.2f}]"
    )
    assert low < high
    assert prediction_page._width(p[:2], shares[:2]) == "nan [inf, inf]"  # it does not cross
