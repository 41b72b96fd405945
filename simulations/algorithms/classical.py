"""Adapter to a classical learner: scikit-learn's online dictionary learning on the stream of the trained algorithms."""

from __future__ import annotations

import importlib.util
import time
import warnings
from typing import Any

import numpy as np
import torch

from simulations.algorithms.autoencoders.trainer import Trace, evaluation_steps
from simulations.base.settings import Settings
from simulations.data.sampling import initial_directions
from simulations.data.stream import Stream
from simulations.measures.autoencoder import history
from simulations.measures.recovery import measure

CODED_ROWS = 1_024  # held-out rows that are coded for the firing frequencies


def check_installed() -> None:
    """Raise ValueError where scikit-learn is not installed."""
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError("algorithm='dictionary-learning' needs scikit-learn: pip install 'sae-recovery[scikit-learn]'")


def dictionary_learning(settings: Settings) -> dict[str, Any]:
    """Return the results of online dictionary learning with non-negative codes and weight `penalty` on their L1 norm.

    Implements: Mairal et al., Online Learning for Matrix Factorization and Sparse Coding (JMLR 2010), as scikit-learn's
    MiniBatchDictionaryLearning, one partial fit a step, from the starting directions of the other algorithms.  Raises
    ValueError where scikit-learn is not installed.
    """
    check_installed()
    from sklearn.decomposition import MiniBatchDictionaryLearning
    from sklearn.exceptions import ConvergenceWarning

    data = Stream(settings, torch.device("cpu"), torch.float64)
    learner = MiniBatchDictionaryLearning(
        n_components=settings.n_neurons,
        alpha=settings.penalty,
        batch_size=settings.batch_size,
        fit_algorithm="cd",
        transform_algorithm="lasso_cd",
        positive_code=True,
        dict_init=initial_directions(settings.d_model, settings.n_neurons, settings.seed),
        random_state=settings.seed,  # not drawn from: the start is given, and batches come in the stream's order
    )
    weights = learner.dict_init
    trace, wanted, elapsed = Trace(), set(evaluation_steps(settings)), 0.0
    features = data.features / np.linalg.norm(data.features, axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a code short of convergence is still a descent step
        for step in range(settings.n_steps + 1):
            if step in wanted:
                weights = learner.components_ if step else learner.dict_init
                norm = np.linalg.norm(weights, axis=1, keepdims=True)
                cosine = features @ (weights / np.where(norm > 0, norm, 1)).T
                trace.steps.append(step)
                trace.seconds.append(elapsed)
                trace.best_cosine.append(torch.from_numpy(cosine.max(axis=1))[None])
            if step < settings.n_steps:
                x = data.inputs(data.batch(step)).numpy()
                begin = time.perf_counter()
                learner.partial_fit(x)
                elapsed += time.perf_counter() - begin
        sample, x_held_out = data.held_out()
        coded = x_held_out.numpy()[:CODED_ROWS]
        codes = learner.transform(coded) if settings.n_steps else np.zeros((len(coded), settings.n_neurons))
    frequency = (codes > 0).mean(axis=0)
    unexplained = np.square(coded - codes @ weights).sum() / np.square(coded - coded.mean(axis=0)).sum()
    best = np.stack([each[0].numpy() for each in trace.best_cosine])
    return (
        {"status": "ok"}
        | measure(weights, sample, frequency, best)
        | history(trace, 0, settings)
        | {"l0": float((codes > 0).sum(axis=1).mean()), "fraction_variance_unexplained": float(unexplained)}
    )
