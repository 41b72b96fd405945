"""A progress bar on stderr, by tqdm; without it (a machine where nothing can be installed) a line now and then."""

from __future__ import annotations

import sys
import time
from typing import Any


def bar(**options: Any) -> Any:
    """Return tqdm's bar with its options (total, initial, desc, unit, mininterval, disable), or what does for it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return Lines(options)
    return tqdm(**options)


class Lines:
    """The three methods of a bar that sweeps use, as lines on stderr ten seconds apart."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.name, self.total = options.get("desc", ""), options.get("total", 0)
        self.done, self.disabled, self.last = options.get("initial", 0), options.get("disable", False), 0.0
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._say()

    def set_postfix(self, refresh: bool = True, **told: Any) -> None:
        """Keep what goes behind the count."""
        self.told = told

    def update(self, n: int = 1) -> None:
        """Count n more."""
        self.done += n
        if time.monotonic() - self.last > 10.0:
            self._say()

    def _say(self) -> None:
        self.last = time.monotonic()
        if not self.disabled:
            behind = ", ".join(f"{name}={value}" for name, value in self.told.items())
            print(f"{self.name}: {self.done}/{self.total} {behind}".rstrip(), file=sys.stderr, flush=True)
