"""One run of somebody's trainer on a world of known features: what it returned, and what it took."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulations.algorithms.autoencoders.base import Whole
from simulations.algorithms.base import Algorithm, Fitted, Runtime, algorithm_class
from simulations.data.matrices import Array, plain_array
from simulations.data.model import Model
from simulations.data.source import Source

BATCH = 256
Encode = Callable[[Array], Array]


class Fault(Exception):
    """What was returned cannot be looked at further: (name of the fault, what is wrong)."""


@dataclass
class Outcome:
    """What a trainer returned: W (M, d), its numbers, its codes if it has any; and how many batches it took."""

    weights: Array
    taken: int
    numbers: dict[str, float] = field(default_factory=dict)
    encode: Encode | None = None


def world(features: Array, *, sparsity: int, seed: int, law: str) -> Source:
    """Return the endless source of X = HV with these features V (n, d), H of exactly s active ones."""
    n, d = features.shape
    model = Model(n_features=n, d_model=d, sparsity=sparsity, coefficient_law=law, seed=seed)
    source = model.stream()
    source.features = features
    return source


class Batches:
    """Batches of X (B, d) of a source as float32 tensors, without end, counted; after `first`, those of another."""

    def __init__(self, source: Source, other: Source | None = None) -> None:
        self.source, self.other, self.taken = source, other, 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next batch."""
        import torch

        source = self.source if self.taken == 0 or self.other is None else self.other
        self.taken += 1
        return torch.from_numpy(source.batch(self.taken - 1, BATCH).astype(np.float32))


class Trainer:
    """A training function, or an algorithm, with its own options: run(source, seed, n_steps) -> Outcome."""

    def __init__(self, train: Any, n_neurons: int, n_steps: int | None, encode: Any, own: Mapping[str, Any]) -> None:
        if isinstance(train, str):
            kind = algorithm_class(train)
            train = getattr(kind, "function", kind)  # of a user's function, the function itself
        if isinstance(train, type):
            train = train()
        if not isinstance(train, Algorithm) and callable(getattr(train, "settings", None)):
            train = train.settings()  # an estimator of sae_recovery
        if isinstance(train, Algorithm):
            train = train.replace(n_neurons=n_neurons, **own)
        elif not callable(train):
            raise ValueError(f"train={train!r}, but should be a function or an algorithm")
        self.train, self.n_neurons, self.encode, self.own = train, n_neurons, encode, dict(own)
        given = train.given().get("n_steps") if isinstance(train, Algorithm) and train.full_batch else None
        self.n_steps = int(n_steps or given or 1_000)
        self.streams = not (isinstance(train, Algorithm) and train.full_batch)

    def run(self, source: Source, seed: int, n_steps: int, other: Source | None = None) -> Outcome:
        """Train; raises Fault for a trainer that raises, or returns no finite dictionary (M, d)."""
        wanted = (self.n_neurons, source.d_model)
        try:
            returned, taken = self._call(source, seed, n_steps, other)
        except Exception as error:
            raise Fault("runs", f"raised {type(error).__name__} at n_steps={n_steps}: {error}") from error
        numbers, encode = {}, None
        if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping):
            returned, extra = returned
            encode = extra.get("encode")
            numbers = {str(key): float(value) for key, value in extra.items() if key != "encode"}
        if isinstance(returned, Fitted):
            if returned.status != "ok":
                raise Fault("finite", f"ended with status {returned.status}: {returned.message}")
            encode = returned.encode if returned.code is not None else None
            numbers, returned = returned.extra, returned.dictionary
        W = self._dictionary(returned, wanted)
        if bad := [key for key, value in numbers.items() if not math.isfinite(value)]:
            raise Fault("finite", f"returned {bad[0]}={numbers[bad[0]]}")
        if encode is None and self.encode is not None:
            encode = lambda X: self.encode(W, X)  # noqa: E731
        return Outcome(W, taken, numbers, encode)

    @staticmethod
    def _dictionary(returned: Any, wanted: tuple[int, int]) -> Array:
        should = f"but should return W (n_neurons, d_model) = {wanted}"
        try:
            W = np.asarray(plain_array(returned, "W"), dtype=np.float64)
        except (TypeError, ValueError):
            raise Fault("shape", f"returned {type(returned).__name__}, {should}") from None
        if W.shape != wanted:
            raise Fault("shape", f"returned W of shape {W.shape}, {should}")
        if count := int((~np.isfinite(W)).sum()):
            raise Fault("finite", f"returned {count} numbers of {W.size} that are NaN or infinite")
        return W

    def _call(self, source: Source, seed: int, n_steps: int, other: Source | None) -> tuple[Any, int]:
        if isinstance(self.train, Algorithm):
            return self._fit(source, seed, n_steps)
        batches = Batches(source, other)
        arguments = {"d_model": source.d_model, "n_neurons": self.n_neurons, "n_steps": n_steps, "seed": seed}
        return self.train(batches, **arguments, **self.own), batches.taken

    def _fit(self, source: Any, seed: int, n_steps: int) -> tuple[Fitted, int]:
        algorithm = self.train
        if algorithm.full_batch:
            # The theorem's bias is in units of features of norm sqrt(d).
            features, source = source.features * np.sqrt(source.d_model), source.model.fixed(8_192)
            source.sample = source.sample._replace(features=features)
        source.seed = seed
        algorithm = algorithm.replace(n_steps=n_steps)
        taken: set[int] = set()
        if hasattr(source, "rows_of"):
            draw = source.rows_of

            def counted(step: int, size: int) -> Any:
                taken.add(step)
                return draw(step, size)

            source.rows_of = counted
        fitted = algorithm.resolved(Whole(algorithm, source)).fit(source, Runtime("cpu"))
        return fitted, len(taken)
