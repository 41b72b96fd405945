"""Somebody's own trainer as an algorithm: `package.module:function` or `path/to/file.py:function`.

The contract:  train(batches, *, d_model, n_neurons, n_steps, seed, **own) -> W (M, d), or (W, {"extra": number}).
`batches` yields raw X (B, d) without end, float32 torch tensors.  W is a NumPy array or a torch tensor, of any floating
type, on any device.  Own parameters with a default that is a number, a word or a truth value become settings of the
algorithm, as do those without a default, which then have to be given; one that is named as a setting of the model gets
that of the data, and `device` the device.  The seed is the function's own business.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
import time
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from simulations.algorithms.base import (
    Algorithm,
    Array,
    Fitted,
    Runtime,
    Trace,
    adapter,
    algorithm_class,
    best_cosine,
    torch_threads,
)
from simulations.algorithms.streamed import Streamed
from simulations.base import checks
from simulations.base.settings import setting
from simulations.data.model import Model
from simulations.data.source import Source

GIVEN = ("d_model", "n_neurons", "n_steps", "seed")
PLAIN = (bool, int, float, str)
CONTRACT = "train(batches, *, d_model, n_neurons, n_steps, seed, **own)"


@dataclass(frozen=True, kw_only=True, repr=False)
class Foreign(Streamed):
    """A user's function; a class of its own, with its parameters as settings, is made for each."""

    function: ClassVar[Callable[..., Any]]

    @classmethod
    def learner(cls) -> Callable[[Any, Source, Runtime], Fitted]:
        """Return the call of the function.

        It raises ValueError for what the function returns that is no dictionary, and RuntimeError for what it raises.
        """
        return _fit

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.name, self.given())


def _again(name: str, given: dict[str, Any]) -> Any:
    return algorithm_class(name)(**given)


@adapter("")
@cache
def foreign(name: str) -> type[Algorithm]:
    """Return the class of a function by its name; raises ValueError where it cannot be loaded or does not fit."""
    function = _load(name)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise ValueError(f"algorithm={name!r} has no signature; it should be {CONTRACT}") from None
    names = {each.name for each in parameters}
    missing = [] if any(each.kind is each.VAR_KEYWORD for each in parameters) else [g for g in GIVEN if g not in names]
    if missing or not parameters or parameters[0].kind in (parameters[0].KEYWORD_ONLY, parameters[0].VAR_KEYWORD):
        what = f"takes no {', '.join(missing)}" if missing else "takes no batches"
        raise ValueError(f"algorithm={name!r} {what}; it should be {CONTRACT}")
    own = [
        (each.name, Any, found)
        for each in parameters[1:]
        if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
        and each.name not in _passed()
        and (found := _field(name, function, each)) is not None
    ]
    namespace = {"name": name, "function": staticmethod(function), "__module__": __name__}
    return make_dataclass(
        getattr(function, "__name__", "Function"), own, bases=(Foreign,), namespace=namespace, frozen=True,
        kw_only=True, repr=False,
    )  # fmt: skip


def _passed() -> set[str]:
    """Return the names of parameters that the suite fills in."""
    return {*GIVEN, "batch_size", "device", *(each.name for each in fields(Model))}


def _field(name: str, function: Any, parameter: inspect.Parameter) -> Any:
    """Return the setting of a parameter; None for one whose default is no plain value, which is left alone."""
    if parameter.name in ("algorithm", "instrument", "dtype", "threads", "arm"):
        raise ValueError(f"algorithm={name!r} has a parameter {parameter.name}, which is a word of the suite's rows")
    default = parameter.default
    text = f"{parameter.name} of {name}"
    if default is not inspect.Parameter.empty:
        return setting(default, text, checks.flag) if type(default) in PLAIN else None
    try:
        kind = typing.get_type_hints(function).get(parameter.name, object)
    except Exception:  # hints that cannot be resolved say nothing
        kind = object

    def needed(_: Any) -> Any:
        raise ValueError(f"{parameter.name} has no default: algorithm={name!r} needs it")

    kind = kind if kind in PLAIN else object
    return setting("", text, checks.flag, kind=kind, derived=needed)


