"""No test sees data that another one has drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulations.instruments import simulation


@pytest.fixture(autouse=True)
def _fresh_data() -> Iterator[None]:
    simulation._stream.cache_clear()
    yield
    simulation._stream.cache_clear()
