"""What the tests with the real SAELens share: they are left out where it is not installed, and its warnings too."""

from __future__ import annotations

import importlib.util
import warnings

import pytest

MISSING = importlib.util.find_spec("sae_lens") is None
NEEDING = ("adapter", "plugin", "exchange", "identical", "synthsaebench")
collect_ignore = [f"test_{name}.py" for name in NEEDING] if MISSING else []
if importlib.util.find_spec("dictionary_learning") is None:
    collect_ignore.append("test_dictionary_learning.py")

if not MISSING:
    with warnings.catch_warnings():  # what the library and its own dependencies warn of is not ours
        warnings.simplefilter("ignore")
        import sae_lens  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "saelens" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
