"""No test sees data that another one has drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulations.data import model


@pytest.fixture(autouse=True)
def _fresh_data() -> Iterator[None]:
    model._stream.cache_clear()
    yield
    model._stream.cache_clear()
