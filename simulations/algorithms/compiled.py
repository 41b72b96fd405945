"""Compilation of the CPU kernels by numba, where it is installed; where it is not, the torch forms run instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from llvmlite import ir
    from numba import njit, types
    from numba.core import cgutils
    from numba.cpython.unsafe.numbers import trailing_zeros
    from numba.extending import intrinsic as numba_intrinsic

    AVAILABLE = True
except ImportError:  # as on a machine with a GPU and its own torch, where nothing can be installed
    AVAILABLE = False
    cgutils = ir = njit = numba_intrinsic = trailing_zeros = types = None

__all__ = ["AVAILABLE", "cgutils", "compiled", "intrinsic", "ir", "trailing_zeros", "types"]


def compiled(*, fastmath: set[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a function, kept on disk where a folder for that can be written.

    Without numba the function raises RuntimeError when called: ask AVAILABLE first.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if not AVAILABLE:
            return _missing
        options: dict[str, Any] = {"nogil": True, "fastmath": fastmath}
        try:
            return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # neither the source's folder nor a home can be written: compile in every process
            return njit(**options)(function)  # type: ignore[no-any-return]

    return decorate


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a compiled function calls to have the code that `function` writes with LLVM in its place."""
    return numba_intrinsic(function) if AVAILABLE else _missing


def _missing(*_: Any) -> Any:
    raise RuntimeError("numba is not installed")
