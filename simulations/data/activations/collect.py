"""Collecting: text through a transformer, once, into shards; a run that broke off is gone on with."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.base.files import StorageError, check_writable, replace
from simulations.data.activations import names
from simulations.data.activations.shards import PARTS, Window, checksum, part
from simulations.data.activations.texts import Document

if TYPE_CHECKING:
    from simulations.data.activations.transformer import Transformer

FEWEST_TOKENS = 8  # of a window: shorter rests of a document are left out
STRETCH = 32  # windows of a document that are held out, or not, together
HELD_OUT = 10  # one stretch in so many is held out
BATCH = 32  # windows that go through the model together
SHARD_ROWS = 65_536
NEIGHBOURS = 1_024  # rows of arrays from elsewhere that are held out, or not, together; fewer of small ones


def windows(tokenizer: Any, documents: Iterable[Document], length: int) -> Iterator[Window]:
    """Yield the windows, of at most `length` tokens, of each document in turn; every tenth stretch is held out.

    A stretch is a document, or STRETCH windows of a long one.
    """
    stretch = -1
    for name, text in documents:
        told = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
        ids, spans = told["input_ids"], told["offset_mapping"]
        for k, start in enumerate(range(0, len(ids), length)):
            stretch += k % STRETCH == 0
            own = [tuple(each) for each in spans[start : start + length]]
            if len(own) < FEWEST_TOKENS:
                continue
            first, last = own[0][0], own[-1][1]
            moved = [(begin - first, end - first) for begin, end in own]
            held = stretch % HELD_OUT == HELD_OUT - 1
            yield Window(name, first, text[first:last], held, list(ids[start : start + length]), moved)


def collect(
    transformer: Transformer,
    documents: Iterable[Document],
    folder: Path,
    *,
    model: str,
    name: str = "",
    tokens: int,
    context: int = 128,
    shard_rows: int = SHARD_ROWS,
    progress: bool = True,
) -> str:
    """Collect at least `tokens` rows of X into `folder`, and return the name of what is there.

    One batch of windows is in memory at a time.  Rows are float16; shards end where a batch does, so that a run that
    was interrupted gives the same files as one that was not.  Special tokens are left out, and, of models that put none
    before a text, the first token of each window.  Raises StorageError for a folder that holds something else, and
    ValueError for text that has no tokens.
    """
    length = context - len(transformer.prefix) - len(transformer.suffix)
    if length < FEWEST_TOKENS:
        raise ValueError(f"context={context}, but should be at least {context - length + FEWEST_TOKENS}")
    settings = {"model": model, "weights": transformer.weights_digest(), "layer": transformer.layer}
    settings |= {"hook": transformer.hook, "context": context, "tokens": tokens, "shard_rows": shard_rows}
    told = _begin(folder, settings | {"batch": BATCH, "skip": transformer.skip}, transformer.d_model)
    if told.get("name"):
        return str(told["name"])
    stream = windows(transformer.tokenizer, documents, length)
    done = sum(each["windows"] for each in told["shards"])
    if sum(1 for _ in islice(stream, done)) < done:
        raise StorageError(f"{folder} was begun with more text than there is now")
    rows = sum(each["rows"] for each in told["shards"])
    shard = _Shard(transformer.d_model)
    while rows + shard.n_rows < tokens and (batch := list(islice(stream, BATCH))):
        shard.add(transformer, batch)
        if shard.n_rows >= shard_rows:
            rows += shard.n_rows
            shard = _written(folder, told, shard)
            _tell(f"{rows:,} of {tokens:,} rows", progress)
    if shard.n_rows:
        _written(folder, told, shard)
    return _finish(folder, told, names.slug(name or model))


class _Shard:
    """Rows of one shard on their way to the disk."""

    def __init__(self, d_model: int) -> None:
        self.rows: list[np.ndarray[Any, Any]] = [np.zeros((0, d_model), np.float16)]
        self.tokens: list[list[int]] = []
        self.texts: list[dict[str, Any]] = []
        self.begins: list[int] = []
        self.held: list[bool] = []
        self.n_rows = 0

    def add(self, transformer: Transformer, batch: Sequence[Window]) -> None:
        """Run a batch of windows through the model, and keep what passes its hook."""
        from simulations.data.activations.transformer import as_rows

        ids, real = transformer.inputs([each.ids for each in batch])
        _, hidden = transformer.forward(ids, real)
        found = as_rows(hidden, transformer.kept([len(each.ids) for each in batch], ids.shape[1]))
        self.rows.append(found)
        skip = transformer.skip
        for each in batch:
            self.begins.append(self.n_rows)
            self.held.append(each.held)
            at = len(self.texts)
            for place in range(skip, len(each.ids)):
                self.tokens.append([at, place, each.ids[place], *each.spans[place]])
            own = {"document": each.document, "offset": each.offset, "text": each.text, "held": each.held}
            self.texts.append(own | {"lead": each.ids[:skip]})
            self.n_rows += len(each.ids) - skip
        assert self.n_rows == sum(map(len, self.rows)), "a row per token"


def _begin(folder: Path, settings: dict[str, Any], d_model: int) -> dict[str, Any]:
    """Return the manifest of a folder: a new one, or that of the same collection, whose shards are tested."""
    check_writable(folder)
    if not (folder / names.MANIFEST).exists():
        if any(each for each in folder.iterdir() if not each.name.startswith(".")):
            raise StorageError(f"{folder} is not empty: give another --out")
        told: dict[str, Any] = {"format": names.FORMAT, "settings": settings, "d_model": d_model, "shards": []}
        _write(folder, told)
        return told
    told = names.read_manifest(folder)
    for name, value in settings.items():
        if told.get("settings", {}).get(name) != value:
            raise StorageError(f"{folder} holds another collection: {name}={told['settings'].get(name)!r} there, "
                               f"{value!r} here")  # fmt: skip
    for number, each in enumerate(told["shards"]):
        for kind, wanted in each["sha256"].items():
            path = part(folder, number, kind)
            if not path.is_file() or checksum(path) != wanted:
                raise StorageError(f"{path} is damaged: its checksum is not that of the manifest; remove {folder}")
    return told


def _written(folder: Path, told: dict[str, Any], shard: _Shard) -> _Shard:
    """Write a shard, then the manifest that counts it, and return an empty one."""
    number = len(told["shards"])
    X = np.concatenate(shard.rows)
    replace(part(folder, number, PARTS[0]), _npy(X))
    if shard.texts:
        replace(part(folder, number, PARTS[1]), _npy(np.array(shard.tokens, np.int32)))
        replace(part(folder, number, PARTS[2]), json.dumps(shard.texts, ensure_ascii=False).encode())
    files = {kind: checksum(part(folder, number, kind)) for kind in PARTS[: 3 if shard.texts else 1]}
    told["shards"].append(
        {"rows": len(X), "windows": len(shard.begins), "begins": shard.begins, "held": shard.held, "sha256": files}
    )
    _write(folder, told)
    return _Shard(X.shape[1])


def _finish(folder: Path, told: dict[str, Any], model: str) -> str:
    """Name what was collected, in the manifest too; the digest is of what decides it, not of rounding."""
    if not told["shards"]:
        raise ValueError("the text has no tokens")
    runs = [
        (size, held)
        for each in told["shards"]
        for size, held in zip(np.diff([*each["begins"], each["rows"]]).tolist(), each["held"], strict=True)
    ]
    n_held = sum(size for size, held in runs if held)
    n_train = sum(size for size, _ in runs) - n_held
    if not n_held:
        raise ValueError(f"too few data: one stretch in {HELD_OUT} is held out, and there are fewer")
    settings = told["settings"]
    decides = {name: settings[name] for name in sorted(settings) if name not in ("model", "tokens", "shard_rows")}
    last = PARTS[1] if PARTS[1] in told["shards"][0]["sha256"] else PARTS[0]
    identity = [decides, [each["sha256"][last] for each in told["shards"]]]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    found = names.Name(model, settings["hook"], settings["layer"], told["d_model"], n_train, digest)
    told |= {"name": str(found), "n_train": n_train, "n_held": n_held}
    _write(folder, told)
    return str(found)


def _write(folder: Path, told: dict[str, Any]) -> None:
    replace(folder / names.MANIFEST, (json.dumps(told, indent=1) + "\n").encode())


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _tell(text: str, progress: bool) -> None:
    if progress:
        print(text, file=sys.stderr)


def import_arrays(arrays: Sequence[Any], folder: Path, *, name: str, chunk: int = SHARD_ROWS) -> str:
    """Write the rows of matrices (N, d) that were collected elsewhere as shards, and return their name.

    Each is memory-mapped from its file (.npy, .safetensors) and read `chunk` rows at a time; every tenth stretch of
    1,024 neighbours (a twentieth of fewer rows) is held out.  There are no texts, and no model to ask.  Raises
    ValueError for matrices of several dimensions, numbers that float16 does not hold, and fewer than 20 rows.
    """
    dimensions = sorted({int(each.shape[1]) for each in arrays})
    if len(dimensions) != 1:
        raise ValueError(f"arrays of dimensions {dimensions}, but should have one")
    near = max(1, min(NEIGHBOURS, sum(map(len, arrays)) // 20))
    settings = {"model": name, "weights": "", "layer": 0, "hook": "array", "shard_rows": chunk, "neighbours": near}
    told = _begin(folder, settings, dimensions[0])
    if told.get("name"):
        return str(told["name"])
    number = 0
    for each in arrays:
        for start in range(0, len(each), chunk):
            number += 1
            if number <= len(told["shards"]):
                continue
            rows = np.asarray(each[start : start + chunk], np.float32)
            if not np.abs(rows).max() <= np.finfo(np.float16).max:  # NaN too
                raise ValueError(f"rows {start} to {start + len(rows)} do not fit float16")
            shard = _Shard(dimensions[0])
            shard.rows.append(rows.astype(np.float16))
            shard.begins = list(range(0, len(rows), near))
            before = sum(one["windows"] for one in told["shards"])
            shard.held = [(before + k) % HELD_OUT == HELD_OUT - 1 for k in range(len(shard.begins))]
            shard.n_rows = len(rows)
            _written(folder, told, shard)
    return _finish(folder, told, names.slug(name))
