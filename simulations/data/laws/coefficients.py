"""Laws of the coefficients: the positive weights of the active features.

A law is (support, n_features, rng, **parameters) -> values (N, n_slots) float64.  Row l has support.row_sparsity[l]
weights, all positive, then zeros.  Every law but `equal` has E[h^2] = 1/row_sparsity[l] (`levels` over the features),
so that E ||H_l||^2 = 1, as in the canonical case.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from simulations.data.laws.registry import Parameter, Registry, Sizes
from simulations.data.laws.supports import Support

FloatArray = npt.NDArray[np.float64]
COEFFICIENTS: Registry[FloatArray] = Registry("coefficient")
# A generator may return 0 exactly, if hardly ever; a weight of 0 would mean an unused slot.  Survives float32.
SMALLEST = float(np.finfo(np.float32).tiny)


def _scaled(unit: FloatArray, support: Support) -> FloatArray:
    """Turn weights with E[h^2] = 1 into a row's weights: scaled by 1/sqrt(row_sparsity), zero in unused slots."""
    used = np.arange(unit.shape[1]) < support.row_sparsity[:, None]
    scale = 1 / np.sqrt(np.maximum(support.row_sparsity, 1))
    return np.asarray(np.where(used, np.maximum(unit, SMALLEST) * scale[:, None], 0.0))


@COEFFICIENTS.register("constant")
def constant(support: Support, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Return 1/sqrt(s), the coefficients of Theorem 6.1 (arXiv 2506.14002v1)."""
    return _scaled(np.ones(support.indices.shape), support)


@COEFFICIENTS.register("equal", Parameter("sparsity", 0, 1e6, low_open=True))
def equal(support: Support, n_features: int, rng: np.random.Generator, sparsity: float) -> FloatArray:
    """Return 1/sqrt(sparsity) in every row, however many features it has: those with more are longer."""
    used = np.arange(support.indices.shape[1]) < support.row_sparsity[:, None]
    return np.where(used, 1 / math.sqrt(sparsity), 0.0)


@COEFFICIENTS.register("uniform")
def uniform(support: Support, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. weights, uniform on (0, sqrt(3/s)]."""
    return _scaled(np.sqrt(3) * (1 - rng.random(support.indices.shape)), support)


@COEFFICIENTS.register("half-normal")
def half_normal(support: Support, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. weights |N(0, 1/s)|."""
    return _scaled(np.abs(rng.standard_normal(support.indices.shape)), support)


@COEFFICIENTS.register("exponential")
def exponential(support: Support, n_features: int, rng: np.random.Generator) -> FloatArray:
    """Draw i.i.d. exponential weights of mean 1/sqrt(2 s)."""
    return _scaled(rng.standard_exponential(support.indices.shape) / np.sqrt(2), support)


def _levels_demands(sizes: Sizes, share: float, ratio: float) -> None:
    if sizes.n_features is not None and not 1 <= int(share * sizes.n_features) < sizes.n_features:
        raise ValueError(
            f"share={share:g}, but should leave a strong and a weak feature among n_features={sizes.n_features}"
        )


@COEFFICIENTS.register(
    "levels",
    Parameter("share", 0, 1, default=0.5, low_open=True),
    Parameter("ratio", 0, 1e6, default=2.0, low_open=True),
    demands=_levels_demands,
)
def levels(support: Support, n_features: int, rng: np.random.Generator, share: float, ratio: float) -> FloatArray:
    """Return weights that belong to the feature: floor(share n) strong ones weigh `ratio` times as much as the rest.

    The strong ones are spread evenly over the indices, so that they are not the frequent ones of `zipf` or
    `two-level`: those i with floor((i + 1) share) > floor(i share).  E[h^2] is the mean over the features.  Raises
    ValueError unless there is a strong and a weak feature.
    """
    _levels_demands(Sizes(n_features), share, ratio)
    level = np.where(np.diff(np.floor(share * np.arange(n_features + 1))) > 0, ratio, 1.0)
    level /= np.sqrt(np.mean(level**2))
    return _scaled(level[support.indices], support)


@COEFFICIENTS.register("graded", Parameter("ratio", 1, 1e6, default=4.0))
def graded(support: Support, n_features: int, rng: np.random.Generator, ratio: float) -> FloatArray:
    """Return weights that belong to the feature, in equal ratios from the strongest to one `ratio` times weaker.

    Feature i has rank k of i times the golden ratio (mod 1), so that levels are spread evenly over the indices, and
    level ratio^(-k/(n-1)).  E[h^2] is the mean over the features.
    """
    rank = np.argsort(np.argsort(np.arange(n_features) * (math.sqrt(5) - 1) / 2 % 1, kind="stable"))
    level = ratio ** -(rank / max(1, n_features - 1))
    return _scaled((level / np.sqrt(np.mean(level**2)))[support.indices], support)


def normalize_rows(values: FloatArray) -> FloatArray:
    """Return the weights (N, n_slots) with every row scaled to norm 1; a row without active features stays 0."""
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms > 0, norms, 1.0))
