"""What is seen of chosen neurons on held-out text: their strongest contexts, activations, frequency and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from simulations.algorithms.base import Fitted
from simulations.data.activations.shards import END, START, Shards

Array = npt.NDArray[Any]
ROWS = 65_536  # of held-out text that are looked at
CONTEXTS, NEIGHBOURS, BINS = 8, 4, 24
WINDOWS_AT_ONCE = 64


@dataclass
class Context:
    """A window in which a neuron fires: its document and text, and of each token where it is and the activation."""

    document: str
    text: str
    spans: list[tuple[int, int, float]]
    top: float


@dataclass
class Neuron:
    """What is seen of a neuron: `frequency` on `n_tokens`, `target` or None, histogram counts of its activations.

    `twin` is the neuron of another start that is nearest to it, with the cosine; `neighbours` those of its own start.
    """

    number: int
    frequency: float
    target: float | None
    n_tokens: int
    counts: list[int]
    largest: float
    twin: tuple[int, float]
    neighbours: list[tuple[int, float]]
    contexts: list[Context] = field(default_factory=list)


def spread(frequency: Array, count: int = 24) -> list[int]:
    """Return that many neurons that fire, spread evenly over the ranks of their frequency, most frequent first."""
    fires = np.flatnonzero(frequency > 0)
    ranked = fires[np.argsort(-frequency[fires], kind="stable")]
    return [int(ranked[k]) for k in np.unique(np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round())
            .astype(int)]  # fmt: skip


def look(shards: Shards, fitted: Fitted, other: Fitted, chosen: Sequence[int] = ()) -> list[Neuron]:
    """Return what is seen of neurons (by default 24) on held-out text; `other` is a dictionary of another start.

    Raises ValueError for activations without text, and an algorithm without codes.
    """
    if not shards.has_text:
        raise ValueError(f"activations {shards.name} have no text, so that there is nothing to show")
    parts: list[Any] = []
    n_rows = 0
    for each in shards.held_windows():
        parts.append(each)
        n_rows += len(each[1])
        if n_rows >= ROWS:
            break
    batches = (parts[first : first + WINDOWS_AT_ONCE] for first in range(0, len(parts), WINDOWS_AT_ONCE))
    codes = [_codes(shards, fitted, batch) for batch in batches]
    frequency = sum((each != 0).sum(axis=0) for each in codes) / n_rows
    numbers = list(chosen) or spread(np.asarray(frequency))
    own, theirs = unit(fitted.dictionary), unit(other.dictionary)
    Z = np.concatenate([each[:, numbers] for each in codes])
    return [
        _neuron(number, Z[:, k], parts, float(np.asarray(frequency)[number]), fitted, own, theirs)
        for k, number in enumerate(numbers)
    ]


def unit(W: Array) -> Array:
    """Return the rows of W at norm 1; one of norm 0 stays 0."""
    return np.asarray(W / np.maximum(np.linalg.norm(W, axis=1, keepdims=True), 1e-30))


def _codes(shards: Shards, fitted: Fitted, batch: Sequence[Any]) -> Array:
    rows = np.concatenate([first + np.arange(len(tokens)) for _, tokens, first in batch])
    return np.asarray(fitted.encode(shards.take(rows)), np.float32)


def _neuron(
    number: int, z: Array, parts: Sequence[Any], frequency: float, fitted: Fitted, own: Array, theirs: Array
) -> Neuron:
    target = None if fitted.target_frequency is None else float(fitted.target_frequency[number])
    cosines, others = own @ own[number], theirs @ own[number]
    cosines[number] = -np.inf
    near = np.argsort(-cosines, kind="stable")[:NEIGHBOURS]
    positive = z[z > 0]
    counts = np.histogram(positive, BINS, (0, float(positive.max())))[0].tolist() if len(positive) else [0] * BINS
    found = Neuron(
        number, frequency, target, len(z), counts, float(positive.max()) if len(positive) else 0.0,
        (int(others.argmax()), float(others.max())), [(int(each), float(cosines[each])) for each in near],
    )  # fmt: skip
    ends = np.cumsum([len(tokens) for _, tokens, _ in parts])
    starts = ends - np.diff(np.concatenate([[0], ends]))
    top = np.array([z[begin:end].max() for begin, end in zip(starts, ends, strict=True)])
    for each in np.argsort(-top, kind="stable")[:CONTEXTS]:
        if top[each] > 0:
            text, tokens, _ = parts[each]
            values = z[starts[each] : ends[each]]
            spans = [(int(row[START]), int(row[END]), float(v)) for row, v in zip(tokens, values, strict=True)]
            found.contexts.append(Context(text["document"], text["text"], spans, float(top[each])))
    return found
