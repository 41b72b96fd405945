"""What is said on stderr meanwhile: a progress bar, by tqdm where that is installed, and that numba compiles."""

from __future__ import annotations

import sys
import time
from functools import cache
from multiprocessing import current_process
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


@cache
def say_when_compiling() -> None:
    """Say on stderr, once, that numba compiles: it takes half a minute on a new machine, and nothing seems to happen.

    Of the workers of a sweep the first one speaks.
    """
    try:
        from numba.core import event
    except ImportError:
        return
    if current_process().name.rpartition("-")[2] not in ("MainProcess", "1"):
        return

    class Listener(event.Listener):  # type: ignore[misc, unused-ignore]
        said = False

        def on_start(self, _: Any) -> None:
            if not self.said:
                self.said = True
                print("compiling for this processor, once per machine: about half a minute", file=sys.stderr)

        def on_end(self, _: Any) -> None: ...

    event.register("numba:compile", Listener())
