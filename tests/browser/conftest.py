"""A headless Chromium with the report of known rows in it; without Chromium, or selenium, these tests are skipped.

On Debian: `apt-get install chromium chromium-driver`, then `pip install -e '.[browser]'`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_helper

from simulations.data.model import Model
from simulations.evidence.report.dictionary import write_dictionary
from simulations.evidence.report.page import write

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A driver of Chromium that logs its console and its network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    service = shutil.which("chromedriver")
    if not binary or not service:
        pytest.skip("no Chromium with its driver here")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of known rows, and the page of a dictionary that lost some features."""
    folder = tmp_path_factory.mktemp("pages")
    write(report_helper.runs(folder), folder, ["sae-recovery", "report"])
    model = Model(n_features=24, d_model=16, sparsity=2, support_law="zipf:1", seed=3)
    np.save(folder / "W.npy", model.fixed(10).sample.features[:18])
    write_dictionary(folder / "W.npy", folder, ["sae-recovery", "report"], model=model)
    return {"report": folder / "report.html", "dictionary": folder / "dictionary.html"}
