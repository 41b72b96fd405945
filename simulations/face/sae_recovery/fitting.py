"""Any algorithm on any data: fit."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sae_recovery.functions import made, of_function
from simulations.algorithms.autoencoders.base import Whole
from simulations.algorithms.base import Algorithm, Fitted, Runtime, algorithm_class
from simulations.base import checks
from simulations.base.checks import one_of
from simulations.base.settings import plain
from simulations.data.arrays import source_of
from simulations.data.model import Model
from simulations.data.source import Source


class Estimator(ABC):
    """What holds the settings of an algorithm and of its fit."""

    @abstractmethod
    def settings(self) -> Algorithm:
        """Return the algorithm, its settings checked."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return seed, center, device, dtype and threads of the fit."""


def algorithm(name: Any, **settings: Any) -> Algorithm:
    """Return an algorithm with these settings: its name, its class, one with other settings, or a training function.

    A function is train(batches, *, d_model, n_neurons, n_steps, seed, **own) -> W (M, d), or (W, {"extra": number}).
    Raises ValueError for an unknown name or setting, suggesting the nearest.

    >>> algorithm("topk", k=3).k
    3
    """
    if isinstance(name, type) and issubclass(name, Estimator):
        name = name()
    if isinstance(name, Estimator):
        name = name.settings()
    if isinstance(name, Algorithm):
        return name.replace(**settings) if settings else name
    if isinstance(name, type) and issubclass(name, Algorithm):
        return made(name, settings)
    if isinstance(name, str):
        return made(algorithm_class(name), settings)
    if callable(name):
        return of_function(name, settings)
    raise ValueError(f"algorithm={name!r}, but should be a name, an algorithm, or a function that trains")


_algorithm = algorithm  # `fit` has a parameter of that name


def fit(
    algorithm: Any,
    data: Any,
    *,
    seed: int | None = None,
    center: bool | None = None,
    device: str | None = None,
    dtype: str | None = None,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    **settings: Any,
) -> Fitted:
    """Learn a dictionary from data, and return it: `dictionary` W (M, d), `encode(X)`, `reconstruct(X)`, `trace`.

    `algorithm` is anything that `sae_recovery.algorithm` takes, and `settings` are its settings.  `data` is a Model, or
    rows of X of your own: a matrix (N, d), the path of a .npy, .npz or .safetensors file (left on disk), or an iterator
    of batches (rows, d).  Settings that follow from a world (k is its sparsity) have to be given for other data.

    `seed` is the root of what the algorithm draws (default: the world's own, or 0); `center` whether the mean of the
    data is subtracted; `device` auto, cpu or cuda; `dtype` float32 or float64; `checkpoint` a file to write to, and to
    go on from.  Raises ValueError, one line, for settings and data that do not fit together.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((200, 8))
    >>> fit("topk", X, k=2, n_neurons=16, n_steps=5).encode(X[:3]).shape
    (3, 16)
    """
    if isinstance(algorithm, Estimator):
        own = algorithm.options()
        seed = own["seed"] if seed is None else seed
        center = own["center"] if center is None else center
        device, dtype = device or own["device"], dtype or own["dtype"]
        threads = own["threads"] if threads is None else threads
    device, dtype = device or "auto", dtype or "float32"
    one_of("device", device, ("auto", "cpu", "cuda"))
    one_of("dtype", dtype, ("float32", "float64"))
    if seed is not None:
        checks.count(0)("seed", seed := plain("seed", seed, int), None)
    checks.count(1)("threads", threads := plain("threads", 1 if threads is None else threads, int), None)
    chosen = _algorithm(algorithm, **settings)
    chosen.check_ready()
    source = _source(chosen, data, seed, center)
    chosen = chosen.resolved(Whole(chosen, source))
    runtime = Runtime(device, dtype, threads, None if checkpoint is None else Path(checkpoint))
    return chosen.fit(source, runtime)


def _source(chosen: Algorithm, data: Any, seed: int | None, center: bool | None) -> Source:
    """Return the source of the data, with this seed; of a Model the one that the algorithm works on."""
    if isinstance(data, Model):
        chosen.check(data.replace(n_samples=data.n_samples or chosen.usual_samples))
        source: Source = copy.copy(data.fixed() if chosen.full_batch else data.stream())  # which others share
    elif isinstance(data, Source):
        source = copy.copy(data)
    else:
        source = source_of(data, seed=seed or 0, center=bool(center))
    if chosen.full_batch and source.n_samples is None:
        raise ValueError(
            f"algorithm={chosen.name} sees all samples in every step: give a matrix (N, d), not an iterator"
        )
    source.seed = source.seed if seed is None else seed
    source.center = source.center if center is None else center
    return source
