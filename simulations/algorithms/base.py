"""What an algorithm is: its settings, and fit(source, runtime) -> Fitted.  Light: nothing here loads torch.

Adding one is one module anywhere below simulations/algorithms: a frozen dataclass of settings with @register("name").
A built-in one, an adapter to another library (`library:kind`) and a user's function (`package.module:function`, or
`path/to/file.py:function`) look alike to everything that comes after.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from simulations.base import checks
from simulations.base.checks import suggestion
from simulations.base.settings import Settings, setting

if TYPE_CHECKING:
    import torch

    from simulations.data.source import Source

Array = npt.NDArray[Any]
A = TypeVar("A", bound="type[Algorithm]")


class Runtime(NamedTuple):
    """Where and how a fit runs, which decides no result beyond rounding.

    `device` auto, cpu or cuda; `dtype` float32 or float64; `threads` side by side on a CPU; `checkpoint` a file that
    training is written to after every measurement, and gone on from.
    """

    device: str = "auto"
    dtype: str = "float32"
    threads: int = 1
    checkpoint: Path | None = None

    def torch_device(self) -> torch.device:
        """Return the device; "auto" is CUDA where there is one.  Raises ValueError where CUDA is asked for in vain."""
        import torch

        available = torch.cuda.is_available()
        if self.device == "cuda" and not available:
            raise ValueError("device='cuda', but no CUDA GPU is available here; use cpu or auto")
        return torch.device("cuda" if self.device != "cpu" and available else "cpu")

    def torch_dtype(self) -> torch.dtype:
        """Return the floating type."""
        import torch

        return {"float32": torch.float32, "float64": torch.float64}[self.dtype]


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch use so many threads within: the bits of a product depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Trace:
    """What was seen on the way, at each of `steps`: training seconds and samples so far, best cosine per feature (n,).

    The clock counts the algorithm's own work: not drawing the data, compiling or measuring.  `best_cosine` is empty
    where there is no ground truth.
    """

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    best_cosine: list[Array] = field(default_factory=list)

    def add(self, step: int, seconds: float, samples: int, best_cosine: Array | None) -> None:
        """Take note of what was seen at a step; `best_cosine` is None where there is no ground truth."""
        self.steps.append(step)
        self.seconds.append(seconds)
        self.samples.append(samples)
        if best_cosine is not None:
            self.best_cosine.append(best_cosine)


def best_cosine(weights: Array, source: Source) -> Array | None:
    """Return max_m cos(w_m, v_i), (n,), of weights W (M, d), a null row at 0; None where there is no ground truth."""
    if source.truth is None:
        return None
    V, norm = source.truth.features, np.linalg.norm(weights, axis=1, keepdims=True)
    cosine = (V / np.linalg.norm(V, axis=1, keepdims=True)) @ (weights / np.where(norm > 0, norm, 1)).T
    return np.asarray(cosine.max(axis=1))


Code = Callable[[Array], "tuple[Array, Array]"]


@dataclass
class Fitted:
    """A dictionary that was learned, and what its algorithm can tell of it.

    `dictionary` W (M, d): directions, of any norm.  `code(X)`, where there are codes, returns z (R, M) and the
    reconstruction (R, d) of rows of raw X (R, d); `held_out()` yields codes, reconstruction and input (tensors or
    arrays) of the held-out rows, block by block, in the algorithm's own units.  `activation_frequency` (M,) is what
    training saw, where no code can be asked; `target_frequency` (M,) what its controller wanted.  `shift` (d,) is
    b_pre in units of X, of which the mean norm is 1 / `input_scale`.  `restarts` holds the fits from other starts,
    `before` the one before training.  `results` are the algorithm's own columns, `extra` numbers of a user's function.
    `decoder` D (M, d), where it is known, has the norms that `dictionary` need not have: the reconstruction is z D and
    a constant, in the algorithm's own units.
    """

    dictionary: Array
    code: Code | None = None
    held_out: Callable[[], Iterator[tuple[Any, Any, Any]]] | None = None
    target_frequency: Array | None = None
    activation_frequency: Array | None = None
    shift: Array | None = None
    input_scale: float = 1.0
    trace: Trace = field(default_factory=Trace)
    status: str = "ok"
    message: str = ""
    restarts: list[Fitted] = field(default_factory=list)
    before: Fitted | None = None
    results: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)
    decoder: Array | None = None

    def encode(self, X: Any) -> Array:
        """Return the codes (R, M) of rows of X (R, d); raises ValueError for an algorithm that has none."""
        return self._code(X)[0]

    def reconstruct(self, X: Any) -> Array:
        """Return the reconstruction (R, d) of rows of X (R, d); raises ValueError for an algorithm that has none."""
        return self._code(X)[1]

    def _code(self, X: Any) -> tuple[Array, Array]:
        if self.code is None:
            raise ValueError("this algorithm learns directions only: it has no codes")
        return self.code(np.asarray(X))


class Job(NamedTuple):
    """One fit of a batch: the algorithm, with every setting resolved, and its data."""

    algorithm: Any
    source: Source


@dataclass(frozen=True, kw_only=True, repr=False)
class Algorithm(Settings):
    """The settings that every algorithm has; a subclass adds its own, and fit."""

    name: ClassVar[str] = ""
    batch_axes: ClassVar[tuple[str, ...]] = ()  # settings, and "seed", in which the jobs of one batch may differ
    full_batch: ClassVar[bool] = False  # works on one sample of N rows, not on a stream of batches
    independent: ClassVar[bool] = False  # neurons do not see each other, so that probes may take their place
    usual_samples: ClassVar[int] = 30_000

    n_neurons: int = setting(4_096, "M, width of the dictionary", checks.count(1))

    def describe(self) -> str:
        """Name the algorithm in an error message."""
        return f"algorithm={self.name}"

    def check(self, model: Any) -> None:
        """Raise ValueError where these settings and those of the model (a Model, or None for other data) do not fit."""

    def check_ready(self) -> None:
        """Raise ValueError where something that the algorithm needs is not installed."""

    def fit(self, source: Source, runtime: Runtime | None = None) -> Fitted:
        """Learn a dictionary from the source."""
        return self.fit_batch([Job(self, source)], runtime or Runtime())[0]

    @classmethod
    def fit_batch(cls, jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
        """Learn from several sources at once; the jobs differ in `batch_axes` only.

        An algorithm defines this, or `fit` alone: then one job after the other.
        """
        if cls.fit is Algorithm.fit:
            raise NotImplementedError(f"{cls.name} defines neither fit nor fit_batch")
        return [each.algorithm.fit(each.source, runtime) for each in jobs]

    def bytes_of(self, model: Any) -> int:
        """Return about how much memory one job takes."""
        return 8 * self.n_neurons * int(model.d_model)

    def cost_of(self, model: Any) -> float:
        """Return about how long one job takes, in no unit."""
        return float(self.n_neurons) * float(model.d_model)


REGISTRY: dict[str, type[Algorithm]] = {}
ADAPTERS: dict[str, Callable[[str], type[Algorithm]]] = {}


def register(name: str) -> Callable[[A], A]:
    """Return a decorator that registers a subclass of Algorithm under its name."""

    def decorate(kind: A) -> A:
        assert name not in REGISTRY, f"two algorithms named {name}"
        kind.name = name
        REGISTRY[name] = kind
        return kind

    return decorate


def adapter(prefix: str) -> Callable[[Callable[[str], type[Algorithm]]], Callable[[str], type[Algorithm]]]:
    """Return a decorator that registers a function (kind) -> Algorithm class for names `prefix:kind`."""

    def decorate(function: Callable[[str], type[Algorithm]]) -> Callable[[str], type[Algorithm]]:
        ADAPTERS[prefix] = function
        return function

    return decorate


@cache
def discover() -> Mapping[str, type[Algorithm]]:
    """Import every module below simulations/algorithms/kinds and return the algorithms by name, in order of modules."""
    package = importlib.import_module("simulations.algorithms.kinds")
    for each in pkgutil.iter_modules(package.__path__, "simulations.algorithms.kinds."):
        importlib.import_module(each.name)
    ordered = sorted(REGISTRY.items(), key=lambda item: item[1].__module__)  # whichever was imported first
    REGISTRY.clear()
    REGISTRY.update(ordered)
    return REGISTRY


def algorithm_class(name: str) -> type[Algorithm]:
    """Return the algorithm that `name` names: a registered one, an adapter's, or a user's function.

    Raises ValueError, suggesting the nearest, for one that is not known, and for a function that cannot be loaded.
    """
    known = discover()
    if name in known:
        return known[name]
    prefix, colon, rest = name.partition(":")
    if colon and prefix in ADAPTERS:
        return ADAPTERS[prefix](rest)
    if colon:
        return ADAPTERS[""](name)
    allowed = [*known, *(f"{each}:KIND" for each in ADAPTERS if each), "package.module:function", "file.py:function"]
    raise ValueError(f"algorithm={name!r}, but should be one of {', '.join(allowed)}{suggestion(name, known)}")


def all_fields() -> dict[str, Any]:
    """Return the fields of every registered algorithm by name, in the order they are met; the first one counts."""
    found: dict[str, Any] = {}
    for kind in discover().values():
        for each in fields(kind):
            found.setdefault(each.name, each)
    return found
