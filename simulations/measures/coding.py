"""What the codes of an autoencoder do on held-out samples: reconstruction, sparsity, control, agreement of restarts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulations.measures.base import ANY, COSINE, POSITIVE, Column, measure
from simulations.measures.look import TAU, Array, Firing, Look, firing
from simulations.measures.recovery import PROFILE_BINS
from theory.closed_forms import chance_recovery_rate
from theory.identifiability import compare

HISTOGRAM_EDGES = np.array([0.0, *np.geomspace(1e-5, 1.0, 21)])  # firing frequencies; the first bin never fires
MOST_ACTIVE = 0.05


@measure(
    fraction_variance_unexplained=Column("FVU, loss over the variance of x", *POSITIVE),
    l0=Column("mean number of active neurons a sample", *POSITIVE),
    selectivity=Column("mean over neurons of the Z-score of their largest activation", *POSITIVE),
)
def coding(look: Look) -> dict[str, Any]:
    """Return reconstruction and sparsity; nothing where there are no codes."""
    seen = look.firing
    if seen is None:
        return {}
    return {
        "fraction_variance_unexplained": seen.variance_unexplained,
        "l0": seen.l0,
        "selectivity": float(np.mean(seen.z_score)),
    }


@measure(
    frequency_histogram=Column("neurons by firing frequency: never, then from 1e-5", *POSITIVE, kind="series"),
    frequency_histogram_start=Column("the same at the start of training", *POSITIVE, kind="series"),
)
def histograms(look: Look) -> dict[str, Any]:
    """Return the firing frequencies of the neurons, after and before training."""
    told = {} if look.firing is None else {"frequency_histogram": histogram(look.firing.frequency)}
    start = None if look.fitted.before is None else firing(look.fitted.before)
    return told | ({} if start is None else {"frequency_histogram_start": histogram(start.frequency)})


def histogram(frequency: Array) -> str:
    """Return the number of neurons per bin of HISTOGRAM_EDGES, rare firing counted in the second bin."""
    counts = np.histogram(np.clip(frequency[frequency > 0], HISTOGRAM_EDGES[1], 1), HISTOGRAM_EDGES[1:])[0]
    return " ".join(map(str, [int((frequency == 0).sum()), *counts.tolist()]))


@measure(
    control_error=Column("median |log(p_m / p_k)| of neurons that fire", *POSITIVE),
    steps_to_target=Column("steps until 9 in 10 neurons fire at most 1.25 times their target", *POSITIVE),
    control_fluctuation=Column("median |change of log p_m| between the last two buffers", *POSITIVE),
    mean_bias=Column("mean bias over neurons after the last update", -1.0, 0.0),
)
def control(look: Look) -> dict[str, Any]:
    """Return how well the biases keep the target frequencies; nothing where there are no targets.

    All but `control_error` are of training, and told by the algorithm.
    """
    target, frequency = look.fitted.target_frequency, look.frequency
    told = {name: look.fitted.results.get(name) for name in ("steps_to_target", "control_fluctuation", "mean_bias")}
    if target is None or frequency is None or not (frequency > 0).any():
        return told
    fires = frequency > 0
    return told | {"control_error": float(np.median(np.abs(np.log(frequency[fires] / target[fires]))))}


@measure(
    consistency=Column("share of neurons with a cosine above 0.9 in another restart"),
    consistency_top=Column("the same among the most active 5 %"),
    consistency_mean_cosine=Column("mean of that cosine (MCS)", *COSINE),
    consistency_chance=Column("the share for random directions"),
    selectivity_profile=Column("Z-score:MCS, by groups of neurons", *ANY, kind="series"),
)
def restarts(look: Look) -> dict[str, Any]:
    """Return how far the dictionaries of several starts agree; nothing for one start."""
    several = look.fitted.restarts
    if len(several) < 2:
        return {}
    firings = [firing(each) for each in several]
    return consistency([each.dictionary for each in several], [each for each in firings if each is not None])


def consistency(weights: Sequence[Array], firings: Sequence[Firing]) -> dict[str, Any]:
    """Return how far dictionaries (M, d) trained from other starts on the same data agree, averaged over pairs.

    MCS of a neuron is its largest cosine to the other dictionary.
    """
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