def _load(name: str) -> Callable[..., Any]:
    where, _, attribute = name.rpartition(":")
    try:
        module = _from_file(Path(where)) if where.endswith(".py") else _from_package(where)
    except (Exception, SystemExit) as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"algorithm={name!r} cannot be loaded: {told}") from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ValueError(
            f"algorithm={name!r}, but {where} has no function {attribute!r}{checks.suggestion(attribute, vars(module))}"
        )
    return typing.cast(Callable[..., Any], function)


def _from_package(where: str) -> Any:
    """Import a module, also one in the working directory."""
    here = str(Path.cwd())
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(where)
    finally:
        if added:
            sys.path.remove(here)


def _from_file(path: Path) -> Any:
    """Import a file under a name of its own."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(f"_of_user_{path.stem}", path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its classes are looked up there
    spec.loader.exec_module(module)
    return module


class Batches:
    """Raw X (B, d) without end, counted, with the time that drawing them took."""

    def __init__(self, source: Source, size: int) -> None:
        self._source, self._size = source, size
        self.count, self.seconds = 0, 0.0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next batch."""
        import torch

        begin = time.perf_counter()
        x = torch.from_numpy(np.array(self._source.batch(self.count, self._size), dtype=np.float32))
        self.count += 1
        self.seconds += time.perf_counter() - begin
        return x


def _arguments(settings: Foreign, source: Source, runtime: Runtime) -> dict[str, Any]:
    """Return what the function is called with besides the batches."""
    values: dict[str, Any] = {"d_model": source.d_model, "n_neurons": settings.n_neurons, "n_steps": settings.n_steps}
    values |= {"seed": source.seed} | {each.name: getattr(settings, each.name) for each in settings.own()}
    parameters = inspect.signature(type(settings).function).parameters
    if "device" in parameters:
        values["device"] = str(runtime.torch_device())
    world = getattr(source, "model", None)
    for each in fields(Model):
        if each.name in parameters and each.name not in GIVEN and world is not None:
            values[each.name] = getattr(world, each.name)
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return {key: each for key, each in values.items() if key in parameters or (takes_all and key in GIVEN)}


def _fit(settings: Foreign, source: Source, runtime: Runtime) -> Fitted:
    checks.check_batch(settings.batch_size, source.n_samples)
    batches, arguments = Batches(source, settings.batch_size), _arguments(settings, source, runtime)
    begin = time.perf_counter()
    try:
        with torch_threads(runtime.threads):  # processes side by side use the other cores
            returned = type(settings).function(batches, **arguments)
    except Exception as error:
        raise RuntimeError(" ".join(f"{settings.name}: {type(error).__name__}: {error}".split())) from error
    seconds = time.perf_counter() - begin - batches.seconds
    extra: Any = {}
    if isinstance(returned, tuple):
        if len(returned) != 2:
            raise ValueError(f"{settings.name} returned {len(returned)} things, but should return W or (W, extra)")
        returned, extra = returned
    W = _dictionary(settings, source, returned)
    trace = Trace()
    trace.add(settings.n_steps, seconds, batches.count * settings.batch_size, best_cosine(W, source))
    return Fitted(W, trace=trace, extra=_numbers(settings.name, extra))


def _dictionary(settings: Foreign, source: Source, returned: Any) -> Array:
    shape = (settings.n_neurons, source.d_model)
    should = f"but should return W (n_neurons, d_model) = {shape}, finite numbers"
    try:
        if hasattr(returned, "detach"):
            returned = returned.detach().cpu().double().numpy()
        W = np.array(returned, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{settings.name} returned {type(returned).__name__}, {should}") from None
    if W.shape != shape:
        raise ValueError(f"{settings.name} returned W of shape {W.shape}, {should}")
    if not np.isfinite(W).all():
        raise ValueError(
            f"{settings.name} returned {int((~np.isfinite(W)).sum())} numbers that are not finite, {should}"
        )
    return W


def _numbers(name: str, extra: Any) -> dict[str, float]:
    found = {}
    try:
        for key, value in dict(extra).items():
            found[str(key)] = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} returned {extra!r} beside W, but should return a dict of numbers") from None
    if bad := [key for key, value in found.items() if not math.isfinite(value)]:
        raise ValueError(f"{name} returned {bad[0]}={found[bad[0]]}, but extra numbers should be finite")
    return found
