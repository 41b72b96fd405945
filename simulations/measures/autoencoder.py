"""What a row reports of a trained autoencoder, besides what it reports of any dictionary (DESIGN: section 6)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simulations.algorithms.autoencoders.model import Gate, Parameters, reconstruct
from simulations.algorithms.autoencoders.trainer import Problem, State, Trace
from simulations.base.settings import Settings
from simulations.data.sampling import Sample
from simulations.measures.recovery import PROFILE_BINS, TAU, measure
from theory.closed_forms import chance_recovery_rate
from theory.identifiability import compare, recovery_rate

ROWS_AT_ONCE = 1_024  # also the batch of batchtopk when it is measured
HISTOGRAM_EDGES = np.array([0.0, *np.geomspace(1e-5, 1.0, 21)])  # firing frequencies; the first bin never fires
MOST_ACTIVE = 0.05
Array = npt.NDArray[Any]


class Firing(NamedTuple):
    """What an autoencoder does on held-out samples: per neuron (M,) and in all."""

    frequency: Array
    mean: Array
    z_score: Array
    l0: float
    variance_unexplained: float


def replica(parameters: Parameters, r: int) -> Parameters:
    """Return the parameters of one replica, with a leading axis of 1."""
    return Parameters(*(each[r : r + 1] for each in parameters))


def _reconstructions(parameters: Parameters, gate: Gate, x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for start in range(0, len(x), ROWS_AT_ONCE):
        part = x[None, start : start + ROWS_AT_ONCE]
        codes, output = reconstruct(parameters, gate, part)
        yield codes[0], output[0], part[0]


def firing(parameters: Parameters, settings: Settings, x: Tensor) -> Firing:
    """Return what one autoencoder (leading axis 1) does on x (rows, d).

    The Z-score of a neuron is (largest activation - mean) / standard deviation, 0 where it never fires; FVU is
    sum ||f(x) - x||^2 / sum ||x - mean x||^2, nan where x does not vary.
    """
    gate = Gate([settings], x.device, x.dtype)
    fired = torch.zeros(settings.n_neurons, device=x.device, dtype=torch.float64)
    total, square, top = fired.clone(), fired.clone(), fired.clone()
    error = 0.0
    for codes, output, part in _reconstructions(parameters, gate, x):
        fired += (codes != 0).to(codes.dtype).sum(0)
        total += codes.sum(0)
        square += codes.square().sum(0)
        top = torch.maximum(top, codes.amax(0))
        error += float((output - part).square().sum(dtype=torch.float64))
    rows = len(x)
    mean = total / rows
    deviation = (square / rows - mean.square()).clamp(min=0).sqrt()
    z_score = torch.where(deviation > 0, (top - mean) / deviation.clamp(min=1e-300), 0.0)
    spread = float((x - x.mean(0)).square().sum(dtype=torch.float64))
    frequency, average, z_score_of = (each.cpu().numpy() for each in (fired / rows, mean, z_score))
    return Firing(frequency, average, z_score_of, float(fired.sum()) / rows, error / spread if spread else math.nan)


def histogram(frequency: Array) -> str:
    """Return the number of neurons per bin of HISTOGRAM_EDGES, rare firing counted in the second bin."""
    counts = np.histogram(np.clip(frequency[frequency > 0], HISTOGRAM_EDGES[1], 1), HISTOGRAM_EDGES[1:])[0]
    return " ".join(map(str, [int((frequency == 0).sum()), *counts.tolist()]))


def consistency(weights: Sequence[Array], firings: Sequence[Firing]) -> dict[str, Any]:
    """Return how far dictionaries (M, d) trained from other starts on the same data agree, averaged over pairs.

    MCS of a neuron is its largest cosine to the other dictionary.  Empty for a single dictionary.
    """
    if len(weights) < 2:
        return {}
    shares, top_shares, means, profiles = [], [], [], []
    for i, (W, own) in enumerate(zip(weights, firings, strict=True)):
        for other in (weights[j] for j in range(len(weights)) if j != i):
            cosine = compare(other, W).best_cosine_per_feature
            most_active = np.argsort(-own.mean, kind="stable")[: max(1, round(MOST_ACTIVE * len(W)))]
            shares.append(np.mean(cosine > TAU))
            top_shares.append(np.mean(cosine[most_active] > TAU))
            means.append(np.mean(cosine))
            parts = np.array_split(np.argsort(own.z_score, kind="stable"), min(PROFILE_BINS, len(W)))
            profiles.append([(own.z_score[part].mean(), cosine[part].mean()) for part in parts])
    points = np.mean(profiles, axis=0)
    return {
        "consistency": float(np.mean(shares)),
        "consistency_top": float(np.mean(top_shares)),
        "consistency_mean_cosine": float(np.mean(means)),
        "consistency_chance": float(chance_recovery_rate(weights[0].shape[1], len(weights[0]), TAU)),
        "selectivity_profile": " ".join(f"{z:.4g}:{mcs:.4g}" for z, mcs in points),
    }


def control(state: State, given: Problem, r: int, frequency: Array) -> dict[str, Any]:
    """Return how well the biases of replica r keep the target frequencies; empty for algorithms without targets."""
    if given.cells[0].algorithm not in ("gba", "ba"):
        return {}
    target = given.groups.target[r].cpu().numpy()
    fires = frequency > 0
    error = float(np.median(np.abs(np.log(frequency[fires] / target[fires])))) if fires.any() else ""
    before, after = (each[r].double().cpu().numpy() for each in state.last_frequency)
    both = (before > 0) & (after > 0)
    reached = int(state.on_target[r])
    return {
        "steps_to_target": reached if reached >= 0 else "",
        "control_error": error,
        "control_fluctuation": float(np.median(np.abs(np.log(after[both] / before[both])))) if both.any() else "",
    }


def history(trace: Trace, r: int, settings: Settings) -> dict[str, Any]:
    """Return when replica r reached a recovery rate of 0.90 and 0.99, in samples and seconds."""
    rates = [recovery_rate(best[r].numpy(), TAU) for best in trace.best_cosine]
    found: dict[str, Any] = {"recovery_steps": " ".join(map(str, trace.steps))}
    for level in (0.90, 0.99):
        name = f"recovery_{level * 100:03.0f}"
        reached = next((k for k, rate in enumerate(rates) if rate >= level), None)
        found[f"samples_to_{name}"] = "" if reached is None else trace.steps[reached] * settings.batch_size
        found[f"seconds_to_{name}"] = "" if reached is None else trace.seconds[reached]
    return found


def results(given: Problem, state: State, trace: Trace, start: Sequence[Firing]) -> list[dict[str, Any]]:
    """Return the results of each cell, in order; those of several restarts are of the first, but for consistency.

    `start` is what each replica did before training.
    """
    restarts = given.cells[0].n_restarts
    held_out: dict[int, tuple[Sample, Tensor]] = {}
    rows = []
    for r in range(0, len(given.cells), restarts):
        settings, data = given.cells[r], given.streams[r]
        diverged = [int(step) for step in state.diverged[r : r + restarts] if step >= 0]
        if diverged:
            step = min(diverged)
            rows.append({"status": "diverged", "diverged_step": step, "message": f"non-finite number at step {step}"})
            continue
        sample, x = held_out.setdefault(id(data), data.held_out())
        weights = [state.parameters.weights[i].cpu().numpy() for i in range(r, r + restarts)]
        firings = [firing(replica(state.parameters, i), settings, x) for i in range(r, r + restarts)]
        W, seen = weights[0], firings[0]
        if math.isinf(seen.variance_unexplained) or any(math.isnan(each.l0) for each in firings):
            step = state.step  # what the last step made overflows only here
            rows.append({"status": "diverged", "diverged_step": step, "message": f"non-finite output at step {step}"})
            continue
        best = np.stack([each[r].numpy() for each in trace.best_cosine])
        rows.append(
            {"status": "ok"}
            | measure(W, sample, seen.frequency, best)
            | history(trace, r, settings)
            | control(state, given, r, seen.frequency)
            | consistency(weights, firings)
            | {
                "fraction_variance_unexplained": seen.variance_unexplained,
                "l0": seen.l0,
                "selectivity": float(np.mean(seen.z_score)),
                "frequency_histogram": histogram(seen.frequency),
                "frequency_histogram_start": histogram(start[r].frequency),
            }
        )
    return rows
