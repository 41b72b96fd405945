"""The report as a reader meets it: in a browser, on a desk and a phone, in light and dark, by mouse and by keyboard."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import report_helper as helper

from simulations.cli.commands import parser
from simulations.cli.flags import cell_from
from simulations.runs.cell import Cell
from simulations.runs.columns import cell_of
from simulations.runs.storage import read_cells

PROBE = (Path(__file__).parent / "probe.js").read_text()
PAGES = ("report", "dictionary")
WIDTHS = (360, 1280)
TEXT, MARKS = 4.5, 3.0  # contrast of text, and of marks that carry meaning (WCAG 2.2, 1.4.3 and 1.4.11)
CODES = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}


class Reader:
    """A page in the browser, and what a reader does with it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *words: Any) -> Any:
        return self.driver.execute_script(script, *words)

    def probe(self, name: str, *words: Any) -> Any:
        return self.run(f"return window.probe.{name}(...arguments)", *words)

    def keys(self, *names: str) -> None:
        for name in names:
            told = {"key": name, "code": name, "windowsVirtualKeyCode": CODES[name]}
            down = {"type": "keyDown", **told} | ({"text": "\r"} if name == "Enter" else {})
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", down)
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **told})

    def open(self, part: str, which: int = 0) -> str:
        """Click on a mark, wait for its cell, and return what the mark says."""
        title = str(self.probe("open", part, which))
        wait(lambda: self.run("return document.getElementById('cell').open"))
        return title

    def count(self) -> int:
        """Return how many cells the table says that it shows; -1 before it has any."""
        said = self.probe("count")
        return int(said.split(" of ")[0].replace(",", "")) if " of " in said else -1

    def choose(self, count: int, **wanted: str) -> list[list[str]]:
        """Set filters and return the lines of the table as soon as they are so many."""
        for name, value in wanted.items():
            self.probe("choose", name, value)
        wait(lambda: self.count() == count, said=self.count)
        return list(self.probe("rows"))

    def focus(self) -> str:
        return str(self.run("return document.activeElement.getAttribute('aria-label') ?? ''"))


def wait(ready: Callable[[], Any], seconds: float = 20.0, said: Callable[[], Any] = lambda: "") -> Any:
    """Return what `ready` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, f"it never came {said()}"
        time.sleep(0.02)
    return found


@pytest.fixture
def load(chromium: Any, pages: dict[str, Path]) -> Callable[..., Reader]:
    def opened(name: str = "report", *, width: int = 1280, dark: bool = False, place: str = "") -> Reader:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        chromium.get("about:blank")
        for kind in ("browser", "performance"):
            chromium.get_log(kind)
        chromium.get(pages[name].as_uri() + place)
        chromium.execute_script("localStorage.clear();" + PROBE)
        return Reader(chromium)

    return opened


def cell_of_command(command: str) -> Cell:
    """Return the cell that a command of the page runs, read as a shell and our own parser do."""
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:2] == ["sae-recovery", "cell"]
    args = parser("cell").parse_args(words[1:])
    return cell_from(args, algorithm=args.algorithm, instrument=args.instrument)


class Recorded:
    """Stands for sae_recovery in a snippet, and keeps what `run` is given."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def run(self, **settings: Any) -> dict[str, Any]:
        self.told = settings
        return {"status": "ok"}


