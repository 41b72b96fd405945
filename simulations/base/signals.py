"""Ctrl-C and SIGTERM end a run as an exception does: what is finished is kept, and a word is said on stderr."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
_asked: list[BaseException] = []


class Terminated(BaseException):
    """The process was asked to end.  No SystemExit, which whoever runs code of others may have to catch."""


HANDLED = {signal.SIGTERM: Terminated, signal.SIGINT: KeyboardInterrupt}
USUAL = (signal.SIG_DFL, signal.default_int_handler)


def _end(number: int, _: object) -> None:
    _asked.append(HANDLED[signal.Signals(number)]())
    raise _asked[-1]


@contextmanager
def terminable(told: str = "terminated") -> Iterator[None]:
    """Turn a SIGTERM meanwhile into Terminated, and at the end of the block into exit code 143, saying `told`.

    A SIGINT is KeyboardInterrupt as ever.  A handler of the caller's is left alone, and so is a thread other than the
    first, which cannot have one.
    """
    main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in HANDLED if main and signal.getsignal(each) in USUAL}
    for each in before:
        signal.signal(each, _end)
    try:
        yield
    except Terminated:
        if signal.SIGTERM not in before:
            raise
        log.warning(told)
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if before:
            _asked.clear()


def check() -> None:
    """Raise what a signal raised where it was lost: a callback from compiled code, or a finaliser, drops exceptions."""
    if _asked:
        raise _asked[0]
