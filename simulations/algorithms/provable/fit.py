"""The provable algorithm on sources of data: samples in, fitted dictionaries out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from simulations.algorithms.base import Fitted, Job, Runtime, Trace
from simulations.algorithms.provable import modified_ba
from simulations.algorithms.provable.update import Dense, Evaluation, Factored
from simulations.base.streams import stream
from simulations.data.sampling import initial_directions, mean_activation
from simulations.data.source import Source
from simulations.data.synthetic import FixedSample

Array = np.ndarray[Any, Any]
PAIRED = 256  # starts that share their candidates: products of one shape, whatever the width


def fit(jobs: Sequence[Job], runtime: Runtime) -> list[Fitted]:
    """Return the fitted dictionaries of jobs that differ in seed and target frequency only."""
    device, dtype = runtime.torch_device(), runtime.torch_dtype()
    algorithm = jobs[0].algorithm
    begin = time.perf_counter()
    starts = np.stack([start_of(algorithm, each.source) for each in jobs])
    before = 0.0 if algorithm.initialization == "sphere" else time.perf_counter() - begin  # to look at data is to train
    target = torch.tensor([[each.algorithm.target_frequency] for each in jobs], dtype=torch.float64, device=device)
    state = modified_ba.init(torch.from_numpy(starts).to(device, dtype), target)
    data = evaluation_of(algorithm, [each.source for each in jobs], device, dtype)
    trace = modified_ba.run(state, data, algorithm, threads=runtime.threads)
    trace = trace._replace(seconds=[before + each for each in trace.seconds])
    return [_fitted(each, trace, r, len(jobs)) for r, each in enumerate(jobs)]


def evaluation_of(algorithm: Any, sources: Sequence[Source], device: torch.device, dtype: torch.dtype) -> Evaluation:
    """Return the form of the update: factored where the data are X = HV without noise, unless dense is asked for."""
    first = sources[0]
    factored = [each.sample for each in sources if isinstance(each, FixedSample) and each.noise == 0]
    if algorithm.evaluation != "dense" and len(factored) == len(sources):
        return Factored(factored, device=device, dtype=dtype, center=first.center)
    if algorithm.evaluation == "factored":
        raise ValueError("evaluation='factored', but these data have no known factorisation X = HV")
    truths = [each.truth for each in sources]
    features = None if any(each is None for each in truths) else [each.features for each in truths if each is not None]
    return Dense([each.rows() for each in sources], features, device=device, dtype=dtype, center=first.center)


def start_of(algorithm: Any, source: Source) -> Array:
    """Return the starting directions (M, d): uniform on the sphere, random samples not null, or pairs of them.

    A start does not depend on how many there are.
    """
    if algorithm.initialization == "sphere":
        return initial_directions(source.d_model, algorithm.n_neurons, source.seed)
    n_rows = source.n_samples if source.n_samples is not None else len(source.rows())
    full, rows_of = _not_null(source)
    rng = stream("init", source.seed, initialization="data", n_samples=n_rows)
    if algorithm.initialization == "data":
        return rows_of(full[rng.integers(len(full), size=algorithm.n_neurons)])
    own = full[rng.integers(len(full), size=-(-algorithm.n_neurons // PAIRED) * PAIRED)].reshape(-1, PAIRED)
    others = stream("init", source.seed, initialization="pairs", n_samples=n_rows)
    blocks = [_pairs(rows, full[others.integers(len(full), size=source.d_model)], rows_of) for rows in own]
    return np.concatenate(blocks)[: algorithm.n_neurons]


def _not_null(source: Source) -> tuple[Array, Callable[[Array], Array]]:
    """Return the numbers of the samples not null, and a function from numbers (k,) to the data there (k, d)."""
    if isinstance(source, FixedSample) and source.noise == 0:  # X is not formed
        data = source.sample
        mean = mean_activation(data) if source.center else 0.0
        full = np.flatnonzero(data.values.any(axis=1))
        return full, lambda rows: np.asarray(
            np.einsum("ms,msd->md", data.values[rows], data.features[data.support[rows]]) - mean
        )
    X = np.asarray(source.rows(), dtype=np.float64)
    mean = X.mean(axis=0) if source.center else 0.0
    return np.flatnonzero(X.any(axis=1)), lambda rows: np.asarray(X[rows] - mean)


def _pairs(own: Array, others: Array, rows_of: Callable[[Array], Array]) -> Array:
    """Return x_a + x_b (PAIRED, d) for each a of `own`, b of `others` where a neuron along x_a fires most.

    A sample points as much at each of its s features, a pair twice as much at the one that both have: which of its
    features a neuron learns no longer hangs on which is the most frequent in all samples.
    """
    x, candidates = rows_of(own), rows_of(others)
    common = np.where(own[:, None] == others, -np.inf, x @ candidates.T)
    return np.asarray(x + candidates[common.argmax(axis=1)])


def _fitted(job: Job, trace: modified_ba.Trace, replica: int, n_replicas: int) -> Fitted:
    algorithm, weights = job.algorithm, trace.weights[replica].cpu().numpy()
    best = list(trace.best_cosine[replica].cpu().numpy())
    n_samples = len(job.source.rows()) if job.source.n_samples is None else job.source.n_samples
    told = Trace(
        steps=list(range(len(best))),
        seconds=[each / n_replicas for each in trace.seconds],
        samples=[samples_seen(step, n_samples, algorithm.batch_size) for step in range(len(best))],
        best_cosine=best if job.source.truth is not None else [],
    )
    fitted = Fitted(weights, activation_frequency=trace.activation_frequency[replica].cpu().numpy(), trace=told)
    if not np.isfinite(weights).all():
        fitted.status, fitted.message = "diverged", f"non-finite weights after {algorithm.n_steps} steps"
    return fitted


def samples_seen(step: int, n_samples: int, batch_size: int) -> int:
    """Return how many different samples the first `step` steps use."""
    if step == 0:
        return 0
    if batch_size in (0, n_samples):
        return n_samples
    return min(step, n_samples // batch_size) * batch_size
