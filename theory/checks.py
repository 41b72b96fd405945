"""Checks of arguments that the formulas share: each raises ValueError naming what was given and what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
MAX_FLOAT = int(np.finfo(np.float64).max)


def shown(value: Any) -> str:
    """Return a number as a reader would write it: 9 rather than 9.0 or np.float64(9.0)."""
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def real(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return `value` as a float64 array; raises ValueError unless it holds finite numbers (a bool is not a number)."""
    array = np.asarray(value)
    if array.dtype.kind == "O" and all(type(each) is int and abs(each) < MAX_FLOAT for each in array.flat):
        array = array.astype(np.float64)  # integers too long for int64, such as a width of 10**40
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}={value!r}, but should be a finite number")
    numbers = array.astype(np.float64)
    require(name, numbers, np.isfinite(numbers), "a finite number")
    return numbers


def require(name: str, values: FloatArray, allowed: npt.ArrayLike, wanted: str) -> None:
    """Raise ValueError with the first of `values` that is not `allowed` (same shape), "{name}=9, but should be ..."."""
    good = np.broadcast_to(np.asarray(allowed, dtype=bool), values.shape)
    if not good.all():
        raise ValueError(f"{name}={shown(values[~good].flat[0])}, but should be {wanted}")


def at_least(name: str, value: npt.ArrayLike, low: float) -> FloatArray:
    """Return `value` as float64; raises ValueError unless every entry is finite and at least `low`."""
    values = real(name, value)
    require(name, values, values >= low, f"at least {shown(low)}")
    return values


def frequency(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return `value` as float64; raises ValueError unless every entry is in (0, 0.5] (so that the bias is <= 0)."""
    values = real(name, value)
    require(name, values, (values > 0) & (values <= 0.5), "in (0, 0.5]")
    return values


def one_number(name: str, value: npt.ArrayLike) -> float:
    """Return `value` as float; raises ValueError unless it is one finite number."""
    number = real(name, value)
    if number.ndim:
        raise ValueError(f"{name} has shape {number.shape}, but should be one number")
    return float(number)


def count(name: str, value: npt.ArrayLike, low: int, most: int | None = None) -> int:
    """Return `value` as int; raises ValueError unless it is one whole number, at least `low` and at most `most`."""
    number = one_number(name, value)
    if number < low or not number.is_integer():
        raise ValueError(f"{name}={shown(number)}, but should be an integer of at least {low}")
    if most is not None and number > most:
        raise ValueError(f"{name}={shown(number)}, but should be at most {most:,}")
    return int(np.asarray(value).item())


def one_frequency(name: str, value: npt.ArrayLike) -> float:
    """Return `value` as float; raises ValueError unless it is one number in (0, 0.5]."""
    return float(frequency(name, one_number(name, value)))


def open_share(name: str, value: npt.ArrayLike) -> float:
    """Return a level or a target; raises ValueError unless it is one number in (0, 1)."""
    number = one_number(name, value)
    require(name, np.asarray(number), 0 < number < 1, "in (0, 1)")
    return number


def ratio(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return `value` as float64; raises ValueError unless every entry is above 0, in [1e-12, 1e12]."""
    values = at_least(name, value, 0)
    require(name, values, values > 0, "above 0")
    require(name, values, (values >= 1e-12) & (values <= 1e12), "in [1e-12, 1e12]")
    return values


def switch(name: str, value: object) -> bool:
    """Return a bool; raises ValueError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r}, but should be True or False")
    return bool(value)


def small_constant(name: str, value: float) -> float:
    """Return an epsilon or a zeta; raises ValueError unless it is one number in [0, 1), 0 being the limit."""
    number = one_number(name, value)
    require(name, np.asarray(number), 0 <= number < 1, "in [0, 1)")
    return number


def cosine(name: str, value: float) -> float:
    """Return a threshold on a signed cosine; raises ValueError unless it is one number in [-1, 1]."""
    number = one_number(name, value)
    require(name, np.asarray(number), abs(number) <= 1, "in [-1, 1]")
    return number


def sparsity_within(sparsity: npt.ArrayLike, n_features: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as float64, broadcast; raises ValueError unless n >= 2 and sparsity is in [1, n_features]."""
    n, s = np.broadcast_arrays(at_least("n_features", n_features, 2), real("sparsity", sparsity))
    outside = (s < 1) | (s > n)
    if outside.any():
        first_s, first_n = s[outside].flat[0], n[outside].flat[0]
        raise ValueError(f"sparsity={shown(first_s)}, but should be in [1, n_features={shown(first_n)}]")
    return s, n