def filled(reader: Reader) -> Reader:
    wait(lambda: reader.count() > 0)
    return reader


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_and_nothing_goes_wrong(load: Any, name: str) -> None:
    reader = load(name, place="#cells" if name == "report" else "")
    if name == "report":
        filled(reader).open("#exp-resonance")
    assert reader.driver.get_log("browser") == []
    told = [json.loads(each["message"])["message"] for each in reader.driver.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in told if each["method"] == "Network.requestWillBeSent"]
    assert asked and all(each.startswith(("file:", "data:", "blob:", "about:")) for each in asked)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_page(load: Any, name: str, width: int) -> None:
    reader = load(name, width=width)
    reader.probe("unfold")
    assert reader.probe("wide") == []
    assert reader.run("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    if name == "report":
        reader.open("#exp-resonance")
        assert reader.run("const box = document.getElementById('cell'); return box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_text_can_be_read(load: Any, name: str, dark: bool) -> None:
    reader = load(name, dark=dark, place="#cells" if name == "report" else "")
    if name == "report":
        filled(reader)
    reader.probe("unfold")
    found, marks = reader.probe("contrasts"), reader.probe("marks")
    assert len(found) > 30 and len(marks) > 0
    assert [each for each in found if each[0] < TEXT] == []
    assert [each for each in marks if each[0] < MARKS] == []
    background = reader.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 3 * 60) == dark


def test_the_button_changes_the_colours_and_stays(load: Any) -> None:
    reader, colour = load(), "return getComputedStyle(document.body).backgroundColor"
    light = reader.run(colour)
    reader.probe("press", "#theme")
    dark = reader.run(colour)
    assert dark != light
    assert reader.run("return document.getElementById('theme').getAttribute('aria-pressed')") == "true"
    reader.driver.refresh()
    assert reader.run(colour) == dark


def test_filters_show_what_they_say(load: Any) -> None:
    reader = filled(load(place="#cells"))
    total = 25 + 28  # of resonance, and of the toy at its larger preset
    assert reader.count() == total
    reader.choose(total + 4, preset="*")
    assert {line[3] for line in reader.choose(6 + 1 + 1, experiment="toy", algorithm="gba")} == {"gba"}
    reader.probe("press", "#filters [type=reset]")
    assert len(reader.choose(total)) == total
    assert [line[0] for line in reader.choose(1, status="failed")] == ["resonance"]
    wanted = reader.choose(6, status="", low="0.93", text="L1-untied mixed")
    assert min(float(line[10]) for line in wanted) >= 0.93
    assert reader.choose(0, high="0.2") == []


def test_a_column_sorts_both_ways(load: Any) -> None:
    reader = filled(load(place="#cells"))
    reader.probe("press", "#table thead button", "recovery")
    falling = [float(line[10]) for line in reader.probe("rows") if line[10]]
    assert falling == sorted(falling, reverse=True) and len(falling) == 24 + 28
    reader.probe("press", "#table thead button", "recovery")
    assert [float(line[10]) for line in reader.probe("rows") if line[10]] == sorted(falling)
    assert reader.run("return document.querySelector('#table th[aria-sort]').ariaSort") == "ascending"


@pytest.mark.parametrize(("part", "run"), [("#exp-resonance", "resonance/quick"), ("#methods", "toy/standard")])
def test_a_click_on_a_cell_tells_how_to_run_it(load: Any, pages: dict[str, Path], part: str, run: str) -> None:
    reader = load()
    title = reader.open(part, 3)
    command, python = wait(lambda: reader.probe("codes"))
    made = cell_of_command(command)
    rows = read_cells(pages["report"].parent / run / "rows.csv").values()
    row = next(row for row in rows if cell_of(row).key() == made.key())
    mean = row["feature_recovery_rate"]
    if part == "#exp-resonance":
        mean = sum(helper.recovery_at(row["target_frequency"], row["d_model"], seed) for seed in (0, 1)) / 2
    assert f": {mean:.4g}" in title
    recorded = Recorded()
    exec(python.replace("import sae_recovery as sr", ""), {"sr": recorded, "print": lambda *_: None})
    assert Cell(**recorded.told).key() == made.key()
    curve = reader.run("return document.querySelector('#cell .curve polyline').getAttribute('points')")
    assert len(curve.split(" ")) == len(str(row["recovery_per_step"]).split(" "))


def test_the_seeds_of_a_cell_can_be_chosen(load: Any) -> None:
    reader = load()
    reader.open("#exp-resonance")
    first = cell_of_command(wait(lambda: reader.probe("codes"))[0])
    reader.run("const each = document.querySelector('#cell select'); each.value = 1; each.onchange?.(); "
               "each.dispatchEvent(new Event('change'))")  # fmt: skip
    second = cell_of_command(reader.probe("codes")[0])
    assert (first.seed, second.seed) == (0, 1)
    assert first.replace(seed=1).key() == second.key()


def test_the_keyboard_reaches_and_leaves_a_cell(load: Any) -> None:
    reader = load(place="#exp-resonance")
    reader.run("document.querySelector('#exp-resonance .hit').focus({preventScroll: true})")
    assert reader.focus().startswith("p = 0.001, d = 4")
    reader.keys("ArrowRight")
    assert reader.focus().startswith("p = 0.01, d = 4")
    reader.keys("ArrowUp", "ArrowUp", "ArrowLeft")
    assert reader.focus().startswith("p = 0.001, d = 64")
    outline = reader.run("return getComputedStyle(document.activeElement).strokeWidth")
    assert float(outline.removesuffix("px")) >= 2
    reader.keys("Enter")
    wait(lambda: reader.probe("codes"))
    assert reader.run("return document.getElementById('cell').contains(document.activeElement)")
    reader.keys("Escape")
    wait(lambda: not reader.run("return document.getElementById('cell').open"))
    assert reader.focus().startswith("p = 0.001, d = 64")  # back where it was


def test_each_picture_is_one_stop_of_the_tab_key(load: Any) -> None:
    reader = load()
    assert set(reader.probe("stops")) == {1}
    reader.keys("Tab")
    assert reader.run("return document.activeElement.className") == "skip"


def test_verdicts_can_be_chosen(load: Any) -> None:
    reader = load()
    everything = reader.probe("cards")
    reader.probe("press", "[data-verdict=undecided]")
    assert reader.probe("cards") == [each for each in everything if each == "undecided"] != everything
    hidden = reader.run("return document.querySelector('.card[data-slug=untested]').id")
    reader.run("location.hash = arguments[0]", hidden)
    wait(lambda: reader.probe("cards") == everything)


def test_a_link_opens_its_experiment(load: Any) -> None:
    reader = load(place="#exp-toy")
    wait(lambda: reader.run("return document.getElementById('exp-toy').open"))


def test_verdicts_differ_in_word_and_shape(load: Any) -> None:
    badges = {tuple(each) for each in load().probe("badges")}
    assert len(badges) > 1 and all(word for word, _ in badges)
    assert len({word for word, _ in badges}) == len({shape for _, shape in badges}) == len(badges)


def test_the_rows_can_be_saved_from_the_page(load: Any, pages: dict[str, Path]) -> None:
    said = load().probe("save", "toy/standard")
    assert said == (pages["report"].parent / "toy" / "standard" / "rows.csv").read_text()


def test_known_numbers_are_in_the_methods(load: Any) -> None:
    label = load().run("return document.querySelector('#methods svg').getAttribute('aria-label')")
    assert all(f"{name} {mean:.4g}" in label for name, mean in helper.RECOVERY.items())
