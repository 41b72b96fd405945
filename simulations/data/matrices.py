"""A matrix from anywhere: NumPy, torch (Parameters, any device, bfloat16), lists, .npy, .npz, .safetensors, SAELens.

The one place where what a user hands over becomes a NumPy array.  Nothing here unpickles: a file is data, not code.
"""

from __future__ import annotations

import json
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SAELENS_CONFIG, SAELENS_WEIGHTS = "cfg.json", "sae_weights.safetensors"
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}  # of safetensors; bfloat16 has no NumPy type
LARGEST_HEADER = 100_000_000  # bytes, as in the safetensors library
SUFFIXES = ".npy, .npz, .safetensors or a SAELens folder"


def matrix(value: Any, name: str = "X", *, finite: bool = True) -> Array:
    """Return `value` as a matrix (rows, columns) of float32 or float64, in the wider of the two that it needs.

    `value` is an array, a torch tensor on any device, nested lists, a table, or the path of a file (`read`); float16,
    bfloat16 and integers become float32 (int64 and int32: float64).  Raises ValueError for what is no matrix of real
    numbers, is empty, or, if `finite`, has an infinity or a NaN: one line, naming it `name`.

    >>> matrix([[1, 2], [3, 4]]).dtype
    dtype('float64')
    >>> matrix([1.0, 2.0], "W")
    Traceback (most recent call last):
    ...
    ValueError: W of shape (2,), but should be a matrix (Expected 2D array, got 1D array instead; Reshape your data)
    """
    array = read(value, name) if isinstance(value, (str, Path)) else plain_array(value, name)
    if array.ndim != 2:
        told = f"Expected 2D array, got {array.ndim}D array instead; Reshape your data"
        raise ValueError(f"{name} of shape {array.shape}, but should be a matrix ({told})")
    array = rows_of(array, slice(None)) if isinstance(array, BFloat16) else as_float(array, name)
    if array.shape[0] == 0:
        raise ValueError(
            f"{name}: Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if array.shape[1] == 0:
        raise ValueError(
            f"{name}: Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if finite:
        check_finite(array, name)
    return array


def plain_array(value: Any, name: str = "X") -> Array:
    """Return `value` as a NumPy array of whatever shape; torch tensors come from any device, bfloat16 as float32."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
    if hasattr(value, "tocsr"):
        raise ValueError(f"{name} is a sparse matrix, but should be dense: {name}.toarray()")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is no matrix: {error}") from None


def as_float(array: Array, name: str) -> Array:
    """Return an array of real numbers as float32 or float64; raises ValueError for anything else."""
    if array.dtype.kind == "c":
        raise ValueError(f"{name}: Complex data not supported")
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:  # the type of the error says which of the two it was
            raise type(error)(f"{name} holds no numbers: argument must be a string or a number ({error})") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} of type {array.dtype}, but should hold numbers")
    wide = array.dtype.itemsize > 4 or (array.dtype.kind in "iu" and array.dtype.itemsize == 4)
    return array.astype(np.float64 if wide else np.float32, copy=False)


def check_finite(array: Array, name: str) -> None:
    """Raise ValueError naming the first row that holds an infinity or a NaN."""
    if not np.isfinite(array.sum(dtype=np.float64)):  # cheap: one pass, no array of flags
        bad = ~np.isfinite(array)
        if bad.any():
            row = int(np.argmax(bad.reshape(len(array), -1).any(axis=1)))
            raise ValueError(f"{name} contains NaN or infinity, first in row {row}")


def read(path: str | Path, name: str = "X") -> Array:
    """Return the matrix in a file, memory-mapped where the format allows it (.npy, .safetensors).

    `file#key` picks one array of several; a file whose own name has a # in it is read by that name.  Of a SAELens
    folder it is W_dec (M, d).  Raises ValueError, one line with the path, for a file that is not there, of another
    format, broken, or holding several arrays and no key.
    """
    file, key = _file_and_key(str(path))
    try:
        if file.is_dir():
            return _saelens(file, key or "W_dec")
        if not file.exists():
            raise ValueError("no such file")
        if file.suffix == ".npy":
            return np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return np.asarray(arrays[_pick(list(arrays), key, name)])
        if file.suffix == ".safetensors":
            return _safetensors(file, key, name)
        raise ValueError(f"unknown format, but should be {SUFFIXES}")
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if "pickle" in said or "Python objects" in said:  # NumPy goes on to say how to run it all the same
            said = f"no {file.suffix} file of numbers (one of Python objects is never loaded)"
        raise ValueError(f"{name}: {file}: {' '.join(said.split()) or type(error).__name__}") from None


def _file_and_key(text: str) -> tuple[Path, str]:
    file = Path(text).expanduser()
    with suppress(OSError):  # a name too long for the system is none
        if "#" not in text or file.exists():
            return file, ""
    text, _, key = text.rpartition("#")
    return Path(text).expanduser(), key


def _pick(keys: list[str], key: str, name: str) -> str:
    if key in keys:
        return key
    if not key and len(keys) == 1:
        return keys[0]
    usual = [each for each in keys if each in (name, "W_dec", "dictionary", "activations")]
    if not key and len(usual) == 1:
        return usual[0]
    missing = f", but no {key}" if key else ""
    raise ValueError(f"holds {', '.join(sorted(keys)) or 'nothing'}{missing}; say which one: FILE#NAME")


def _safetensors(file: Path, key: str, name: str) -> Array:
    """Return one tensor of a safetensors file, memory-mapped: 8 bytes of length, a JSON header, then the numbers."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            raise ValueError("broken: its header is longer than the file")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError):
            raise ValueError("broken: its header is not JSON") from None
    if not isinstance(header, dict):
        raise ValueError("broken: its header is not a table of tensors")
    header.pop("__metadata__", None)
    ends = [each.get("data_offsets", [0])[-1] for each in header.values() if isinstance(each, dict)]
    if max((each for each in ends if isinstance(each, int)), default=0) > size - 8 - length:
        raise ValueError("broken: it is shorter than its header says")
    told = header[_pick(list(header), key, name)]
    try:
        kind, shape, (start, stop) = told["dtype"], tuple(map(int, told["shape"])), map(int, told["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise ValueError("broken: an entry of its header is incomplete") from None
    if kind not in DTYPES:
        raise ValueError(f"numbers of type {kind}, but should be {', '.join(DTYPES)}")
    count, width = int(np.prod(shape, dtype=np.int64)), np.dtype(DTYPES[kind]).itemsize
    if not 0 <= start <= stop <= size - 8 - length or stop - start != count * width or min(shape, default=1) < 0:
        raise ValueError("broken: it is shorter than its header says")
    if not count:
        return np.zeros(shape, np.float32)
    found = np.memmap(file, DTYPES[kind], "r", 8 + length + start, shape)
    return found.view(BFloat16) if kind == "BF16" else found


class BFloat16(np.memmap[Any, Any]):
    """A memory-mapped matrix of bfloat16, held as uint16: float32 comes out of `rows_of`."""


def rows_of(array: Array, index: Any) -> Array:
    """Return the rows `index` of a matrix, in memory, as float32 or float64."""
    picked = array[index]
    if isinstance(array, BFloat16):
        return np.asarray((np.asarray(picked).astype(np.uint32) << 16).view(np.float32))
    return as_float(np.asarray(picked), "X")


def _saelens(folder: Path, key: str) -> Array:
    """Return a tensor of a saved SAE, after a look at its configuration."""
    config, weights = folder / SAELENS_CONFIG, folder / SAELENS_WEIGHTS
    missing = [each.name for each in (config, weights) if not each.is_file()]
    if missing:
        raise ValueError(f"no SAELens folder: {' and '.join(missing)} missing")
    try:
        told = json.loads(config.read_bytes())
        shape = (int(told["d_sae"]), int(told["d_in"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(f"{SAELENS_CONFIG} is broken: d_in and d_sae are not told") from None
    found = _safetensors(weights, key, key)
    if key == "W_dec" and found.shape != shape:
        raise ValueError(f"W_dec of shape {found.shape}, but {SAELENS_CONFIG} says {shape}")
    return found
