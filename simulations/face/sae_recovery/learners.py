"""The algorithms as scikit-learn estimators, without scikit-learn: settings that are checked when they are used.

An estimator is settings as much as it is a learner: `fit(GBA(gain=0.1), world)` and `GBA(gain=0.1).fit(X)` are one.
There is a class for every registered algorithm, of the same name and with the same settings.
"""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sae_recovery.fitting import Estimator, algorithm, fit
from simulations.algorithms.base import Algorithm, Fitted, discover
from simulations.base.checks import suggestion
from simulations.base.settings import default_text
from simulations.data.matrices import Array, matrix

OPTIONS: dict[str, Any] = {"seed": None, "center": None, "device": "auto", "dtype": "float32", "threads": 1}


class DictionaryLearner(Estimator):
    """Learn a dictionary of M directions from rows of X (N, d); `transform` returns the codes (N, M).

    `algorithm` is a name, another algorithm or a training function, and `settings` are its settings; further `seed`,
    `center`, `device`, `dtype` and `threads` as in `sae_recovery.fit`.  Settings are checked by `fit`.  Once fitted it
    has `components_` (M, d), the directions in rows, `n_features_in_` (d), and `fitted_`, all that was learned.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 8))
    >>> learner = DictionaryLearner("topk", k=2, n_neurons=16, n_steps=5)
    >>> learner.fit(X).transform(X).shape, learner.components_.shape
    ((100, 16), (16, 8))
    """

    chosen: ClassVar[Any] = None  # the algorithm, of a class that is one algorithm's
    components_: Array
    n_features_in_: int
    fitted_: Fitted

    def __init__(self, algorithm: Any = "gba", **settings: Any) -> None:
        self.algorithm = algorithm
        self._names = ["algorithm", *OPTIONS, *(each for each in settings if each not in OPTIONS)]
        for name, value in (OPTIONS | settings).items():
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name, as they were given."""
        return {name: getattr(self, name) for name in self._params()}

    def set_params(self, **params: Any) -> Self:
        """Change settings; raises ValueError for one that there is not."""
        known = self._params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}{suggestion(name, known)}"
                )
            setattr(self, name, value)
        return self

    def _params(self) -> list[str]:
        return self._names

    def settings(self) -> Algorithm:
        """Return the algorithm with these settings; raises ValueError for a value that is not allowed."""
        given = {name: value for name, value in self.get_params().items() if name not in OPTIONS}
        chosen = given.pop("algorithm", self.chosen)
        return algorithm(chosen, **{name: value for name, value in given.items() if value is not None})

    def options(self) -> dict[str, Any]:
        """Return seed, center, device, dtype and threads."""
        return {name: getattr(self, name) for name in OPTIONS}

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from rows of X (N, d), or from any data that `sae_recovery.fit` takes; `y` is not used."""
        if hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, (list, tuple)):
            X = matrix(X)
        self.fitted_ = fit(self, X)
        self.components_ = self.fitted_.dictionary
        self.n_features_in_ = int(self.components_.shape[1])
        self.n_iter_ = max([1, *self.fitted_.trace.steps])
        return self

    def transform(self, X: Any) -> Array:
        """Return the codes z (N, M) of rows of X (N, d); raises ValueError for an algorithm without codes."""
        return np.asarray(self.fitted_.encode(self._rows(X)))

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Learn from rows of X (N, d) and return their codes (N, M)."""
        return self.fit(X).transform(X)

    def reconstruct(self, X: Any) -> Array:
        """Return the reconstruction (N, d) of rows of X (N, d); raises ValueError for an algorithm without codes."""
        return np.asarray(self.fitted_.reconstruct(self._rows(X)))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of the codes: gba0, gba1, ..."""
        self._check_fitted()
        stem = type(self).__name__.lower()
        return np.asarray([f"{stem}{m}" for m in range(len(self.components_))], dtype=object)

    def _check_fitted(self) -> None:
        if not hasattr(self, "fitted_"):
            raise _not_fitted(f"This {type(self).__name__} instance is not fitted yet: call fit(X) first")

    def _rows(self, X: Any) -> Array:
        self._check_fitted()
        rows = matrix(X)
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
        return rows

    def __repr__(self) -> str:
        usual = {"algorithm": "gba"} | OPTIONS | {each.name: each.default for each in self._fields()}
        told = {name: value for name, value in self.get_params().items() if not _same(value, usual.get(name))}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def _fields(self) -> Any:
        return ()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the data: what is pickled codes new rows, and has forgotten the old ones."""
        state = dict(self.__dict__)
        if "fitted_" in state:
            state["fitted_"] = replace(self.fitted_, held_out=None, before=None, restarts=[])
        return state

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(),
        )


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _not_fitted(message: str) -> Exception:
    known = sys.modules.get("sklearn.exceptions")
    kind: type[Exception] = known.NotFittedError if known else ValueError
    return kind(message)


def _class_of(kind: type[Algorithm]) -> type[DictionaryLearner]:
    """Return the estimator class of an algorithm: its settings, then those of every estimator."""
    own = {each.name: each.default for each in fields(kind)} | OPTIONS

    def __init__(self: Any, **settings: Any) -> None:
        if foreign := [name for name in settings if name not in own]:
            raise TypeError(f"{kind.__name__}() has no setting {foreign[0]!r}{suggestion(foreign[0], own)}")
        for name, value in (own | settings).items():
            setattr(self, name, value)

    listed = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    listed += [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in own.items()]
    __init__.__signature__ = Signature(listed)  # type: ignore[attr-defined]
    lines = [f"    {each.name}: {each.metadata['text']} (default {default_text(each)})" for each in fields(kind)]
    told = "\n".join([kind.__doc__ or "", "", "Settings, besides seed, center, device, dtype and threads:", *lines])
    namespace = {
        "__init__": __init__,
        "__module__": __name__,
        "__doc__": told,
        "chosen": kind.name,
        "_params": lambda self: list(own),
        "_fields": lambda self: fields(kind),
    }
    return type(kind.__name__, (DictionaryLearner,), namespace)


def names() -> dict[str, type[Algorithm]]:
    """Return the registered algorithms by the name of their class."""
    return {kind.__name__: kind for kind in discover().values()}


if TYPE_CHECKING:  # the classes are made when they are asked for; these are the ones that come with the suite

    class GBA(DictionaryLearner): ...

    class BA(DictionaryLearner): ...

    class TopK(DictionaryLearner): ...

    class BatchTopK(DictionaryLearner): ...

    class L1(DictionaryLearner): ...

    class JumpReLU(DictionaryLearner): ...

    class Gated(DictionaryLearner): ...

    class ModifiedBA(DictionaryLearner): ...

else:

    def __getattr__(name):
        if not name.startswith("_") and name in names():
            globals()[name] = found = _class_of(names()[name])
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
