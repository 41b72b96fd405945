"""Adapter to a classical learner: scikit-learn's online dictionary learning on the stream of the trained algorithms."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from simulations.algorithms.autoencoders.trainer import evaluation_steps
from simulations.algorithms.base import Array, Fitted, Trace
from simulations.base.checks import check_batch
from simulations.data.sampling import initial_directions
from simulations.data.source import Source, View, conditioned

CODED_ROWS = 1_024  # held-out rows that are coded, which is slow


def learn(settings: Any, source: Source) -> Fitted:
    """Return what online dictionary learning finds with non-negative codes and weight `penalty` on their L1 norm.

    Implements: Mairal et al., Online Learning for Matrix Factorization and Sparse Coding (JMLR 2010), as scikit-learn's
    MiniBatchDictionaryLearning, one partial fit a step, from the starting directions of the other algorithms.  Raises
    ValueError where scikit-learn is not installed.
    """
    settings.check_ready()
    check_batch(settings.batch_size, source.n_samples)
    from sklearn.decomposition import MiniBatchDictionaryLearning
    from sklearn.exceptions import ConvergenceWarning

    view, _ = conditioned(source, torch.device("cpu"), torch.float64)
    learner = MiniBatchDictionaryLearning(
        n_components=settings.n_neurons,
        alpha=settings.penalty,
        batch_size=settings.batch_size,
        fit_algorithm="cd",
        transform_algorithm="lasso_cd",
        positive_code=True,
        dict_init=initial_directions(source.d_model, settings.n_neurons, source.seed),
        random_state=source.seed % 2**32,  # not drawn from: the start is given, and batches come in the stream's order
    )
    trace, wanted, elapsed = Trace(), set(evaluation_steps(settings)), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a code short of convergence is still a descent step
        for step in range(settings.n_steps + 1):
            if step in wanted:
                trace.steps.append(step)
                trace.seconds.append(elapsed)
                trace.samples.append(step * settings.batch_size)
                _measure(trace, learner.components_ if step else learner.dict_init, source)
            if step < settings.n_steps:
                x = view.batch(step, settings.batch_size).numpy()
                begin = time.perf_counter()
                learner.partial_fit(x)
                elapsed += time.perf_counter() - begin
    weights: Array = learner.components_ if settings.n_steps else learner.dict_init

    codes = Codes(learner if settings.n_steps else None, view, weights)
    return Fitted(weights, codes, codes.held_out, trace=trace)


class Codes:
    """Codes (rows, M) of raw X (rows, d) and the reconstruction (rows, d); none where nothing was learned."""

    def __init__(self, learner: Any, view: View, weights: Array) -> None:
        self.learner, self.view, self.weights = learner, view, weights

    def _of(self, x: Array) -> Array:
        if self.learner is None:
            return np.zeros((len(x), len(self.weights)))
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.asarray(self.learner.transform(x))

    def __call__(self, X: Array) -> tuple[Array, Array]:
        z = self._of((np.asarray(X, dtype=np.float64) - self.view.mean) * self.view.scale)
        return z, z @ self.weights / self.view.scale + self.view.mean

    def held_out(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield codes, reconstruction and input of the held-out rows."""
        x = self.view.held_out().numpy()[:CODED_ROWS]
        z = self._of(x)
        yield z, z @ self.weights, x


def _measure(trace: Trace, weights: Array, source: Source) -> None:
    """Add the best cosine of each feature to the trace, where there is ground truth."""
    if source.truth is None:
        return
    features = source.truth.features / np.linalg.norm(source.truth.features, axis=1, keepdims=True)
    norm = np.linalg.norm(weights, axis=1, keepdims=True)
    cosine = features @ (weights / np.where(norm > 0, norm, 1)).T
    trace.best_cosine.append(cosine.max(axis=1))
