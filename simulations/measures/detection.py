"""Neurons as detectors of features: the measures of SynthSAEBench, on data of its laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.measures.base import Column, measure
from simulations.measures.classification import Coding
from simulations.measures.look import Look
from simulations.measures.matching import best_features, mean_correlation

LAW = "synthsaebench"  # of the supports: elsewhere these columns stay blank, for what they cost


@measure(
    mcc=Column("mean |cosine| of the best one-to-one matching of neurons and features (benchmark data only)"),
    uniqueness=Column("different features that are nearest to a neuron, over neurons (benchmark data only)"),
    precision=Column("mean over neurons: active nearest feature among samples they fire on (benchmark data only)"),
    recall=Column("mean over neurons: firing among samples with their nearest feature (benchmark data only)"),
    f1_score=Column("mean over neurons of the harmonic mean of both (benchmark data only)"),
)
def detection(look: Look) -> dict[str, Any]:
    """Return what SAELens' eval_sae_on_synthetic_data does, on the held-out rows; nothing for other data.

    Implements: the metrics of SynthSAEBench (arXiv 2602.14687), as in simulations.measures.classification and matching.
    """
    law = str(getattr(getattr(look.source, "model", None), "support_law", ""))
    if look.truth is None or look.fitted.held_out is None or law.split(":")[0] != LAW:
        return {}
    best = best_features(look.weights, look.features)
    seen, start = Coding(len(look.weights), best), 0
    for codes, _, _ in look.fitted.held_out():
        part = slice(start, start + len(codes))
        start = part.stop
        support, used = look.truth.support[part], look.truth.values[part] > 0
        H = np.zeros((len(codes), len(look.features)), dtype=bool)
        H[used.nonzero()[0], support[used]] = True
        seen.add(np.asarray(codes.cpu() if hasattr(codes, "cpu") else codes), H)
    told = seen.results()
    told |= {"mcc": mean_correlation(look.weights, look.features), "uniqueness": len(np.unique(best)) / len(best)}
    return {name: told[name] for name in ("mcc", "uniqueness", "precision", "recall", "f1_score")}
