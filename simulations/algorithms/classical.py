"""Adapters to classical learners: online dictionary learning by scikit-learn and by SPAMS, on our stream."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from simulations.algorithms.autoencoders.trainer import evaluation_steps
from simulations.algorithms.base import Array, Fitted, Runtime, Trace, best_cosine
from simulations.base.checks import check_batch
from simulations.data.sampling import initial_directions
from simulations.data.source import Source, View, conditioned

CODED_ROWS = 1_024  # held-out rows that are coded, which is slow


def learn(settings: Any, source: Source, runtime: Runtime | None = None) -> Fitted:
    """Return what online dictionary learning finds with non-negative codes and weight `penalty` on their L1 norm.

    Implements: Mairal et al., Online Learning for Matrix Factorization and Sparse Coding (JMLR 2010), as scikit-learn's
    MiniBatchDictionaryLearning or SPAMS' trainDL, one partial fit a step, from the starting directions of the other
    algorithms.  Raises ValueError where the library is not installed.
    """
    settings.check_ready()
    check_batch(settings.batch_size, source.n_samples)
    view, _ = conditioned(source, torch.device("cpu"), torch.float64)
    start = initial_directions(source.d_model, settings.n_neurons, source.seed)
    learner = (BySpams if settings.name == "spams" else ByScikitLearn)(settings, start, source.seed)
    trace, wanted, elapsed = Trace(), set(evaluation_steps(settings)), 0.0
    for step in range(settings.n_steps + 1):
        if step in wanted:
            trace.add(step, elapsed, step * settings.batch_size, best_cosine(learner.weights, source))
        if step < settings.n_steps:
            x = view.batch(step, settings.batch_size).numpy()
            begin = time.perf_counter()
            learner.step(x)
            elapsed += time.perf_counter() - begin
    codes = Codes(learner if settings.n_steps else None, view, learner.weights)
    return Fitted(learner.weights, codes, codes.held_out, trace=trace)


class ByScikitLearn:
    """scikit-learn's MiniBatchDictionaryLearning; `weights` (M, d) is what it has learned."""

    def __init__(self, settings: Any, start: Array, seed: int) -> None:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        self.weights = start
        self.own = MiniBatchDictionaryLearning(
            n_components=settings.n_neurons,
            alpha=settings.penalty,
            batch_size=settings.batch_size,
            fit_algorithm="cd",
            transform_algorithm="lasso_cd",
            positive_code=True,
            dict_init=start,
            random_state=seed % 2**32,  # not drawn from: the start is given, and batches come in the stream's order
        )

    def step(self, x: Array) -> None:
        """Learn from a batch x (B, d)."""
        with _short_of_convergence():
            self.weights = self.own.partial_fit(x).components_

    def codes(self, x: Array) -> Array:
        """Return z (rows, M) of x (rows, d)."""
        with _short_of_convergence():
            return np.asarray(self.own.transform(x))


@contextmanager
def _short_of_convergence() -> Iterator[None]:
    """Leave out scikit-learn's warnings: a code short of convergence is still a descent step."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class BySpams:
    """SPAMS' trainDL, one of its iterations a step; its matrices are ours transposed, by columns.

    Without its cleaning, which puts samples drawn from C's generator in the place of columns that are alike.
    """

    def __init__(self, settings: Any, start: Array, seed: int) -> None:
        import spams

        norms = np.linalg.norm(start, axis=1, keepdims=True)
        self.spams, self.weights, self.penalty = spams, start / norms, settings.penalty
        self.past: Any = None  # its sums over earlier batches

    def step(self, x: Array) -> None:
        """Learn from a batch x (B, d)."""
        told = {"D": np.asfortranarray(self.weights.T), "model": self.past, "batchsize": len(x), "iter": 1}
        told |= {"lambda1": self.penalty, "posAlpha": True, "return_model": True, "numThreads": 1, "verbose": False}
        D, self.past = self.spams.trainDL(np.asfortranarray(x.T), clean=False, **told)
        self.weights = np.array(D.T)

    def codes(self, x: Array) -> Array:
        """Return z (rows, M) of x (rows, d)."""
        D = np.asfortranarray(self.weights.T)
        z = self.spams.lasso(np.asfortranarray(x.T), D=D, lambda1=self.penalty, pos=True, numThreads=1)
        return np.asarray(z.toarray().T)


class Codes:
    """Codes (rows, M) of raw X (rows, d) and the reconstruction (rows, d); none where nothing was learned."""

    def __init__(self, learner: Any, view: View, weights: Array) -> None:
        self.learner, self.view, self.weights = learner, view, weights

    def _of(self, x: Array) -> Array:
        return np.zeros((len(x), len(self.weights))) if self.learner is None else np.asarray(self.learner.codes(x))

    def __call__(self, X: Array) -> tuple[Array, Array]:
        z = self._of((np.asarray(X, dtype=np.float64) - self.view.mean) * self.view.scale)
        return z, z @ self.weights / self.view.scale + self.view.mean

    def held_out(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield codes, reconstruction and input of the held-out rows."""
        x = self.view.held_out().numpy()[:CODED_ROWS]
        z = self._of(x)
        yield z, z @ self.weights, x
