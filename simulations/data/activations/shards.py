"""Activations on disk: shards of float16 rows with their tokens, each with its checksum in the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from simulations.base.files import StorageError
from simulations.data.activations import names

Array = npt.NDArray[Any]
PARTS = ("rows.npy", "tokens.npy", "windows.json")
WINDOW, POSITION, TOKEN, START, END = range(5)  # columns of a shard's tokens
CHUNK = 2**24  # bytes hashed at once


class Window(NamedTuple):
    """A stretch of a document: its text, where in the document it begins, and whether it is held out.

    `ids` are its tokens without special ones, `spans` where in the text each begins and ends.
    """

    document: str
    offset: int
    text: str
    held: bool
    ids: list[int]
    spans: list[tuple[int, int]]


class Token(NamedTuple):
    """Where a row comes from: its window (number in its shard), its place in it, its id and its place in the text."""

    window: int
    position: int
    token: int
    start: int
    end: int


def checksum(path: Path) -> str:
    """Return the sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            found.update(block)
    return found.hexdigest()


def part(folder: Path, number: int, kind: str) -> Path:
    """Return the file of a shard."""
    return folder / f"{number:05d}.{kind}"


class Shards:
    """The shards of a folder that is complete; rows are memory-mapped, and a shard's checksum is tested at first use.

    `train` and `held` are the numbers of rows of either kind, counted over all shards in their order.  Raises
    StorageError for a folder without complete activations, and for a shard that is missing or of another size.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.name = names.parse(names.finished(self.folder))
        self.manifest = names.read_manifest(self.folder)
        self.d_model = self.name.d_model
        self._told = self.manifest["shards"]
        self._open: dict[int, Array] = {}
        self._tested: set[tuple[int, str]] = set()
        for number, told in enumerate(self._told):
            path, size = part(self.folder, number, PARTS[0]), 2 * self.d_model * told["rows"]
            if not path.is_file() or path.stat().st_size < size:
                raise StorageError(f"{path} is missing or cut off: collect these activations anew")
        self.starts = np.cumsum([0, *(each["rows"] for each in self._told)])
        self.train, self.held = self.manifest["n_train"], self.manifest["n_held"]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _path(self, number: int, kind: str) -> Path:
        path = part(self.folder, number, kind)
        if (number, kind) not in self._tested:
            if not path.is_file() or checksum(path) != self._told[number]["sha256"][kind]:
                raise StorageError(f"{path} is damaged: its checksum is not that of the manifest")
            self._tested.add((number, kind))
        return path

    def check(self) -> None:
        """Test every checksum; raises StorageError."""
        for number in range(len(self._told)):
            for kind in self._told[number]["sha256"]:
                self._path(number, kind)

    def _rows(self, number: int) -> Array:
        if number not in self._open:
            found = np.load(self._path(number, PARTS[0]), mmap_mode="r", allow_pickle=False)
            if found.shape != (self._told[number]["rows"], self.d_model) or found.dtype != np.float16:
                raise StorageError(f"{part(self.folder, number, PARTS[0])} is of another shape than the manifest says")
            self._open[number] = found
        return self._open[number]

    def take(self, index: Array) -> Array:
        """Return rows (len(index), d) as float32 by their number over all shards, read in the order of the disk."""
        order = np.argsort(index, kind="stable")
        ranked = index[order]
        found = np.empty((len(index), self.d_model), np.float32)
        of = np.searchsorted(self.starts, ranked, side="right") - 1
        for number in np.unique(of):
            here = of == number
            found[order[here]] = self._rows(int(number))[ranked[here] - self.starts[number]]
        return found

    @cached_property
    def _runs(self) -> tuple[Array, Array, Array]:
        """Where each window's rows begin, over all shards, how many there are, and whether it is held out."""
        begins = [np.asarray(each["begins"], np.int64) + self.starts[k] for k, each in enumerate(self._told)]
        held = np.concatenate([np.asarray(each["held"], bool) for each in self._told])
        begin = np.concatenate(begins)
        return begin, np.diff(np.append(begin, len(self))), held

    def numbers(self, counted: Array, *, held: bool) -> Array:
        """Return the numbers, over all rows, of rows counted among those held out, or among the others."""
        begin, size, is_held = self._runs
        chosen = is_held == held
        begin, size = begin[chosen], size[chosen]
        ends = np.cumsum(size)
        run = np.searchsorted(ends, counted, side="right")
        return np.asarray(begin[run] + (counted - (ends[run] - size[run])))

    @property
    def has_text(self) -> bool:
        """Whether tokens and texts are known: not of activations that were collected elsewhere."""
        return PARTS[1] in self._told[0]["sha256"]

    def tokens(self, number: int) -> Array:
        """Return the tokens (rows, 5) of a shard: columns WINDOW to END."""
        return np.asarray(np.load(self._path(number, PARTS[1]), mmap_mode="r", allow_pickle=False))

    def windows(self, number: int) -> list[dict[str, Any]]:
        """Return document, offset, text, leading ids and `held` of each window of a shard."""
        found: list[dict[str, Any]] = json.loads(self._path(number, PARTS[2]).read_text(encoding="utf-8"))
        return found

    def place(self, row: int) -> tuple[int, int]:
        """Return the shard of a row, and its number in it."""
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return number, int(row - self.starts[number])

    def held_windows(self) -> Iterator[tuple[dict[str, Any], Array, int]]:
        """Yield text, tokens (rows, 5) and number of the first row of each window that is held out."""
        for number, told in enumerate(self._told):
            ends = [*told["begins"][1:], told["rows"]]
            tokens, texts = self.tokens(number), self.windows(number)
            for text, begin, end in zip(texts, told["begins"], ends, strict=True):
                if text["held"]:
                    yield text, tokens[begin:end], int(self.starts[number]) + begin
